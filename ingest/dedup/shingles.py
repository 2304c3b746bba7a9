"""Word 5-grams as 64-bit hashes: the sets whose Jaccard similarity decides a near copy.

Shingling after A. Broder, "On the resemblance and containment of documents", 1997.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingest.dedup.tokens import fmix64, tokenise

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = 5
"""Tokens in a shingle; a text of fewer tokens is one shingle."""

STEP = 0xD6E8FEB86659FD93
"""Odd multiplier that tells the places of a shingle apart."""


def shingles(text: str) -> NDArray[np.uint64]:
    """Sorted, unique hashes of the text's shingles; empty only for the empty string.

    At 64 bits two different shingles among a million share a hash with a probability
    of 3e-8: Jaccard over these is exact for every purpose here.
    """
    return unique(shingle_hashes(tokenise(text).hashes))


def unique(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Sort and take repeats out: `numpy.unique`, which hashes first, takes three times as long."""
    hashes = np.sort(hashes)
    first = np.ones(hashes.size, dtype=bool)
    np.not_equal(hashes[1:], hashes[:-1], out=first[1:])
    return hashes[first]


def shingle_hashes(tokens: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Hash of each run of `SIZE` token hashes, in order, repeats and all; uint64.

    Sum of token[i + k] * STEP^(SIZE - 1 - k) modulo 2^64, then `fmix64`.
    """
    if not tokens.size:
        return tokens
    size = min(SIZE, tokens.size)
    count = tokens.size - size + 1
    combined = np.zeros(count, dtype=np.uint64)
    for place in range(size):
        combined = combined * np.uint64(STEP) + tokens[place : place + count]
    return fmix64(combined)
