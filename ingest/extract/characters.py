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
CLASSES = 14
YEAR = 4  # digits
CLOSING = 3  # signs behind the end of a sentence
FIRST_WIDE = 0x0E00  # no script written without spaces comes before
BEYOND = 0x10000  # stands for every code point of the planes beyond the first
_ENDS = ".!?\u2026\u3002\uff01\uff1f\uff0e\uff61\u06d4\u061f\u0964\u0965\u037e\u0589\u1362"
_SENTENCE_ENDS = frozenset(_ENDS)
STOPS = tuple(_ENDS)
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


def code_points(text: str) -> NDArray[np.uint32]:
    """Code points of a text, lone surrogates among them."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


@cache
def classes() -> NDArray[np.uint8]:
    """Class of each code point of the Basic Multilingual Plane, shape (65537,), the rest last."""
    table = np.full(BEYOND + 1, SYMBOL, dtype=np.uint8)
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
    for code in range(BEYOND):
        table[code] = kinds.get(unicodedata.category(chr(code)), SYMBOL)
    table[weights() > 0] = np.where(table[weights() > 0] == OTHER, WIDE, table[weights() > 0])
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
def weights() -> NDArray[np.float32]:
    """Words that a character of an unspaced script stands for, shape (65537,)."""
    table = np.zeros(BEYOND + 1, dtype=np.float32)
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


def count_characters(
    codes: NDArray[np.integer], breaks: NDArray[np.intp], function: NDArray[np.bool_]
) -> Characters:
    """Count characters of non-empty lines, from code points up to `BEYOND`.

    ``breaks`` are where the lines end, each by a line feed; ``function`` says of each code
    point whether it works as a function word, shape (65537,).
    """
    kinds = classes().take(codes)
    n = len(breaks)
    starts = np.zeros(n, dtype=np.intp)
    starts[1:] = breaks[:-1] + 1
    unit = np.repeat(np.arange(n), breaks - starts + 1)
    space = kinds == SPACE
    edge = np.empty_like(space)
    edge[0] = not space[0]
    np.greater(space[:-1], space[1:], out=edge[1:])
    begins = np.flatnonzero(edge)
    spoken_in, initials = unit[begins], kinds[begins]
    ends = np.flatnonzero(kinds == END)
    closed = space[ends + 1]
    words = np.bincount(spoken_in[initials != WIDE], minlength=n).astype(np.float32)
    spoken = np.zeros(n, dtype=np.float32)
    wide = np.flatnonzero(kinds == WIDE)
    if len(wide):
        closed |= codes[ends] != ord(".")
        words += np.bincount(unit[wide], weights()[codes[wide]], n).astype(np.float32)
        known = function[codes[wide]]
        spoken = np.bincount(unit[wide[known]], minlength=n).astype(np.float32)
    return Characters(
        counts=np.bincount(unit * CLASSES + kinds, minlength=n * CLASSES).reshape(n, CLASSES),
        words=words,
        capitalised=np.bincount(spoken_in[initials == UPPER], minlength=n),
        ends=np.bincount(unit[ends[closed]], minlength=n),
        first=kinds[starts],
        last=_last(kinds, starts, breaks),
        function=spoken,
        stamps=_any(_stamps(codes, kinds), unit, n),
        addresses=_any(_addresses(codes), unit, n),
    )


def ends_sentence(line: str) -> bool:
    """Whether a line ends as sentences do, in any script; closing quotes and brackets aside."""
    return line.rstrip(_CLOSING)[-1:] in _SENTENCE_ENDS


def _stamps(codes: NDArray[np.integer], kinds: NDArray[np.uint8]) -> NDArray[np.intp]:
    """A place in each time of day (``9:41``) and number of four digits, such as a year."""
    digits = np.flatnonzero(kinds == DIGIT)
    if not len(digits):
        return digits
    last = np.append(digits[1:] - digits[:-1] > 1, True)  # of its number
    ends = digits[last] + 1
    places = np.flatnonzero(last) + 1
    lengths = places - np.append(0, places[:-1])
    colons = ends[:-1]
    clock = (ends[1:] - lengths[1:] == colons + 1) & (lengths[1:] > 1)
    clock &= codes.take(colons) == ord(":")
    found: NDArray[np.intp] = np.append(digits[last][lengths == YEAR], colons[clock])
    return found


def _addresses(codes: NDArray[np.integer]) -> NDArray[np.intp]:
    """Where an address of the net shows: ``@`` or ``//``."""
    slashes = np.flatnonzero(codes == ord("/"))
    double = slashes[:-1][slashes[1:] - slashes[:-1] == 1]
    return np.concatenate((double, np.flatnonzero(codes == ord("@"))))


def _any(at: NDArray[np.intp], unit: NDArray[np.intp], n: int) -> NDArray[np.bool_]:
    found = np.zeros(n, dtype=bool)
    found[unit[at]] = True
    return found


def _last(
    kinds: NDArray[np.uint8], starts: NDArray[np.int64], breaks: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Class of the last character, looking behind closing quotes, brackets and note numbers."""
    at = breaks - 1
    last = kinds[at]
    for _ in range(CLOSING):
        closing = ((last == QUOTE) | (last == BRACKET)) & (at > starts)
        if not closing.any():
            break
        at = np.where(closing, at - 1, at)
        last = kinds[at]
    noted = (last == DIGIT) & (at - 1 > starts)
    behind = kinds[np.where(noted, at - 1, at)]
    return np.where(noted & (behind == END), behind, last).astype(np.uint8)
