"""Main text of a plain-text dump of a web page: which lines are the article, which are not.

    text -> lines -> units -> features -> log-odds -> Viterbi -> heading set aside -> Cut

A unit is a line, or the lines that a wrapper broke a paragraph into.  The model is
trained (`plain_model`); nothing here knows a site or a phrase of one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ingest.extract import heading, plain_model
from ingest.extract.characters import ends_sentence
from ingest.extract.features import look
from ingest.extract.furniture import FurnitureTable, learn
from ingest.extract.lines import split

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from ingest.extract.lines import Lines

__all__ = ["VERSION", "Cut", "FurnitureTable", "cut", "learn"]

VERSION = "plain/2"
_NEVER = -1000.0  # log-odds of a line known to be furniture
_BLOCK = 20_000  # units: 9 MB of features
_HEADING = 3  # units
_HEADING_LENGTH = 80  # characters
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


def cut(text: str, furniture: FurnitureTable | None = None) -> Cut:
    """Cut the main text out of a dump; ``text`` is empty where nothing is left.

    Linear time; about 3 ms for a page of 9 kB.
    """
    extractor = f"{VERSION}+{furniture.version}" if furniture else VERSION
    lines = split(text)
    if not len(lines):
        return Cut("", extractor=extractor)
    kept = _kept(lines, furniture)
    found = heading.find(lines.texts, kept)
    return Cut(
        text="\n".join(t for at, t in enumerate(lines.texts) if kept[at] and at not in found.lines),
        title=found.title,
        author=found.author,
        created=found.created,
        extractor=extractor,
    )


def _kept(lines: Lines, furniture: FurnitureTable | None) -> list[bool]:
    """For each line, whether it is main text."""
    model = plain_model.load()
    odds = np.concatenate(
        [model.forest.logits(look(b, model.words).features) for b in _blocks(lines)]
    )
    unit_of = np.array(lines.unit_of)
    known = np.zeros(len(lines), dtype=bool)
    if furniture:
        known = np.array(furniture.known(lines.texts))
        odds = np.where(np.bincount(unit_of, ~known) > 0, odds, _NEVER)
    path = _all_if_article(_without_lone_headings(plain_model.decode(odds), lines.units), lines)
    kept: list[bool] = (path[unit_of] & ~known).tolist()
    return kept


def _blocks(lines: Lines) -> Iterator[Lines]:
    """Units in blocks, so that a text of millions of lines takes bounded memory."""
    for at in range(0, len(lines.units), _BLOCK):
        some = slice(at, at + _BLOCK)
        yield replace(
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


def _all_if_article(path: NDArray[np.bool_], lines: Lines) -> NDArray[np.bool_]:
    """Take a text whole where all that would go is its heading, or all of a short note.

    A page that has furniture has it elsewhere than in its first few lines.
    """
    whole = np.ones_like(path)
    if not path.any():
        return whole if sum(len(unit.split()) for unit in lines.units) <= _NOTE else path
    first = int(np.argmax(path))
    return whole if first <= _HEADING and path[first:].all() else path
