"""Bytes of one file as a bounded stream: decompressed, decoded to UTF-8, cut into lines.

    open file -> chunks (decompress, limits) -> as_utf8 -> lines

Every step is a generator over chunks of at most 1 MiB or so, so that memory stays
flat whatever a file holds.  What is wrong with the bytes is raised as `ReadError`
with a reason to count; the reader makes a `Failed` of it.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHUNK = 1 << 20

_MAGIC = (
    (b"\x1f\x8b", "gz"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zst"),
)
# LZMA would allocate whatever the header asks for, up to 4 GiB; xz -9 needs 65 MiB.
_XZ_MEMORY = 256 << 20
# zstd turns one byte into 32 KiB at worst: 256 bytes at a time keep a bomb's step at 8 MiB.
_ZST_STEP = 256


class ReadError(Exception):
    """Why an item could not be read: a short fixed reason, and a sentence for a person."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(slots=True)
class Budget:
    """How many bytes may still come out of one file, over all its layers of compression.

    ``packed`` is the file's size on disk.  The ratio is looked at only once ``floor``
    bytes came out, for short files of one repeated phrase compress well too.
    """

    packed: int
    most: int
    ratio: int
    floor: int = 16 << 20
    spent: int = 0
    exhausted: bool = False

    def spend(self, count: int) -> None:
        """Count ``count`` more bytes; `ReadError` once the file has used up its budget."""
        self.spent += count
        if self.spent > self.most:
            self.exhausted = True
            detail = f"more than max_unpacked = {self.most:,} bytes came out of it"
            raise ReadError("too large", detail)
        if self.spent > self.floor and self.spent > self.ratio * max(self.packed, 1):
            self.exhausted = True
            detail = (
                f"{self.packed:,} bytes had unpacked to {self.spent:,} when reading stopped"
                f" (max_ratio = {self.ratio})"
            )
            raise ReadError("decompression bomb", detail)


def compression(head: bytes) -> str:
    """``gz``, ``bz2``, ``xz`` or ``zst`` by the first bytes of a file; ``""`` if none of them."""
    return next((name for magic, name in _MAGIC if head.startswith(magic)), "")


def chunks(file: BinaryIO, packing: str, budget: Budget) -> Iterator[bytes]:
    """The bytes of ``file`` in chunks, decompressed if it is compressed, within the budget.

    What the bytes begin with decides; ``packing`` (what the name promises) serves to
    tell a file that is not what it says.  Raises `ReadError` for bytes that are cut
    short or damaged, and for bombs.
    """
    head = file.read(6)
    found = compression(head)
    if packing and not found:
        what = "it is empty" if not head else f"it begins with {head.hex(' ')}"
        raise ReadError("damaged", f"its name ends in .{packing}, but {what}")
    source = _joined(head, file)
    if not found:
        yield from source
        return
    for chunk in _UNPACK[found](source):
        budget.spend(len(chunk))
        yield chunk


def _joined(head: bytes, file: BinaryIO) -> Iterator[bytes]:
    if head:
        yield head
    while chunk := file.read(CHUNK):
        yield chunk


def _gz(source: Iterator[bytes]) -> Iterator[bytes]:
    machine = zlib.decompressobj(wbits=31)
    fresh = True
    for data in source:
        rest = data
        while rest:
            if machine.eof:
                rest = rest.lstrip(b"\0")  # tapes and block devices pad with zeros
                if not rest:
                    break
                machine, fresh = zlib.decompressobj(wbits=31), True
            try:
                out = machine.decompress(rest, CHUNK)
            except zlib.error as error:
                raise ReadError("damaged", f"gzip: {error}") from error
            fresh = False
            rest = machine.unused_data if machine.eof else machine.unconsumed_tail
            if out:
                yield out
    if not machine.eof and not fresh:
        raise ReadError("cut short", "the gzip data end in the middle")


class _Machine(Protocol):
    """What bz2's and lzma's decompressors have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def _bz2(source: Iterator[bytes]) -> Iterator[bytes]:
    import bz2  # noqa: PLC0415  # only where a file needs it

    return _blocks(source, bz2.BZ2Decompressor, "bzip2", (OSError, ValueError))


def _xz(source: Iterator[bytes]) -> Iterator[bytes]:
    import lzma  # noqa: PLC0415  # only where a file needs it

    def new() -> _Machine:
        return lzma.LZMADecompressor(memlimit=_XZ_MEMORY)

    return _blocks(source, new, "xz", (lzma.LZMAError,))


def _blocks(
    source: Iterator[bytes],
    new: Callable[[], _Machine],
    name: str,
    errors: tuple[type[Exception], ...],
) -> Iterator[bytes]:
    """Streams one after another, each by its own machine, at most a chunk at a time."""
    machine = new()
    for data in source:
        rest = data
        while rest or not (machine.needs_input or machine.eof):
            if machine.eof:
                rest = rest.lstrip(b"\0")
                if not rest:
                    break
                machine = new()
            try:
                out = machine.decompress(rest, CHUNK)
            except errors as error:
                raise ReadError("damaged", f"{name}: {error}") from error
            rest = machine.unused_data if machine.eof else b""
            if out:
                yield out
    if not machine.eof:
        raise ReadError("cut short", f"the {name} data end in the middle")


def _zst(source: Iterator[bytes]) -> Iterator[bytes]:
    import zstandard  # noqa: PLC0415  # only where a file needs it

    # stream_reader takes a frame that is cut short for a whole one; decompressobj tells.
    unpacker = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    machine = unpacker.decompressobj()
    for data in source:
        for start in range(0, len(data), _ZST_STEP):
            rest = data[start : start + _ZST_STEP]
            while rest:
                if machine.eof:
                    machine = unpacker.decompressobj()
                try:
                    out = machine.decompress(rest)
                except zstandard.ZstdError as error:
                    raise ReadError("damaged", f"zstd: {error}") from error
                rest = machine.unused_data if machine.eof else b""
                if out:
                    yield out
    if not machine.eof:
        raise ReadError("cut short", "the zstd data end in the middle")


_UNPACK = {"gz": _gz, "bz2": _bz2, "xz": _xz, "zst": _zst}


def whole(source: Iterator[bytes], limit: int) -> bytes:
    """All of a stream as one value; `ReadError` ``too large`` beyond ``limit`` bytes."""
    parts, size = [], 0
    for chunk in source:
        parts.append(chunk)
        size += len(chunk)
        if size > limit:
            raise ReadError("too large", f"it has more than max_bytes = {limit:,} bytes")
    return b"".join(parts)


def as_utf8(source: Iterator[bytes], encoding: str = "") -> Iterator[bytes]:
    """The stream in UTF-8 and without byte order mark.

    ``encoding`` is the one that the settings name; without it UTF-16 and UTF-32 are
    known by their mark, or by the zeros that every second byte of a JSON text's start
    then is (RFC 4627, section 3); all else passes through as it is.
    """
    head = b""
    for chunk in source:
        head += chunk
        if len(head) >= 4:  # noqa: PLR2004  # the longest mark
            break
    found, mark = _encoding(head, encoding)
    rest = head[mark:]
    if not found:
        if rest:
            yield rest
        yield from source
        return
    decoder = codecs.getincrementaldecoder(found)(errors="replace")
    yield decoder.decode(rest).encode("utf-8", "replace")
    for chunk in source:
        yield decoder.decode(chunk).encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")


def _encoding(head: bytes, named: str) -> tuple[str, int]:
    """Encoding to decode from (``""`` for UTF-8) and the length of the mark."""
    marks = (
        (codecs.BOM_UTF8, ""),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    )
    for mark, name in marks:
        if head.startswith(mark):
            return name, len(mark)
    if named:
        return ("" if codecs.lookup(named).name == "utf-8" else named), 0
    pattern = bytes(1 if byte else 0 for byte in head[:4])
    return {
        b"\1\0\1\0": "utf-16-le",
        b"\0\1\0\1": "utf-16-be",
        b"\1\0\0\0": "utf-32-le",
        b"\0\0\0\1": "utf-32-be",
    }.get(pattern, ""), 0


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end; of one beyond the limit only number, size and digest are known."""

    number: int
    data: bytes
    size: int
    digest: str


def line_digest(data: bytes) -> str:
    """First 128 bits of SHA-256 in hexadecimal: the identity of a line that names none."""
    return hashlib.sha256(data).hexdigest()[:32]


def lines(
    source: Iterator[bytes], limit: int, *, bare: bool = False, end: bytes = b"\n"
) -> Iterator[Line]:
    """Lines that hold more than white space, without it at their ends, numbered from 1.

    Lines end in LF or CR LF, or in another ``end``.  With ``bare`` they come as they are,
    blank ones too, without ``end`` alone.
    Memory is constant: a line of more than ``limit`` bytes comes with empty ``data``,
    though its digest is over all of it.
    """
    number = 1
    pending = _Pending(limit)
    for chunk in source:
        first, *others = chunk.split(end)
        pending.add(first)
        if not others:
            continue
        if (line := pending.line(number, bare=bare)) is not None:
            yield line
        number += 1
        for piece in others[:-1]:
            if (line := _line(number, piece, limit, bare=bare)) is not None:
                yield line
            number += 1
        pending = _Pending(limit)
        pending.add(others[-1])
    if (line := pending.line(number, bare=bare)) is not None and line.size:
        yield line


def _line(number: int, data: bytes, limit: int, *, bare: bool) -> Line | None:
    if len(data) > limit:
        return Line(number, b"", len(data), line_digest(data))
    if bare:  # made of several, a row has a digest of its own
        return Line(number, data, len(data), "")
    inside = data.strip()
    return Line(number, inside, len(inside), line_digest(inside)) if inside else None


class _Pending:
    """A line that is still coming in: its pieces, or only their digest once they are too many."""

    __slots__ = ("digest", "limit", "pieces", "size")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.pieces: list[bytes] = []
        self.size = 0
        self.digest: hashlib._Hash | None = None

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.digest is not None:
            self.digest.update(piece)
        elif self.size > self.limit:
            self.digest = hashlib.sha256(b"".join(self.pieces))
            self.digest.update(piece)
            self.pieces = []
        else:
            self.pieces.append(piece)

    def line(self, number: int, *, bare: bool) -> Line | None:
        if self.digest is not None:
            return Line(number, b"", self.size, self.digest.hexdigest()[:32])
        return _line(number, b"".join(self.pieces), self.limit, bare=bare)


class ChunkFile(io.RawIOBase):
    """A stream of chunks as a file that can only be read forwards (for tarfile)."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source = source
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed wants WriteableBuffer, which has no len
        """Fill ``buffer`` as far as the next chunk goes; 0 at the end."""
        while not self._rest:
            chunk = next(self._source, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
