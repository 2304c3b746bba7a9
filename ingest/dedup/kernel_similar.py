"""The similarity of term vectors, compiled by numba; `story.similarities` does it in numpy.

The same values to the last bit: sums of whole numbers are exact, and terms are added in the
same order.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ingest.compiling import inner, ready
from ingest.dedup.story import HASHED, PACKED
from ingest.dedup.terms import SHARE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Sizes = NDArray[np.int64]


@lru_cache(maxsize=4)
def load(folder: str) -> Callable[..., NDArray[np.float64]]:
    """Compile `similar`, or read what was kept in ``folder``; raises ImportError without numba."""
    one = b"\1" * PACKED
    return ready(similar, folder, (one, one, np.ones(1, np.int64)))


def similar(mine: bytes, theirs: bytes, sizes: Sizes) -> NDArray[np.float64]:
    """Similarity of a vector to others, shape (len(sizes),).

    All packed (`story.pack`), the others one after another; ``sizes``: their terms.
    """
    found = np.zeros(sizes.size)
    size = len(mine) // PACKED
    length = norm(mine, HASHED * size, size)
    begin = 0
    for k in range(sizes.size):
        weights = begin + HASHED * sizes[k]
        scale = max(norm(theirs, weights, sizes[k]), 1.0) * length
        total = 0.0
        i = j = 0
        while i < size and j < sizes[k]:
            here, there = hash_at(mine, HASHED * i), hash_at(theirs, begin + HASHED * j)
            if here == there:
                product = weight_at(mine, HASHED * size + i) * weight_at(theirs, weights + j)
                total += min(product / scale, SHARE)
            i += int(here <= there)
            j += int(there <= here)
        found[k] = min(total, 1.0)
        begin += PACKED * sizes[k]
    return found


@inner
def hash_at(packed: bytes, at: int) -> np.uint64:
    """Read a hash, four bytes in any place: without signs it is one load."""
    place, found = np.uintp(at), np.uint64(0)
    for step in range(HASHED):
        found |= np.uint64(packed[place + np.uintp(step)]) << np.uint64(8 * step)
    return found


@inner
def weight_at(packed: bytes, at: int) -> float:
    """Read a weight."""
    return float(packed[np.uintp(at)])


@inner
def norm(packed: bytes, begin: int, size: int) -> float:
    """Euclidean length of weights, a byte each."""
    total = 0.0
    for at in range(begin, begin + size):
        total += weight_at(packed, at) * weight_at(packed, at)
    return math.sqrt(total)
