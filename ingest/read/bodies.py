"""Response bodies: decompressed piece by piece, so that no bomb is ever held whole.

The HTTP client's own decoders give all that a received piece unpacks to, which for
64 KiB of gzip can be 64 MiB, and for brotli gigabytes.  Hence only gzip and deflate
are asked for, and unpacked here.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ACCEPTED = "gzip, deflate"
_PIECE = 256 << 10
_GZIP = 16 + zlib.MAX_WBITS


class BodyError(Exception):
    """A body that was not accepted; ``reason`` is short, for counting."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def collect(pieces: Iterable[bytes], encoding: str, limit: int, *, cut: bool = False) -> bytes:
    """The whole body, of at most ``limit`` bytes after decompression, or `BodyError`.

    ``cut``: where the body is longer, its first ``limit`` bytes.
    """
    body = bytearray()
    for piece in _decoded(pieces, encoding):
        body += piece
        if len(body) > limit:
            if cut:
                return bytes(body[:limit])
            raise BodyError("too large", f"more than {limit:,} bytes after decompression")
    return bytes(body)


def _decoded(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    names = [name.strip().lower() for name in encoding.split(",")]
    names = [name for name in names if name not in {"", "identity"}]
    if not names:
        return iter(pieces)
    if names in (["gzip"], ["x-gzip"]):
        return _unpacked(pieces, _GZIP)
    if names == ["deflate"]:
        return _unpacked(pieces, 0)
    raise BodyError("content encoding", f"{encoding!r} was sent, {ACCEPTED!r} was asked for")


def _unpacked(pieces: Iterable[bytes], bits: int) -> Iterator[bytes]:
    """Unpack gzip (any number of members) or, with ``bits`` 0, deflate with or without header."""
    unpacker = None
    for received in pieces:
        data = received
        while data:
            if unpacker is None:
                unpacker = zlib.decompressobj(bits or _deflate_bits(data))
            try:
                piece = unpacker.decompress(data, _PIECE)
            except zlib.error as error:
                raise BodyError("content encoding", str(error)) from error
            if piece:
                yield piece
            data = unpacker.unconsumed_tail
            if unpacker.eof:
                data, unpacker = unpacker.unused_data, None
                if not data.startswith(b"\x1f\x8b"):
                    return
    if unpacker is not None:
        yield from _rest(unpacker)


def _rest(unpacker: zlib._Decompress) -> Iterator[bytes]:
    yield unpacker.flush(_PIECE)
    if not unpacker.eof:
        raise BodyError("content encoding", "the compressed body ends too early")


def _deflate_bits(data: bytes) -> int:
    """Window bits for deflate: RFC 9110 means zlib's format, some servers send it bare."""
    method, check = data[0] & 0x0F, int.from_bytes(data[:2], "big") % 31
    has_header = method == zlib.DEFLATED and (len(data) == 1 or check == 0)
    return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS
