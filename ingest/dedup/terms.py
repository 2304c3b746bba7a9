"""The terms of a text and what each weighs: the vector that decides stories.

    title + text -> tokens -> terms with rarity -> log-tf * rarity -> the weightiest TERMS

A term is a token, or a pair of capitalised tokens side by side ("jack ma"), or, in scripts
written without spaces, a pair of neighbouring characters.  The title and the first `LEAD`
tokens count twice: news says first what happened.

All factors are multiples of 1/128, so that the products are exact in float32 and compiled
code gives the same vectors as this reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.dedup.characters import FOLD_MASK, characters
from ingest.dedup.minhash import narrow
from ingest.dedup.rarity import RAREST, pair_hashes
from ingest.dedup.tokens import code_points, tokenise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ingest.dedup.rarity import Rarity
    from ingest.dedup.tokens import Tokens

TERMS = 96
"""Most terms in a vector; with fewer, long texts lose what they share."""

LEAD = 48
"""Tokens at the beginning, title included, that count `LEAD_WEIGHT` times."""
LEAD_WEIGHT = 2

COMMON = 0.75
"""Rarity up to which a term weighs nothing; the weight is what lies above."""

PAIR = 0.625
"""Weight of a pair of capitalised tokens, as a share of the sum of theirs."""

_STEP = 128.0
_LARGEST = 255


@dataclass(frozen=True, slots=True)
class TermVector:
    """The weightiest terms of a text.

    ``hashes``: uint32, shape (n,), sorted, n <= `TERMS`: upper halves of the term hashes.
    ``weights``: uint8, same shape; the heaviest term weighs 255.
    """

    hashes: NDArray[np.uint32]
    weights: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Every occurrence of a term in a text; the arrays have one entry an occurrence.

    ``hashes``: uint32; ``rarity``: float32, multiples of 1/128; ``counts``: int64, what the
    occurrence counts; ``starts``, ``ends``: int64, code points in ``text``.
    """

    text: str
    hashes: NDArray[np.uint32]
    rarity: NDArray[np.float32]
    counts: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]


def terms(text: str, title: str, rarity: Rarity) -> TermVector:
    """Vector of a document; empty (n = 0) where no word is rare enough to weigh."""
    return weigh(occurrences(text, title, rarity))


def whole(text: str, title: str) -> str:
    """Title and text as one, the title once where the text begins with it."""
    return text if not title or text.startswith(title) else f"{title}\n{text}"


def occurrences(text: str, title: str, rarity: Rarity) -> Occurrences:
    """Find the terms of a text, in no particular order."""
    text = whole(text, title)
    tokens = tokenise(text)
    counts = np.where(np.arange(tokens.hashes.size) < LEAD, LEAD_WEIGHT, 1)
    weights = rarity.of(tokens.hashes)
    gaps = tokens.starts[1:] - tokens.ends[:-1]
    joined = np.flatnonzero(gaps == 0)
    capital = _capital(text, tokens)
    named = np.flatnonzero((gaps == 1) & capital[1:] & capital[:-1])
    alone = np.ones(tokens.hashes.size, dtype=bool)
    alone[joined] = alone[joined + 1] = False
    single = np.flatnonzero(alone)
    pairs = np.concatenate([joined, named])
    first, last = np.concatenate([single, pairs]), np.concatenate([single, pairs + 1])
    paired = pair_hashes(tokens.hashes[pairs], tokens.hashes[pairs + 1])
    return Occurrences(
        text=text,
        hashes=narrow(np.concatenate([tokens.hashes[single], paired])),
        rarity=np.concatenate(
            [
                np.maximum(weights[single] - np.float32(COMMON), 0),
                np.maximum(_joined(paired[: joined.size], rarity) - np.float32(COMMON), 0),
                _named(weights, named),
            ]
        ),
        counts=counts[first],
        starts=tokens.starts[first],
        ends=tokens.ends[last],
    )


def weigh(found: Occurrences) -> TermVector:
    """Weigh each term by how often and how rare, and keep the weightiest."""
    hashes, first, places = np.unique(found.hashes, return_index=True, return_inverse=True)
    counts = np.bincount(places, weights=found.counts).astype(np.float64)
    weights = log_tf(counts) * found.rarity[first]
    return _keep(hashes[weights > 0], weights[weights > 0])


def log_tf(counts: NDArray[np.floating]) -> NDArray[np.float32]:
    """log(1 + count) to the nearest 1/128, float32."""
    return _exact(np.log1p(counts))


def _keep(hashes: NDArray[np.uint32], weights: NDArray[np.float32]) -> TermVector:
    """Keep the `TERMS` weightiest, the smaller hash of equals, at 8 bits."""
    kept = np.sort(np.lexsort((hashes, -weights))[:TERMS])
    scale = np.float32(_LARGEST) / weights.max() if weights.size else np.float32(1)
    rounded = np.maximum(np.rint(weights[kept] * scale), 1).astype(np.uint8)
    return TermVector(hashes[kept], rounded)


def _capital(text: str, tokens: Tokens) -> NDArray[np.bool_]:
    """Whether each token begins with a character that folds to another."""
    entries = characters()[code_points(text)[tokens.starts]]
    return np.asarray((entries & np.uint32(FOLD_MASK)) != 0)


def _joined(pairs: NDArray[np.uint64], rarity: Rarity) -> NDArray[np.float32]:
    """Rarity of pairs of neighbouring characters."""
    return rarity.of(pairs)


def _named(weights: NDArray[np.float32], first: NDArray[np.int64]) -> NDArray[np.float32]:
    """Weights of pairs of capitalised tokens; nothing where one of them is common."""
    both = np.maximum(weights - np.float32(COMMON), 0)
    share = (both[first] + both[first + 1]) * np.float32(PAIR)
    return _exact(np.minimum(share, RAREST))


def _exact(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """To the nearest 1/128."""
    rounded: NDArray[np.float32] = (np.rint(values * _STEP) / _STEP).astype(np.float32)
    return rounded
