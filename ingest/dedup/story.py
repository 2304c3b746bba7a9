"""Which documents tell the same story: the similarity of two, and the rule that decides.

    terms -> signature -> candidates -> similarity -> stories worth a look -> the story

Candidates come from MinHash of each document's `SIGNED` weightiest terms: documents that
agree in at least `StoryRule.rows` of `ROWS` rows.  A story is represented by its first
`StoryRule.representatives` documents, for good, so that it cannot drift however many
join; a document joins the story whose representatives are most similar to it on average.
With one representative this is the leader rule, with all of them online average link.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import fsum
from typing import TYPE_CHECKING

import numpy as np

from ingest.dedup.minhash import minhash
from ingest.dedup.rarity import table_version
from ingest.dedup.terms import SHARE, TERMS, TermVector, occurrences, terms, weigh

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

HASHED, PACKED = 4, 5
"""Bytes of a term's hash in a packed vector, and of hash and weight together."""

VERSION = f"story/1 {table_version()}"
"""What the vector and signature of a text depend on beside the text: compare, never parse."""

_DATE = len("YYYY-MM-DD")


@dataclass(frozen=True, slots=True)
class StoryRule:
    """When a document joins a story.

    ``threshold``: least mean similarity to its representatives; ``window_days``: most days
    between two documents that are compared, where both have a date; ``rows``: least equal
    rows of the signatures of candidates; ``representatives``: documents that stand for a
    story, the first that came.
    """

    threshold: float = 0.22
    window_days: int = 14
    rows: int = 6
    representatives: int = 8

    def in_window(self, created: str, other: str) -> bool:
        """Whether two times (``YYYY-MM-DD...``, or ``""``) let documents be of one story."""
        return not (created and other) or days_between(created, other) <= self.window_days


@dataclass(frozen=True, slots=True)
class Compared:
    """A representative of some story, and how similar the document to be decided is to it."""

    story: str
    number: int
    similarity: float


@dataclass(frozen=True, slots=True)
class Choice:
    """The story that a document joins.

    ``of``: its most similar representative, with ``similarity``; ``mean``: the mean
    similarity over the representatives, which decided.
    """

    story: str
    of: int
    similarity: float
    mean: float


def days_between(created: str, other: str) -> int:
    """Days between the dates of two times in ISO 8601."""
    return abs((date.fromisoformat(created[:_DATE]) - date.fromisoformat(other[:_DATE])).days)


def similarity(a: TermVector, b: TermVector) -> float:
    """Cosine of two vectors, no term giving more than `SHARE` to it; in [0, 1].

    The limit matters to short texts alone: a pair of headlines must share five terms to
    reach 0.25.  So a text of fewer than twenty terms is less than 1 similar to itself.
    """
    return float(similarities(a, [b])[0])


def similarities(vector: TermVector, others: Sequence[TermVector]) -> NDArray[np.float64]:
    """Similarity of a vector to each of others, shape (len(others),); some 3 us each."""
    hashes = np.concatenate([np.empty(0, np.uint32), *(other.hashes for other in others)])
    weights = np.concatenate([np.empty(0), *(other.weights for other in others)])
    if not vector.hashes.size or not hashes.size:
        return np.zeros(len(others))
    of = np.repeat(np.arange(len(others)), [other.hashes.size for other in others])
    norms = np.sqrt(np.maximum(np.bincount(of, weights * weights, len(others)), 1.0))
    places = np.minimum(np.searchsorted(vector.hashes, hashes), vector.hashes.size - 1)
    met = np.flatnonzero(vector.hashes[places] == hashes)
    products = vector.weights[places[met]] * weights[met]
    parts = np.minimum(products / (norms[of[met]] * _norm(vector)), SHARE)
    return np.minimum(np.bincount(of[met], parts, len(others)), 1.0)


def promising(compared: Iterable[Compared], rule: StoryRule) -> list[str]:
    """Stories with a candidate at the threshold or above, in the order of `compared`.

    Only these can reach it on average; their other representatives are compared next.
    """
    return list(dict.fromkeys(one.story for one in compared if one.similarity >= rule.threshold))


def choose_story(compared: Iterable[Compared], rule: StoryRule) -> Choice | None:
    """The story whose representatives are most similar on average, if that suffices.

    Of equals, the story that was compared first.  None: the document begins its own story.
    """
    stories: dict[str, list[Compared]] = {}
    for one in compared:
        stories.setdefault(one.story, []).append(one)
    choices = [_choice(story, members) for story, members in stories.items()]
    best = max(choices, key=lambda choice: choice.mean, default=None)
    return best if best is not None and best.mean >= rule.threshold else None


def _choice(story: str, members: Sequence[Compared]) -> Choice:
    nearest = max(members, key=lambda one: one.similarity)
    mean = fsum(one.similarity for one in members) / len(members)
    return Choice(story, nearest.number, nearest.similarity, mean)


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
    """Give the vector as bytes: all hashes (`HASHED` bytes, little-endian), then all weights."""
    return vector.hashes.astype("<u4").tobytes() + vector.weights.tobytes()


def size_of(data: bytes) -> int:
    """How many terms `pack` packed; raises ValueError where it did not give this."""
    count, rest = divmod(len(data), PACKED)
    if rest or count > TERMS:
        raise ValueError(f"{len(data)} bytes are no term vector")
    return count


def unpack(data: bytes) -> TermVector:
    """Read what `pack` gave; raises ValueError where it did not give that."""
    count = size_of(data)
    hashes = np.frombuffer(data, "<u4", count)
    return TermVector(hashes, np.frombuffer(data, np.uint8, count, HASHED * count))


# --- explaining -----------------------------------------------------------------------


def shared_terms(
    one: tuple[str, str], other: tuple[str, str], rarity: Rarity, limit: int = 20
) -> list[tuple[str, float]]:
    """Terms that two documents (text, title) share, and what each adds to the similarity.

    The largest first; they sum to the similarity where ``limit`` cuts nothing off.
    """
    found = occurrences(*one, rarity)
    mine, its = weigh(found), terms(*other, rarity)
    hashes, here, there = np.intersect1d(
        mine.hashes, its.hashes, assume_unique=True, return_indices=True
    )
    products = mine.weights[here].astype(np.float64) * its.weights[there]
    parts = np.minimum(products / (_norm(mine) * _norm(its) or 1.0), SHARE)
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
