"""Counts of characters by class, for all lines of a text in a few passes over all of them."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

# Classes of characters, exclusive.
SPACE, UPPER, LOWER, OTHER, WIDE, DIGIT, END, COMMA, COLON, QUOTE, BRACKET, DASH, MARK, SYMBOL = (
    range(14)
)
_CLASSES = 14
_ENDS = ".!?\u2026\u3002\uff01\uff1f\uff0e\uff61\u06d4\u061f\u0964\u0965\u037e\u0589\u1362"
_SENTENCE_ENDS = frozenset(_ENDS)
_COMMAS = ",;\u060c\u061b\u3001\uff0c\uff64\uff1b"
_COLONS = ":\uff1a"
_QUOTES = (
    "\"'`\u00b4\u2018\u2019\u201a\u201c\u201d\u201e\u2039\u203a\u00ab\u00bb\u300c\u300d\u300e\u300f"
)
_CLOSING = f"{_QUOTES})]}}\uff09\u3011\u300b \u00a0"
_MARKS = (
    "|*+>/\\~^<\u00b7\u2022\u25aa\u25a0\u25cf\u25ba\u25b8\u2192"
    "\u2190\u2191\u2193\u25e6\u2023\u25cb\u4e28\u2502\u00a6\u2605\u2606\u2713\u2714"
)
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
class Characters:
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


def count_characters(joined: str, function: str) -> Characters:
    """Count characters of non-empty units, each of them ended by a line feed."""
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
    return Characters(
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


def ends_sentence(line: str) -> bool:
    """Whether a line ends as sentences do, in any script; closing quotes and brackets aside."""
    return line.rstrip(_CLOSING)[-1:] in _SENTENCE_ENDS


def _stamps(codes: NDArray[np.uint32], kinds: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a time of day (``9:41``) or a number of four digits, such as a year, begins."""
    digit = np.pad(kinds == DIGIT, (1, 4))
    four = digit[1:-4] & digit[2:-3] & digit[3:-2] & digit[4:-1]
    clock = digit[1:-4] & (np.append(codes[1:], 0) == ord(":")) & digit[3:-2] & digit[4:-1]
    starts: NDArray[np.bool_] = (four & ~digit[:-5] & ~digit[5:]) | clock
    return starts


def _addresses(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Where an address of the net shows: ``@`` or ``//``."""
    slash = codes == ord("/")
    found: NDArray[np.bool_] = (codes == ord("@")) | (slash & np.append(slash[1:], [False]))
    return found


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
