"""Shard files are written once, hashed as they are written, and synced while they grow."""

from __future__ import annotations

import contextlib
import hashlib
import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from ingest.publish.files import write_file
from ingest.publish.ids import IdsBuilder, ids_name
from ingest.publish.layout import Compression, compression_of
from ingest.publish.manifest import Shard
from ingest.publish.reading import open_shard, read_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future
    from pathlib import Path

    from ingest.publish.ledger import Table

_CHUNK = 1 << 17
"""Bytes that wait to be written together.

No more: larger blocks are given back to the system each time, and their pages taken
again, which costs more than what is done with them.
"""
_COPIED = 1 << 18
"""Bytes read at once of a shard that is taken over."""
_AHEAD = 16 << 20
"""Bytes written between two syncs in the background."""


class _Encoder(Protocol):
    def compress(self, data: bytes | memoryview, /) -> bytes | memoryview: ...

    def flush(self) -> bytes: ...


class _Plain:
    def compress(self, data: bytes | memoryview, /) -> bytes | memoryview:
        return data

    def flush(self) -> bytes:
        return b""


def _gzip() -> _Encoder:
    # zlib's own gzip header has no time in it, so the same lines give the same bytes.
    return zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS)


def _zstd() -> _Encoder:
    import zstandard  # noqa: PLC0415 - costs 20 ms, needed for compressed corpora only

    return zstandard.ZstdCompressor(level=3, write_checksum=True).compressobj()


_ENCODERS: dict[Compression, Callable[[], _Encoder]] = {
    "none": _Plain,
    "gzip": _gzip,
    "zstd": _zstd,
}


class ShardWriter:
    """Writes one shard, and with ``ids`` the file that says where each of its documents lies.

    ``rows`` and ``size``, in bytes of JSON, are of all that was written so far.
    A zstd shard is one frame: python-zstandard's plain readers, and so tools built on
    them, stop silently after the first.
    """

    def __init__(self, path: Path, table: Table, *, ids: bool = False) -> None:
        self.path = path
        self.name = path.name
        self.rows = 0
        self.size = 0
        self._table = table
        self._kind = compression_of(path.name)
        self._encoder: _Encoder | None = None
        self._ids = IdsBuilder() if ids else None
        self._hash = hashlib.sha256()
        self._bytes = 0
        self._lines: list[bytes] = []
        self._put_at = _CHUNK
        self._written = 0
        self._file = path.open("xb", buffering=0)
        self._flusher: ThreadPoolExecutor | None = None
        self._flushing: Future[None] | None = None
        self._dirty = 0

    def write(self, lines: bytes, rows: int = 1) -> None:
        """Append a line, or several at once, newlines included; with ``ids`` one at a time."""
        self._lines.append(lines)
        self.rows += rows
        self.size += len(lines)
        if self.size >= self._put_at:
            self._flush()

    def write_all(self, lines: list[bytes]) -> None:
        """Append lines, one row each, newlines included."""
        self._lines += lines
        self.rows += len(lines)
        self.size += sum(map(len, lines))
        if self.size >= self._put_at:
            self._flush()

    def copy(self, shard: Shard, folder: Path) -> None:
        """Append all lines of another shard of the same table, without looking at them.

        gzip members are copied as they are; zstd is compressed anew, into the one frame.
        """
        self._flush()
        if self._ids is not None:
            self._ids.extend(_ids_of(shard, folder), self.size)
        if self._kind == compression_of(shard.name) == "gzip":
            self._end_member()
            with (folder / shard.name).open("rb") as packed:
                while chunk := packed.read(_COPIED):
                    self._emit(chunk)
        else:
            with open_shard(folder / shard.name) as source:
                while chunk := source.read(_COPIED):
                    self._put(chunk)
        self.rows += shard.rows
        self.size += shard.json_bytes
        self._put_at = self.size + _CHUNK
        self._written = self.size

    def close(self) -> Shard:
        """Finish the file, make its content durable, and say what it is."""
        self._flush()
        if not self._bytes:
            self._put(b"")  # a compressed file of no lines still needs its frame
        self._end_member()
        self._wait()
        os.fsync(self._file.fileno())
        self._file.close()
        ids, digest = self._close_ids()
        return Shard(
            name=self.name,
            table=self._table,
            rows=self.rows,
            bytes=self._bytes,
            json_bytes=self.size,
            sha256=self._hash.hexdigest(),
            ids=ids,
            ids_sha256=digest,
        )

    def abandon(self) -> None:
        """Close the file as it is; the caller removes it."""
        with contextlib.suppress(OSError):
            self._wait()
        self._file.close()

    def _flush(self) -> None:
        if not self._lines:
            return
        if self._ids is not None:
            self._ids.add_all(self._lines, self._written)
        self._put(b"".join(self._lines))
        self._lines.clear()
        self._written = self.size
        self._put_at = self.size + _CHUNK

    def _close_ids(self) -> tuple[str, str]:
        """Write the file of ids; its name and SHA-256."""
        if self._ids is None or not self.rows:
            return "", ""
        name, data = ids_name(self.name), self._ids.encode()
        write_file(self.path.with_name(name), data)
        return name, hashlib.sha256(data).hexdigest()

    def _put(self, chunk: bytes | memoryview) -> None:
        if self._encoder is None:
            self._encoder = _ENCODERS[self._kind]()
        self._emit(self._encoder.compress(chunk))

    def _end_member(self) -> None:
        if self._encoder is not None:
            self._emit(self._encoder.flush())
            self._encoder = None

    def _emit(self, data: bytes | memoryview) -> None:
        self._hash.update(data)
        self._bytes += len(data)
        view = memoryview(data)
        while view:  # an unbuffered write may take less than it was given
            view = view[self._file.write(view) :]
        self._dirty += len(data)
        if self._dirty >= _AHEAD:
            self._flush_ahead()

    def _flush_ahead(self) -> None:
        """Let the disk work while the next lines are made: the last sync then has little to do."""
        if self._flushing is not None:
            self._flushing.result()
        if self._flusher is None:
            self._flusher = ThreadPoolExecutor(1, "shard-sync")
        self._flushing = self._flusher.submit(os.fdatasync, self._file.fileno())
        self._dirty = 0

    def _wait(self) -> None:
        """End the flushing; raises what it raised."""
        if self._flusher is not None:
            self._flusher.shutdown()
            self._flusher = None
        if self._flushing is not None:
            self._flushing.result()


def _ids_of(shard: Shard, folder: Path) -> bytes:
    """The file of ids of a shard, made anew where it is older than such files."""
    if shard.ids:
        return (folder / shard.ids).read_bytes()
    return ids_from(read_lines(folder / shard.name))


def ids_from(lines: Iterable[bytes]) -> bytes:
    """What the file of ids of a shard with these lines must be; ValueError for other lines."""
    builder, at = IdsBuilder(), 0
    for line in lines:
        builder.add(line, at)
        at += len(line)
    return builder.encode()
