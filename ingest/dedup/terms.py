"""The terms of a text and what each weighs: the vector that decides stories.

    title + text -> tokens -> terms -> log(1 + tf) * rarity -> the weightiest -> levelled

A term is a token, or two capitalised tokens side by side ("jack ma"), or, in scripts
written without spaces, a run of neighbouring characters.  The title (else the first line)
counts three times and the beginning twice: news says first what happened.  No term may
dominate (`SHARE`): that two texts name the same president often is not yet a story.

All factors are multiples of 1/128 and sums stay below 2^53, so that the arithmetic is
exact and compiled code gives the same vectors as this reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.dedup.characters import FOLD_MASK, characters
from ingest.dedup.minhash import narrow
from ingest.dedup.tokens import code_points, run_hashes, tokenise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ingest.dedup.rarity import Rarity
    from ingest.dedup.tokens import Tokens

TERMS = 96
"""Most terms in a vector; with all of them pair-F1 is the same, with 64 a little less."""

NUMBERS = 8
"""Most numbers in a vector: tables of any kind would resemble each other by theirs."""

LEAD = 64
"""Tokens at the beginning, title included, that count more."""
TITLE_WEIGHT, LEAD_WEIGHT = 3, 2
"""What a token counts in the title or first line, and in the rest of the lead."""

COMMON = 0.75
"""Rarity up to which a term weighs nothing; its weight is what lies above."""

NAMES = 0.75
"""Weight of two capitalised tokens side by side, as a share of the sum of theirs."""

SHARE = 0.05
"""Most that one term may have of the sum of squared weights (0.86 pair-F1, without 0.85)."""

_LEVELLING = 3  # rounds: what is cut lowers the sum, too
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
    occurrence counts; ``numbers``: whether it begins with a digit; ``starts``,
    ``ends``: int64, code points in ``text``.
    """

    text: str
    hashes: NDArray[np.uint32]
    rarity: NDArray[np.float32]
    counts: NDArray[np.int64]
    numbers: NDArray[np.bool_]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]


def terms(text: str, title: str, rarity: Rarity, known: Tokens | None = None) -> TermVector:
    """Vector of a document; empty (n = 0) where no word is rare enough to weigh.

    ``known``: the tokens of ``text``, where they are at hand.
    """
    return weigh(occurrences(text, title, rarity, known))


def whole(text: str, title: str) -> str:
    """Title and text as one, the title once where the text begins with it."""
    return text if not title or text.startswith(title) else f"{title}\n{text}"


def occurrences(text: str, title: str, rarity: Rarity, known: Tokens | None = None) -> Occurrences:
    """Find the terms of a text, in no particular order; ``known`` as for `terms`."""
    every = whole(text, title)
    tokens = known if known is not None and every is text else tokenise(every)
    text = every
    own = rarity.tokens(tokens.hashes, tokens.ends - tokens.starts)
    above = np.maximum(own - np.float32(COMMON), 0)
    gaps = tokens.starts[1:] - tokens.ends[:-1]
    alone, runs = _runs(gaps == 0, rarity.run)
    alone = alone[: tokens.hashes.size]
    letters = code_points(text)[tokens.starts]
    names = _names(letters, gaps)
    sums = np.add.reduce([own[runs + place] for place in range(rarity.run)], dtype=np.float32)
    run_hash, name_hash = (
        run_hashes(tokens.hashes, runs, rarity.run),
        run_hashes(tokens.hashes, names, 2),
    )
    first = np.concatenate([alone, runs, names])
    return Occurrences(
        text=text,
        hashes=narrow(np.concatenate([tokens.hashes[alone], run_hash, name_hash])),
        rarity=np.concatenate(
            [
                above[alone],
                np.maximum(rarity.runs(run_hash, sums) - np.float32(COMMON), 0),
                _exact((above[names] + above[names + 1]) * NAMES),
            ]
        ),
        counts=_counts(text, tokens)[first],
        numbers=_digits(letters)[first],
        starts=tokens.starts[first],
        ends=tokens.ends[np.concatenate([alone, runs + (rarity.run - 1), names + 1])],
    )


def _runs(joined: NDArray[np.bool_], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split tokens into those that stand alone, and the starts of runs of ``size`` joined ones.

    ``joined[i]``: nothing stands between tokens i and i + 1, as in scripts without spaces.
    """
    padded = np.concatenate([[False], joined, [False]])
    alone = np.flatnonzero(~(padded[1:] | padded[:-1]))
    if joined.size < size - 1:
        return alone, np.empty(0, dtype=np.int64)
    count = joined.size - (size - 2)
    together = np.logical_and.reduce([joined[at : at + count] for at in range(size - 1)])
    return alone, np.flatnonzero(together)


def _names(letters: NDArray[np.uint32], gaps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find tokens with a capital ``letters[i]`` first and another such after one character."""
    capital = (characters()[letters] & np.uint32(FOLD_MASK)) != 0
    return np.flatnonzero((gaps == 1) & capital[:-1] & capital[1:])


def _digits(letters: NDArray[np.uint32]) -> NDArray[np.bool_]:
    return (letters >= ord("0")) & (letters <= ord("9"))


def _counts(text: str, tokens: Tokens) -> NDArray[np.int64]:
    """What each token counts: more in the title (or first line), and in the lead."""
    end = text.find("\n")
    place = np.arange(tokens.hashes.size)
    title = tokens.starts < (end if end >= 0 else len(text))
    return np.where(place < LEAD, np.where(title, TITLE_WEIGHT, LEAD_WEIGHT), 1)


def weigh(found: Occurrences) -> TermVector:
    """Weigh each term by how often and how rare, and keep the weightiest."""
    hashes, first, places = np.unique(found.hashes, return_index=True, return_inverse=True)
    counts = np.bincount(places, weights=found.counts).astype(np.float64)
    weights = log_tf(counts) * found.rarity[first]
    order = np.lexsort((hashes, -weights))
    number = found.numbers[first][order]
    order = order[~number | (np.cumsum(number) <= NUMBERS)][:TERMS]
    kept = np.sort(order[weights[order] > 0])
    return TermVector(hashes[kept], _round(_level(weights[kept])))


def log_tf(counts: NDArray[np.floating]) -> NDArray[np.float32]:
    """log(1 + count) to the nearest 1/128, float32."""
    return _exact(np.log1p(counts))


def _level(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut weights so that none has much more than `SHARE` of the sum of squares.

    Among few terms a share is large by itself: twice the average is always allowed.
    """
    share = max(SHARE, 2.0 / max(weights.size, 1))
    for _ in range(_LEVELLING):
        most = _exact(np.sqrt(share * np.square(weights.astype(np.float64)).sum()))
        weights = np.minimum(weights, most)
    return weights


def _round(weights: NDArray[np.float32]) -> NDArray[np.uint8]:
    """To 8 bits: the heaviest is 255, the lightest at least 1."""
    if not weights.size:
        return np.empty(0, dtype=np.uint8)
    scale = np.float32(_LARGEST) / weights.max()
    rounded: NDArray[np.uint8] = np.maximum(np.rint(weights * scale), 1).astype(np.uint8)
    return rounded


def _exact(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """To the nearest 1/128."""
    rounded: NDArray[np.float32] = (np.rint(values * _STEP) / _STEP).astype(np.float32)
    return rounded
