"""Lines of a plain-text dump: split in linear time, cleaned, unwrapped.

A hard-wrapped text gives away its paragraphs: a greedy wrapper breaks a line only where
the next word would not have fitted.  Such lines are judged together, as one unit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_INVISIBLE = (
    "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\u2064\ufeff"
)
_REMOVED = re.compile(f"[{_INVISIBLE}]")
_SENTENCE_ENDS = tuple('.!?:"\u201d\u3002\uff01\uff1f\u06d4\u061f\u0964')
_MOST_CLOSED = 0.4  # share of full lines that end as sentences do
_NARROWEST, _WIDEST = 50, 120  # columns that texts are wrapped at


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a text that hold anything, in order, and the units they make up.

    ``texts`` are stripped, inner white space is one space; ``numbers`` are positions in
    ``text.splitlines()`` from 0.  ``unit_of`` says which unit each line belongs to; a
    unit has its text, the blank lines before it, its indent, and its number of lines.
    """

    texts: tuple[str, ...]
    numbers: tuple[int, ...]
    unit_of: tuple[int, ...]
    units: tuple[str, ...]
    unit_gaps: tuple[int, ...]
    unit_indents: tuple[int, ...]
    unit_sizes: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.texts)


def split(text: str) -> Lines:
    """Split at every line boundary that Unicode knows; blank lines become gaps."""
    if not text.isascii() and any(map(text.__contains__, _INVISIBLE)):  # sooner than a pattern
        text = _REMOVED.sub("", text)
    raw = text.splitlines()
    clean = [
        line if line.isprintable() and "  " not in line else " ".join(line.split())
        for line in map(str.strip, raw)  # most have single spaces, the only printable ones
    ]
    numbers = [number for number, line in enumerate(clean) if line]
    texts = tuple([clean[number] for number in numbers])
    held = [raw[number] for number in numbers]
    gaps = [b - a - 1 for a, b in pairwise([-1, *numbers])]
    indents = [
        0 if len(line) == len(text) else len(line) - len(line.lstrip())
        for line, text in zip(held, texts, strict=True)
    ]
    joins = _joins(held, texts, gaps)
    if not any(joins):
        one = (1,) * len(texts)
        every = tuple(range(len(texts)))
        return Lines(texts, tuple(numbers), every, texts, tuple(gaps), tuple(indents), one)
    heads = [at for at, join in enumerate(joins) if not join]
    ends = [*heads[1:], len(texts)]
    return Lines(
        texts=texts,
        numbers=tuple(numbers),
        unit_of=tuple(accumulate((not join for join in joins[1:]), initial=0)),
        units=tuple(" ".join(texts[a:b]) for a, b in zip(heads, ends, strict=True)),
        unit_gaps=tuple(gaps[at] for at in heads),
        unit_indents=tuple(indents[at] for at in heads),
        unit_sizes=tuple(b - a for a, b in zip(heads, ends, strict=True)),
    )


def _joins(raw: Sequence[str], texts: Sequence[str], gaps: list[int]) -> list[bool]:
    """For each line, whether a wrapper broke it off the line before.

    A wrapper breaks sentences: where most of the full lines end as sentences do, the
    lines are paragraphs that happen to be of one length.
    """
    apart = [False] * len(texts)
    if any(len(text) > _WIDEST and " " in text for text in texts):  # as on most pages
        return apart
    widths = [len(line.rstrip()) for line in raw]
    wide = (at for at, width in enumerate(widths) if width > _WIDEST)
    if any(" " in texts[at] or not texts[at].isascii() for at in wide):
        return apart
    column = max(
        (w for w, text in zip(widths, texts, strict=True) if " " in text or not text.isascii()),
        default=0,
    )
    if not _NARROWEST <= column <= _WIDEST:
        return apart
    words = [len(text.split(" ", 1)[0]) for text in texts]
    joins = [False] + [
        not gap and width + 1 + word > column
        for width, word, gap in zip(widths, words[1:], gaps[1:], strict=False)
    ]
    full = [text for text, join in zip(texts, joins[1:], strict=False) if join]
    closed = sum(text.endswith(_SENTENCE_ENDS) for text in full)
    return joins if closed <= _MOST_CLOSED * len(full) else apart
