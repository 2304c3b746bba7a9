"""Main text and metadata of an HTML page: by trafilatura, and other ways where it gives up.

    trafilatura -> again on a huge-tree parse -> again on repaired markup
        -> the plain-text model on a dump of the page

The first way that finds text wins, and ``extractor`` names it, with its version.
trafilatura runs in fast mode (without the extractors that it can compare itself with),
about 16 ms a page.  Where that finds suspiciously little (``+full``), it runs again with
them: one page in twenty, which raised 4-gram F1 from 0.931 to 0.939 on pages-readability
and segment F1 from 0.921 to 0.926 on pages-segments.  The other ways cost nothing on a
page that needs none of them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ingest.documents import Extracted, Rejected
from ingest.extract import markup, metadata
from ingest.extract.declared import declared
from ingest.extract.library import trafilatura

if TYPE_CHECKING:
    from lxml.html import HtmlElement

# htmldate's extensive search guesses from any number on the page: of 21 pages on which it alone
# found a date, the date was that of the page on 9.  It also takes most of the time.
_DATES = {"original_date": True, "extensive_search": False}
_LITTLE = 600  # characters of main text, below which it is compared with the whole page's
_LITTLE_SHARE = 0.2
_MUCH_MORE = 1.5  # times the text, for the slower way to be believed
_LARGEST = 1 << 22  # characters; larger pages take trafilatura minutes and gigabytes


@cache
def trafilatura_version() -> str:
    """Give ``trafilatura/`` and its version, without importing it."""
    return f"trafilatura/{version('trafilatura')}"


def extract_page(page: str, url: str = "") -> Extracted | Rejected:
    """Extract from decoded HTML; `Rejected` where no way found any text.

    ``url`` is where the page was found; its metadata is read against it.
    """
    page = markup.tame(page)
    faults: list[str] = []
    base = url if metadata.is_address(url) else ""  # trafilatura fails on what is none
    tree, text, way = _by_trafilatura(page, faults)
    known = metadata.of_page(_declared(tree, base), page, url)
    if not text:
        return _from_dump(page, known, faults)
    text = metadata.without_title(text, known.title)
    return replace(known, text=text, extractor=trafilatura_version() + way)


def _by_trafilatura(page: str, faults: list[str]) -> tuple[HtmlElement | None, str, str]:
    """The tree that was looked at, its main text (``""``: none was found), and the way to it.

    A part of a page that was cut short is never taken for the page.
    """
    if len(page) > _LARGEST:
        return None, "", ""
    parsed = markup.parse(page)
    way = ""
    if parsed.cut_short:
        parsed, way = markup.parse(page, huge=True), "+huge-tree"
    tree = None if parsed.cut_short else parsed.tree
    if tree is not None and markup.is_document(page, tree):
        text = _text(tree, faults)
        if text:
            return (tree, *_fuller(tree, text, faults, way))
    if way:
        return tree, "", way
    mended = markup.parse(markup.repair(page)).tree
    return mended, "" if mended is None else _text(mended, faults), "+repaired"


def _fuller(tree: HtmlElement, text: str, faults: list[str], way: str) -> tuple[str, str]:
    """The text, or that of the slower way where there is suspiciously little of it."""
    if way or len(text) >= _LITTLE:
        return text, way
    enough = len(text) / _LITTLE_SHARE
    if enough >= markup.text_length(tree) or enough >= len(trafilatura().html2txt(tree)):
        return text, way
    fuller = _text(tree, faults, fast=False)
    return (fuller, "+full") if len(fuller) > _MUCH_MORE * len(text) else (text, way)


def _from_dump(page: str, known: Extracted, faults: list[str]) -> Extracted | Rejected:
    """Let the plain-text model cut a dump of the page: nothing that stands there is lost."""
    from ingest.extract.plain import cut  # noqa: PLC0415  # loads its model

    piece = cut(markup.dump(markup.repair(page)))
    if not piece.text.strip():
        reasons = "".join(f"; trafilatura failed with {fault}" for fault in faults)
        return Rejected("extract", "no text", f"{len(page)} characters of HTML{reasons}")
    return replace(
        known,
        text=piece.text,
        title=known.title or piece.title,
        author=known.author or piece.author,
        created=known.created or piece.created,
        extractor=piece.extractor + "+html-dump",
    )


# --- trafilatura ----------------------------------------------------------------------


def _text(tree: HtmlElement, faults: list[str], *, fast: bool = True) -> str:
    """Main text of a page; ``""`` where trafilatura finds none or fails (noted in ``faults``).

    The tree stays as it is: trafilatura works on a copy, which costs it 0.3 ms.
    """
    try:
        found: Any = trafilatura().bare_extraction(tree, fast=fast, include_comments=False)
    except _known_faults() as fault:
        faults.append(type(fault).__name__)
        return ""
    text: str = (found.text or "") if found is not None else ""
    return text if text.strip() else ""


def _declared(tree: HtmlElement | None, url: str) -> Any:
    """What the page says of itself; None where there is no tree, or reading it fails."""
    if tree is None:
        return None
    try:
        return declared(tree, url, _DATES)
    except _known_faults():
        return None


@cache
def _known_faults() -> tuple[type[Exception], ...]:
    """Exceptions that malformed pages have been seen to draw from trafilatura and lxml."""
    from lxml.etree import LxmlError  # noqa: PLC0415 - heavy

    seen = (ValueError, TypeError, AttributeError, LookupError, AssertionError, RecursionError)
    return (LxmlError, *seen)
