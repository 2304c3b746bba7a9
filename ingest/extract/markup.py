"""HTML as markup: parsed without limits, mended, made harmless, and dumped to plain text."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.html import HtmlElement, HTMLParser

# Split strings, because the formatter gives each item of a list a line of its own.
_HIDDEN = frozenset(
    "audio canvas datalist head iframe math noscript object script select style"  # noqa: SIM905
    " svg template textarea video".split()
)
_BLOCKS = frozenset(
    "address article aside blockquote body br caption center dd details dialog div"  # noqa: SIM905
    " dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr html legend li"
    " main nav ol p pre section summary table tbody td tfoot th thead tr ul".split()
)
_LONG = 1 << 15  # characters: a tag that is looked at more closely
_LONG_TAG = re.compile(rf"<([a-zA-Z][a-zA-Z0-9]*)\b([^<>]{{{_LONG},}})>")
_MOST_ATTRIBUTES = 1000
_LONGEST_TAG = 1 << 20  # characters; a forum's posts may be in an attribute of some 100 KB
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_TOKEN = re.compile(r"<(?:(!--)|(/?)([a-zA-Z][a-zA-Z0-9]*)[^<>]*>)|--(>)")
_SWALLOWING = re.compile(
    r"<(/?)(script|style|title|textarea|noscript|xmp|iframe)\b[^<>]*>", re.IGNORECASE
)


def tame(page: str) -> str:
    """Strip the attributes of absurd tags.

    libxml2 compares each attribute of a tag with each (50,000 take it 10 s), and the
    search for dates runs slow patterns over each of them.
    """
    if not _has_long_run(page):
        return page

    def bare(match: re.Match[str]) -> str:
        absurd = len(match[2]) > _LONGEST_TAG or len(match[2].split()) > _MOST_ATTRIBUTES
        return f"<{match[1]}>" if absurd else match[0]

    return _LONG_TAG.sub(bare, page)


def _has_long_run(page: str) -> bool:
    """Whether the page may hold a tag of `_LONG` characters; looks at a handful of places.

    Such a tag covers one of these windows whole, and no angle bracket stands in it.
    """
    window = _LONG // 2
    return any(
        page.find("<", at, at + window) < 0 and page.find(">", at, at + window) < 0
        for at in range(0, len(page) - window, window)
    )


def repair(page: str) -> str:
    """Mend what makes a parser, or trafilatura, take a page for nothing.

    A fragment gets its ``<html>``; a comment or a raw-text element that is opened but
    never closed, and so swallows the rest of the page, is not opened.
    """
    page = _NOT_XML.sub("", page)
    if page.rfind("<!--") > page.rfind("-->"):
        page = page.replace("<!--", "", page.count("<!--"))
    closed = {tag[2].lower(): tag.start() for tag in _SWALLOWING.finditer(page) if tag[1]}

    def kept(tag: re.Match[str]) -> str:
        return tag[0] if tag[1] or tag.start() < closed.get(tag[2].lower(), -1) else ""

    page = _SWALLOWING.sub(kept, page)
    return "<html><body><p>" + page


def parse(page: str) -> HtmlElement | None:
    """Parse at libxml2's widest limits (2,048 levels); None where a part is lost even so."""
    from lxml.etree import LxmlError  # noqa: PLC0415  # heavy, and seldom needed
    from lxml.html import HTMLParser, document_fromstring  # noqa: PLC0415

    parser = HTMLParser(
        encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True, collect_ids=False
    )
    try:
        tree = document_fromstring(_NOT_XML.sub("", page).encode(), parser=parser)
    except (LxmlError, ValueError):
        return None
    return None if was_cut_short(parser) else tree


def was_cut_short(parser: HTMLParser) -> bool:
    """Whether libxml2 dropped the rest of the page that ``parser`` parsed last at a limit.

    The limits are 256 levels of elements (2,048 in a huge tree) and 10 MB in one text.
    """
    from lxml.etree import ErrorTypes  # noqa: PLC0415

    return any(entry.type == ErrorTypes.ERR_RESOURCE_LIMIT for entry in parser.error_log)


def dump(page: str) -> str:
    """Text of a whole page, a line for each block, by its tags alone: no tree, no limits.

    Linear in the length of the page, whatever is in it.
    """
    pieces: list[str] = []
    at, hidden = 0, ""
    for token in _TOKEN.finditer(page):
        if not hidden:
            pieces.append(page[at : token.start()])
        at = token.end()
        tag = (token[3] or "").lower()
        if hidden:
            over = token[4] if hidden == "!--" else token[2] and tag == hidden
            hidden = "" if over else hidden
        elif token[1] or (tag in _HIDDEN and not token[2]):
            hidden = token[1] or tag
        elif tag in _BLOCKS:
            pieces.append("\n")
        elif token[4]:
            pieces.append(token[0])
    if not hidden:
        pieces.append(page[at:])
    return html.unescape("".join(pieces))
