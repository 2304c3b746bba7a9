"""The longest passages that two texts share, to show a person why one was taken for a copy.

Runs of equal tokens: shared shingles are the seeds, and shingles that follow each other in
both texts are one passage.  Shorter passages than a shingle are not looked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.dedup.shingles import SIZE, shingle_hashes
from ingest.dedup.tokens import tokenise

if TYPE_CHECKING:
    from numpy.typing import NDArray

_OCCURRENCES = 8  # of one shingle in the other text that are followed: keeps boilerplate linear


@dataclass(frozen=True, slots=True)
class Passage:
    """The same tokens in two texts, as the first one writes them.

    ``start`` and ``end`` are code points in the first text, ``other_start`` and
    ``other_end`` in the second; ``tokens`` counts tokens.
    """

    text: str
    tokens: int
    start: int
    end: int
    other_start: int
    other_end: int


def longest_shared(text: str, other: str, limit: int = 5) -> list[Passage]:
    """Longest shared passages first, none overlapping another in the first text.

    Equal means equal when folded: case, punctuation and spacing may differ.  About 1 ms for
    1,000 words each.
    """
    mine, its = tokenise(text), tokenise(other)
    if min(mine.hashes.size, its.hashes.size) < SIZE:
        return []
    first, second, lengths = _runs(*_seeds(mine.hashes, its.hashes))
    chosen: list[Passage] = []
    taken = np.zeros(mine.hashes.size, dtype=bool)
    for place in np.lexsort((first, -lengths)):
        a, b, length = int(first[place]), int(second[place]), int(lengths[place])
        if len(chosen) == limit:
            break
        if taken[a : a + length].any():
            continue
        taken[a : a + length] = True
        start, end = int(mine.starts[a]), int(mine.ends[a + length - 1])
        other_start, other_end = int(its.starts[b]), int(its.ends[b + length - 1])
        chosen.append(Passage(text[start:end], length, start, end, other_start, other_end))
    return chosen


def _seeds(
    mine: NDArray[np.uint64], its: NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions (in the first, in the second) of equal shingles."""
    shingles, others = shingle_hashes(mine), shingle_hashes(its)
    order = np.argsort(others, kind="stable")
    low = np.searchsorted(others[order], shingles, side="left")
    high = np.searchsorted(others[order], shingles, side="right")
    counts = np.minimum(high - low, _OCCURRENCES)
    first = np.repeat(np.arange(shingles.size), counts)
    within = np.arange(first.size) - np.repeat(np.cumsum(counts) - counts, counts)
    return first, order[np.repeat(low, counts) + within]


def _runs(
    first: NDArray[np.int64], second: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Join seeds that follow each other in both texts: starts, and lengths in tokens."""
    order = np.lexsort((first, second - first))
    first, second = first[order], second[order]
    begins = np.ones(first.size, dtype=bool)
    begins[1:] = (np.diff(first) != 1) | (np.diff(second) != 1)
    starts = np.flatnonzero(begins)
    seeds = np.diff(starts, append=first.size)
    return first[starts], second[starts], seeds + SIZE - 1
