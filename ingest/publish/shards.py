"""Shard files: written once, hashed as they are written; read line by line."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import zlib
from typing import IO, TYPE_CHECKING, Any, Protocol

from ingest.publish.layout import Compression, compression_of
from ingest.publish.manifest import Shard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ingest.publish.ledger import Table

_CHUNK = 1 << 20


class _Encoder(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _Plain:
    def compress(self, data: bytes, /) -> bytes:
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
    """Writes one shard.

    A zstd shard is one frame: python-zstandard's plain readers, and so tools built on
    them, stop silently after the first.
    """

    def __init__(self, path: Path, table: Table) -> None:
        self.path = path
        self.rows = 0
        self.json_bytes = 0
        self._table = table
        self._kind = compression_of(path.name)
        self._encoder: _Encoder | None = None
        self._hash = hashlib.sha256()
        self._bytes = 0
        self._lines: list[bytes] = []
        self._buffered = 0
        self._file = path.open("xb", buffering=0)

    def write(self, line: bytes) -> None:
        """Append one line, newline included."""
        self._lines.append(line)
        self._buffered += len(line)
        self.rows += 1
        if self._buffered >= _CHUNK:
            self._flush()

    def copy(self, shard: Shard, folder: Path) -> None:
        """Append all lines of another shard of the same table, without looking at them.

        gzip members are copied as they are; zstd is compressed anew, into the one frame.
        """
        self._flush()
        if self._kind == compression_of(shard.name) == "gzip":
            self._end_member()
            self.json_bytes += shard.json_bytes
            with (folder / shard.name).open("rb") as packed:
                while chunk := packed.read(_CHUNK):
                    self._emit(chunk)
        else:
            with open_shard(folder / shard.name) as source:
                while chunk := source.read(_CHUNK):
                    self._put(chunk)
        self.rows += shard.rows

    def close(self) -> Shard:
        """Finish the file, make its content durable, and say what it is."""
        self._flush()
        if not self._bytes:
            self._put(b"")  # a compressed file of no lines still needs its frame
        self._end_member()
        os.fsync(self._file.fileno())
        self._file.close()
        return Shard(
            name=self.path.name,
            table=self._table,
            rows=self.rows,
            bytes=self._bytes,
            json_bytes=self.json_bytes,
            sha256=self._hash.hexdigest(),
        )

    def abandon(self) -> None:
        """Close the file as it is; the caller removes it."""
        self._file.close()

    @property
    def size(self) -> int:
        """Bytes of JSON so far."""
        return self.json_bytes + self._buffered

    def _flush(self) -> None:
        if self._lines:
            chunk = b"".join(self._lines)
            self._lines.clear()
            self._buffered = 0
            self._put(chunk)

    def _put(self, chunk: bytes) -> None:
        if self._encoder is None:
            self._encoder = _ENCODERS[self._kind]()
        self.json_bytes += len(chunk)
        self._emit(self._encoder.compress(chunk))

    def _end_member(self) -> None:
        if self._encoder is not None:
            self._emit(self._encoder.flush())
            self._encoder = None

    def _emit(self, data: bytes) -> None:
        self._hash.update(data)
        self._bytes += len(data)
        view = memoryview(data)
        while view:  # an unbuffered write may take less than it was given
            view = view[self._file.write(view) :]


class DamagedShardError(OSError):
    """A compressed shard that its own format says is broken."""


DAMAGED = (OSError, EOFError, zlib.error)
"""What reading a damaged shard may raise."""


def open_shard(path: Path) -> IO[bytes]:
    """Open a shard for reading its lines; opening raises OSError, reading one of `DAMAGED`."""
    kind = compression_of(path.name)
    if kind == "none":
        return path.open("rb", buffering=_CHUNK)
    if kind == "gzip":
        return io.BufferedReader(gzip.open(path, "rb"), _CHUNK)
    return io.BufferedReader(_Unzstd(path), _CHUNK)


class _Unzstd(io.RawIOBase):
    """Decompresses all frames of a file, and notices when the last one is cut short."""

    def __init__(self, path: Path) -> None:
        import zstandard  # noqa: PLC0415 - needed for compressed corpora only

        self._damaged = zstandard.ZstdError
        self._file = path.open("rb", buffering=0)
        self._make = zstandard.ZstdDecompressor().decompressobj
        self._frame: Any = None
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            if not self._more():
                return 0
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def close(self) -> None:
        self._file.close()
        super().close()

    def _more(self) -> bool:
        packed = self._frame.unused_data if self._frame and self._frame.eof else b""
        packed = packed or self._file.read(_CHUNK)
        if not packed:
            if self._frame and not self._frame.eof:
                raise DamagedShardError(f"{self._file.name} ends in the middle of a frame")
            return False
        if self._frame is None or self._frame.eof:
            self._frame = self._make()
        try:
            self._ready = memoryview(self._frame.decompress(packed))
        except self._damaged as error:
            raise DamagedShardError(str(error)) from error
        return True


def read_lines(path: Path) -> Iterator[bytes]:
    """Give the lines of a shard, newlines included, in constant memory."""
    with open_shard(path) as file:
        yield from file
