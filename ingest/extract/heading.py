"""Title, date and author of a dumped page, from the lines around the start of its main text.

The words of a title come back in the text below it; a date and a byline stand on short
lines of their own between title and text.  Nothing is taken from sentences.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.extract.dates import date_in, span_of_date

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORD = re.compile(r"\w+")
_REACH = 30  # lines above the text in which a title is looked for
_LEAST_TITLE, _MOST_TITLE = 8, 220  # characters
_CLOSED = tuple(".。．!?！？…;:,،؛۔।")
_LABEL = re.compile(
    r"^(?:(?:written |posted |story )?by|von|par|por|di|door|av|autor(?:in|es)?|author|reporter|"
    r"auteur|autore|текст|автор|συντάκτης|作者|記者|记者|文|著者|執筆者|كتب|بقلم)"
    r"(?:\s*[:：/]\s*|\s+)(?P<name>\S.*)$",
    re.IGNORECASE,
)
_NAME_ENDS = re.compile(r"\s*(?:[|·•丨,;/()–—\[\]@]|\s-\s|\d).*$")
_NO_NAMES = frozenset({"admin", "administrator", "editor", "staff", "webmaster", "guest", "root"})


@dataclass(frozen=True, slots=True)
class Heading:
    """Title, author and date found, ``""`` where unknown; ``title_at`` is the line's index or -1."""

    title: str = ""
    author: str = ""
    created: str = ""
    title_at: int = -1


def find(texts: Sequence[str], kept: Sequence[bool]) -> Heading:
    """Read the heading of the main text that ``kept`` marks among the lines ``texts``."""
    start = next((i for i, keep in enumerate(kept) if keep), -1)
    if start < 0:
        return Heading()
    title_at = _title(texts, kept, start)
    return Heading(
        title=texts[title_at] if title_at >= 0 else "",
        author=_author(_near(texts, kept, start, title_at)),
        created=_date(_near(texts, kept, start, title_at)),
        title_at=title_at,
    )


def _title(texts: Sequence[str], kept: Sequence[bool], start: int) -> int:
    body = {
        word
        for text, keep in zip(texts, kept, strict=True)
        if keep and len(text) > 80
        for word in _words(text)
    }
    if not body:
        return -1
    marked = next(
        (i for i in range(start, max(0, start - _REACH) - 1, -1) if _is_date_line(texts[i])), start
    )
    candidates = range(max(0, start - _REACH), start + 1)
    scored = [
        (
            _likeness(texts[i], body)
            + (0.4 if i < marked or marked == start else 0)
            - 0.01 * (start - i),
            i,
        )
        for i in candidates
    ]
    best, at = max(scored, default=(0.0, -1))
    return at if best > 0.4 else -1


def _likeness(text: str, body: set[str]) -> float:
    if not _LEAST_TITLE <= len(text) <= _MOST_TITLE or text.endswith(_CLOSED[:3]) or date_in(text):
        return 0.0
    words = _words(text)
    if len(words) < 2 or author_in(text):
        return 0.0
    return sum(word in body for word in words) / (len(words) + 1) + min(len(words), 8) / 40


def _words(text: str) -> list[str]:
    """Words that carry a subject: longer ones, or all characters of scripts without spaces."""
    found = [word.casefold() for word in _WORD.findall(text)]
    return [w[:6] for w in found if len(w) > 3] or found


def _near(texts: Sequence[str], kept: Sequence[bool], start: int, title_at: int) -> list[str]:
    """Lines that may state date and author, best first: title to text, then just above the title."""
    top = title_at if title_at >= 0 else max(0, start - 5)
    below = [
        texts[i]
        for i in range(top + 1, start + 4)
        if i < len(texts)
        and _may_state(texts[i])
        and not (kept[i] and not _is_date_line(texts[i]) and len(texts[i]) > 80)
    ]
    above = [texts[i] for i in range(top - 1, max(-1, top - 6), -1) if _may_state(texts[i])]
    return below + above


def _may_state(text: str) -> bool:
    longest = 160
    return len(text) <= longest and not text.endswith(_CLOSED[:3])


def states(text: str) -> bool:
    """Whether a line is a date line or a byline."""
    return _is_date_line(text) or bool(author_in(text))


def _is_date_line(text: str) -> bool:
    """A line that states a date and hardly anything else."""
    if not _may_state(text):
        return False
    begin, end = span_of_date(text)
    return end > begin and len(text) - (end - begin) < 80


def _date(lines: Sequence[str]) -> str:
    return next((found for line in lines if _is_date_line(line) and (found := date_in(line))), "")


def _author(lines: Sequence[str]) -> str:
    return next((name for line in lines if (name := author_in(line))), "")


def author_in(line: str) -> str:
    """Name behind a byline's label, or ``""``."""
    match = _LABEL.match(line)
    if not match:
        return ""
    name = _NAME_ENDS.sub("", match["name"]).strip(" .:-")
    words = name.split()
    longest = 5
    if not 1 <= len(words) <= longest or name.casefold() in _NO_NAMES or not name[:1].isalpha():
        return ""
    return name if name[0] != name[0].lower() or name[0] == name[0].upper() else ""
