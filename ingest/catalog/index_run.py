"""One immutable file of the band index, and how several are merged into one.

    header (64 bytes) | keys (uint64) | numbers (uint32) | directory (uint32)

Little-endian.  A file is written under another name, synced, and renamed: what has its
final name is whole.  Opening checks the header and the size, `verify` reads everything.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import struct
import tempfile
import uuid
import zlib
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import IO, TYPE_CHECKING

import numpy as np

from ingest.catalog.index_postings import (
    Postings,
    bits_for,
    buckets,
    collate,
    directory_of,
    newest_of_each,
)
from ingest.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Keep = Callable[[NDArray[np.uint32]], NDArray[np.bool_]]
    Chunk = tuple[NDArray[np.uint64], NDArray[np.uint32]]

MAGIC = b"ingest band index 1\n"
SUFFIX = ".run"

_HEADER = struct.Struct("<20sQIIII")  # magic, entries, bits, first, last, checksum of the body
_HEADER_SIZE = 64
_CHUNK = 1 << 20  # entries merged at a time: about 40 MiB
_COPY = 1 << 20


class IndexDamaged(StoreError):
    """A file of the band index is missing or broken: make the index anew from the catalog."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What the catalog keeps about a run.  ``first`` and ``last`` are document numbers."""

    name: str
    entries: int
    first: int
    last: int
    checksum: int

    def dumps(self) -> str:
        """Give it as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> RunInfo:
        """Read what `dumps` gave; raises `IndexDamaged` where it did not give that."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise IndexDamaged(f"not a run of the band index: {text!r}") from error


def open_run(folder: Path, info: RunInfo) -> Postings:
    """Map a run into memory; raises `IndexDamaged` where header or size are not as they should."""
    path = folder / info.name
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            bits = _check(path, file.read(_HEADER_SIZE), info, size)
            body = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise IndexDamaged(f"{path}: {error.strerror}") from error
    with contextlib.suppress(AttributeError):  # not on every system
        body.madvise(mmap.MADV_RANDOM)
    return _slice(body, info.entries, bits)


def verify(folder: Path, info: RunInfo) -> None:
    """Read a run whole; raises `IndexDamaged` where it is not as it was written."""
    postings = open_run(folder, info)
    checksum = 0
    for part in (postings.keys, postings.numbers, postings.directory):
        for start in range(0, part.size, _COPY):
            checksum = zlib.crc32(part[start : start + _COPY].tobytes(), checksum)
    if checksum != info.checksum:
        raise IndexDamaged(f"{folder / info.name}: checksum does not match")


def write_run(folder: Path, chunks: Iterator[Chunk], most: int) -> RunInfo | None:
    """Write sorted chunks, ``most`` entries at the most, as a new run; None where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    name = uuid.uuid4().hex + SUFFIX
    draft = folder / (name + ".part")
    try:
        info = _write(draft, name, chunks, bits_for(most))
        if info:
            draft.replace(folder / name)
            _sync_folder(folder)
    finally:
        draft.unlink(missing_ok=True)
    return info


def merged(parts: Sequence[Postings], cap: int | None, keep: Keep | None) -> Iterator[Chunk]:
    """Merge postings, oldest first, a range of keys at a time, so that memory stays bounded."""
    pieces = -(-sum(part.keys.size for part in parts) // _CHUNK)
    edges = [(1 << 64) * piece // pieces for piece in range(pieces + 1)] if pieces else []
    for low, high in pairwise(edges):
        spans = [(part, slice(part.begins(low), part.begins(high))) for part in parts]
        keys, numbers = collate(
            np.concatenate([part.keys[span] for part, span in spans]),
            np.concatenate([part.numbers[span] for part, span in spans]),
        )
        if keep is not None:
            stays = keep(numbers)
            keys, numbers = keys[stays], numbers[stays]
        if cap is not None:
            stays = newest_of_each(keys, cap)
            keys, numbers = keys[stays], numbers[stays]
        yield keys, numbers


def _write(draft: Path, name: str, chunks: Iterator[Chunk], bits: int) -> RunInfo | None:
    counts = np.zeros(1 << bits, dtype=np.int64)
    entries, first, last = 0, (1 << 32) - 1, 0
    with draft.open("w+b") as file, tempfile.TemporaryFile(dir=draft.parent) as second:
        body = _Body(file)
        for keys, numbers in chunks:
            body.write(keys.data)
            second.write(numbers.data)
            filled = buckets(keys, bits)  # in ascending order, as the keys are
            lowest = int(filled[0]) if filled.size else 0
            sizes = np.bincount(filled - lowest)
            counts[lowest : lowest + sizes.size] += sizes
            entries += keys.size
            first = min(first, int(numbers.min(initial=first)))
            last = max(last, int(numbers.max(initial=last)))
        if not entries:
            return None
        body.copy(second)
        body.write(directory_of(counts).data)
        info = RunInfo(name, entries, first, last, body.checksum)
        body.finish(_pack(info, bits))
    return info


class _Body:
    """The part of a file after the header, with its checksum."""

    def __init__(self, file: IO[bytes]) -> None:
        self.checksum = 0
        self._file = file
        file.seek(_HEADER_SIZE)

    def write(self, data: bytes | memoryview) -> None:
        self.checksum = zlib.crc32(data, self.checksum)
        self._file.write(data)

    def copy(self, source: IO[bytes]) -> None:
        source.seek(0)
        while data := source.read(_COPY):
            self.write(data)

    def finish(self, header: bytes) -> None:
        self._file.seek(0)
        self._file.write(header)
        self._file.flush()
        os.fsync(self._file.fileno())


def _pack(info: RunInfo, bits: int) -> bytes:
    fields = _HEADER.pack(MAGIC, info.entries, bits, info.first, info.last, info.checksum)
    return (fields + struct.pack("<I", zlib.crc32(fields))).ljust(_HEADER_SIZE, b"\0")


def _check(path: Path, header: bytes, info: RunInfo, size: int) -> int:
    """Return the directory's bits, if the header is whole and says what the catalog says."""
    bits = int(_HEADER.unpack_from(header)[2]) if len(header) == _HEADER_SIZE else 0
    if header != _pack(info, bits):
        raise IndexDamaged(f"{path}: header is not as the catalog says")
    expected = _HEADER_SIZE + 12 * info.entries + 4 * ((1 << bits) + 1)
    if size != expected:
        raise IndexDamaged(f"{path}: {size} bytes instead of {expected}")
    return bits


def _slice(body: mmap.mmap, entries: int, bits: int) -> Postings:
    numbers_at = _HEADER_SIZE + 8 * entries
    return Postings(
        np.frombuffer(body, "<u8", entries, _HEADER_SIZE),
        np.frombuffer(body, "<u4", entries, numbers_at),
        np.frombuffer(body, "<u4", (1 << bits) + 1, numbers_at + 4 * entries),
    )


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
