"""Which documents tell the same story: the similarity of two, and the rule that decides.

Candidates come from MinHash of each document's `SIGNED` weightiest terms: documents that
agree in at least `StoryRule.rows` of `ROWS` rows.  The cosine of the term vectors
(`ingest.dedup.terms`) decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from ingest.dedup.minhash import minhash
from ingest.dedup.rarity import table_version
from ingest.dedup.terms import TERMS, TermVector, occurrences, terms, weigh

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from ingest.dedup.rarity import Rarity
    from ingest.dedup.terms import Occurrences

__all__ = [
    "TermVector",
    "terms",
]

ROWS = 128
"""Rows of a story signature, each a band of its own."""

SIGNED = 32
"""Weightiest terms that a story signature is made of."""

VERSION = f"story/1 {table_version()}"
"""What the vector and signature of a text depend on beside the text: compare, never parse."""

_DATE = len("YYYY-MM-DD")


@dataclass(frozen=True, slots=True)
class StoryRule:
    """When a document joins a story.

    ``threshold``: least similarity; ``window_days``: most days between two documents,
    where both have a date; ``rows``: least equal rows of the signatures of candidates.
    """

    threshold: float = 0.23
    window_days: int = 14
    rows: int = 6

    def in_window(self, created: str, other: str) -> bool:
        """Whether two times (``YYYY-MM-DD...``, or ``""``) let documents be of one story."""
        return not (created and other) or days_between(created, other) <= self.window_days


@dataclass(frozen=True, slots=True)
class Compared:
    """A document of some story that a new one was compared with."""

    story: str
    number: int
    similarity: float


@dataclass(frozen=True, slots=True)
class Choice:
    """The story that a document joins.

    ``of``: its most similar document there, with ``similarity``; ``mean``: the mean
    similarity over the documents of the story that were compared, which decided.
    """

    story: str
    of: int
    similarity: float
    mean: float


def days_between(created: str, other: str) -> int:
    """Days between the dates of two times in ISO 8601."""
    return abs((date.fromisoformat(created[:_DATE]) - date.fromisoformat(other[:_DATE])).days)


def similarity(a: TermVector, b: TermVector) -> float:
    """Cosine of two vectors, in [0, 1]; 0 where one is empty."""
    return float(similarities(a, [b])[0])


def similarities(vector: TermVector, others: Sequence[TermVector]) -> NDArray[np.float64]:
    """Cosine of a vector with each of others, shape (len(others),); about 2 us each."""
    hashes = np.concatenate([np.empty(0, np.uint32), *(other.hashes for other in others)])
    weights = np.concatenate([np.empty(0), *(other.weights for other in others)])
    if not vector.hashes.size or not hashes.size:
        return np.zeros(len(others))
    of = np.repeat(np.arange(len(others)), [other.hashes.size for other in others])
    places = np.minimum(np.searchsorted(vector.hashes, hashes), vector.hashes.size - 1)
    met = np.where(vector.hashes[places] == hashes, vector.weights[places], 0.0)
    dots = np.bincount(of, met * weights, len(others))
    squares = np.bincount(of, weights * weights, len(others))
    own = float(np.square(vector.weights.astype(np.float64)).sum())
    cosines: NDArray[np.float64] = dots / np.sqrt(np.maximum(squares, 1.0) * own)
    return np.minimum(cosines, 1.0)


def choose_story(compared: Iterable[Compared], rule: StoryRule) -> Choice | None:
    """The story whose compared documents are most similar on average, if that suffices.

    Of equals, the story that was compared first.  None: the document begins its own story.
    """
    stories: dict[str, list[Compared]] = {}
    for one in compared:
        stories.setdefault(one.story, []).append(one)
    best: Choice | None = None
    for story, members in stories.items():
        mean = sum(one.similarity for one in members) / len(members)
        if mean >= rule.threshold and (best is None or mean > best.mean):
            nearest = max(members, key=lambda one: one.similarity)
            best = Choice(story, nearest.number, nearest.similarity, mean)
    return best


# --- candidates -----------------------------------------------------------------------


def heaviest(vector: TermVector, count: int = SIGNED) -> NDArray[np.uint32]:
    """Hashes of the weightiest terms, the smaller hash of equals."""
    order = np.lexsort((vector.hashes, -vector.weights.astype(np.int16)))
    return vector.hashes[order[:count]]


def story_signature(vector: TermVector, seed: int = 1) -> NDArray[np.uint32]:
    """MinHash of the weightiest terms, shape (`ROWS`,), uint32; all ones where there is none."""
    return minhash(heaviest(vector), ROWS, seed)


# --- keeping --------------------------------------------------------------------------


def pack(vector: TermVector) -> bytes:
    """Give the vector as bytes, five a term: all hashes (little-endian), then all weights."""
    return vector.hashes.astype("<u4").tobytes() + vector.weights.tobytes()


def unpack(data: bytes) -> TermVector:
    """Read what `pack` gave; raises ValueError where it did not give that."""
    count, rest = divmod(len(data), 5)
    if rest or count > TERMS:
        raise ValueError(f"{len(data)} bytes are no term vector")
    hashes = np.frombuffer(data, "<u4", count)
    return TermVector(hashes, np.frombuffer(data, np.uint8, count, 4 * count))


# --- explaining -----------------------------------------------------------------------


def shared_terms(
    one: tuple[str, str], other: tuple[str, str], rarity: Rarity, limit: int = 20
) -> list[tuple[str, float]]:
    """Terms that two documents (text, title) share, heaviest first, with their part of the cosine.

    The parts sum to the similarity where ``limit`` cuts nothing off.
    """
    found = occurrences(*one, rarity)
    mine, its = weigh(found), terms(*other, rarity)
    hashes, here, there = np.intersect1d(mine.hashes, its.hashes, True, True)
    products = mine.weights[here].astype(np.float64) * its.weights[there]
    parts = products / (_norm(mine) * _norm(its) or 1.0)
    words = _words(found, hashes)
    heaviest_first = np.argsort(-parts, kind="stable")[:limit]
    return [(words[int(hashes[i])], float(parts[i])) for i in heaviest_first]


def _words(found: Occurrences, hashes: NDArray[np.uint32]) -> dict[int, str]:
    """Write out each term as it first stands in the text."""
    wanted = np.flatnonzero(np.isin(found.hashes, hashes))[::-1]
    return {
        int(found.hashes[i]): found.text[found.starts[i] : found.ends[i]].lower() for i in wanted
    }


def _norm(vector: TermVector) -> float:
    return float(np.sqrt(np.square(vector.weights.astype(np.float64)).sum()))
