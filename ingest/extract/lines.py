"""Lines of a plain-text dump: split in linear time, cleaned, unwrapped.

A hard-wrapped text gives away its paragraphs: a greedy wrapper breaks a line only where
the next word would not have fitted.  Such lines are judged together, as one unit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate, pairwise

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
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
    raw = _INVISIBLE.sub("", text).splitlines()
    clean = [" ".join(line.split()) for line in raw]
    numbers = [number for number, line in enumerate(clean) if line]
    texts = [clean[number] for number in numbers]
    gaps = [b - a - 1 for a, b in pairwise([-1, *numbers])]
    joins = _joins([raw[number] for number in numbers], texts, gaps)
    heads = [at for at, join in enumerate(joins) if not join]
    ends = [*heads[1:], len(texts)][: len(heads)]
    return Lines(
        texts=tuple(texts),
        numbers=tuple(numbers),
        unit_of=tuple(accumulate((not join for join in joins[1:]), initial=0))[: len(texts)],
        units=tuple(
            texts[a] if b - a == 1 else " ".join(texts[a:b])
            for a, b in zip(heads, ends, strict=True)
        ),
        unit_gaps=tuple(gaps[at] for at in heads),
        unit_indents=tuple(_indent(raw[numbers[at]]) for at in heads),
        unit_sizes=tuple(b - a for a, b in zip(heads, ends, strict=True)),
    )


def _indent(raw: str) -> int:
    return len(raw) - len(raw.lstrip()) if raw[0].isspace() else 0


def _joins(raw: list[str], texts: list[str], gaps: list[int]) -> list[bool]:
    """For each line, whether a wrapper broke it off the line before.

    A wrapper breaks sentences: where most of the full lines end as sentences do, the
    lines are paragraphs that happen to be of one length.
    """
    widths = [len(line.rstrip()) for line in raw]
    column = max(
        (w for w, text in zip(widths, texts, strict=True) if " " in text or not text.isascii()),
        default=0,
    )
    apart = [False] * len(texts)
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
