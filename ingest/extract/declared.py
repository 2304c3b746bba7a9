"""What a page says about itself, read from its tree.

    <meta>, OpenGraph, microdata -> JSON-LD -> title, author, address, date, site, tags

The order, and what is read from the head, are trafilatura's (`trafilatura.metadata`), by its
own functions.  Left out is what no record holds (categories, licence, image); bylines and
tags in the body, half of its time, are found in one walk of the tree (`ingest.extract.byline`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ingest.extract import byline
from ingest.extract.library import trafilatura

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lxml.html import HtmlElement

_WORD = re.compile(r"\w{3,}")
_TELLING = 3  # words of a title that is more than a name
_SITE_OF_URL = re.compile(r"https?://(?:www\.|w[0-9]+\.)?([^/]+)")


def declared(tree: HtmlElement, url: str, dates: Mapping[str, Any]) -> Any:
    """Trafilatura's document with the metadata of a page, and without text.

    ``dates`` are the parameters of `htmldate.find_date`.  Raises whatever trafilatura and
    htmldate raise on malformed pages.
    """
    trafilatura()
    from courlan import extract_domain  # noqa: PLC0415 - heavy
    from htmldate import find_date  # noqa: PLC0415 - heavy
    from trafilatura import metadata as library  # noqa: PLC0415 - heavy

    found: Any = library.examine_meta(tree)
    if found.author and " " not in found.author:
        found.author = None  # an account or a site rather than a person
    found = _with_json(library, tree, found)
    if found.author and _letters(found.author) == _letters(found.sitename or ""):
        found.author = None
    found.title = found.title or _title(library, tree)
    found.author = found.author or byline.author(tree)
    found.url = found.url or library.extract_url(tree, url or None)
    found.hostname = extract_domain(found.url, fast=True) if found.url else None
    found.date = find_date(tree, url=found.url, **dates)
    found.sitename = _site(found.sitename or library.extract_sitename(tree), found.url or "")
    found.tags = found.tags or byline.tags(tree)
    found.clean_and_trim()
    return found


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def _title(library: Any, tree: HtmlElement) -> str | None:
    """The title of a page whose head gives none but ``<title>``.

    That is its heading; where heading and ``<title>`` have no word in common, the heading is
    that of a box, unless the ``<title>`` is too short to say anything (a site's name).
    """
    heading: str | None = library.extract_title(tree)
    whole, *parts = library.examine_title_element(tree)
    named = max((part for part in parts if part), key=len, default=whole)
    words = set(_WORD.findall(named.casefold()))
    if heading and (len(words) < _TELLING or words & set(_WORD.findall(heading.casefold()))):
        return heading
    return named or heading


def _with_json(library: Any, tree: HtmlElement, found: Any) -> Any:
    try:
        return library.extract_meta_json(tree, found)
    except Exception:  # noqa: BLE001 - any JSON may stand there; what was read before it counts
        return found


def _site(name: str | None, url: str) -> str | None:
    """A site's name as it gives it, capitalised; else its host."""
    name = (name or "").lstrip("@")
    if not name:
        host = _SITE_OF_URL.match(url)
        return host[1] if host else None
    return name if "." in name or name[0].isupper() else name.title()
