"""What a line of a dump looks like, as numbers: the line itself, its neighbours, the page.

Everything is a count, a share or a position, so that no language's words decide:
letters by class (any script), function words of the language that the page is most
likely in, sentence ends of all scripts.  Lengths are in words; scripts written without
spaces count as `_WIDE_WORD` words a character.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from ingest.extract.lines import Lines

    Floats = NDArray[np.float32]

_PROSE = 8.0  # words from which on a line with a sentence end counts as prose
_LONG = 25.0  # the same for a line without
_TOKEN = re.compile(r"\w+|\n")

# Classes of characters, exclusive.
SPACE, UPPER, LOWER, OTHER, WIDE, DIGIT, END, COMMA, COLON, QUOTE, BRACKET, DASH, MARK, SYMBOL = (
    range(14)
)
_CLASSES = 14
_MOST_LANGUAGES = 40
_ENDS = ".!?\u2026\u3002\uff01\uff1f\uff0e\uff61\u06d4\u061f\u0964\u0965\u037e\u0589\u1362"
_COMMAS = ",;\u060c\u061b\u3001\uff0c\uff64\uff1b"
_COLONS = ":\uff1a"
_QUOTES = (
    "\"'`\u00b4\u2018\u2019\u201a\u201c\u201d\u201e\u2039\u203a\u00ab\u00bb\u300c\u300d\u300e\u300f"
)
_MARKS = "|*+>/\\~^<\u00b7\u2022\u25aa\u25a0\u25cf\u25ba\u25b8\u2192\u2190\u2191\u2193\u25e6\u2023\u25cb\u4e28\u2502\u00a6\u2605\u2606\u2713\u2714"
# Scripts written without spaces, and their words a character (news averages).
_UNSPACED = (
    ((0x2E80, 0x3000), 0.6),
    ((0x3040, 0xA4D0), 0.6),
    ((0xF900, 0xFB00), 0.6),
    ((0xFF66, 0xFFA0), 0.6),
    ((0x0E00, 0x0EFF), 0.2),
    ((0x1000, 0x10A0), 0.2),
    ((0x1780, 0x17E0), 0.2),
)
_LOWEST_UNSPACED = 0x0E00


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


@cache
def _classes() -> NDArray[np.uint8]:
    """Class of each code point of the Basic Multilingual Plane, shape (65537,), the rest last."""
    table = np.full(0x10001, SYMBOL, dtype=np.uint8)
    kinds = {
        "Lu": UPPER,
        "Lt": UPPER,
        "Ll": LOWER,
        "Lo": OTHER,
        "Lm": OTHER,
        "Mn": OTHER,
        "Mc": OTHER,
        "Nd": DIGIT,
        "Zs": SPACE,
        "Cc": SPACE,
        "Ps": BRACKET,
        "Pe": BRACKET,
        "Pd": DASH,
        "Pi": QUOTE,
        "Pf": QUOTE,
    }
    for code in range(0x10000):
        table[code] = kinds.get(unicodedata.category(chr(code)), SYMBOL)
    table[_weights() > 0] = np.where(table[_weights() > 0] == OTHER, WIDE, table[_weights() > 0])
    for characters, kind in (
        (_ENDS, END),
        (_COMMAS, COMMA),
        (_COLONS, COLON),
        (_QUOTES, QUOTE),
        (_MARKS, MARK),
    ):
        table[[ord(character) for character in characters]] = kind
    return table


@cache
def _weights() -> NDArray[np.float32]:
    """Words that a character of an unspaced script stands for, shape (65537,)."""
    table = np.zeros(0x10001, dtype=np.float32)
    for (first, last), weight in _UNSPACED:
        table[first:last] = weight
    return table


@dataclass(frozen=True, slots=True)
class _Characters:
    """Per unit: counts by class (n, 14), words, capitalised words, inner sentence ends, edges."""

    counts: NDArray[np.int64]
    words: Floats
    capitalised: NDArray[np.int64]
    ends: NDArray[np.int64]
    first: NDArray[np.uint8]
    last: NDArray[np.uint8]
    function: Floats
    stamps: NDArray[np.bool_]
    addresses: NDArray[np.bool_]


def _characters(joined: str, function: str) -> _Characters:
    """Count characters of non-empty units, each ended by a line feed, in passes over all at once."""
    encoded = joined.encode("utf-32-le", "surrogatepass")
    codes = np.minimum(np.frombuffer(encoded, dtype="<u4"), 0x10000)
    kinds = _classes()[codes]
    breaks = np.flatnonzero(codes == ord("\n"))
    n = len(breaks)
    starts = np.concatenate(([0], breaks[:-1] + 1))
    unit = np.repeat(np.arange(n), breaks - starts + 1)
    before = np.concatenate(([SPACE], kinds[:-1]))
    begins = (before == SPACE) & (kinds != SPACE)
    after = np.concatenate((kinds[1:], [SPACE]))
    wide = kinds == WIDE
    words = _sums(begins & ~wide, unit, n).astype(np.float32)
    spoken = np.zeros(n, dtype=np.float32)
    if wide.any():
        words += np.bincount(unit, _weights()[codes], n).astype(np.float32)
        known = np.isin(codes, [ord(character) for character in function])
        spoken = np.bincount(unit, known, n).astype(np.float32)
    return _Characters(
        counts=np.bincount(unit * _CLASSES + kinds, minlength=n * _CLASSES).reshape(n, _CLASSES),
        words=words,
        capitalised=_sums(begins & (kinds == UPPER), unit, n),
        ends=_sums(
            (kinds == END) & (codes != ord(".")) & wide.any() | (kinds == END) & (after == SPACE),
            unit,
            n,
        ),
        first=kinds[starts],
        last=_last(kinds, starts, breaks),
        function=spoken,
        stamps=_sums(_stamps(codes, kinds), unit, n) > 0,
        addresses=_sums(_addresses(codes), unit, n) > 0,
    )


def _stamps(codes: NDArray[np.uint32], kinds: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a time of day (``9:41``) or a number of four digits, such as a year, begins."""
    digit = np.pad(kinds == DIGIT, (1, 4))
    four = digit[1:-4] & digit[2:-3] & digit[3:-2] & digit[4:-1]
    clock = digit[1:-4] & (np.append(codes[1:], 0) == ord(":")) & digit[3:-2] & digit[4:-1]
    return (four & ~digit[:-5] & ~digit[5:]) | clock


def _addresses(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Where an address of the net shows: ``@`` or ``//``."""
    slash = codes == ord("/")
    return (codes == ord("@")) | (slash & np.append(slash[1:], False))


def _sums(flags: NDArray[np.bool_], unit: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    return np.bincount(unit[flags], minlength=n)


def _last(
    kinds: NDArray[np.uint8], starts: NDArray[np.int64], breaks: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Class of the last character, looking behind closing quotes, brackets and note numbers."""
    at = breaks - 1
    last = kinds[at]
    for _ in range(3):
        closing = ((last == QUOTE) | (last == BRACKET)) & (at > starts)
        at = np.where(closing, at - 1, at)
        last = kinds[at]
    noted = (last == DIGIT) & (at - 1 > starts)
    behind = kinds[np.where(noted, at - 1, at)]
    return np.where(noted & (behind == END), behind, last).astype(np.uint8)


# --- words ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """Per unit: function words, share of subject words that prose elsewhere also has (or -1),
    and what its words lean to: mean and sum of log-odds, mean of those against."""

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
    long = np.array([len(token) > 2 for token in number])
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
    chars = _characters(joined, known.characters)
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


def _own(lines: Lines, chars: _Characters, vocabulary: _Vocabulary) -> list[Floats]:
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
    ]  # type: ignore[list-item]  # matrix() makes one type of them


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
    np.cumsum(np.stack([spoken, words, words < 4]), axis=1, out=sums[:, 1:])
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
    first, last = best_span(np.where(spoken > 0, spoken, -4 - 2 * (words < 4)))
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
    """First and one past the last line of the span with the greatest sum; ``(0, 0)`` if none is positive.

    Bentley's maximum subarray, by prefix sums: linear time.
    """
    total = np.concatenate(([0.0], np.cumsum(scores, dtype=np.float64)))
    lowest = np.minimum.accumulate(total)
    last = int(np.argmax(total - lowest))
    first = int(np.argmin(total[: last + 1]))
    return (first, last) if total[last] > total[first] else (0, 0)
