"""For pages: see `ingest.preload`."""

from ingest.documents import RawDocument
from ingest.preload import warm

_BODY = b"<!DOCTYPE html><html><head><title>Doors open</title></head><body><article>%s</article>"
_LINE = b"The doors of the old harbour opened on Monday, and many people came to see them. "

PAGE = RawDocument("page", _BODY % ((b"<p>" + _LINE * 10) * 3), "text/html")

warm(PAGE)
