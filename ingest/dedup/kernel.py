"""The signature kernel: UTF-8 in, MinHash rows out, compiled by numba.

Imported only when a signature is needed: numba takes half a second to import.  Every
function here gives the values of its numpy counterpart (`tokens`, `shingles`, `minhash`),
which is the oracle in the tests.  Code points are decoded on the way, never stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

import numba
import numpy as np

from ingest.dedup import characters, shingles, tokens

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import NDArray

Bytes: TypeAlias = "NDArray[np.uint8]"
Rows: TypeAlias = "NDArray[np.uint32]"
Hashes: TypeAlias = "NDArray[np.uint64]"
Alphabet: TypeAlias = "tuple[Bytes, NDArray[np.uint16], NDArray[np.uint32]]"
"""For ASCII its folded letters, 0 where no part of a word; index and pages of `Characters`."""
Permutations: TypeAlias = "tuple[Rows, Rows]"
"""Multipliers and addends of `minhash.permutations`."""
F = TypeVar("F", bound="Callable[..., Any]")

ZERO, HALF = np.uint64(0), np.uint64(32)
BASE = np.uint64(tokens.BASE)
STEP = np.uint64(shingles.STEP)
SIZE = shingles.SIZE
S1, M1, S2, M2, S3 = (np.uint64(number) for number in tokens.FMIX64)
CLASS_SHIFT = np.uint32(characters.CLASS_SHIFT)
FOLD_MASK = np.uint32(characters.FOLD_MASK)
WORD, SINGLE = np.uint32(characters.WORD), np.uint32(characters.SINGLE)
LOW = np.uint32(0x3F)
ONE_BYTE, TWO_BYTES, THREE_BYTES = 0x80, 0xE0, 0xF0  # first lead byte of a longer sequence


def _compiled(function: F) -> F:
    """Say `numba.njit`, which types a function as something that strict mypy cannot follow."""
    return cast("F", numba.njit(function))


@_compiled
def fmix64(h: np.uint64) -> np.uint64:
    """See `tokens.fmix64`."""
    h = (h ^ (h >> S1)) * M1
    h = (h ^ (h >> S2)) * M2
    return h ^ (h >> S3)


@_compiled
def fmix32(h: np.uint32) -> np.uint32:
    """Give MurmurHash3's 32-bit finaliser."""
    h = np.uint32(np.uint32(h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    h = np.uint32(np.uint32(h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(h ^ (h >> np.uint32(16)))


@_compiled
def tokens_ascii(text: Bytes, fold: Bytes, out: Hashes) -> int:
    """Write token hashes of ASCII text; no branch hangs on a letter."""
    h, n = ZERO, 0
    for i in range(text.size):
        letter = np.uint64(fold[text[i]])
        out[n] = h
        n += int((h != ZERO) & (letter == ZERO))
        h = h * BASE + letter if letter != ZERO else ZERO
    out[n] = h
    return n + int(h != ZERO)


@_compiled
def decode(text: Bytes, i: int) -> tuple[np.uint32, int]:
    """Give the code point at byte i of valid UTF-8, and the position of the next."""
    lead = np.uint32(text[i])
    if lead < ONE_BYTE:
        return lead, i + 1
    second = np.uint32(text[i + 1]) & LOW
    if lead < TWO_BYTES:
        return (lead & np.uint32(0x1F)) << np.uint32(6) | second, i + 2
    third = np.uint32(text[i + 2]) & LOW
    if lead < THREE_BYTES:
        point = (lead & np.uint32(0x0F)) << np.uint32(12) | second << np.uint32(6) | third
        return point, i + 3
    point = (lead & np.uint32(0x07)) << np.uint32(18) | second << np.uint32(12)
    return point | third << np.uint32(6) | np.uint32(text[i + 3]) & LOW, i + 4


@_compiled
def tokens_utf8(text: Bytes, alphabet: Alphabet, out: Hashes) -> int:
    """Write token hashes of UTF-8 text; branches on the length of a code point only."""
    _, index, pages = alphabet
    h, n, i = ZERO, 0, 0
    while i < text.size:
        point, i = decode(text, i)
        entry = pages[index[point >> np.uint32(8)], point & np.uint32(255)]
        folded = np.uint64((point + entry) & FOLD_MASK)
        kind = entry >> CLASS_SHIFT
        out[n] = h
        n += int((h != ZERO) & (kind != WORD))
        out[n] = folded
        n += int(kind == SINGLE)
        h = h * BASE + folded if kind == WORD else ZERO
    out[n] = h
    return n + int(h != ZERO)


@_compiled
def whole(text: Bytes) -> np.uint64:
    """Hash a text without tokens, as one token of all its code points."""
    h, i = ZERO, 0
    while i < text.size:
        point, i = decode(text, i)
        h = h * BASE + np.uint64(point)
    return h


@_compiled
def tokenise(text: Bytes, plain: int, alphabet: Alphabet) -> Hashes:
    """Give the token hashes of UTF-8 text: a word takes two bytes, a single character three."""
    out = np.empty(text.size // 2 + 3, np.uint64)
    n = tokens_ascii(text, alphabet[0], out) if plain else tokens_utf8(text, alphabet, out)
    if n == 0 and text.size:
        out[0], n = whole(text), 1
    for i in range(n):
        out[i] = fmix64(out[i])
    return out[:n]


@_compiled
def shingle(hashes: Hashes) -> Hashes:
    """Give the 64-bit hash of each run of SIZE tokens."""
    size = min(SIZE, hashes.size)
    out = np.empty(hashes.size - size + 1 if hashes.size else 0, np.uint64)
    for i in range(out.size):
        combined = ZERO
        for place in range(size):
            combined = combined * STEP + hashes[i + place]
        out[i] = fmix64(combined)
    return out


@_compiled
def minhash(hashes: Hashes, permutations: Permutations) -> Rows:
    """Give the rows of affine32 over the upper halves of 64-bit hashes.

    A row at a time over all hashes, four rows abreast: the minima stay in registers, and
    the loop over the hashes becomes SIMD (ten times the speed of the loop over rows).
    """
    a, b = permutations
    mixed = np.empty(hashes.size, np.uint32)
    for i in range(hashes.size):
        mixed[i] = fmix32(np.uint32(hashes[i] >> HALF))
    out = np.empty(a.size, np.uint32)
    for k in range(0, a.size - 3, 4):
        a0, a1, a2, a3 = a[k], a[k + 1], a[k + 2], a[k + 3]
        b0, b1, b2, b3 = b[k], b[k + 1], b[k + 2], b[k + 3]
        m0 = m1 = m2 = m3 = np.uint32(0xFFFFFFFF)
        for h in mixed:
            m0 = min(m0, np.uint32(a0 * h + b0))
            m1 = min(m1, np.uint32(a1 * h + b1))
            m2 = min(m2, np.uint32(a2 * h + b2))
            m3 = min(m3, np.uint32(a3 * h + b3))
        out[k], out[k + 1], out[k + 2], out[k + 3] = m0, m1, m2, m3
    for k in range(a.size // 4 * 4, a.size):
        low = np.uint32(0xFFFFFFFF)
        for h in mixed:
            low = min(low, np.uint32(a[k] * h + b[k]))
        out[k] = low
    return out


def near(text: Bytes, plain: int, alphabet: Alphabet, permutations: Permutations) -> Rows:
    """Give the near signature."""
    return minhash(shingle(tokenise(text, plain, alphabet)), permutations)
