"""MinHash in datasketch's scheme ``affine32``, in numpy: the oracle beside the kernel.

Values equal `datasketch.MinHash` (2.x) given the same 32-bit hashes: MurmurHash3's
finaliser once, then ``a * h + b`` modulo 2^32 with odd ``a``, and the minimum of each row.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from datasketch import MinHash
    from numpy.typing import NDArray

SCHEME = "affine32"
EMPTY = 0xFFFFFFFF
"""Every row of the signature of an empty set."""

_BLOCK = 1 << 9  # hashes permuted at a time: 256 KiB at 128 rows; more leaves the nearer cache


@cache
def permutations(rows: int, seed: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Multipliers and addends, shape (rows,), as `datasketch.MinHash(rows, seed)` draws them.

    Not taken from datasketch itself, because its import takes a second (scipy's).
    """
    draw = np.random.RandomState(seed)  # datasketch's generator, else values differ
    a = draw.randint(0, 1 << 31, rows, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    b = draw.randint(0, 1 << 32, rows, dtype=np.uint32)
    return a, b


def narrow(hashes: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """Take the 32-bit hashes that MinHash sees: the upper halves."""
    return (hashes >> np.uint64(32)).astype(np.uint32)


def minhash(hashes: NDArray[np.uint32], rows: int, seed: int) -> NDArray[np.uint32]:
    """Signature of a set of 32-bit hashes, shape (rows,); repeats in ``hashes`` do no harm."""
    a, b = permutations(rows, seed)
    signature = np.full(rows, EMPTY, dtype=np.uint32)
    mixed = _fmix32(hashes)
    for start in range(0, mixed.size, _BLOCK):
        permuted = mixed[start : start + _BLOCK, None] * a + b
        np.minimum(signature, permuted.min(axis=0), out=signature)
    return signature


def estimate(a: NDArray[np.uint32], b: NDArray[np.uint32]) -> float:
    """Estimated Jaccard similarity: the share of rows in which two signatures agree."""
    return float(np.count_nonzero(a == b)) / a.size


def to_datasketch(signature: NDArray[np.uint32], seed: int) -> MinHash:
    """Give the signature as `datasketch.MinHash`, for its LSH, forests and ensembles.

    It compares with, and may be merged into, any MinHash of the same seed, rows and scheme.
    """
    from datasketch import MinHash  # noqa: PLC0415 - imports scipy: one second

    return MinHash(
        seed=seed,
        hashvalues=signature,
        permutations=permutations(signature.size, seed),
        scheme=SCHEME,
    )


def _fmix32(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    values = (values ^ (values >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    values = (values ^ (values >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return values ^ (values >> np.uint32(16))
