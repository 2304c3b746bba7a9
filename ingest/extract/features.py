"""What a line of a dump looks like, as numbers: the line itself, its neighbours, the page.

Everything is a count, a share or a position, so that no language's words decide:
letters by class (any script), function words of the language that the page is most
likely in, sentence ends of all scripts.  Lengths are in words; scripts written without
spaces count as `_WIDE_WORD` words a character.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.extract.characters import (
    BEYOND,
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
    code_points,
    count_characters,
)
from ingest.extract.words import tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ingest.extract.characters import Characters
    from ingest.extract.lines import Lines
    from ingest.extract.words import Tokens, Words

    Floats = NDArray[np.float32]

_PROSE = 8.0  # words from which on a line with a sentence end counts as prose
_CAPITALS = 4  # column of `_own`: share of capitals among letters
_REACHES = ((5, 0), (0, 5), (2, 2), (6, 6), (15, 15), (40, 0), (0, 40))  # lines above, below
_NEARBY = ((3, 3), (10, 10))
_SHORT = 4  # words below which a line is a scrap
_SUBJECT = 3  # characters from which on a word may carry a subject
_LONG = 25.0  # the same for a line without


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
    subjects: NDArray[np.integer]
    subject_units: NDArray[np.integer]


def _vocabulary(found: Tokens, prose: NDArray[np.bool_], known: Words) -> _Vocabulary:
    """Count words of units."""
    unit, n = found.line, len(prose)
    function, leaning = known.look_up(found.hashes)
    subjects = np.flatnonzero((found.lengths >= _SUBJECT) & ~function)
    _, ids = np.unique(found.hashes[subjects], return_inverse=True)
    of = unit[subjects]
    spoken = prose[of]
    common = np.bincount(ids[spoken], minlength=len(ids))[ids] > spoken
    counts = np.bincount(of, minlength=n)
    shared = np.where(counts > 0, np.bincount(of[common], minlength=n) / np.maximum(counts, 1), -1)
    return _Vocabulary(
        np.bincount(unit[function], minlength=n).astype(np.float32),
        shared.astype(np.float32),
        _leaning(unit, leaning, n),
        ids.astype(np.int32),
        of.astype(np.int32),
    )


def _leaning(
    unit: NDArray[np.intp], odds: NDArray[np.float32], n: int
) -> tuple[Floats, Floats, Floats]:
    words = np.bincount(unit, minlength=n) + 1
    lean = np.flatnonzero(odds)
    unit, odds = unit[lean], odds[lean]
    total = np.bincount(unit, odds, n)
    against = np.bincount(unit, np.minimum(odds, 0), n)
    return (
        (total / words).astype(np.float32),
        np.clip(total, -20, 20).astype(np.float32),
        (against / words).astype(np.float32),
    )


@dataclass(frozen=True, slots=True)
class Page:
    """Units that belong together, as numbers.

    ``features`` (units, features), float32; ``words`` of each unit; ``kinds``: small
    numbers by which units look alike, each of shape (units,); ``subjects``: numbers of
    the subject words in order, and the unit of each.
    """

    features: Floats
    words: Floats
    kinds: tuple[NDArray[np.intp], ...]
    subjects: NDArray[np.integer]
    subject_units: NDArray[np.integer]


# --- the matrix -----------------------------------------------------------------------


def look(lines: Lines, known: Words) -> Page:
    """Features of every unit of lines that belong together."""
    codes = np.minimum(code_points("\n".join([*lines.units, ""])), BEYOND).astype(np.intp)
    breaks = np.flatnonzero(codes == ord("\n"))
    chars = count_characters(codes, breaks, known.characters)
    terminal = chars.last == END
    prose = (chars.words >= _PROSE) & terminal | (chars.words >= _LONG)
    vocabulary = _vocabulary(tokens(codes, breaks), prose, known)
    own = _own(lines, chars, vocabulary)
    spoken = np.where(prose, chars.words, 0).astype(np.float32)
    density = (vocabulary.function + chars.function) / (chars.words + 1)
    near = neighbours(
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
    gaps = np.minimum(lines.unit_gaps, 4)
    kinds = (
        chars.first.astype(np.intp),
        chars.last.astype(np.intp),
        gaps * 5 + np.append(gaps[1:], 4),
        np.minimum(lines.unit_indents, 12),
        np.minimum(chars.words, 255).astype(np.intp),
    )
    return Page(by_feature.T, chars.words, kinds, vocabulary.subjects, vocabulary.subject_units)


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


def neighbours(columns: Sequence[NDArray[np.generic]], reach: int = 3) -> list[NDArray[np.generic]]:
    """Each column as the neighbours have it, up to ``reach`` away; -1 beyond the page."""
    n = len(columns[0])
    padded = np.full((len(columns), n + 2 * reach), -1, dtype=np.float32)
    padded[:, reach : reach + n] = columns
    shifts = [shift for shift in range(2 * reach + 1) if shift != reach]
    return [row[shift : shift + n] for row in padded for shift in shifts]


def windows(rows: NDArray[np.floating], reaches: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
    """Sums over the lines ``(above, below)`` a line, which is left out where one of them is 0.

    ``rows`` are (kinds, n); returns (kinds, reaches, n).
    """
    kinds, n = rows.shape
    pad = 1 + max(map(max, reaches))
    sums = np.zeros((kinds, n + 1 + 2 * pad))  # prefix sums, the first and last one repeated
    np.cumsum(rows, axis=1, out=sums[:, pad + 1 : pad + 1 + n])
    sums[:, pad + 1 + n :] = sums[:, pad + n, None]
    found = np.empty((kinds, len(reaches), n))
    for at, (above, below) in enumerate(reaches):
        first = pad - above if above else pad + 1
        last = pad + 1 + below if below else pad
        np.subtract(sums[:, last : last + n], sums[:, first : first + n], out=found[:, at])
    return found


def _windows(words: Floats, spoken: Floats) -> list[NDArray[np.generic]]:
    """Prose and its share among the words of the lines around, above and below."""
    n = len(words)
    prose, total = windows(np.stack([spoken, words]), _REACHES)
    scraps, count = windows(np.stack([words < _SHORT, np.ones(n)]), _NEARBY)
    pairs = np.stack([np.log1p(prose), prose / (total + 1)], axis=1)
    return [*pairs.reshape(-1, n), *(scraps / count)]


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
