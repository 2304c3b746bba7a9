"""The contents of one file to events, by its format: a document, records, or an archive.

Each format has one function from a `Blob` to events.  What is wrong with the file as
a whole is raised as `ReadError`; what is wrong with one record or member is yielded
as `Failed`, and the rest is read.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ingest.documents import Event, RawDocument, Unchanged
from ingest.read import records, sniff, streams
from ingest.read.forms import MEDIA_TYPES, Format
from ingest.read.streams import ReadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ingest.read.blob import Blob, Job


def events(blob: Blob, job: Job) -> Iterator[Event]:
    """Everything in the blob; raises `ReadError` once no more of it can be read."""
    return _READ[blob.format](blob, job)


def content(blob: Blob, job: Job) -> tuple[bytes, str]:
    """The bytes and the media type of a blob that is one document."""
    data = streams.whole(blob.unpacked(), job.context.max_bytes)
    if not data:
        raise ReadError("empty", "it holds no bytes")
    sniff.refuse_binary(data)
    charset = f"; charset={job.encoding}" if job.encoding else ""
    return data, MEDIA_TYPES[blob.format] + charset


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
    lines = streams.lines(sniff.text_only(text), job.context.max_bytes)
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


def _warc(blob: Blob, job: Job) -> Iterator[Event]:
    from ingest.read import warc  # noqa: PLC0415  # as above

    return warc.events(blob, job)


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
    "warc": _warc,
}
