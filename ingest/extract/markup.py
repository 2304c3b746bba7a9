"""HTML as markup: parsed without limits, mended, made harmless, and dumped to plain text."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import HTMLParser
    from lxml.html import HtmlElement

# Split strings, because the formatter gives each item of a list a line of its own.
_HIDDEN = frozenset(
    "audio canvas datalist head iframe math noscript object script select style"  # noqa: SIM905 - see above
    " svg template textarea video".split()
)
_BLOCKS = frozenset(
    "address article aside blockquote body br caption center dd details dialog div"  # noqa: SIM905 - see above
    " dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr html legend li"
    " main nav ol p pre section summary table tbody td tfoot th thead tr ul".split()
)
_LONG = 1 << 15  # characters: a tag that is looked at more closely
_LONG_TAG = re.compile(rf"<([a-zA-Z][a-zA-Z0-9]*)\b([^<>]{{{_LONG},}})>")
_MOST_ATTRIBUTES = 1000
_LONGEST_TAG = 1 << 20  # characters; a forum's posts may be in an attribute of some 100 KB
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r")
_NONCHARACTERS = ("\ufffe".encode(), "\uffff".encode())
_HEAD = 1 << 12  # bytes in which a page opens its root
_EMPTY_HTML = re.compile(rb"(<html\b[^<>]*?)\s*/>", re.IGNORECASE)
_TOKEN = re.compile(r"<(?:(!--)|(/?)([a-zA-Z][a-zA-Z0-9]*)[^<>]*>)|--(>)")
_SWALLOWING = re.compile(
    r"<(/?)(script|style|title|textarea|noscript|xmp|iframe)\b[^<>]*>", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A page's tree (None: nothing in it), and whether a part of the page was lost at a limit."""

    tree: HtmlElement | None
    cut_short: bool


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


def parse(page: str, *, huge: bool = False) -> Parsed:
    """Parse a whole page; ``huge`` asks for libxml2's widest limits, 2,048 levels for 256.

    Every element is an `HtmlElement` and nothing more special (no `InputElement`): lxml then
    finds the class without a call of Python for each element, which is 6 % of an extraction.
    """
    from lxml.etree import ElementDefaultClassLookup, HTMLParser, LxmlError  # noqa: PLC0415 - heavy
    from lxml.html import HtmlElement, fromstring  # noqa: PLC0415 - heavy

    parser = HTMLParser(
        encoding="utf-8",
        huge_tree=huge,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
        default_doctype=False,
    )
    parser.set_element_class_lookup(ElementDefaultClassLookup(element=HtmlElement))
    try:
        tree = fromstring(_palatable(page), parser=parser)
    except (LxmlError, ValueError):
        return Parsed(None, was_cut_short(parser))
    return Parsed(tree, was_cut_short(parser))


def is_document(page: str, tree: HtmlElement) -> bool:
    """Whether this is a page rather than a piece of one, which trafilatura takes for nothing."""
    return "html" in page[:50].lower() or len(tree) > 1


def _palatable(page: str) -> bytes:
    """UTF-8 without what makes libxml2 lose a page.

    That is characters that XML has none of, and an ``<html/>``.
    """
    content = page.encode("utf-8", "replace").translate(None, _CONTROLS)
    for noncharacter in _NONCHARACTERS:
        if noncharacter in content:
            content = content.replace(noncharacter, b"")
    head = content[:_HEAD]
    return _EMPTY_HTML.sub(rb"\1>", head, count=1) + content[_HEAD:]


def was_cut_short(parser: HTMLParser) -> bool:
    """Whether libxml2 dropped the rest of the page that ``parser`` parsed last at a limit.

    The limits are 256 levels of elements (2,048 in a huge tree) and 10 MB in one text.
    """
    from lxml.etree import ErrorTypes  # noqa: PLC0415 - heavy

    return any(entry.type == ErrorTypes.ERR_RESOURCE_LIMIT for entry in parser.error_log)


def text_length(tree: HtmlElement) -> int:
    """Characters of a page's text, white space single, navigation and all: a quick bound."""
    from lxml.etree import XPath  # noqa: PLC0415 - heavy

    nodes = XPath(
        "//body//text()[not(parent::script or parent::style or parent::template)]",
        smart_strings=False,
    )
    return len(" ".join(" ".join(nodes(tree)).split()))


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
