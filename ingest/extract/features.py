"""What a line of a dump looks like, as numbers: the line itself, its neighbours, the page.

Everything is a count, a share or a position, so that no language's words decide:
letters by class (any script), function words of the language that the page is most
likely in, sentence ends of all scripts.  Lengths are in words; scripts written without
spaces count as `_WIDE_WORD` words a character.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from ingest.extract.characters import (
    BRACKET,
    COMMA,
    DASH,
    DIGIT,
    END,
    LOWER,
    MARK,
    QUOTE,
    SYMBOL,
    UPPER,
    count_characters,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from ingest.extract.characters import Characters
    from ingest.extract.lines import Lines

    Floats = NDArray[np.float32]

_PROSE = 8.0  # words from which on a line with a sentence end counts as prose
_CAPITALS = 4  # column of `_own`: share of capitals among letters
_SHORT = 4  # words below which a line is a scrap
_SUBJECT = 3  # characters from which on a word may carry a subject
_MOST_LANGUAGES = 40
_LONG = 25.0  # the same for a line without
_TOKEN = re.compile(r"\w+|\n")


@dataclass(frozen=True, slots=True)
class Words:
    """What is known of words.

    ``languages``: function words, each with the set of its languages as bits;
    ``characters`` that work as such in scripts without spaces; ``leaning``: log-odds of
    standing in main text, for words seen on many sites, in the languages of training.
    """

    languages: Mapping[str, int]
    characters: str
    leaning: Mapping[str, float]

    def marks(self, words: Iterable[str], counts: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which words are function words of the language whose words cover most of the text."""
        masks = np.array([self.languages.get(word, 0) for word in words], dtype=np.int64)
        bits = (masks[:, None] >> np.arange(_MOST_LANGUAGES)) & 1
        return bits[:, int(np.argmax(counts @ bits))].astype(bool)


# --- words ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """Per unit: function words, shared subject words, and what its words lean to.

    ``shared`` is the share of subject words that prose elsewhere has too, -1 where there
    are none; ``leaning`` is mean and sum of the words' log-odds, and mean of those against.
    """

    function: Floats
    shared: Floats
    leaning: tuple[Floats, Floats, Floats]


def _vocabulary(joined: str, prose: NDArray[np.bool_], known: Words) -> _Vocabulary:
    """Count words of units that are joined by line feeds."""
    tokens = _TOKEN.findall(joined.casefold())
    number = dict(zip(dict.fromkeys(tokens), count()))
    ids = np.fromiter(map(number.__getitem__, tokens), dtype=np.int64, count=len(tokens))
    breaks = ids == number["\n"]
    unit, ids = (np.cumsum(breaks) - breaks)[~breaks], ids[~breaks]
    function = known.marks(number, np.bincount(ids, minlength=len(number)))
    long = np.array([len(token) >= _SUBJECT for token in number])
    spoken = prose[unit]
    body = np.bincount(ids[spoken], minlength=len(number))
    subject = (long & ~function)[ids]
    common = subject & (body[ids] > spoken)
    n = len(prose)
    subjects = np.bincount(unit, subject, n)
    shared = np.where(subjects > 0, np.bincount(unit, common, n) / np.maximum(subjects, 1), -1)
    return _Vocabulary(
        np.bincount(unit, function[ids], n).astype(np.float32),
        shared.astype(np.float32),
        _leaning(unit, np.array([known.leaning.get(t, 0.0) for t in number])[ids], n),
    )


def _leaning(
    unit: NDArray[np.int64], odds: NDArray[np.float64], n: int
) -> tuple[Floats, Floats, Floats]:
    tokens = np.bincount(unit, minlength=n) + 1
    total = np.bincount(unit, odds, n)
    against = np.bincount(unit, np.minimum(odds, 0), n)
    return (
        (total / tokens).astype(np.float32),
        np.clip(total, -20, 20).astype(np.float32),
        (against / tokens).astype(np.float32),
    )


# --- the matrix -----------------------------------------------------------------------


def matrix(lines: Lines, known: Words) -> Floats:
    """Features of every unit of lines that belong together, shape (units, features), float32."""
    joined = "\n".join([*lines.units, ""])
    chars = count_characters(joined, known.characters)
    terminal = chars.last == END
    prose = (chars.words >= _PROSE) & terminal | (chars.words >= _LONG)
    vocabulary = _vocabulary(joined, prose, known)
    own = _own(lines, chars, vocabulary)
    spoken = np.where(prose, chars.words, 0).astype(np.float32)
    density = (vocabulary.function + chars.function) / (chars.words + 1)
    near = _near(
        [
            np.log1p(chars.words),
            terminal,
            density,
            chars.first == LOWER,
            spoken,
            vocabulary.leaning[0],
            own[_CAPITALS],
            vocabulary.shared,
        ]
    )
    columns = [
        *own,
        *near,
        *_windows(chars.words, spoken),
        *_runs(chars.words, prose),
        *_page(chars.words, spoken),
    ]
    by_feature = np.empty((len(columns), len(lines.units)), dtype=np.float32)
    for at, column in enumerate(columns):
        by_feature[at] = column
    return by_feature.T


def _own(lines: Lines, chars: Characters, vocabulary: _Vocabulary) -> list[Floats]:
    counts, words = chars.counts.astype(np.float32), chars.words
    spread = words + 1
    length = counts.sum(axis=1)
    cased = counts[:, UPPER] + counts[:, LOWER]
    again = Counter(lines.units)
    return [
        np.log1p(words),
        length / spread,
        chars.last,
        chars.first,
        counts[:, UPPER] / (cased + 1),
        chars.capitalised / spread,
        counts[:, DIGIT] / length,
        counts[:, MARK] / spread,
        counts[:, COMMA] / spread,
        np.log1p(counts[:, COMMA]),
        np.log1p(chars.ends),
        (vocabulary.function + chars.function + 0.3) / spread,
        np.log1p(vocabulary.function + chars.function),
        counts[:, QUOTE] / spread,
        counts[:, BRACKET] / spread,
        (counts[:, SYMBOL] + counts[:, DASH]) / spread,
        np.minimum(lines.unit_gaps, 4),
        np.minimum(np.append(lines.unit_gaps[1:], 4), 4),
        np.minimum(lines.unit_indents, 12),
        np.log1p([again[unit] for unit in lines.units]),
        vocabulary.shared,
        *vocabulary.leaning,
        np.log(lines.unit_sizes),
        chars.stamps,
        chars.addresses,
    ]


def _near(columns: Sequence[NDArray[np.generic]], reach: int = 3) -> list[NDArray[np.generic]]:
    """Each column as the neighbours have it, up to ``reach`` away; -1 beyond the page."""
    n = len(columns[0])
    padded = np.full((len(columns), n + 2 * reach), -1, dtype=np.float32)
    padded[:, reach : reach + n] = columns
    shifts = [shift for shift in range(2 * reach + 1) if shift != reach]
    return [row[shift : shift + n] for row in padded for shift in shifts]


def _windows(words: Floats, spoken: Floats) -> list[NDArray[np.generic]]:
    """Prose and its share among the words of the lines around, above and below."""
    n = len(words)
    sums = np.zeros((3, n + 1))
    np.cumsum(np.stack([spoken, words, words < _SHORT]), axis=1, out=sums[:, 1:])
    at = np.arange(n)
    found: list[NDArray[np.generic]] = []
    for above, below in ((5, 0), (0, 5), (2, 2), (6, 6), (15, 15), (40, 0), (0, 40)):
        first = np.maximum(at - above, 0) if above else at + 1
        last = np.minimum(at + below + 1, n) if below else at
        prose, total, _ = sums[:, last] - sums[:, first]
        found += [np.log1p(prose), prose / (total + 1)]
    for reach in (3, 10):
        first, last = np.maximum(at - reach, 0), np.minimum(at + reach + 1, n)
        found.append((sums[2, last] - sums[2, first]) / (last - first))
    return found


def _runs(words: Floats, prose: NDArray[np.bool_]) -> list[NDArray[np.generic]]:
    """Distance to prose above and below, and the words of the run without prose between."""
    n = len(words)
    at = np.arange(n)
    above = np.maximum.accumulate(np.where(prose, at, -1))
    below = np.minimum.accumulate(np.where(prose, at, n)[::-1])[::-1]
    total = np.concatenate(([0.0], np.cumsum(words, dtype=np.float64)))
    run = np.where(prose, 0, total[below] - total[above + 1])
    long = words >= _LONG
    far_above = np.maximum.accumulate(np.where(long, at, -1))
    far_below = np.minimum.accumulate(np.where(long, at, n)[::-1])[::-1]
    return [
        np.log1p(at - above),
        np.log1p(below - at),
        np.log1p(run),
        np.log1p(at - far_above),
        np.log1p(far_below - at),
        above < 0,
        below >= n,
    ]


def _page(words: Floats, spoken: Floats) -> list[NDArray[np.generic]]:
    """The page as a whole, and where on it the line stands."""
    n = len(words)
    at = np.arange(n)
    first, last = best_span(np.where(spoken > 0, spoken, -4 - 2 * (words < _SHORT)))
    total, prose = words.sum(), spoken.sum()
    inside = spoken[first:last].sum() / (prose + 1)
    whole = np.ones(n)
    return [
        at / n,
        np.log1p(at),
        np.log1p(n - 1 - at),
        whole * np.log(n),
        whole * np.log1p(total),
        whole * prose / (total + 1),
        whole * np.mean(spoken > 0),
        whole * np.log1p(np.median(words)),
        np.cumsum(spoken) / (prose + 1),
        (at >= first) & (at < last),
        np.sign(at - first) * np.log1p(np.abs(at - first)),
        np.sign(at - last) * np.log1p(np.abs(at - last)),
        whole * inside,
        whole * (last - first) / n,
    ]


def best_span(scores: NDArray[np.floating]) -> tuple[int, int]:
    """First and one past the last line of the span with the greatest sum.

    ``(0, 0)`` where no sum is positive.  Bentley's maximum subarray, by prefix sums: linear time.
    """
    total = np.concatenate(([0.0], np.cumsum(scores, dtype=np.float64)))
    lowest = np.minimum.accumulate(total)
    last = int(np.argmax(total - lowest))
    first = int(np.argmin(total[: last + 1]))
    return (first, last) if total[last] > total[first] else (0, 0)
