"""One file that was found: unchanged, a document, or the documents in it.

A file that changes while it is read is read once more, and given up as ``changed
while being read`` if it changes again; it then has no fingerprint, so that the next
run reads it.
"""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, BinaryIO

from ingest.documents import ContainerRead, Event, Failed, RawDocument, Unchanged
from ingest.read.blob import Blob, Job
from ingest.read.contents import content, events
from ingest.read.forms import MEDIA_TYPES, Form, form_of
from ingest.read.streams import CHUNK, ReadError
from ingest.read.walk import Found, Trouble, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.read.disk import State

# What the next run may do better at has no fingerprint, so that it is tried again.
_PASSING = frozenset({"vanished", "cannot be read", "not supported"})
# A file that changed this shortly before it was read may change again without its
# time telling: file systems keep it in steps of up to 2 s (FAT).
_RACY_NS = 2_000_000_000
_RAW = 1 << 20  # a container that fails as a whole is kept as raw bytes up to this size


def changed_or_not(found: Found, source_id: str, job: Job) -> Iterator[Event]:
    """The events of one file."""
    known = job.context.fingerprint(source_id)
    if known and known.startswith(f"{job.tag}{found.size}:{found.mark}:"):
        yield Unchanged(source_id, known)
        return
    form = _form(found, job)
    if form.format in MEDIA_TYPES:
        yield _document(found, source_id, form, known, job)
    else:
        yield from _container(found, source_id, form, known, job)


def failed_place(trouble: Trouble, source_id: str, job: Job) -> Event:
    """A place that could not be looked at; `Unchanged` if it was so on the last run."""
    error = ReadError(trouble.reason, trouble.detail)
    known = job.context.fingerprint(source_id)
    return _failed(source_id, error, _mark(trouble.reason, job), known)


def _mark(reason: str, job: Job) -> str:
    """The fingerprint of what could not be opened."""
    return job.tag + reason


def _form(found: Found, job: Job) -> Form:
    form = form_of(found.path)
    if form.format in ("zip", "tar"):
        return form
    return Form(job.format or form.format or "text", form.packing)


def _document(found: Found, source_id: str, form: Form, known: str, job: Job) -> Event:
    """The event of a file that is one document."""
    fingerprint, packed = "", b""
    try:
        packed, state = _settled(found, job)
        fingerprint = _fingerprint(found, state, hashlib.sha256(packed).hexdigest(), job)
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
    except _TooLargeError as error:
        return _failed(source_id, error, error.fingerprint, known)
    except ReadError as error:
        return _failed(source_id, error, fingerprint, known, raw=packed)
    except OSError as error:
        return _failed(source_id, _refused(error, found), _mark(reason_of(error), job), known)
    return RawDocument(source_id, data, media_type=media_type, fingerprint=fingerprint)


class _TooLargeError(ReadError):
    """A file that is not read, so that its size and time alone make its fingerprint."""

    def __init__(self, found: Found, state: State, job: Job) -> None:
        detail = f"{found.path} has {state.size:,} bytes (max_bytes = {job.context.max_bytes:,})"
        super().__init__("too large", detail)
        self.fingerprint = _fingerprint(found, state, "too large", job)


def _settled(found: Found, job: Job) -> tuple[bytes, State]:
    """All bytes of a file that did not change in the meantime, and its state."""
    for _ in range(2):  # once more, should it be written to just now
        with found.disk.open(found.path) as file:
            before = found.disk.state(found.path, file)
            if before.size > job.context.max_bytes:
                raise _TooLargeError(found, before, job)
            data = file.read(before.size + 1)
            if before == found.disk.state(found.path, file) and len(data) == before.size:
                return data, before
    raise _changed(found)


def _container(found: Found, source_id: str, form: Form, known: str, job: Job) -> Iterator[Event]:
    """The events of a file that holds many documents."""
    try:
        with found.disk.open(found.path) as file:
            yield from _opened(file, found, source_id, form, known, job)
    except OSError as error:
        mark = _mark(reason_of(error), job)
        yield _failed(source_id, _refused(error, found), mark, known, container=source_id)


def _opened(
    file: BinaryIO, found: Found, source_id: str, form: Form, known: str, job: Job
) -> Iterator[Event]:
    """The file is hashed first, in one pass, then read; `ContainerRead` if all of it could be."""
    state = found.disk.state(found.path, file)
    digest = _digest(file, job)
    if job.context.cancelled():
        return
    fingerprint = _fingerprint(found, state, digest, job)
    if _same_content(known, fingerprint, job):
        yield Unchanged(source_id, fingerprint)
        return
    blob = _blob(file, state, source_id, form, job)
    blob.fingerprint = fingerprint
    try:
        yield from _contents(blob, job)
    except ReadError as error:
        raw = _start(file) if state.size <= _RAW else b""
        yield _failed(source_id, error, fingerprint, known, raw=raw, container=source_id)
        return
    if state != found.disk.state(found.path, file):
        yield _failed(source_id, _changed(found), "", known, container=source_id)
    elif not (blob.single or job.context.cancelled()):
        yield ContainerRead(source_id, fingerprint)


def _blob(file: BinaryIO, state: State, source_id: str, form: Form, job: Job) -> Blob:
    file.seek(0)
    budget = job.budget(state.size)
    return Blob(source_id, source_id, form.format or "text", form.packing, file, budget)


def _contents(blob: Blob, job: Job) -> Iterator[Event]:
    if blob.budget.packed:
        yield from events(blob, job)
    else:
        # Its documents went with its bytes, so that its ContainerRead follows all the same.
        yield Failed(blob.name, "empty", detail="it holds no bytes", container=blob.name)


def _start(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read(_RAW)


def _digest(file: BinaryIO, job: Job) -> str:
    machine = hashlib.sha256()
    while (data := file.read(CHUNK)) and not job.context.cancelled():
        machine.update(data)
    return machine.hexdigest()


def _fingerprint(found: Found, state: State, digest: str, job: Job) -> str:
    """Size and mark are those of the listing, as the next listing is what they are held against.

    Should the file have changed since, it is only looked at once more than need be.
    """
    age = int(job.context.now().timestamp() * 1_000_000_000) - state.changed
    mark = found.mark if found.mark and age > _RACY_NS else "?"
    return f"{job.tag}{found.size}:{mark}:{digest}"


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
    if error.reason in _PASSING:
        fingerprint = ""
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
