"""The similarity of term vectors, compiled by numba; `story.similarities` does it in numpy.

The same values to the last bit: sums of whole numbers are exact, and terms are added in the
same order.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ingest.compiling import ready
from ingest.dedup.kernel_tokens import jit
from ingest.dedup.terms import SHARE, TERMS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Hashes = NDArray[np.uint32]
    Weights = NDArray[np.uint8]
    Places = NDArray[np.int64]


@lru_cache(maxsize=4)
def load(folder: str) -> Callable[..., NDArray[np.float64]]:
    """Compile `similar`, or read what was kept in ``folder``; raises ImportError without numba."""
    shape = (1, TERMS)
    sizes = np.ones(1, np.int64)
    example = (
        np.zeros(shape, np.uint32),
        np.ones(shape, np.uint8),
        sizes,
        0,
        np.zeros(1, np.int64),
    )
    return ready(similar, folder, example)


def similar(
    hashes: Hashes, weights: Weights, sizes: Places, at: int, others: Places
) -> NDArray[np.float64]:
    """Similarity of vector ``at`` to others, shape (len(others),).

    ``hashes``, ``weights``: shape (vectors, `TERMS`), filled up to ``sizes``, hashes sorted.
    """
    found = np.zeros(others.size)
    mine = norm(weights[at], sizes[at])
    for k in range(others.size):
        other = others[k]
        scale = max(norm(weights[other], sizes[other]), 1.0) * mine
        total = 0.0
        i = j = 0
        while i < sizes[at] and j < sizes[other]:
            here, there = hashes[at, i], hashes[other, j]
            if here == there:
                product = float(weights[at, i]) * float(weights[other, j])
                total += min(product / scale, SHARE)
            i += here <= there
            j += there <= here
        found[k] = min(total, 1.0)
    return found


@jit
def norm(weights: Weights, size: int) -> float:
    """Euclidean length of a vector."""
    total = 0.0
    for i in range(size):
        total += float(weights[i]) * float(weights[i])
    return math.sqrt(total)
