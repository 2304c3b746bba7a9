"""The signature kernel: UTF-8 in, MinHash rows out, compiled by numba.

Imported only when a signature is needed: numba takes half a second to import.  Every
function here gives the values of its numpy counterpart (`shingles`, `minhash`), which is
the oracle in the tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ingest.compiling import inner
from ingest.dedup import shingles
from ingest.dedup.kernel_tokens import (
    ZERO,
    Hashes,
    Rows,
    U,
    cut,
    fmix64,
    spell,
    tokens_or_whole,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

Permutations: TypeAlias = "NDArray[np.uint32]"
"""Multipliers and addends of `minhash.permutations`, shape (2, rows)."""

HALF = np.uint64(32)
STEP = np.uint64(shingles.STEP)
SIZE = shingles.SIZE
NO_TITLE = b""


@inner
def fmix32(h: np.uint32) -> np.uint32:
    """Give MurmurHash3's 32-bit finaliser."""
    h = np.uint32(np.uint32(h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    h = np.uint32(np.uint32(h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return np.uint32(h ^ (h >> np.uint32(16)))


@inner
def shingle(hashes: Hashes) -> Hashes:
    """Give the 64-bit hash of each run of SIZE tokens."""
    size = min(SIZE, hashes.size)
    out = np.empty(hashes.size - size + 1 if hashes.size else 0, np.uint64)
    if size == SIZE:  # a loop of known length, which is unrolled and becomes SIMD
        for i in range(out.size):
            combined = ZERO
            for place in range(SIZE):
                combined = combined * STEP + hashes[U(i + place)]
            out[U(i)] = fmix64(combined)
    elif size:
        combined = ZERO
        for place in range(size):
            combined = combined * STEP + hashes[U(place)]
        out[0] = fmix64(combined)
    return out


@inner
def minhash(hashes: Rows, permutations: Permutations) -> Rows:
    """Give the rows of affine32 over 32-bit hashes.

    A row at a time over all hashes, four rows abreast: the minima stay in registers, and
    the loop over the hashes becomes SIMD (ten times the speed of the loop over rows).
    """
    a, b = permutations[0], permutations[1]
    mixed = np.empty(hashes.size, np.uint32)
    for i in range(hashes.size):
        mixed[U(i)] = fmix32(hashes[U(i)])
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


@inner
def near_rows(shingled: Hashes, permutations: Permutations) -> Rows:
    """Give the near signature of shingle hashes; see `minhash.narrow`."""
    halves = np.empty(shingled.size, np.uint32)
    for i in range(shingled.size):
        halves[U(i)] = np.uint32(shingled[U(i)] >> HALF)
    return minhash(halves, permutations)


@inner
def text_hashes(text: bytes, alphabet: Rows) -> Hashes:
    """Give the token hashes of a text."""
    letters, _ = spell(NO_TITLE, text, alphabet)
    return tokens_or_whole(cut(letters)[0], text)


def shingled(text: bytes, alphabet: Rows) -> Hashes:
    """Give the shingle hashes of a text, in order; compiled by `compiled.Compiled.shingles`."""
    return shingle(text_hashes(text, alphabet))


def near(text: bytes, alphabet: Rows, permutations: Permutations) -> Rows:
    """Give the near signature of a text; compiled, and cached, by `compiled.Compiled`."""
    return near_rows(shingle(text_hashes(text, alphabet)), permutations)
