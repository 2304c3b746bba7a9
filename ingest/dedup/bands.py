"""Bands and rows from the threshold and the wanted recall, and the keys of a band.

A pair of similarity s shares at least one of b bands of r rows with probability
1 - (1 - s^r)^b (Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", 3.4.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log, log1p
from typing import TYPE_CHECKING

import numpy as np

from ingest.dedup.tokens import fmix64
from ingest.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHORTER = 0.5
"""Share of the longer text that a truncated copy must be, to be found for its containment."""

_STEP = np.uint64(0xD6E8FEB86659FD93)


@dataclass(frozen=True, slots=True)
class Bands:
    """``count`` bands of ``rows`` rows each, chosen for pairs of similarity ``threshold``."""

    count: int
    rows: int
    threshold: float

    def probability(self, similarity: float) -> float:
        """Return the probability that a pair of this similarity shares at least one band."""
        return 1.0 - (1.0 - similarity**self.rows) ** self.count

    @property
    def recall(self) -> float:
        """Probability at the threshold: the least for any pair that should be found."""
        return self.probability(self.threshold)

    def guarantee(self) -> str:
        """One line for a person: what is found, and what it costs."""
        return (
            f"{self.count} bands of {self.rows} rows: a pair at Jaccard {self.threshold:g} becomes "
            f"a candidate with probability {self.recall:.4f}, one at "
            f"{self.threshold / 2:g} with {self.probability(self.threshold / 2):.4f}"
        )


def choose(threshold: float, recall: float = 0.995, permutations: int = 128) -> Bands:
    """Choose the most selective bands that still reach ``recall`` at ``threshold``.

    Most rows a band first (fewest candidates in vain), then fewest bands (smallest index).
    The default leaves a margin above 0.99, so that a sample of pairs, each exactly at the
    threshold, stays above it too.

    Raises `UsageError` where ``permutations`` rows do not suffice even at one row a band.
    """
    if not (0.0 < threshold <= 1.0 and 0.0 < recall < 1.0):
        raise UsageError(f"threshold {threshold} and recall {recall} must lie between 0 and 1")
    for rows in range(permutations, 0, -1):
        count = _needed(threshold**rows, recall)
        if count * rows <= permutations:
            return Bands(count, rows, threshold)
    raise UsageError(
        f"{permutations} rows cannot find pairs at similarity {threshold} with recall {recall}",
        hint="raise the threshold, or lower the recall",
    )


def choose_for(
    threshold: float, containment: float, recall: float = 0.995, permutations: int = 128
) -> Bands:
    """Choose bands for near copies by Jaccard and, where ``containment`` is above 0, by that too.

    Containment alone says nothing of the Jaccard similarity, which bands go by: a paragraph
    in a book has containment 1 and Jaccard 0.  Bands keep their ``recall`` for containment as
    long as the shorter text has at least `SHORTER` of the longer one's shingles.
    Such bands have fewer rows: 0.9 gives 26 of 2 instead of 18 of 6, and more candidates.
    """
    if containment <= 0.0:
        return choose(threshold, recall, permutations)
    return choose(min(threshold, least_jaccard(containment)), recall, permutations)


def least_jaccard(containment: float) -> float:
    """Least Jaccard similarity of a pair of this containment, of which one is not too short.

    With sizes s and 1, and c s of them shared, it is c s / (1 + s - c s).
    """
    shared = containment * SHORTER
    return shared / (1.0 + SHORTER - shared)


def _needed(agree: float, recall: float) -> int:
    """Bands needed, where one agrees with this probability."""
    if agree >= recall:
        return 1
    return ceil(log(1.0 - recall) / log1p(-agree)) if agree > 0.0 else 1 << 62


def keys(signatures: NDArray[np.uint32], bands: Bands) -> NDArray[np.uint64]:
    """Key of each band, shape (n, bands.count), uint64, of signatures of shape (n, rows).

    A key hashes the whole band, value by value in order, and the band's number: a sum of
    the values would let unrelated documents collide more and more as the index grows.
    """
    used = signatures[:, : bands.count * bands.rows].astype(np.uint64)
    values = used.reshape(-1, bands.count, bands.rows)
    combined = np.broadcast_to(np.arange(1, bands.count + 1, dtype=np.uint64), values.shape[:2])
    for row in range(bands.rows):
        combined = fmix64(combined * _STEP + values[:, :, row])
    return combined
