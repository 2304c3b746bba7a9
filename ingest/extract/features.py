"""What a line of a dump looks like, as numbers: the line itself, its neighbours, the page.

Everything is a count, a share or a position, so that no language's words decide:
letters by class (any script), function words of the language that the page is most
likely in, sentence ends of all scripts.  Lengths are in words; scripts written without
spaces count as `_WIDE_WORD` words a character.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import log, log1p
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
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from ingest.extract.characters import Characters
    from ingest.extract.counting import Engine
    from ingest.extract.lines import Lines
    from ingest.extract.words import Counts, Words

    Floats = NDArray[np.float32]
    Leaning = tuple[Floats, Floats, Floats]
    Block = NDArray[np.generic] | float
    Layout = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]

_PROSE = 8.0  # words from which on a line with a sentence end counts as prose
_CAPITALS = 4  # column of `_own`: share of capitals among letters
_REACHES = ((5, 0), (0, 5), (2, 2), (6, 6), (15, 15), (40, 0), (0, 40))  # lines above, below
_BRIEF = 8  # words up to which a line is brief
_SHORT = 4  # words below which a line is a scrap
_READ = 1 << 14  # characters of a unit that are looked at
_LONG = 25.0  # the same for a line without


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


def look(lines: Lines, known: Words, engine: Engine) -> Page:
    """Features of every unit of lines that belong together."""
    units: Sequence[str] = lines.units
    if max(map(len, units), default=0) > _READ:
        units = [unit[:_READ] for unit in units]
    chars, words = engine.count("\n".join([*units, ""]), _is_prose, known)
    prose = _is_prose(chars)
    said = _vocabulary(chars, words)
    gaps = np.minimum(_counts(lines.unit_gaps), 4)
    layout = (gaps, np.append(gaps[1:], 4), np.minimum(_counts(lines.unit_indents), 12))
    own = _own(lines, chars, said, layout)
    spoken = np.where(prose, chars.words, 0).astype(np.float32)
    density = said.function / (chars.words + 1)
    near = neighbours(
        [
            np.log1p(chars.words),
            density,
            chars.first == LOWER,
            said.leaning[0],
            said.short[0],
            own[_CAPITALS],
            said.shared,
        ]
    )
    blocks = [
        *own,
        near,
        *_around(chars.words, spoken, said.short[1]),
        *_runs(chars.words, prose),
        *_page(chars.words, spoken),
    ]
    kinds = (
        chars.first.astype(np.intp),
        chars.last.astype(np.intp),
        layout[0] * 5 + layout[1],
        layout[2],
        np.minimum(chars.words, 255).astype(np.intp),
    )
    return Page(by_feature(blocks, len(units)).T, chars.words, kinds, words.ids, words.of)


def _is_prose(chars: Characters) -> NDArray[np.bool_]:
    ends: NDArray[np.bool_] = chars.last == END
    return (chars.words >= _PROSE) & ends | (chars.words >= _LONG)


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """Per unit: function words, shared subject words, and what its words lean to.

    ``shared`` is the share of subject words that prose elsewhere has too, -1 where there
    are none; ``leaning`` is mean and sum of the words' log-odds, and mean of those against,
    ``short`` the same by what they lean to on short lines.
    """

    function: Floats
    shared: Floats
    leaning: Leaning
    short: Leaning


def _vocabulary(chars: Characters, words: Counts) -> _Vocabulary:
    shared = np.where(words.subjects > 0, words.common / np.maximum(words.subjects, 1), -1)
    leaning, short = _leaning(words)
    function = words.function.astype(np.float32) + chars.function
    return _Vocabulary(function, shared.astype(np.float32), leaning, short)


def _leaning(words: Counts) -> Iterator[Leaning]:
    spread = words.words + 1
    for total, against in words.leaning.reshape(2, 2, -1):
        yield (
            (total / spread).astype(np.float32),
            np.minimum(np.maximum(total, -20), 20).astype(np.float32),  # clip: ten times slower
            (against / spread).astype(np.float32),
        )


def _counts(numbers: Sequence[int]) -> NDArray[np.intp]:
    return np.fromiter(numbers, dtype=np.intp, count=len(numbers))  # half the time of `np.array`


def by_feature(blocks: Sequence[Block], units: int) -> Floats:
    """One array of columns, blocks of columns and numbers that all units share, float32."""
    flat = [
        block.reshape(-1) if isinstance(block, np.ndarray) else np.full(units, block, np.float32)
        for block in blocks
    ]
    return np.concatenate(flat, dtype=np.float32, casting="same_kind").reshape(-1, units)


def _own(
    lines: Lines, chars: Characters, said: _Vocabulary, layout: Layout
) -> list[NDArray[np.generic]]:
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
        (said.function + 0.3) / spread,
        np.log1p(said.function),
        counts[:, QUOTE] / spread,
        counts[:, BRACKET] / spread,
        (counts[:, SYMBOL] + counts[:, DASH]) / spread,
        *layout,
        np.log1p(_counts([again[unit] for unit in lines.units])),
        said.shared,
        *said.leaning,
        *said.short,
        np.log(_counts(lines.unit_sizes)),
        chars.stamps,
        chars.addresses,
    ]


def neighbours(columns: Sequence[NDArray[np.generic]], reach: int = 3) -> Floats:
    """Each column as the neighbours have it, up to ``reach`` away; -1 beyond the page.

    (columns x neighbours, n): the first column by each neighbour from above to below, the next.
    """
    n = len(columns[0])
    padded = np.full((len(columns), n + 2 * reach), -1, dtype=np.float32)
    for row, column in zip(padded, columns, strict=True):
        row[reach : reach + n] = column
    found = np.empty((len(columns), 2 * reach, n), dtype=np.float32)
    for at in range(reach):
        found[:, at] = padded[:, at : at + n]
        found[:, reach + at] = padded[:, reach + 1 + at : reach + 1 + at + n]
    return found.reshape(-1, n)


def windows(rows: NDArray[np.floating], reaches: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
    """Sums over the lines ``(above, below)`` a line, which is left out where one of them is 0.

    ``rows`` are (kinds, n); returns (kinds, reaches, n).
    """
    kinds, n = rows.shape
    pad = 1 + max(map(max, reaches))
    sums = np.zeros((kinds, n + 1 + 2 * pad))  # prefix sums, the first and last one repeated
    rows.cumsum(axis=1, out=sums[:, pad + 1 : pad + 1 + n])
    sums[:, pad + 1 + n :] = sums[:, pad + n, None]
    found = np.empty((kinds, len(reaches), n))
    for at, (above, below) in enumerate(reaches):
        first = pad - above if above else pad + 1
        last = pad + 1 + below if below else pad
        np.subtract(sums[:, last : last + n], sums[:, first : first + n], out=found[:, at])
    return found


def _around(words: Floats, spoken: Floats, short: Floats) -> list[Block]:
    """Of the lines around, above and below: prose, its share, scraps, and words against text."""
    against = np.where(words <= _BRIEF, np.minimum(short, 0), 0)
    rows = by_feature([spoken, words, words < _SHORT, 1, against], len(words))
    prose, total, scraps, count, against = windows(rows, _REACHES)
    return [np.log1p(prose), prose / (total + 1), scraps / (count + 1), against]


def _runs(words: Floats, prose: NDArray[np.bool_]) -> list[Block]:
    """Distance to prose above and below, and the words of the run without prose between."""
    n = len(words)
    at = np.arange(n)
    every = np.array([prose, words >= _LONG])
    above = np.maximum.accumulate(np.where(every, at, -1), axis=1)
    below = np.minimum.accumulate(np.where(every, at, n)[:, ::-1], axis=1)[:, ::-1]
    total = sums_to(words)
    run = np.where(prose, 0, total.take(below[0]) - total.take(above[0] + 1))
    return [
        np.log1p(at - above),
        np.log1p(below - at),
        np.log1p(run),
        above[0] < 0,
        below[0] >= n,
    ]


def _page(words: Floats, spoken: Floats) -> list[Block]:
    """The page as a whole, and where on it the line stands."""
    n = len(words)
    at = np.arange(n)
    first, last = best_span(np.where(spoken > 0, spoken, -4 - 2 * (words < _SHORT)))
    total, prose = float(words.sum()), float(spoken.sum())
    return [
        at / n,
        np.log1p(np.array([at, at[::-1]])),
        log(n),
        log1p(total),
        prose / (total + 1),
        np.count_nonzero(spoken) / n,
        log1p(np.partition(words, n // 2)[n // 2]),
        np.cumsum(spoken) / (prose + 1),
        (at >= first) & (at < last),
        distances(at, first, last),
        float(spoken[first:last].sum()) / (prose + 1),
        (last - first) / n,
    ]


def distances(at: NDArray[np.intp], *lines: int) -> NDArray[np.float64]:
    """Logarithms of the distances to some lines, negative above them; (lines, n)."""
    away = np.subtract(at, np.array(lines)[:, None])
    found: NDArray[np.float64] = np.copysign(np.log1p(np.abs(away)), away)
    return found


def sums_to(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Sums of all values before each place; one longer than ``values``."""
    sums = np.zeros(len(values) + 1)
    values.cumsum(out=sums[1:], dtype=np.float64)
    return sums


def best_span(scores: NDArray[np.floating]) -> tuple[int, int]:
    """First and one past the last line of the span with the greatest sum.

    ``(0, 0)`` where no sum is positive.  Bentley's maximum subarray, by prefix sums: linear time.
    """
    total = sums_to(scores)
    lowest = np.minimum.accumulate(total)
    last = int((total - lowest).argmax())
    first = int(total[: last + 1].argmin())
    return (first, last) if total[last] > total[first] else (0, 0)
