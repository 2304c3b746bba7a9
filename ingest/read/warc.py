"""Web archives: WARC, ARC and WET, plain or packed with gzip, LZ4 or zstd.

    file -> records (warcfile) -> HTTP response taken apart -> RawDocument

Pages that were answered with 200 and the texts of WET files are documents; requests,
metadata and revisits (whose content is another record's) are passed over.  A record is
named by its record id.  A file that was never read before can be taken up again in the
middle, by the offset in the cursor.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO, Literal

import orjson
from pydantic import Field

from ingest.documents import (
    Checkpoint,
    Complete,
    ContainerRead,
    Event,
    Failed,
    RawDocument,
    Unchanged,
)
from ingest.read import bodies, streams
from ingest.read.base import ReaderSettings
from ingest.read.files import Files
from ingest.read.onefile import failed_place
from ingest.read.streams import ReadError
from ingest.read.walk import Trouble, reason_of
from ingest.read.warcfile import STARTS, Broken, Record, arc_records, is_arc, warc_records

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingest.documents import JSON
    from ingest.read.base import Context
    from ingest.read.blob import Blob, Job
    from ingest.read.walk import Found
    from ingest.read.warcfile import Piece

PAGES = ("text/html", "application/xhtml+xml", "text/plain")
_KINDS = frozenset({"response", "conversion", "resource"})
_EVERY = 200  # records between two checkpoints
_RACY_SECONDS = 2  # see onefile.py
_HASHES = {"sha1": 20, "sha256": 32, "sha512": 64, "md5": 16}
_OK = 200
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[^\r\n]{0,200}\r\n")


class Warc(ReaderSettings):
    """Web archives (WARC, ARC, WET), plain or packed with gzip, LZ4 or zstd."""

    path: str | tuple[str, ...]
    """A file, folder, glob or fsspec address, or several of them.  Documents are named by their
    records: what ``keep_raw`` kept has the ids of its source by the reader ``raw`` alone."""
    include: tuple[str, ...] = (
        "*.warc", "*.warc.*", "*.arc", "*.arc.gz", "*.wet", "*.wet.gz",
    )  # fmt: skip
    """Patterns of the files to read in a folder or glob."""
    exclude: tuple[str, ...] = ()
    """Patterns of files and folders to pass over."""
    ids: Literal["relative", "absolute"] = "relative"
    """Files are named by their path below ``path``, or by their absolute path."""
    media_types: tuple[str, ...] = Field(default=PAGES, min_length=1)
    """Beginnings of the media types of the responses to take."""

    @classmethod
    def for_inputs(cls, inputs: Sequence[str]) -> Warc:
        """The reader for archives named on the command line."""
        paths = (given if "://" in given else os.path.abspath(given) for given in inputs)  # noqa: PTH100 - see walk.py
        return cls(path=tuple(paths), ids="absolute")

    def check(self, context: Context) -> None:
        """Raise `SourceError` where a path does not exist or cannot be listed."""
        self._files().check(context)

    def read(self, cursor: JSON, context: Context) -> Iterator[Event]:
        """Yield every record, file by file; the cursor is the place in the file begun last."""
        self.check(context)
        files = self._files()
        job = replace(files.job(context), tag=self._tag(context))
        whole = True
        for found, source_id in files.named(context):
            if context.cancelled():
                return
            if isinstance(found, Trouble):
                whole = whole and not found.hides
                yield failed_place(found, source_id, job)
            else:
                yield from _File(found, source_id, job, self.media_types).read(cursor)
        if whole and not context.cancelled():
            yield Complete()

    def _files(self) -> Files:
        return Files(path=self.path, include=self.include, exclude=self.exclude, ids=self.ids)

    def _tag(self, context: Context) -> str:
        told = orjson.dumps([self.media_types, context.max_bytes])
        return hashlib.sha256(told).hexdigest()[:8] + ":"


def events(blob: Blob, job: Job) -> Iterator[Event]:
    """The records of an archive that lies among files of other forms."""
    taken = _Taken(blob.name, blob.container, job, PAGES)
    if blob.file.seekable():
        for _, event in taken.events(blob.file):
            yield event
        return
    with blob.seekable() as file:
        for _, event in taken.events(file):
            yield event


@dataclass(slots=True)
class _File:
    """One archive on disk."""

    found: Found
    source_id: str
    job: Job
    media_types: tuple[str, ...]

    def read(self, cursor: JSON) -> Iterator[Event]:
        context, source_id = self.job.context, self.source_id
        known = context.fingerprint(source_id)
        if known and known == self._fingerprint():
            yield Unchanged(source_id, known)
            return
        try:
            with self.found.disk.open(self.found.path) as file:
                yield from self._opened(file, cursor, fresh=not known)
        except OSError as error:
            detail = f"{self.found.path}: {error.strerror or error}"
            yield Failed(source_id, reason_of(error), detail=detail, container=source_id)

    def _opened(self, file: BinaryIO, cursor: JSON, *, fresh: bool) -> Iterator[Event]:
        start = self._start(file, cursor) if fresh else 0
        taken = _Taken(self.source_id, self.source_id, self.job, self.media_types)
        try:
            for count, (offset, event) in enumerate(taken.events(file, start), 1):
                yield event
                if fresh and offset and count % _EVERY == 0:
                    yield Checkpoint({"file": self._place(), "offset": offset})
        except ReadError as error:
            yield self._failed(error)
            return
        if self.job.context.cancelled():
            return
        if start:
            # What stands before the offset was not named in this run, and is there still.
            yield Unchanged(self.source_id, self._fingerprint())
        yield from () if start else (ContainerRead(self.source_id, self._fingerprint()),)
        if fresh:
            yield Checkpoint(None)

    def _failed(self, error: ReadError) -> Event:
        fingerprint = self._fingerprint()
        return Failed(
            self.source_id,
            error.reason,
            detail=error.detail,
            fingerprint=fingerprint,
            container=self.source_id,
        )

    def _start(self, file: BinaryIO, cursor: JSON) -> int:
        """Where to begin: the cursor's offset if a record begins there still."""
        if not isinstance(cursor, dict) or cursor.get("file") != self._place():
            return 0
        offset = cursor.get("offset")
        if not isinstance(offset, int) or offset >= self.found.size:
            return 0
        file.seek(offset)
        return offset if file.read(5).startswith(STARTS) else 0

    def _place(self) -> str:
        return f"{self.source_id}:{self.found.size}:{self.found.mark}"

    def _fingerprint(self) -> str:
        """Size and time; archives are too large to be read twice for a hash."""
        found = self.found
        mark = found.mark
        if mark.isdigit():
            age = self.job.context.now().timestamp() - int(mark) / 1_000_000_000
            mark = mark if age > _RACY_SECONDS else f"{mark}?"
        return f"{self.job.tag}{found.size}:{mark}"


@dataclass(slots=True)
class _Taken:
    """The records of one archive as events, with where each begins (0: no place to resume)."""

    name: str
    container: str
    job: Job
    media_types: tuple[str, ...]
    _seen: set[str] = field(default_factory=set)

    def events(self, file: BinaryIO, start: int = 0) -> Iterator[tuple[int, Event]]:
        context = self.job.context
        for resumable, piece in self._pieces(file, start):
            if context.cancelled():
                return
            event = self._event(piece)
            if event is not None:
                yield piece.offset if resumable else 0, event

    def _pieces(self, file: BinaryIO, start: int) -> Iterator[tuple[bool, Piece]]:
        limit = self.job.context.max_bytes
        size = file.seek(0, 2)
        if size == 0:
            raise ReadError("empty", "it holds no bytes")
        file.seek(0)
        head = file.read(6)
        file.seek(0)
        if not head.startswith(STARTS[1]) and is_arc(self._head(file), self.name):
            file.seek(0)
            unpacked = streams.chunks(file, "", self.job.budget(size))
            return ((False, piece) for piece in arc_records(unpacked, limit))
        return ((True, piece) for piece in warc_records(file, _KINDS, limit, start))

    def _head(self, file: BinaryIO) -> bytes:
        try:
            return next(streams.chunks(file, "", self.job.budget(1 << 40)), b"")[:16]
        except ReadError:  # FastWARC says what is wrong with it, and where
            return b""

    def _event(self, piece: Piece) -> Event | None:
        if isinstance(piece, Broken):
            return self._failed(f"@{piece.offset}", piece.reason, piece.detail)
        source_id = f"{self.name}#{piece.key}"
        try:
            made = self._document(piece, source_id)
        except (ReadError, bodies.BodyError) as error:
            detail = f"the record at byte {piece.offset:,}: {error.detail}"
            return self._failed(f"@{piece.offset}", error.reason, detail, piece.block)
        if made is not None and source_id in self._seen:
            detail = f"the record id {piece.key!r} was used before in this file"
            return self._failed(f"@{piece.offset}", "duplicate id", detail, piece.block)
        self._seen.add(source_id)
        return made

    def _document(self, record: Record, source_id: str) -> Event | None:
        check_digest(record)
        media_type, content = self._payload(record)
        if not media_type:
            return None
        if not content.strip():
            raise ReadError("empty", f"{record.url or source_id} has no content")
        fingerprint = self.job.tag + hashlib.sha256(record.block).hexdigest()[:32]
        if self.job.context.fingerprint(source_id) == fingerprint:
            return Unchanged(source_id, fingerprint)
        return RawDocument(
            source_id,
            content,
            media_type=media_type,
            url=record.url,
            fetched=_moment(record.date),
            fingerprint=fingerprint,
            container=self.container,
        )

    def _payload(self, record: Record) -> tuple[str, bytes]:
        """Media type and content; ``("", b"")`` for what is no page or text."""
        if record.kind == "response":
            if not re.match(rb"HTTP/\d", record.block):
                return "", b""  # of DNS, FTP and such
            return self._response(record.block)
        media_type = record.headers.get("content-type", "").lower()
        if not media_type.startswith(self.media_types):
            return "", b""
        if record.kind == "conversion" and "charset" not in media_type:
            media_type += "; charset=utf-8"
        return media_type, record.block

    def _response(self, block: bytes) -> tuple[str, bytes]:
        status, headers, body = parse_response(block)
        media_type = headers.get("content-type", "").lower()
        if not media_type and body.lstrip()[:1] == b"<":
            media_type = "text/html"
        if status != _OK or not media_type.startswith(self.media_types):
            return "", b""
        if "chunked" in headers.get("transfer-encoding", "").lower():
            body = joined_chunks(body)
        encoding = headers.get("content-encoding", "")
        if "gzip" in encoding and not body.startswith(b"\x1f\x8b"):
            encoding = ""  # unpacked by the crawler, which left the header
        return media_type, bodies.collect((body,), encoding, self.job.context.max_bytes)

    def _failed(self, mark: str, reason: str, detail: str, raw: bytes = b"") -> Event:
        source_id = self.name + mark
        digest = hashlib.sha256(raw + f"{reason}: {detail}".encode()).hexdigest()[:32]
        fingerprint = self.job.tag + digest
        if self.job.context.fingerprint(source_id) == fingerprint:
            return Unchanged(source_id, fingerprint)
        return Failed(source_id, reason, raw, detail, fingerprint, self.container)


# --- what a record holds --------------------------------------------------------------


def check_digest(record: Record) -> None:
    """Raise `ReadError` where the block is not what its digest says; other algorithms pass.

    The payload's digest is not looked at: writers differ in whether it is over the body
    before or after transfer decoding, and the block's covers it.
    """
    algorithm, _, told = record.headers.get("warc-block-digest", "").strip().partition(":")
    algorithm = algorithm.lower().replace("-", "")
    if algorithm not in _HASHES:
        return
    found = hashlib.new(algorithm, record.block, usedforsecurity=False).digest()
    if _plain_digest(told.strip(), len(found)) != found:
        detail = f"WARC-Block-Digest is {algorithm}:{told}, the block has {found.hex()}"
        raise ReadError("digest mismatch", detail)


def _plain_digest(told: str, size: int) -> bytes:
    try:
        if len(told) == 2 * size:
            return bytes.fromhex(told)
        return base64.b32decode(told.upper() + "=" * (-len(told) % 8))
    except (ValueError, binascii.Error):
        return b""


def parse_response(block: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (names in lower case) and body of an HTTP response as it was sent."""
    end = re.search(rb"\r?\n\r?\n", block)
    head, body = (block[: end.start()], block[end.end() :]) if end else (block, b"")
    first, *lines = head.decode("latin-1").splitlines() or [""]
    status = re.match(r"HTTP/[\d.]+\s+(\d{3})", first)
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return int(status[1]) if status else 0, headers, body


def joined_chunks(body: bytes) -> bytes:
    """A body without the frame of its chunks; as it is where a crawler took the frame off."""
    pieces, at = [], 0
    while head := _CHUNK.match(body, at):
        size = int(head[1], 16)
        if not size:
            break
        pieces.append(body[head.end() : head.end() + size])
        at = head.end() + size
        at += 2 * body.startswith(b"\r\n", at)
    return b"".join(pieces) if pieces else body


def _moment(date: str) -> datetime | None:
    try:
        if date[:14].isdigit():
            return datetime.strptime(date[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        moment = datetime.fromisoformat(date)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
