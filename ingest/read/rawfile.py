"""The files of kept responses: WARC, a gzip member a record, and an index of what is where.

    store/raw/SOURCE/SOURCE-000001.warc.gz    records, appended; rolled by size
    store/raw/SOURCE/entries.index            one line for each exchange; derived

What is written together (a response and its request) is one entry.  The index may lack
the newest entries, or be missing: they are found again in the archives.  A file whose
last record was cut off by a crash is cut back to the last whole one before anything is
written to it; damage in the middle of a file is left alone, and a new file is begun.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
import zlib
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO, Self

import orjson

from ingest.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

INDEX = "entries.index"
_NUMBER = re.compile(r"-(\d{6,})\.warc\.gz$")
_GZIP = 16 + zlib.MAX_WBITS
_START = b"\x1f\x8b\x08"
_PIECE = 1 << 20
_SYNC_SECONDS = 1.0
"""What was written is on disk at most so much later, should the power fail."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One visit of a source (its settings, as warcinfo), or one exchange of it.

    ``kind``: ``visit``, ``response`` or ``revisit``; ``at`` and ``size``: bytes of the
    file; ``id``: of the record, of a visit its own; ``date``: as in WARC; ``status`` and
    ``digest`` (``sha256:…`` of the body): what the server said.
    """

    file: str
    at: int
    size: int
    kind: str
    url: str
    date: str
    id: str
    status: int = 0
    digest: str = ""

    @property
    def end(self) -> int:
        """Where the next entry begins."""
        return self.at + self.size

    def dumps(self) -> bytes:
        """One line of the index."""
        named = [self.file, self.at, self.size, self.kind, self.url, self.date]
        return orjson.dumps([*named, self.id, self.status, self.digest]) + b"\n"


@dataclass(frozen=True, slots=True)
class Member:
    """A record as it stands in a file: its headers, names in lower case, and its block."""

    at: int
    end: int
    headers: dict[str, str]
    block: bytes


def archives(folder: Path) -> list[Path]:
    """The files of kept responses, oldest first."""
    return sorted(folder.glob("*.warc.gz"))


def members(file: BinaryIO, start: int = 0) -> Iterator[Member]:
    """The whole records from ``start`` to the first that is cut off or damaged."""
    file.seek(start)
    rest, at = b"", start
    while True:
        unpacker, data, size = zlib.decompressobj(_GZIP), bytearray(), 0
        while not unpacker.eof:
            piece = rest or file.read(_PIECE)
            if not piece:
                return
            rest = b""
            try:
                data += unpacker.decompress(piece)
            except zlib.error:
                return
            size += len(piece)
        rest = unpacker.unused_data
        end = at + size - len(rest)
        head, _, block = bytes(data).partition(b"\r\n\r\n")
        if not head.startswith(b"WARC/"):
            return
        yield Member(at, end, _headers(head), block.removesuffix(b"\r\n\r\n"))
        at = end


def read_entry(folder: Path, entry: Entry) -> Member:
    """The first record of an entry; raises `SourceError` where it is there no more."""
    try:
        with (folder / entry.file).open("rb") as file:
            found = next(members(file, entry.at), None)
    except OSError as error:
        raise SourceError(f"{folder / entry.file}: {error.strerror}") from error
    if found is None:
        raise SourceError(f"{folder / entry.file}: no whole record at byte {entry.at:,}")
    return found


def entries_in(path: Path, start: int = 0) -> Iterator[Entry]:
    """The entries of a file from ``start`` on, read from its records."""
    open_: Entry | None = None
    with path.open("rb") as file:
        for member in members(file, start):
            kind = member.headers.get("warc-type", "")
            if kind == "request" and open_ is not None:
                yield replace(open_, size=member.end - open_.at)
                open_ = None
                continue
            if open_ is not None:
                yield open_
            open_ = _entry(path.name, member)
            if kind == "warcinfo":
                yield open_
                open_ = None
    if open_ is not None:
        yield open_


def load(folder: Path) -> list[Entry]:
    """Everything that is kept in the folder, in the order in which it was."""
    listed: dict[str, list[Entry]] = {}
    for entry in _listed(folder):
        listed.setdefault(entry.file, []).append(entry)
    found: list[Entry] = []
    for path in archives(folder):
        known = listed.get(path.name, [])
        size = path.stat().st_size
        if not _is_contiguous(known) or (known and known[-1].end > size):
            known = []
        end = known[-1].end if known else 0
        found += known
        if end < size:
            found += entries_in(path, end)
    return found


def write_index(folder: Path, entries: Iterable[Entry]) -> None:
    """Replace the index."""
    partial = folder / f"{INDEX}.partial"
    with partial.open("wb") as file:
        file.writelines(entry.dumps() for entry in entries)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / INDEX)


class Archive:
    """The files of one source, open for writing, by one process and thread at a time."""

    def __init__(self, folder: Path, source: str, limit: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._source = source
        self._limit = limit
        self._lock = _locked(folder)
        self.entries = load(folder)
        if self.entries != list(_listed(folder)):
            write_index(folder, self.entries)
        self._index = (folder / INDEX).open("ab")
        self._file = self._reopened()
        self._synced = time.monotonic()

    @property
    def full(self) -> bool:
        """Whether what is written next begins a new file."""
        return self._file.tell() >= self._limit

    @property
    def fresh(self) -> bool:
        """Whether nothing is in the file yet."""
        return self._file.tell() == 0

    def roll(self) -> None:
        """Begin a new file."""
        self._sync()
        self._file.close()
        self._file = self._next()

    def add(self, data: bytes, entry: Entry) -> None:
        """Append an entry's records; their place is put into the entry here."""
        placed = replace(entry, file=self._name, at=self._file.tell(), size=len(data))
        self._file.write(data)
        self._file.flush()
        self._index.write(placed.dumps())
        self._index.flush()
        self.entries.append(placed)
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            self._sync()

    def close(self) -> None:
        """Have everything on disk; safe to call twice."""
        if self._file.closed:
            return
        self._sync()
        self._file.close()
        self._index.close()
        os.close(self._lock)

    @property
    def _name(self) -> str:
        return os.path.basename(self._file.name)  # noqa: PTH119 - of an open file

    def _sync(self) -> None:
        for file in (self._file, self._index):
            os.fsync(file.fileno())
        self._synced = time.monotonic()

    def _reopened(self) -> BinaryIO:
        """The newest file, cut back to its last whole record; a new one where it is damaged."""
        existing = archives(self.folder)
        if not existing:
            return self._next()
        file = existing[-1].open("r+b")
        end = max((one.end for one in self.entries if one.file == existing[-1].name), default=0)
        if _starts_again(file, end):
            file.close()
            return self._next()
        file.truncate(end)
        file.seek(end)
        return file

    def _next(self) -> BinaryIO:
        numbers = [int(found[1]) for each in archives(self.folder) if (found := _number(each))]
        name = f"{self._source}-{max(numbers, default=0) + 1:06d}.warc.gz"
        made = (self.folder / name).open("xb")
        descriptor = os.open(self.folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        return made


def without(folder: Path, dropped: Sequence[Entry]) -> None:
    """Rewrite the files that hold any of these entries without them; empty ones are deleted.

    Each file is replaced at once, so that a crash leaves it as it was, or as it is to be.
    """
    with closing(_Lock(folder)):
        entries = load(folder)
        gone = {(entry.file, entry.at) for entry in dropped}
        kept: list[Entry] = []
        for path in archives(folder):
            mine = [entry for entry in entries if entry.file == path.name]
            left = [entry for entry in mine if (entry.file, entry.at) not in gone]
            kept += _rewritten(path, left) if len(left) < len(mine) else mine
        write_index(folder, kept)


def _rewritten(path: Path, left: Sequence[Entry]) -> list[Entry]:
    if all(entry.kind == "visit" for entry in left):
        path.unlink()
        return []
    partial = path.with_name(f"{path.name}.partial")
    moved = []
    with path.open("rb") as old, partial.open("wb") as new:
        for entry in left:
            old.seek(entry.at)
            moved.append(replace(entry, at=new.tell()))
            new.write(old.read(entry.size))
        new.flush()
        os.fsync(new.fileno())
    partial.replace(path)
    return moved


class _Lock:
    def __init__(self, folder: Path) -> None:
        self._descriptor = _locked(folder)

    def __enter__(self) -> Self:
        return self

    def close(self) -> None:
        os.close(self._descriptor)


def _locked(folder: Path) -> int:
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise SourceError(f"{folder}: raw responses are being written there already") from error
    return descriptor


def _starts_again(file: BinaryIO, end: int) -> bool:
    """Whether a whole record stands anywhere behind ``end``, so that this is no torn end."""
    file.seek(end)
    tail = file.read()
    at = tail.find(_START, 1)
    while at >= 0:
        if next(members(file, end + at), None) is not None:
            return True
        at = tail.find(_START, at + 1)
    return False


def _listed(folder: Path) -> Iterator[Entry]:
    """The index up to its first line that was cut off."""
    try:
        lines = (folder / INDEX).read_bytes().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            yield Entry(*orjson.loads(line))
        except (ValueError, TypeError):
            return


def _is_contiguous(entries: Sequence[Entry]) -> bool:
    ends = [0, *(entry.end for entry in entries)]
    return all(entry.at == end for entry, end in zip(entries, ends, strict=False))


def _number(path: Path) -> re.Match[str] | None:
    return _NUMBER.search(path.name)


def _headers(head: bytes) -> dict[str, str]:
    pairs = (line.partition(":") for line in head.decode("utf-8", "replace").splitlines()[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _entry(file: str, member: Member) -> Entry:
    headers = member.headers
    kind = headers.get("warc-type", "")
    found = re.match(rb"HTTP/[\d.]+ (\d{3})", member.block)
    part = re.search(rb"^isPartOf: (\S+)", member.block, re.MULTILINE)
    is_visit = kind == "warcinfo"
    return Entry(
        file,
        member.at,
        member.end - member.at,
        "visit" if is_visit else kind,
        headers.get("warc-target-uri", ""),
        headers.get("warc-date", ""),
        part[1].decode() if is_visit and part else headers.get("warc-record-id", ""),
        int(found[1]) if found else 0,
        "" if is_visit else headers.get("warc-payload-digest", ""),
    )
