"""Telling text from what is none, so that a picture is one failure and not a thousand bad lines."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from ingest.read.streams import ReadError

if TYPE_CHECKING:
    from collections.abc import Iterator

_TELLING = 4096  # as many bytes of a file are looked at to tell text from what is none
_MOST_ZEROS = 0.05  # of the first bytes, in even places and in odd places
_UTF32_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_NO_TEXT = (
    (b"%PDF-", "a PDF file"),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"PK\x03\x04", "a zip archive or an office document"),
    (b"\xd0\xcf\x11\xe0", "an old office document"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
)


def text_only(source: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks of a stream; `ReadError` ``not text`` where its start is none."""
    first = next(source, b"")
    refuse_binary(first)
    yield first
    yield from source


def refuse_binary(data: bytes) -> None:
    """Raise `ReadError` ``not text`` for bytes that begin as no text does."""
    head = data[:_TELLING]
    if not head:
        return
    what = next((what for magic, what in _NO_TEXT if head.startswith(magic)), "")
    if what:
        raise ReadError("not text", f"it is {what}")
    zeros = min(head[::2].count(0), head[1::2].count(0)) / len(head)
    # Latin text in UTF-16 has its zeros in every second place; UTF-32 comes with a mark.
    if zeros > _MOST_ZEROS and not head.startswith(_UTF32_MARKS):
        raise ReadError("not text", "it is full of zero bytes, as text never is")
