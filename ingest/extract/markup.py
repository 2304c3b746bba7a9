"""HTML as markup: parsed without limits, mended, made harmless, and dumped to plain text."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.html import HtmlElement

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
_LONG_TAG = re.compile(r"<([a-zA-Z][^\s<>/]*)([^<>]{65536,})>")
_MANY_ATTRIBUTES = 1000
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_TAG = re.compile(r"<[^<>]*>")
_SWALLOWING = re.compile(
    r"<(script|style|title|textarea|noscript|xmp|iframe)\b[^<>]*>", re.IGNORECASE
)


def tame(page: str) -> str:
    """Strip tags of absurdly many attributes: libxml2 compares each with each (50,000: 10 s)."""
    if len(page) < 1 << 16:
        return page

    def bare(match: re.Match[str]) -> str:
        attributes = match[2].count("=")
        return f"<{match[1]}>" if attributes > _MANY_ATTRIBUTES else match[0]

    return _LONG_TAG.sub(bare, page)


def repair(page: str) -> str:
    """Mend what makes a parser, or trafilatura, take a page for nothing.

    A fragment gets its ``<html>``; a comment or a raw-text element that is opened but
    never closed, and so swallows the rest of the page, is not opened.
    """
    page = _NOT_XML.sub("", page)
    if page.rfind("<!--") > page.rfind("-->"):
        head, _, rest = page.rpartition("<!--")
        page = head + rest
    for match in reversed(list(_SWALLOWING.finditer(page))):
        if f"</{match[1].lower()}" not in page[match.end() :].lower():
            page = page[: match.start()] + page[match.end() :]
    return "<html><body>" + page


def parse(page: str) -> HtmlElement | None:
    """Parse without libxml2's limits on depth and size; None where nothing is left."""
    from lxml.etree import LxmlError  # noqa: PLC0415
    from lxml.html import HTMLParser, document_fromstring  # noqa: PLC0415

    parser = HTMLParser(
        encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True, collect_ids=False
    )
    try:
        return document_fromstring(_NOT_XML.sub("", page).encode(), parser=parser)
    except (LxmlError, ValueError):
        return None


def dump(page: str, tree: HtmlElement | None) -> str:
    """Text of a whole page, a line for each block; walks any depth without recursion."""
    if tree is None:
        return html.unescape(_TAG.sub("\n", page))
    from lxml.etree import iterwalk  # noqa: PLC0415

    pieces: list[str] = []
    walk = iterwalk(tree, events=("start", "end"))
    for event, element in walk:
        tag = element.tag
        if event == "start":
            if tag in _HIDDEN:
                walk.skip_subtree()
                continue
            pieces.append("\n" if tag in _BLOCKS else "")
            pieces.append(element.text or "")
        else:
            pieces.append("\n" if tag in _BLOCKS else "")
            pieces.append(element.tail or "")
    return "".join(pieces)
