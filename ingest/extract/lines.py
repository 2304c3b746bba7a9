"""Lines of a plain-text dump: split in linear time, cleaned, with what lay between them."""

from __future__ import annotations

import re
from dataclasses import dataclass

# What str.strip leaves at the edges of dumped lines: byte order marks, zero-width and
# directional marks, soft hyphens.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a text that hold anything, in order.

    ``texts`` are stripped, inner white space is one space; ``numbers`` are positions in
    ``text.splitlines()`` from 0; ``gaps`` count the blank lines before each line;
    ``indents`` count the white space that each line began with.
    """

    texts: tuple[str, ...]
    numbers: tuple[int, ...]
    gaps: tuple[int, ...]
    indents: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.texts)


def split(text: str) -> Lines:
    """Split at every line boundary that Unicode knows; blank lines become gaps."""
    texts: list[str] = []
    numbers: list[int] = []
    gaps: list[int] = []
    indents: list[int] = []
    blank = 0
    for number, raw in enumerate(text.splitlines()):
        line = _SPACE.sub(" ", _INVISIBLE.sub("", raw)).strip()
        if not line:
            blank += 1
            continue
        texts.append(line)
        numbers.append(number)
        gaps.append(blank)
        indents.append(len(raw) - len(raw.lstrip()))
        blank = 0
    return Lines(tuple(texts), tuple(numbers), tuple(gaps), tuple(indents))
