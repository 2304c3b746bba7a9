"""The records of one web archive: WARC by FastWARC, ARC by its own short grammar.

FastWARC stops at the first record that it cannot parse.  Reading then goes on at the
next place that looks like the start of a record (of a gzip member, an LZ4 or zstd
frame, or of a plain header), so that damage costs the records that it touches.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from ingest.read.streams import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastwarc.warc import WarcRecord

STARTS = (b"\x1f\x8b\x08", b"\x04\x22\x4d\x18", b"\x28\xb5\x2f\xfd", b"WARC/")
"""What a record can begin with: gzip, LZ4, zstd, or the record itself."""
_HEADER = 32 << 10
_ARC = re.compile(rb"(\S.*) (\S+) (\d{8,20}) (\S+) (\d{1,18})\s*")
_ARC_LINE = 64 << 10


@dataclass(frozen=True, slots=True)
class Record:
    """One record that was read whole; ``offset`` is where it begins in the file.

    ``key`` is its record id, or date and address where it has none; ``headers`` have
    names in lower case; ARC records are responses.
    """

    offset: int
    kind: str
    key: str
    block: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The address that it was taken from."""
        return self.headers.get("warc-target-uri", "").strip().removeprefix("<").removesuffix(">")

    @property
    def date(self) -> str:
        """When it was taken, as it is written: ISO 8601, in ARC 14 digits."""
        return self.headers.get("warc-date", "")


@dataclass(frozen=True, slots=True)
class Broken:
    """A place in the file where no record could be read, and why."""

    offset: int
    reason: str
    detail: str


Piece: TypeAlias = Record | Broken


# --- WARC -----------------------------------------------------------------------------


def warc_records(
    file: BinaryIO, kinds: frozenset[str], limit: int, start: int = 0
) -> Iterator[Piece]:
    """The records of the named kinds from ``start`` on, and what is broken between them.

    Memory: one record, of at most ``limit`` bytes; longer ones are `Broken`.
    """
    mark = _mark(file, start)
    at: int | None = start
    gap: tuple[Broken, ...] = ()  # told of unless the next record says itself that it is broken
    while at is not None:
        good = -1  # where the last record that could be parsed begins
        try:
            for good, piece in _run(file, at, kinds, limit):  # noqa: B007 - the handler needs it
                yield from gap
                gap = ()
                if piece is not None:
                    yield piece
        except OSError as error:
            if good < 0:
                yield Broken(at, "damaged", f"the record at byte {at:,}: {error}")
                gap, at = (), _next(file, mark, at + 1)
                continue
            # The record that failed is the next that begins behind the last good one.
            gap = (Broken(good + 1, "damaged", f"behind the record at byte {good:,}: {error}"),)
            at = _next(file, mark, max(good, at) + 1)
        else:
            break
    yield from gap


def _run(
    file: BinaryIO, start: int, kinds: frozenset[str], limit: int
) -> Iterator[tuple[int, Piece | None]]:
    """Records from ``start`` to the end or to an `OSError`; None for those not wanted."""
    from fastwarc.warc import ArchiveIterator  # noqa: PLC0415  # only with web archives

    file.seek(start)
    for record in ArchiveIterator(file, parse_http=False, max_header_len=_HEADER):
        wanted = str(record.record_type) in kinds
        yield record.stream_pos, _piece(record, limit) if wanted else None


def _piece(record: WarcRecord, limit: int) -> Piece:
    headers = {name.lower(): value for name, value in record.headers.items()}
    offset, announced = record.stream_pos, record.content_length
    if announced > limit:
        detail = f"the record at byte {offset:,} has {announced:,} bytes (max_bytes = {limit:,})"
        return Broken(offset, "too large", detail)
    block = record.reader.read(announced) if announced else b""
    if len(block) < announced:
        detail = f"the record at byte {offset:,} has {len(block):,} of {announced:,} bytes"
        return Broken(offset, "truncated", detail)
    name = re.sub(r"^<?(?:urn:uuid:)?|>$", "", headers.get("warc-record-id", "").strip())
    key = name or f"{headers.get('warc-date', '')}/{headers.get('warc-target-uri', '')}"
    return Record(offset, str(record.record_type), key, block, headers)


def _mark(file: BinaryIO, start: int) -> bytes:
    """What a record of this file begins with, by the first of them."""
    file.seek(start)
    head = file.read(5)
    return next((mark for mark in STARTS if head.startswith(mark)), b"WARC/")


def _next(file: BinaryIO, mark: bytes, start: int) -> int | None:
    """The first offset from ``start`` on at which ``mark`` stands; None where there is none.

    A plain record begins on a line of its own; in compressed data a mark may stand by
    chance, which costs one more try.
    """
    wanted = b"\n" + mark if mark == b"WARC/" else mark
    file.seek(start)
    kept, base = b"", start
    while data := file.read(CHUNK):
        window = kept + data
        found = window.find(wanted)
        if found >= 0:
            return base + found + len(wanted) - len(mark)
        kept = window[-len(wanted) + 1 :]
        base += len(window) - len(kept)
    return None


# --- ARC ------------------------------------------------------------------------------


def arc_records(source: Iterator[bytes], limit: int) -> Iterator[Piece]:
    """The records of an ARC file (versions 1 and 2) given as unpacked chunks.

    Offsets count unpacked bytes.  Raises `ReadError` where the chunks do.
    """
    stream = _Buffer(source)
    while (line := stream.line()) is not None:
        if not line.strip():
            continue
        offset = stream.at - len(line)
        head = _ARC.fullmatch(line)
        if head is None:
            if _is_header(line):
                yield Broken(offset, "damaged", f"no ARC header at byte {offset:,}: {line[:80]!r}")
            continue
        url, date, length = head[1].decode("utf-8", "replace"), head[3].decode(), int(head[5])
        if length > limit:
            stream.skip(length)
            detail = f"the record at byte {offset:,} has {length:,} bytes (max_bytes = {limit:,})"
            yield Broken(offset, "too large", detail)
            continue
        block = stream.take(length)
        if len(block) < length:
            detail = f"the record at byte {offset:,} has {len(block):,} of {length:,} bytes"
            yield Broken(offset, "truncated", detail)
        elif not url.startswith("filedesc:"):
            headers = {"warc-target-uri": url, "warc-date": date}
            yield Record(offset, "response", f"{date}/{url}", block, headers)


def _is_header(line: bytes) -> bool:
    """Whether a line is a record's header gone wrong; others belong to what it headed."""
    return re.match(rb"[a-z][a-z0-9+.-]*:\S+ \S+ \d{8,}", line) is not None


class _Buffer:
    """Lines and runs of bytes out of chunks; ``at`` is how many bytes were given out."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source = source
        self._rest = b""
        self.at = 0

    def line(self) -> bytes | None:
        """The next line, or its first 64 KiB; None at the end."""
        while b"\n" not in self._rest and len(self._rest) < _ARC_LINE and self._more():
            pass
        end = self._rest.find(b"\n") + 1 or len(self._rest)
        return self.take(min(end, _ARC_LINE)) or None

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes, fewer only at the end."""
        pieces, left = [], count
        while left and (self._rest or self._more()):
            pieces.append(self._rest[:left])
            self._rest = self._rest[left:]
            left -= len(pieces[-1])
        self.at += count - left
        return b"".join(pieces)

    def skip(self, count: int) -> None:
        """Pass over ``count`` bytes without keeping them."""
        while count > 0 and (step := len(self.take(min(count, CHUNK)))):
            count -= step

    def _more(self) -> bool:
        data = next(self._source, b"")
        self._rest += data
        return bool(data)


def is_arc(head: bytes, name: str) -> bool:
    """Whether unpacked bytes are of an ARC file, by their start or else by the file's name."""
    if head.startswith(b"WARC/"):
        return False
    return head.startswith(b"filedesc:") or re.search(r"\.arc(?:\.\w+)?$", name.lower()) is not None
