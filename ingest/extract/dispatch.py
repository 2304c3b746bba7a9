"""Which way an item goes: main-text extraction of HTML, of plain text, or none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import version as version_of
from typing import TYPE_CHECKING, Literal, TypeAlias

from ingest.documents import Extracted, Rejected
from ingest.extract import metadata
from ingest.extract.encoding import decode

if TYPE_CHECKING:
    from ingest.documents import RawDocument
    from ingest.extract.furniture import FurnitureTable

Way: TypeAlias = Literal["plain", "html", "none"]
Mode: TypeAlias = Literal["auto", "plain", "html", "none"]

VERSION = "1"  # of this package's own rules; raised when the same bytes may give other text

_HTML = frozenset({"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"})
_UNTOLD = frozenset(
    {"", "application/octet-stream", "application/xml", "text/xml", "binary/octet-stream"}
    | {"application/unknown", "unknown/unknown"}
)
_NOT_TEXT = ("image/", "audio/", "video/", "font/", "application/pdf", "application/zip")
_MAGIC = (
    b"%PDF-",
    b"PK\x03\x04",
    b"\x89PNG\r\n",
    b"\xff\xd8\xff",
    b"GIF8",
    b"\x7fELF",
    b"\x1f\x8b",
)
_CHARSET = re.compile(r";\s*charset\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s;\"']+))", re.IGNORECASE)
# The HTML row of the MIME Sniffing Standard's table (https://mimesniff.spec.whatwg.org/)
_LOOKS_HTML = re.compile(
    rb"[\t\n\f\r ]*(?:<\?xml[^>]*>\s*)?(?:<!--|<(?:!doctype\s+html|html|head|script|iframe|h1"
    rb"|div|font|table|a|style|title|b|body|br|p|meta|link)(?=[\t\n\f\r />]))",
    re.IGNORECASE,
)
_HTML_LIBRARIES = ("trafilatura", "lxml", "htmldate")
_ANYTHING = re.compile(r"[^\s\x00-\x1f\x7f-\x9f\u200b\ufeff]")
_CONTROLS = bytes([*range(0x09), *range(0x0E, 0x1B), *range(0x1C, 0x20), 0x7F])
_NO_CONTROL = bytes(set(range(256)).difference(_CONTROLS))
_CONTROL_SHARE = 0.05  # random bytes have 0.11, text hardly ever one
_BAD_SHARE = 0.3  # of characters that could not be decoded
_HEAD = 4096


@dataclass(frozen=True, slots=True)
class ExtractOptions:
    """How the items of one source are extracted.

    ``auto`` goes by media type and leaves clean text alone; ``plain`` and ``html``
    force a way, for clean text too; ``none`` takes every text as it is.
    """

    mode: Mode = "auto"
    furniture: FurnitureTable | None = None
    """Lines known to recur in the source, cut away before the plain-text model looks."""
    cache: str = ""
    """Folder for compiled code, used where ``NUMBA_CACHE_DIR`` is not set."""


def extract(raw: RawDocument, options: ExtractOptions) -> Extracted | Rejected:
    """Find main text and metadata of one item.  Never raises for what the bytes hold."""
    media_type = _bare(raw.media_type)
    way = way_of(raw, options.mode)
    text = decode(raw.content, charset(raw.media_type), html=way == "html").text
    if way != "html" and _is_binary(raw.content, media_type, text):
        return Rejected("extract", "not text", f"{media_type or 'unknown type'}, binary data")
    found = _found(text, way, raw, options)
    if isinstance(found, Rejected):
        return found
    if not _ANYTHING.search(found.text):
        return Rejected("extract", "no text", f"{way}: nothing of {len(text)} characters is left")
    return metadata.of_source(raw, found)


def version(options: ExtractOptions) -> str:
    """Name everything that decides what text comes out; another version, another text."""
    parts = [f"extract/{VERSION}", f"mode={options.mode}"]
    if options.mode in {"auto", "html"}:
        parts += [f"{name}/{version_of(name)}" for name in _HTML_LIBRARIES]
    if options.mode != "none":
        from ingest.extract import plain  # noqa: PLC0415 - loads numpy

        parts += [plain.VERSION, f"faust-cchardet/{version_of('faust-cchardet')}"]
    if options.furniture is not None:
        parts.append(f"furniture/{options.furniture.version}")
    return ";".join(parts)


def charset(media_type: str) -> str:
    """Label after ``charset=`` in a media type, ``""`` where there is none."""
    match = _CHARSET.search(media_type)
    return match[1] or match[2] or match[3] or "" if match else ""


def looks_like_html(content: bytes) -> bool:
    """Whether the beginning is that of an HTML page, in any encoding that holds ASCII."""
    head = content[:_HEAD].removeprefix(b"\xef\xbb\xbf").lstrip(b"\xff\xfe")
    return _LOOKS_HTML.match(head.replace(b"\0", b"")) is not None


def way_of(raw: RawDocument, mode: Mode) -> Way:
    """Which way an item goes; ``none`` takes its text as it is."""
    media_type = _bare(raw.media_type)
    if mode != "auto":
        return mode
    if raw.clean:
        return "none"
    if media_type in _HTML or (media_type in _UNTOLD and looks_like_html(raw.content)):
        return "html"
    return "plain"


def _bare(media_type: str) -> str:
    """A media type without its parameters."""
    return media_type.partition(";")[0].strip().lower()


def _found(text: str, way: Way, raw: RawDocument, options: ExtractOptions) -> Extracted | Rejected:
    if way == "none":
        return Extracted(text, extractor=f"none/{VERSION}")
    if way == "html":
        from ingest.extract.html import extract_page  # noqa: PLC0415  # loads lxml

        return extract_page(text, raw.url)
    from ingest.extract.counting import counting  # noqa: PLC0415  # loads numpy
    from ingest.extract.plain import cut  # noqa: PLC0415  # loads its model

    piece = cut(text, options.furniture, counting(options.cache))
    return Extracted(
        piece.text, piece.title, piece.author, piece.created, extractor=piece.extractor
    )


def _is_binary(content: bytes, media_type: str, text: str) -> bool:
    """Whether bytes are an image, an archive or the like: by type, by signature, or by look.

    NULs alone are not enough: a file of them is text with nothing in it.
    """
    if media_type.startswith(_NOT_TEXT) or content.startswith(_MAGIC):
        return True
    head = text[:_HEAD].strip("\0")
    controls = len(head.encode("utf-8", "surrogatepass").translate(None, _NO_CONTROL))
    return controls > _CONTROL_SHARE * len(head) or head.count("\ufffd") > _BAD_SHARE * len(head)
