"""Main text of a plain-text dump of a web page: which lines are the article, which are not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.extract import heading
from ingest.extract.lines import Lines, split

if TYPE_CHECKING:
    from ingest.extract.furniture import FurnitureTable

VERSION = "plain/1"

_ENDS = re.compile(r"""[.!?…。！？．۔।؟;:]["'”’»)\]]*(?:\[\d+\]|\d{1,2})?$""")


@dataclass(frozen=True, slots=True)
class Cut:
    """Main text, one line per line, without the title; what the heading states; ``""`` is unknown."""

    text: str
    title: str = ""
    author: str = ""
    created: str = ""
    extractor: str = VERSION


def cut(text: str, furniture: FurnitureTable | None = None) -> Cut:
    """Cut the main text out of a dump; ``text`` is empty where nothing is left."""
    lines = split(text)
    known = furniture.known(lines.texts) if furniture else [False] * len(lines)
    kept = _span(lines, known)
    found = heading.find(lines.texts, kept)
    kept = _with_standfirst(lines.texts, kept, found.title_at)
    body = [t for i, t in enumerate(lines.texts) if kept[i] and i != found.title_at]
    return Cut(
        text="\n".join(body),
        title=found.title,
        author=found.author,
        created=found.created,
        extractor=f"{VERSION}+{furniture.version}" if furniture else VERSION,
    )


def _span(lines: Lines, known: list[bool]) -> list[bool]:
    scores = [-20.0 if k else _score(t) for t, k in zip(lines.texts, known, strict=True)]
    if max(scores, default=0.0) <= 0:
        return [not k for k in known]
    first, last = _best(scores)
    inside = [first <= i <= last and not known[i] for i in range(len(lines))]
    return [keep and not _prompt(lines.texts, i, first, last) for i, keep in enumerate(inside)]


def _with_standfirst(texts: tuple[str, ...], kept: list[bool], title_at: int) -> list[bool]:
    """Keep a sub-title of some length right above the text and below the title."""
    least = 6
    start = kept.index(True) if True in kept else 0
    if 0 <= title_at < start - 1 and len(texts[start - 1].split()) >= least:
        if not heading.states(texts[start - 1]):
            return [keep or i == start - 1 for i, keep in enumerate(kept)]
    return kept


def _score(text: str) -> float:
    words = max(len(text.split()), len(text) // 12)
    if words >= 8 and (_ENDS.search(text) or words >= 25):
        return float(words)
    return -4.0 - (3.0 if words < 4 else 0.0)


def _best(scores: list[float]) -> tuple[int, int]:
    best, first, last, running, begin = 0.0, 0, -1, 0.0, 0
    for i, score in enumerate(scores):
        if running <= 0:
            running, begin = 0.0, i
        running += score
        if running > best:
            best, first, last = running, begin, i
    return first, last


def _prompt(texts: tuple[str, ...], i: int, first: int, last: int) -> bool:
    def shouts(at: int) -> bool:
        return first < at < last and texts[at].isupper() and len(texts[at]) < 60

    return shouts(i) or (shouts(i - 1) and shouts(i + 1))
