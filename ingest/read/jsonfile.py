"""A ``.json`` file: one document, a list of documents, or JSON Lines under another name.

The file is read whole (at most ``max_json`` bytes), unless its first two lines are objects each:
then it is JSON Lines and read line by line, as many data sets name such files ``.json``.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from ingest.read import records, streams
from ingest.read.records import canonical, pick
from ingest.read.streams import ReadError, line_digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from ingest.documents import Event
    from ingest.read.blob import Blob, Job


def read(blob: Blob, job: Job) -> Iterator[Event]:
    """The events of a JSON file; raises `ReadError` where it is not JSON."""
    with blob.seekable() as file:
        yield from _read(file, blob, job)


def _read(file: BinaryIO, blob: Blob, job: Job) -> Iterator[Event]:
    if _is_jsonl(file, job):
        lines = streams.lines(_text(file, job), job.context.max_bytes)
        yield from records.rows(lines, blob.records(job), job.context)
        return
    try:
        data = streams.whole(_text(file, job), job.max_json)
    except ReadError as error:
        detail = f"it is read whole, but has more than max_json = {job.max_json:,} bytes"
        raise ReadError(error.reason, detail) from error
    yield from _documents(_listed(_parse(data), job), blob, job)


def _text(file: BinaryIO, job: Job) -> Iterator[bytes]:
    file.seek(0)
    return streams.as_utf8(iter(lambda: file.read(streams.CHUNK), b""), job.encoding)


def _is_jsonl(file: BinaryIO, job: Job) -> bool:
    first = list(islice(streams.lines(_text(file, job), job.context.max_bytes), 2))
    return len(first) > 1 and all(_is_object(line.data) for line in first)


def _is_object(line: bytes) -> bool:
    try:
        return line.startswith(b"{") and isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _parse(data: bytes) -> Any:
    if not data.strip():
        raise ReadError("empty", "it holds nothing but white space")
    return records.parse(data.strip())


def _listed(value: Any, job: Job) -> Any:
    if not job.records:
        return value
    found = pick(value, job.records)
    if not isinstance(found, list):
        raise ReadError("no text", f"there is no list at records = {job.records!r}")
    return found


def _documents(value: Any, blob: Blob, job: Job) -> Iterator[Event]:
    factory = blob.records(job)
    if not isinstance(value, list):
        blob.single = True
        yield factory.document(value, blob.fingerprint or job.tag + line_digest(canonical(value)))
        return
    if not value:
        raise ReadError("no text", "it is an empty list")
    for number, element in enumerate(value, 1):
        if job.context.cancelled():
            return
        raw = canonical(element)
        yield factory.of(element, line_digest(raw), f"element {number}", raw)
