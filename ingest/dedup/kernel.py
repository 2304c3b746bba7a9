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
Spans: TypeAlias = "tuple[Hashes, NDArray[np.int64], NDArray[np.int64]]"
"""Of each token: its hash; end << 32 | start, in code points; where its first byte is."""
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
START_BITS = 32
ONE_BYTE, TWO_BYTES, THREE_BYTES = 0x80, 0xE0, 0xF0  # first lead byte of a longer sequence


def jit(function: F) -> F:
    """Say `numba.njit`, which types a function as something that strict mypy cannot follow."""
    return cast("F", numba.njit(function))


@jit
def fmix64(h: np.uint64) -> np.uint64:
    """See `tokens.fmix64`."""
    h = (h ^ (h >> S1)) * M1
    h = (h ^ (h >> S2)) * M2
    return h ^ (h >> S3)


@jit
def fmix32(h: np.uint32) -> np.uint32:
    """Give MurmurHash3's 32-bit finaliser."""
    h = np.uint32(np.uint32(h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    h = np.uint32(np.uint32(h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(h ^ (h >> np.uint32(16)))


@jit
def tokens_ascii(text: Bytes, fold: Bytes, out: Spans) -> int:
    """Write the tokens of ASCII text; no branch hangs on a letter, so that none is mispredicted.

    What stands at ``out[n]`` is overwritten until the token ends, when n moves on.
    """
    hashes, spans, leads = out
    h, n, start = ZERO, 0, 0
    for i in range(text.size):
        letter = np.uint64(fold[text[i]])
        word = letter != ZERO
        hashes[n], spans[n], leads[n] = h, i << START_BITS | start, start
        n += int((start < i) & (not word))
        h = h * BASE + letter if word else ZERO
        start = start if word else i + 1
    hashes[n], spans[n], leads[n] = h, text.size << START_BITS | start, start
    return n + int(start < text.size)


@jit
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


@jit
def tokens_utf8(text: Bytes, alphabet: Alphabet, out: Spans) -> int:
    """Write the tokens of UTF-8 text; branches hang on the length of code points only."""
    hashes, spans, leads = out
    fold, index, pages = alphabet
    h, n, i, at, start, lead = ZERO, 0, 0, 0, 0, 0
    while i < text.size:
        here = i
        if text[i] < ONE_BYTE:  # most of most texts, and two look-ups less
            folded = np.uint64(fold[text[i]])
            word, single = folded != ZERO, False
            i += 1
        else:
            point, i = decode(text, i)
            entry = pages[index[point >> np.uint32(8)], point & np.uint32(255)]
            folded = np.uint64((point + entry) & FOLD_MASK)
            word = entry >> CLASS_SHIFT == WORD
            single = entry >> CLASS_SHIFT == SINGLE
        hashes[n], spans[n], leads[n] = h, at << START_BITS | start, lead
        n += int((start < at) & (not word))
        if single:
            hashes[n], spans[n], leads[n] = folded, (at + 1) << START_BITS | at, here
            n += 1
        at += 1
        h = h * BASE + folded if word else ZERO
        start = start if word else at
        lead = lead if word else i
    hashes[n], spans[n], leads[n] = h, at << START_BITS | start, lead
    return n + int(start < at)


@jit
def whole(text: Bytes, h: np.uint64) -> np.uint64:
    """Go on hashing with all code points of a text, as if they were of one token."""
    i = 0
    while i < text.size:
        point, i = decode(text, i)
        h = h * BASE + np.uint64(point)
    return h


@jit
def tokenise(text: Bytes, plain: int, alphabet: Alphabet) -> Spans:
    """Give the tokens of UTF-8 text (``plain``: ASCII), none for a text that has none.

    A word takes two bytes at least, and a single character three.
    """
    most = text.size // 2 + 3
    out = (np.empty(most, np.uint64), np.empty(most, np.int64), np.empty(most, np.int64))
    n = tokens_ascii(text, alphabet[0], out) if plain else tokens_utf8(text, alphabet, out)
    hashes, spans, leads = out
    for i in range(n):
        hashes[i] = fmix64(hashes[i])
    return hashes[:n], spans[:n], leads[:n]


@jit
def tokens_or_whole(hashes: Hashes, text: Bytes) -> Hashes:
    """Give the token hashes, or, of a text without tokens, one of the whole text."""
    if hashes.size or not text.size:
        return hashes
    return np.full(1, fmix64(whole(text, ZERO)))


@jit
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


@jit
def upper_halves(hashes: Hashes) -> Rows:
    """See `minhash.narrow`."""
    out = np.empty(hashes.size, np.uint32)
    for i in range(hashes.size):
        out[i] = np.uint32(hashes[i] >> HALF)
    return out


@jit
def minhash(hashes: Rows, permutations: Permutations) -> Rows:
    """Give the rows of affine32 over 32-bit hashes.

    A row at a time over all hashes, four rows abreast: the minima stay in registers, and
    the loop over the hashes becomes SIMD (ten times the speed of the loop over rows).
    """
    a, b = permutations
    mixed = np.empty(hashes.size, np.uint32)
    for i in range(hashes.size):
        mixed[i] = fmix32(hashes[i])
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


@jit
def near_rows(hashes: Hashes, permutations: Permutations) -> Rows:
    """Give the near signature of token hashes."""
    return minhash(upper_halves(shingle(hashes)), permutations)


def shingled(text: Bytes, plain: int, alphabet: Alphabet) -> Hashes:
    """Give the shingle hashes of a text, in order; compiled by `compiled.Compiled.shingles`."""
    hashes, _, _ = tokenise(text, plain, alphabet)
    return shingle(tokens_or_whole(hashes, text))


def near(text: Bytes, plain: int, alphabet: Alphabet, permutations: Permutations) -> Rows:
    """Give the near signature of a text; compiled, and cached, by `compiled.load`."""
    hashes, _, _ = tokenise(text, plain, alphabet)
    return near_rows(tokens_or_whole(hashes, text), permutations)
