"""The contents of one file to events, by its format: a document, records, or an archive.

Each format has one function from a `Blob` to events.  What is wrong with the file as
a whole is raised as `ReadError`; what is wrong with one record or member is yielded
as `Failed`, and the rest is read.
"""

from __future__ import annotations

import codecs
import hashlib
from typing import TYPE_CHECKING

from ingest.documents import Event, RawDocument, Unchanged
from ingest.read import records, streams
from ingest.read.forms import MEDIA_TYPES, Format
from ingest.read.streams import ReadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ingest.read.blob import Blob, Job

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


def events(blob: Blob, job: Job) -> Iterator[Event]:
    """Everything in the blob; raises `ReadError` once no more of it can be read."""
    return _READ[blob.format](blob, job)


def content(blob: Blob, job: Job) -> tuple[bytes, str]:
    """The bytes and the media type of a blob that is one document."""
    data = streams.whole(blob.unpacked(), job.context.max_bytes)
    if not data:
        raise ReadError("empty", "it holds no bytes")
    _refuse_binary(data[:_TELLING])
    charset = f"; charset={job.encoding}" if job.encoding else ""
    return data, MEDIA_TYPES[blob.format] + charset


def _refuse_binary(head: bytes) -> None:
    what = next((what for magic, what in _NO_TEXT if head.startswith(magic)), "")
    if what:
        raise ReadError("not text", f"it is {what}")
    zeros = min(head[::2].count(0), head[1::2].count(0)) / len(head)
    # Latin text in UTF-16 has its zeros in every second place; UTF-32 comes with a mark.
    if zeros > _MOST_ZEROS and not head.startswith(_UTF32_MARKS):
        raise ReadError("not text", "it is full of zero bytes, as text never is")


def _document(blob: Blob, job: Job) -> Iterator[Event]:
    """An archive member that is one document."""
    data, media_type = content(blob, job)
    fingerprint = job.tag + hashlib.sha256(data).hexdigest()[:32]
    if job.context.fingerprint(blob.name) == fingerprint:
        yield Unchanged(blob.name, fingerprint)
        return
    yield RawDocument(
        blob.name,
        data,
        media_type=media_type,
        fingerprint=fingerprint,
        container=blob.container,
    )


def _jsonl(blob: Blob, job: Job) -> Iterator[Event]:
    text = streams.as_utf8(blob.unpacked(), job.encoding)
    lines = streams.lines(text, job.context.max_bytes)
    return records.rows(lines, blob.records(job), job.context)


def _json(blob: Blob, job: Job) -> Iterator[Event]:
    from ingest.read import jsonfile  # noqa: PLC0415  # each format is loaded when met

    return jsonfile.read(blob, job)


def _table(blob: Blob, job: Job) -> Iterator[Event]:
    from ingest.read import tables  # noqa: PLC0415  # as above

    return tables.read(blob, job)


def _parquet(blob: Blob, job: Job) -> Iterator[Event]:
    from ingest.read import parquet  # noqa: PLC0415  # as above

    return parquet.read(blob, job)


def _archive(blob: Blob, job: Job) -> Iterator[Event]:
    from ingest.read import archives  # noqa: PLC0415  # as above

    return archives.read(blob, job, events)


_READ: dict[Format, Callable[[Blob, Job], Iterator[Event]]] = {
    "text": _document,
    "markdown": _document,
    "html": _document,
    "xhtml": _document,
    "jsonl": _jsonl,
    "json": _json,
    "csv": _table,
    "tsv": _table,
    "parquet": _parquet,
    "zip": _archive,
    "tar": _archive,
}
