"""Author and tags from the body of a page, by the names that pages give to their elements.

The names are those that trafilatura looks for.  It matches them by regular expressions
inside of XPath on a copy of the page, several times; here one walk of the tree finds the few
elements that may concern, which takes a tenth of the time.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from ingest.extract.library import trafilatura

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.html import HtmlElement

_TOLD = re.compile(
    r"uthor|yline|^byl$|^username$|submitted-by|posted-by|journalist-name|screenname|writer"
)
_SURE = re.compile(r"author-?name|AuthorName|authorName")
_LIKELY = re.compile(r"author|submitted-by|posted-by|journalist-name")
_NAMES = frozenset(("byline", "username", "byl"))
_BLOCKS = frozenset(("a", "div", "h3", "h4", "p", "span"))
# Where another person's name stands: comments, boxes beside the article, shares
_ELSEWHERE = re.compile(
    r"^[Cc]omments|comment-?list|comments-list|sidebar|is-hidden|quote"
    r"|embedly-instagram|article-share|article-support|print|category|meta-date|meta-reviewer"
    r"|^title$|^date$"
)
_ELSEWHERE_ID = re.compile(r"^comments|comment-?list|ProductReviews")
_HOLDERS = frozenset(("a", "div", "section", "span"))
_NEVER = frozenset(("time", "figure", "script", "style", "input", "form"))
_LONGEST = 120  # characters of an element that is a byline and no more

_MOST_LOOKED_AT = 200  # elements of a page, for one that says of all that it is a byline

# What stands where a name should: a label, a date, a reporter's verb
_LABEL = re.compile(
    r"^(?:(?:view|zeige|show|see)?\s*(?:all|alle)?\s*(?:posts?|beiträge|artikel|articles?)\s+)?"
    r"(?:by|von|vom|por|par|di|door|av|text|foto|fotos)\s+",
    re.IGNORECASE,
)
_NO_NAME = re.compile(
    r"\d|\b(?:about|author|autor|authors|archive?|anzeigen|view|all|more|mehr|posts?|profile|profil"
    r"|updated|published|said|geändert|stand|quelle|source|admin|editor|redaktion|newsletter|follow"
    r"|unknown|anonymous|publié|inhalte|beiträge|artikel|agenturen|staff|team"
    r"|monday|tuesday|wednesday|thursday|friday|saturday|sunday|january|february"
    r"|july|september|october|november|december|januar|februar|juli|oktober"
    r"|dezember)\b",
    re.IGNORECASE,
)
_WHEN = re.compile(
    r"\s+(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|may|june|july"
    r"|august|september|october|november|december)$",
    re.IGNORECASE,
)
_MOST_WORDS = 5

_TAG_ADDRESS = re.compile(r"/tag(?:y|ies|s)?/")
_TAG_BOX = re.compile(r"^(?:tag|postmeta|meta)")
_TAG_BOXES = frozenset(("row", "jp-relatedposts", "entry-utility"))
_TIERS = 4
_MOST_TAGS = 30


def author(tree: HtmlElement) -> str | None:
    """Names in the byline of a page, joined by ``"; "``; None where none is sure enough.

    A name of one word is left out: of 40 read by hand, most were sites and labels.
    """
    trafilatura()
    from trafilatura.json_metadata import normalize_authors  # noqa: PLC0415 - heavy

    ranked: list[list[HtmlElement]] = [[], [], []]
    for element in islice(_candidates(tree), _MOST_LOOKED_AT):
        if not _is_elsewhere(element):
            ranked[_rank(element)].append(element)
    for element in (element for tier in ranked for element in tier):
        written = _text(element)
        if 2 < len(written) < _LONGEST:  # noqa: PLR2004 - initials are no name
            names = _people(normalize_authors(None, written) or "")
            if names:
                return names
    return None


def tags(tree: HtmlElement) -> list[str]:
    """Texts of the links to a site's pages of tags, from the box nearest to the article's."""
    boxes: list[list[str]] = [[] for _ in range(_TIERS)]
    for link in _tag_links()(tree)[:_MOST_LOOKED_AT]:
        if _TAG_ADDRESS.search(link.get("href", "")):
            tier = _tier_of_tags(link)
            if tier is not None:
                boxes[tier].append(" ".join(link.text_content().split()))
    best: list[str] = next((box for box in boxes if box), [])
    return [tag for tag in dict.fromkeys(best) if tag][:_MOST_TAGS]


def _candidates(tree: HtmlElement) -> Iterator[HtmlElement]:
    """Elements that may be a byline; 0.5 ms a page, where XPath takes 2 to 4."""
    told = _TOLD.search
    for element in tree.iter():
        get = element.get
        if (
            told(get("class", ""))
            or told(get("id", ""))
            or "author" in get("itemprop", "")
            or get("rel") == "author"
            or "Author" in get("data-testid", "")
            or "Byline" in get("data-component", "")
            or element.tag == "author"
        ):
            yield element


@cache
def _tag_links() -> Any:
    from lxml.etree import XPath  # noqa: PLC0415 - heavy

    return XPath("//a[contains(@href, '/tag')]")


def _rank(element: HtmlElement) -> int:
    """0: says that it is an author's name; 1: is called like one; 2: holds the word."""
    named = element.get("class", "")
    if (
        element.tag == "author"
        or element.get("rel") == "author"
        or element.get("itemprop") == "author name"
        or "author" in (named, element.get("id"))
        or element.get("data-testid") in {"AuthorCard", "AuthorURL"}
        or _SURE.search(named)
    ):
        return 0
    likely = (
        named in _NAMES
        or "author" in element.get("itemprop", "")
        or "author" in element.get("id", "")
        or _LIKELY.search(named)
    )
    return 1 if likely and element.tag in _BLOCKS else 2


def _is_elsewhere(element: HtmlElement) -> bool:
    if "comment" in element.get("class", "").lower():
        return True
    return _is_foreign(element) or any(map(_is_foreign, element.iterancestors()))


def _is_foreign(element: HtmlElement) -> bool:
    if element.tag not in _HOLDERS:
        return element.tag in _NEVER
    return bool(
        _ELSEWHERE.search(element.get("class", "")) or _ELSEWHERE_ID.search(element.get("id", ""))
    )


def _text(element: HtmlElement) -> str:
    """Text of an element without that of the foreign ones in it; ``""`` where it is long."""
    words: list[str] = []
    stack: list[HtmlElement | str] = [element]
    while stack:
        top = stack.pop()
        if isinstance(top, str):
            words += top.split()
        elif top is element or not _is_foreign(top):
            for child in reversed(top[:_LONGEST]):
                stack += (child.tail or "", child)
            stack.append(top.text or "")
        if len(words) > _LONGEST:
            return ""
    return " ".join(words)


def _people(names: str) -> str:
    """Of what was read as names, what looks like them."""
    people = (_WHEN.sub("", _LABEL.sub("", name.strip(), count=1)) for name in names.split(";"))
    return "; ".join(
        name
        for name in people
        if " " in name and not _NO_NAME.search(name) and len(name.split()) <= _MOST_WORDS
    )


def _tier_of_tags(link: HtmlElement) -> int | None:
    """How sure a link is among the tags of this page, 0 the surest; None: it is elsewhere."""
    tiers = [_tier_of_box(box) for box in link.iterancestors()]
    return min((tier for tier in tiers if tier is not None), default=None)


def _tier_of_box(box: HtmlElement) -> int | None:
    named = box.get("class", "")
    if box.tag == "div" and named == "tags":
        return 0
    if box.tag == "p" and named.startswith("entry-tags"):
        return 1
    if box.tag == "div" and (named in _TAG_BOXES or _TAG_BOX.search(named)):
        return 2
    return 3 if named == "entry-meta" or "topics" in named or "tags-links" in named else None
