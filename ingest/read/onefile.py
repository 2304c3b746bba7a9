"""One file that was found: unchanged, a document, or the documents in it.

A file that changes while it is read is read once more, and given up as ``changed
while being read`` if it changes again; it then has no fingerprint, so that the next
run reads it.
"""

from __future__ import annotations

import hashlib
import io
import os
from typing import TYPE_CHECKING, BinaryIO

from ingest.documents import ContainerRead, Event, Failed, RawDocument, Unchanged
from ingest.read.contents import Blob, Job, content, events
from ingest.read.forms import MEDIA_TYPES, Form, form_of
from ingest.read.streams import CHUNK, ReadError
from ingest.read.walk import Found, Trouble, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator

# A file that changed this shortly before it was read may change again without its
# time telling: file systems keep it in steps of up to 2 s (FAT).
_RACY_NS = 2_000_000_000


def changed_or_not(found: Found, source_id: str, job: Job) -> Iterator[Event]:
    """The events of one file."""
    known = job.context.fingerprint(source_id)
    if known and known.startswith(f"{job.tag}{found.size}:{found.mtime_ns}:"):
        yield Unchanged(source_id, known)
        return
    form = _form(found, job)
    if form.format in MEDIA_TYPES:
        yield _document(found, source_id, form, known, job)
    else:
        yield from _container(found, source_id, form, known, job)


def failed_place(trouble: Trouble, source_id: str, job: Job) -> Event:
    """A place that could not be looked at; `Unchanged` if it was so on the last run."""
    fingerprint = f"{job.tag}{trouble.reason}"
    if job.context.fingerprint(source_id) == fingerprint:
        return Unchanged(source_id, fingerprint)
    return Failed(source_id, trouble.reason, detail=trouble.detail, fingerprint=fingerprint)


def _form(found: Found, job: Job) -> Form:
    form = form_of(found.path)
    if form.format in ("zip", "tar"):
        return form
    return Form(job.format or form.format or "text", form.packing)


def _document(found: Found, source_id: str, form: Form, known: str, job: Job) -> Event:
    """The event of a file that is one document."""
    fingerprint, packed = "", b""
    try:
        packed, status = _settled(found, job.context.max_bytes)
        fingerprint = _fingerprint(status, hashlib.sha256(packed).hexdigest(), job)
        if _same_content(known, fingerprint, job):
            return Unchanged(source_id, fingerprint)
        blob = Blob(
            source_id,
            "",
            form.format or "text",
            form.packing,
            io.BytesIO(packed),
            job.budget(len(packed)),
        )
        data, media_type = content(blob, job)
    except ReadError as error:
        return _failed(source_id, error, fingerprint, known, raw=packed)
    except OSError as error:
        return _failed(source_id, _refused(error, found), job.tag + reason_of(error), known)
    return RawDocument(source_id, data, media_type=media_type, fingerprint=fingerprint)


def _settled(found: Found, limit: int) -> tuple[bytes, os.stat_result]:
    """All bytes of a file that did not change in the meantime, and its stat."""
    for _ in range(2):
        with open(found.path, "rb", buffering=0) as file:  # noqa: PTH123  # see walk.py
            before = os.fstat(file.fileno())
            data = file.read(min(before.st_size, limit) + 1) if before.st_size <= limit else b""
            after = os.fstat(file.fileno())
        if before.st_size > limit:
            detail = f"{found.path} has {before.st_size:,} bytes (max_bytes = {limit:,})"
            raise ReadError("too large", detail)
        if _state(before) == _state(after) and len(data) == after.st_size:
            return data, after
    raise _changed(found)


def _container(found: Found, source_id: str, form: Form, known: str, job: Job) -> Iterator[Event]:
    """The events of a file that holds many documents; the file is hashed first, then read."""
    fingerprint = ""
    try:
        with open(found.path, "rb") as file:  # noqa: PTH123  # see walk.py
            status = os.fstat(file.fileno())
            digest = _digest(file, job)
            if job.context.cancelled():
                return
            fingerprint = _fingerprint(status, digest, job)
            if _same_content(known, fingerprint, job):
                yield Unchanged(source_id, fingerprint)
                return
            file.seek(0)
            yield from _contents(file, status, source_id, form, job)
            if _state(status) != _state(os.fstat(file.fileno())):
                yield _failed(source_id, _changed(found), "", known, container=source_id)
                return
    except ReadError as error:
        yield _failed(source_id, error, fingerprint, known, container=source_id)
        return
    except OSError as error:
        told, mark = _refused(error, found), job.tag + reason_of(error)
        yield _failed(source_id, told, mark, known, container=source_id)
        return
    if not job.context.cancelled():
        yield ContainerRead(source_id, fingerprint)


def _contents(
    file: BinaryIO, status: os.stat_result, source_id: str, form: Form, job: Job
) -> Iterator[Event]:
    if not status.st_size:
        # The file's documents are gone with it, so its ContainerRead still follows.
        yield Failed(source_id, "empty", detail="it holds no bytes", container=source_id)
        return
    budget = job.budget(status.st_size)
    yield from events(
        Blob(source_id, source_id, form.format or "text", form.packing, file, budget), job
    )


def _digest(file: BinaryIO, job: Job) -> str:
    machine = hashlib.sha256()
    while (data := file.read(CHUNK)) and not job.context.cancelled():
        machine.update(data)
    return machine.hexdigest()


def _state(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def _fingerprint(status: os.stat_result, digest: str, job: Job) -> str:
    age = int(job.context.now().timestamp() * 1_000_000_000) - status.st_mtime_ns
    time = status.st_mtime_ns if age > _RACY_NS else 0
    return f"{job.tag}{status.st_size}:{time}:{digest}"


def _same_content(known: str, fingerprint: str, job: Job) -> bool:
    return known.startswith(job.tag) and known.rpartition(":")[2] == fingerprint.rpartition(":")[2]


def _changed(found: Found) -> ReadError:
    detail = f"{found.path} was written to in the meantime; the next run tries again"
    return ReadError("changed while being read", detail)


def _refused(error: OSError, found: Found) -> ReadError:
    return ReadError(reason_of(error), f"{found.path}: {error.strerror or error}")


def _failed(
    source_id: str,
    error: ReadError,
    fingerprint: str,
    known: str,
    *,
    raw: bytes = b"",
    container: str = "",
) -> Event:
    if fingerprint and known == fingerprint:
        return Unchanged(source_id, fingerprint)
    return Failed(
        source_id,
        error.reason,
        raw=raw,
        detail=error.detail,
        fingerprint=fingerprint,
        container=container,
    )
