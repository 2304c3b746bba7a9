# ruff: noqa: RUF001 - punctuation of other scripts is meant
"""Date and author of a dumped page, from the lines around the start of its main text.

A date and a byline stand on short lines of their own between title and text, or right
above.  Nothing is taken from sentences: wrong is worse than empty.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.extract.dates import date_in, is_month, span_of_date

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEAD = 5  # lines of text at its start that may be title, date or byline after all
_PROSE = 80  # characters from which on a line is text rather than heading
_LONGEST_LINE = 160  # characters of a line that states a date or an author
_BESIDE_DATE = 80  # characters that may stand beside the date on its line
_STOPS = tuple(".。．!?！？…。۔।")
_LABELS = (
    "written by|posted by|story by|words by|by|von|par|por|di|door|av|autor(?:in|es|a)?|author|"
    "reporter|auteur|autore|текст|автор|συντάκτης|作者|記者|记者|文|著者|執筆者|كتب|بقلم"
)
_INITIALS = "".join(sorted({label[0] for label in _LABELS.split("|")}))
_LABEL = re.compile(  # the initials first, or every line would be held against every label
    rf"(?=[{_INITIALS}])(?:{_LABELS})(?P<mark>\s*[:：/]\s*|\s+)(?P<name>\S.*)$", re.IGNORECASE
)
_NAME_ENDS = re.compile(r"\s*(?:[|·•丨,;/()–—\[\]@]|\s-\s|\d).*$")
_NO_NAMES = frozenset({"admin", "administrator", "editor", "staff", "webmaster", "guest", "root"})
_MOST_NAMES = 5  # words of a name


@dataclass(frozen=True, slots=True)
class Heading:
    """Author and date found, ``""`` where unknown; the indexes of lines that only state them."""

    author: str = ""
    created: str = ""
    lines: frozenset[int] = frozenset()


def find(texts: Sequence[str], text: Sequence[int], title: int) -> Heading:
    """Read date and author of a page from the lines around its title and the start of its text.

    ``text`` are the indexes of the main text among the lines ``texts``, ``title`` is that of
    the title, -1 where it is unknown.
    """
    if not text:
        return Heading()
    below, above = _stating(texts, text, title)
    candidates = [texts[at] for at in (*below, *above)]
    return Heading(
        author=next(filter(None, map(author_in, candidates)), ""),
        created=next((date_in(line) for line in candidates if _is_date_line(line)), ""),
        lines=frozenset(at for at in below if states(texts[at])),
    )


def states(line: str) -> bool:
    """Whether a line is there to state a date or an author."""
    return _is_date_line(line) or bool(author_in(line))


def author_in(line: str) -> str:
    """Name behind a byline's label, or ``""``."""
    match = _LABEL.match(line) if len(line) <= _LONGEST_LINE else None
    if not match or line.endswith(_STOPS):
        return ""
    name = _NAME_ENDS.sub("", match["name"]).strip(" .:-")
    words = name.split()
    if len(words) > 1 and len(name) < len(match["name"]) and is_month(words[-1]):
        words = _without_date(words)
        name = " ".join(words)
    if not 1 <= len(words) <= _MOST_NAMES or name.casefold() in _NO_NAMES:
        return ""
    named = all(_may_be_named(word) for word in words) and not words[-1][0].islower()
    return name if named else ""


def _without_date(words: list[str]) -> list[str]:
    """Drop the month that was left of a date behind the name, and what joined them."""
    words = words[:-1]
    while len(words) > 1 and words[-1][0].islower():
        words = words[:-1]
    return words


def _may_be_named(word: str) -> bool:
    """Capitalised, of a script without capitals, or a particle (``van``, ``de la``)."""
    longest_particle = 3
    return word[0].isalpha() and (
        word[0].lower() != word[0] or word[0].upper() == word[0] or len(word) <= longest_particle
    )


# --- date and author ------------------------------------------------------------------


def _stating(texts: Sequence[str], text: Sequence[int], title: int) -> tuple[list[int], list[int]]:
    """Lines that may state date and author: from title into the text, and above the title."""
    top = title if title >= 0 else max(-1, text[0] - _HEAD)
    end = next(
        (at for at in text if at > title and len(texts[at]) > _PROSE and not states(texts[at])),
        text[-1] + 1,
    )
    below = [at for at in range(top + 1, min(end, text[0] + 2 * _HEAD)) if _may_state(texts[at])]
    above = [at for at in range(top - 1, max(-1, top - 1 - _HEAD), -1) if _may_state(texts[at])]
    return below, above if title >= 0 else []


def _may_state(line: str) -> bool:
    return len(line) <= _LONGEST_LINE and not line.endswith(_STOPS[:3])


def _is_date_line(line: str) -> bool:
    """A line that states a full date and hardly anything else."""
    if len(line) > _LONGEST_LINE:
        return False
    begin, end = span_of_date(line)
    return end > begin and len(line) - (end - begin) < _BESIDE_DATE
