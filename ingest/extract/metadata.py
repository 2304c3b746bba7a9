"""What is known about a document beside its text, from the page and from its source.

Wrong is worse than empty: what does not look like a title, a name or an address of this
very page is left out.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ingest.documents import Extracted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingest.documents import RawDocument

_LANGUAGE = re.compile(
    r"<html\b[^>]*?\b(?:xml:)?lang\s*=\s*[\"']?([a-zA-Z]{2,3})(?![a-zA-Z])"
    r"|<meta\b[^>]*\bhttp-equiv\s*=\s*[\"']?content-language[\"']?[^>]*"
    r"\bcontent\s*=\s*[\"']?([a-zA-Z]{2,3})(?![a-zA-Z])",
    re.IGNORECASE,
)
_NOT_A_NAME = re.compile(r"://|www\.|@|[<>{}\[\]|]|\d{4}")
_BETWEEN_TAGS = re.compile(r"[,;|]")
_LONGEST_AUTHOR = 200
_WORD = re.compile(r"\w+")
_HEADING_LINES = 5  # a kicker, a date or a standfirst may stand above the title
_HEAD = 1 << 13  # characters in which a page says its language
_KNOWN = {"title": "title", "author": "author", "date": "created", "language": "language"} | {
    key: key for key in ("site", "description", "tags")
}


def of_page(found: Any, page: str, url: str) -> Extracted:
    """Metadata of a page, from trafilatura's document (None: nothing found), without text."""
    language = declared_language(page)
    if found is None:
        return Extracted("", language=language, url=url)
    return Extracted(
        "",
        title=_title(found),
        author=_author(found.author or ""),
        created=found.date or "",
        language=language,
        url=_address(found.url or "", url),
        site=found.sitename or "",
        description=found.description or "",
        tags=_tags(found.tags or ()),
    )


def declared_language(page: str) -> str:
    """Language code (ISO 639, lower case) that the head of a page declares, or ``""``."""
    match = _LANGUAGE.search(page, 0, _HEAD)
    return (match[1] or match[2]).lower() if match else ""


def without_title(text: str, title: str) -> str:
    """Drop the title from the lines that a text begins with: it has a field of its own.

    A line is the title where its words are the title's, but for a few at the end (the
    site's name).  A text that is nothing else stays.
    """
    wanted = _words(title)
    lines = text.split("\n", _HEADING_LINES)
    for i, line in enumerate(lines[:_HEADING_LINES]):
        if wanted and _is_title(_words(line), wanted):
            rest = "\n".join(lines[:i] + lines[i + 1 :])
            return rest if rest.strip() else text
    return text


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _is_title(line: list[str], title: list[str]) -> bool:
    if line == title:
        return True
    shorter, longer = sorted((line, title), key=len)
    enough = len(shorter) >= max(4, 0.75 * len(longer))
    return enough and longer[: len(shorter)] == shorter


def of_source(raw: RawDocument, found: Extracted) -> Extracted:
    """Lay what the source said of the item over what was found in it.

    A feed's title or a JSONL record's date was given on purpose, so it wins; only the
    language of a page stays as found where the source gives none.
    """
    told = {field: raw.metadata.get(key, "").strip() for key, field in _KNOWN.items()}
    changes = {field: value for field, value in told.items() if value}
    url = found.url or raw.metadata.get("url", "").strip() or raw.url
    return replace(found, **changes, url=url) if changes or url != found.url else found


def _title(found: Any) -> str:
    title = found.title or ""
    return "" if title in {found.sitename, found.hostname} else title


def _tags(given: Iterable[str]) -> str:
    """Keywords once each; pages write a list of them into one field."""
    tags = [tag.strip() for field in given for tag in _BETWEEN_TAGS.split(field)]
    return "; ".join(dict.fromkeys(tag for tag in tags if tag))


def _author(names: str) -> str:
    """Names of people; an address, a handle or a template's rest is no name."""
    people = [name.strip() for name in names.split(";")]
    good = [name for name in people if name and not _NOT_A_NAME.search(name)]
    joined = "; ".join(dict.fromkeys(good))
    return joined if len(joined) <= _LONGEST_AUTHOR else ""


def _address(canonical: str, url: str) -> str:
    """Give the canonical address where it can be that of this page, else the one it was found at.

    Sites are seen to name their front page, or another host, on every page.
    """
    if not canonical or not url:
        return canonical or url
    if not (is_address(canonical) and is_address(url)):
        return url
    there, here = urlsplit(canonical), urlsplit(url)
    same_host = _host(there.netloc) == _host(here.netloc)
    front_page = there.path in {"", "/"} and not there.query
    misled = front_page and here.path not in {"", "/"}
    return canonical if same_host and not misled else url


def is_address(url: str) -> bool:
    """Whether an address can be taken apart: brackets must hold an IPv6 address."""
    try:
        urlsplit(url)
    except ValueError:
        return False
    return True


def _host(netloc: str) -> str:
    return netloc.lower().removeprefix("www.").removeprefix("m.").removeprefix("amp.")
