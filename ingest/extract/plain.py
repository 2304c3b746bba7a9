"""Main text of a plain-text dump of a web page: which lines are the article, which are not.

    text -> lines -> units -> Page -> log-odds -> Viterbi -> title, heading set aside -> Cut

A unit is a line, or the lines that a wrapper broke a paragraph into.  The model is
trained (`plain_model`); nothing here knows a site or a phrase of one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import compress
from typing import TYPE_CHECKING

import numpy as np

from ingest.extract import heading, plain_model
from ingest.extract.characters import ends_sentence
from ingest.extract.counting import Reference
from ingest.extract.features import look
from ingest.extract.furniture import FurnitureTable, learn
from ingest.extract.lines import split

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from ingest.extract.counting import Engine
    from ingest.extract.lines import Lines

__all__ = ["VERSION", "Cut", "FurnitureTable", "cut", "learn"]

VERSION = "plain/5"
_NUMPY = Reference()
_NEVER = -1000.0  # log-odds of a line known to be furniture
_MOST = 100_000  # lines: no page has more; a log or a Bible has, and is taken whole
_BLOCK, _BLOCK_CHARACTERS = 10_000, 1 << 21  # what is judged at once: bounds the memory
_HEADING = 3  # units
_HEADING_LENGTH = 80  # characters
_SCRAP = 30  # characters
_NOTE = 40  # words: a text so short is taken whole where the model keeps nothing of it


@dataclass(frozen=True, slots=True)
class Cut:
    """What was cut out of a dump; ``""`` is unknown.

    ``text`` has one line of the dump a line, in order, without the title; ``created`` is
    ``YYYY-MM-DD``, or ISO 8601 where the page states time and zone.
    """

    text: str
    title: str = ""
    author: str = ""
    created: str = ""
    extractor: str = VERSION


def cut(text: str, furniture: FurnitureTable | None = None, engine: Engine = _NUMPY) -> Cut:
    """Cut the main text out of a dump; ``text`` is empty where nothing is left.

    Linear time; for a page of 9 kB some 3 ms in numpy, 2 by compiled loops (`counting.best`),
    which give the same.  A text of more than 100,000 lines is taken as it is, and
    ``extractor`` ends in ``+whole``.
    """
    extractor = f"{VERSION}+{furniture.version}" if furniture else VERSION
    if len(text) > _MOST and len(whole := text.splitlines()) > _MOST:
        clean = filter(None, (" ".join(line.split()) for line in whole))
        return Cut("\n".join(clean), extractor=f"{extractor}+whole")
    lines = split(text)
    if not len(lines):
        return Cut("", extractor=extractor)
    known = np.array(furniture.known(lines.texts)) if furniture else None
    judged = _judge(lines, known, engine)
    found = heading.find(lines.units, np.flatnonzero(judged.kept).tolist(), judged.title)
    kept = judged.kept.copy()
    kept[[at for at in (*found.lines, judged.title) if at >= 0]] = False
    kept = kept[np.array(lines.unit_of)]
    if known is not None:
        kept &= ~known
    return Cut(
        text="\n".join(compress(lines.texts, kept.tolist())),
        title=lines.units[judged.title] if judged.title >= 0 else "",
        author=found.author,
        created=found.created,
        extractor=extractor,
    )


@dataclass(frozen=True, slots=True)
class _Judged:
    """For each unit, whether it is main text; and which one is the title, or -1."""

    kept: NDArray[np.bool_]
    title: int


def _judge(lines: Lines, known: NDArray[np.bool_] | None, engine: Engine) -> _Judged:
    """Judge the units of a text of which some lines are known to be furniture."""
    if len(lines.units) == 1:  # kept in any case, and no title
        return _Judged(np.ones(1, dtype=bool), -1)
    model = plain_model.load()
    pages = [look(block, model.words, engine) for block in _blocks(lines)]
    parts = [model.odds(page, engine) for page in pages]
    odds = np.concatenate(parts)
    if known is not None:
        some = np.bincount(lines.unit_of, ~known) > 0
        odds = np.where(some, odds, _NEVER)
    kept = keep(model.decoding.path(odds), lines)
    head = kept[: len(parts[0])]  # a title further down would not be one
    title = model.find_title(pages[0], odds[: len(head)], head, lines.units, engine)
    return _Judged(kept, title)


def keep(path: NDArray[np.bool_], lines: Lines) -> NDArray[np.bool_]:
    """Put right what the model cannot know of a path through the units."""
    path = _without_scraps_before(_without_lone_headings(path, lines.units), lines.units)
    return _all_if_article(path, lines)


def _blocks(lines: Lines) -> Iterator[Lines]:
    """Units in blocks, so that a long text takes bounded memory."""
    if len(lines.units) <= _BLOCK and sum(map(len, lines.units)) <= _BLOCK_CHARACTERS:
        yield lines
        return
    begin = size = 0
    for at, unit in enumerate(lines.units):
        if at - begin == _BLOCK or size > _BLOCK_CHARACTERS:
            yield _some(lines, slice(begin, at))
            begin = at
            size = 0
        size += len(unit)
    yield _some(lines, slice(begin, None)) if begin else lines


def _some(lines: Lines, some: slice) -> Lines:
    return replace(
        lines,
        units=lines.units[some],
        unit_gaps=lines.unit_gaps[some],
        unit_indents=lines.unit_indents[some],
        unit_sizes=lines.unit_sizes[some],
    )


def _without_lone_headings(path: NDArray[np.bool_], units: Sequence[str]) -> NDArray[np.bool_]:
    """Let the heading of what was cut out of the middle of an article go with it.

    A short line that ends no sentence, after a whole paragraph, belongs to what follows it.
    Lines in a row without sentences (verse, lists) are no headings, nor is the last line.
    """
    kept = path.copy()
    last = np.flatnonzero(path)[-1] if path.any() else 0
    ends: list[int] = (np.flatnonzero(path[1:last] & ~path[2 : last + 1]) + 1).tolist()
    for at in ends:
        unit = units[at]
        short = len(unit) <= _HEADING_LENGTH and not ends_sentence(unit)
        if short and kept[at - 1] and ends_sentence(units[at - 1]):
            kept[at] = False
    return kept


def _without_scraps_before(path: NDArray[np.bool_], units: Sequence[str]) -> NDArray[np.bool_]:
    """Let the rest of a menu go that was cut only in part, before the first line of a text.

    Scraps in a row there are no headings, but for the last of them.  It matters on short
    pages in scripts without spaces, and changes nothing in cross-validated F1.
    """
    begin = end = int(np.argmax(path))
    while end < len(path) and path[end] and _is_scrap(units[end]):
        end += 1
    if not begin or end - begin <= 1 or end == len(path) or not path[end]:
        return path
    kept = path.copy()
    kept[begin : end - 1] = False
    return kept


def _is_scrap(unit: str) -> bool:
    return len(unit) <= _SCRAP and not ends_sentence(unit)


def _all_if_article(path: NDArray[np.bool_], lines: Lines) -> NDArray[np.bool_]:
    """Take a text whole where all that would go is its heading, or all of a short note.

    A page that has furniture has it elsewhere than in its first few lines.
    """
    whole = np.ones_like(path)
    if len(path) == 1:
        return whole
    if not path.any():
        return whole if sum(len(unit.split()) for unit in lines.units) <= _NOTE else path
    first = int(np.argmax(path))
    return whole if first <= _HEADING and path[first:].all() else path
