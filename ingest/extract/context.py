"""What the first look at a page says about each line: its features for the second look.

The first forest judges a line by how it looks; here its log-odds for the whole page are
taken together: where the bulk of the main text is, how far away, and whether the line
is about the same things, looks the same and stands the same.
"""

from __future__ import annotations

from math import log1p
from typing import TYPE_CHECKING

import numpy as np

from ingest.extract.features import (
    best_span,
    by_feature,
    distances,
    neighbours,
    sums_to,
    windows,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ingest.extract.features import Block, Page

    Floats = NDArray[np.floating]

_REACHES = ((3, 0), (0, 3), (5, 5), (15, 15), (60, 0), (0, 60))
_SAME = 0.5  # lines that are added to each side of a comparison
_FEW = 1.0
_LIKELY, _SENTENCE = 0.5, 8  # probability and words of a line that is surely main text


def context(page: Page, logits: Floats) -> Floats:
    """Features of every unit, with what the ``logits`` of all say: (units, features), float32."""
    odds = logits.astype(np.float64)
    main = 1 / (1 + np.exp(-odds))
    words = page.words.astype(np.float64)
    mass = main * words
    blocks = [
        page.features.T,
        odds,
        neighbours([odds], 4),
        *_windows(words, mass),
        *_span(odds, words, mass),
        *_nearest(main, words),
        *_whole(odds, main, words, mass),
        *_likeness(page, main),
        _topic(page, main),
    ]
    return by_feature(blocks, len(odds)).T


def _windows(words: Floats, mass: Floats) -> list[Block]:
    """Main text around: its words, and its share of all words there."""
    inside, total = windows(np.array([mass, words]), _REACHES)
    inside = np.maximum(inside, 0)
    return [np.log1p(inside), inside / (total + 1)]


def _span(odds: Floats, words: Floats, mass: Floats) -> list[Block]:
    """Where a line stands to the span that main text fills best."""
    at = np.arange(len(odds))
    first, last = best_span(np.tanh(odds) * np.sqrt(words + 1) - 0.5)
    inside = float(mass[first:last].sum())
    return [
        (at >= first) & (at < last),
        distances(at, first, last),
        inside / (float(mass.sum()) + 1),
        inside / (float(words[first:last].sum()) + 1),
    ]


def _nearest(main: Floats, words: Floats) -> list[Block]:
    """Lines and words to the next line of main text above and below, and its words in a row."""
    n = len(main)
    at = np.arange(n)
    sure = (main > _LIKELY) & (words >= _SENTENCE)
    before = np.full(n + 1, -1)
    np.maximum.accumulate(np.where(sure, at, -1), out=before[1:])
    after = np.full(n + 1, n)
    np.minimum.accumulate(np.where(sure, at, n)[::-1], out=after[-2::-1])
    before, after = before[:-1], after[1:]
    total = sums_to(words)
    apart = np.array(
        [at - before, after - at, total[:-1] - total[before + 1], total[after] - total[1:]]
    )
    return [np.log1p(apart), before < 0, after >= n]


def _whole(odds: Floats, main: Floats, words: Floats, mass: Floats) -> list[Block]:
    """The page as a whole, and the line's place in its main text."""
    total = float(mass.sum())
    weight = main + 1e-6
    length = np.log1p(words)
    return [
        mass.cumsum() / (total + 1),
        log1p(total),
        total / (float(words.sum()) + 1),
        float(main.mean()),
        float(np.abs(main - 0.5).mean()),
        odds.max() - odds,
        length - float(length @ weight) / float(weight.sum()),
    ]


def _likeness(page: Page, main: Floats) -> list[Block]:
    """How much of main text are the other lines that begin, end, or stand off in the same way."""
    found: list[Block] = []
    prior = _SAME * main.mean()
    for kind in page.kinds:
        width = int(kind.max()) + 1
        inside = np.bincount(kind, main, width)[kind] - main
        every = np.bincount(kind, minlength=width)[kind] - 1
        found.append((inside + prior) / (every + _SAME))
    return found


def _topic(page: Page, main: Floats) -> Floats:
    """Mean log-odds of a line's subject words by their share of main text elsewhere."""
    ids, unit = page.subjects, page.subject_units
    n, width = len(main), (int(ids.max()) + 1 if len(ids) else 1)
    each = main[unit]
    inside = np.bincount(ids, each, width)[ids] - each
    outside = np.bincount(ids, 1 - each, width)[ids] - (1 - each)
    share = float(main.mean())
    told = np.log((inside + _FEW * share) / (outside + _FEW * (1 - share)))
    count = np.bincount(unit, minlength=n)
    topic: Floats = np.bincount(unit, told, n) / (count + 2)
    return topic
