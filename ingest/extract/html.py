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

import logging
import warnings
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ingest.documents import Extracted, Rejected
from ingest.extract import markup, metadata

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
    found, way = (None, "") if len(page) > _LARGEST else _by_trafilatura(page, base, faults)
    if found is None:
        return _from_dump(page, url, faults)
    known = metadata.of_page(found, page, url)
    text = metadata.without_title(found.text, known.title)
    return replace(known, text=text, extractor=trafilatura_version() + way)


def _by_trafilatura(page: str, url: str, faults: list[str]) -> tuple[Any, str]:
    found = _extraction(page, url, faults)
    if found is None or _was_cut_short():
        return _second_attempt(page, url, faults)
    if not _is_suspiciously_short(found.text, page):
        return found, ""
    fuller = _extraction(page, url, faults, fast=False)
    if fuller is not None and len(fuller.text) > _MUCH_MORE * len(found.text):
        return fuller, "+full"
    return found, ""


def _is_suspiciously_short(text: str, page: str) -> bool:
    if len(text) >= _LITTLE:
        return False
    return len(text) < _LITTLE_SHARE * len(_library().html2txt(page))


def _second_attempt(page: str, url: str, faults: list[str]) -> tuple[Any, str]:
    """Run trafilatura on what a more patient parser makes of the page, or on mended markup.

    A part of a page that was cut short is never taken for the page.
    """
    if _was_cut_short():
        tree = markup.parse(page)
        return (None if tree is None else _extraction(tree, url, faults)), "+huge-tree"
    return _extraction(markup.repair(page), url, faults), "+repaired"


def _from_dump(page: str, url: str, faults: list[str]) -> Extracted | Rejected:
    """Let the plain-text model cut a dump of the page: nothing that stands there is lost."""
    from ingest.extract.plain import cut  # noqa: PLC0415  # loads its model

    piece = cut(markup.dump(markup.repair(page)))
    if not piece.text.strip():
        reasons = "".join(f"; trafilatura failed with {fault}" for fault in faults)
        return Rejected("extract", "no text", f"{len(page)} characters of HTML{reasons}")
    known = metadata.of_page(_metadata(page, url), page, url)
    return replace(
        known,
        text=piece.text,
        title=known.title or piece.title,
        author=known.author or piece.author,
        created=known.created or piece.created,
        extractor=piece.extractor + "+html-dump",
    )


# --- trafilatura ----------------------------------------------------------------------


def _extraction(page: str | HtmlElement, url: str, faults: list[str], *, fast: bool = True) -> Any:
    """Give trafilatura's document, None where it finds no text or fails (noted in ``faults``)."""
    try:
        found: Any = _library().bare_extraction(
            page,
            url=url or None,
            fast=fast,
            include_comments=False,
            with_metadata=True,
            date_extraction_params=dict(_DATES),
        )
    except _known_faults() as fault:
        faults.append(type(fault).__name__)
        return None
    return found if found is not None and (found.text or "").strip() else None


def _metadata(page: str, url: str) -> Any:
    """Give what trafilatura knows of a page whose text it cannot find; None where it fails."""
    try:
        return _library().extract_metadata(page, default_url=url or None, date_config=dict(_DATES))
    except _known_faults():
        return None


@cache
def _known_faults() -> tuple[type[Exception], ...]:
    """Exceptions that malformed pages have been seen to draw from trafilatura and lxml."""
    from lxml.etree import LxmlError  # noqa: PLC0415

    seen = (ValueError, TypeError, AttributeError, LookupError, AssertionError, RecursionError)
    return (LxmlError, *seen)


def _was_cut_short() -> bool:
    """Whether the page that trafilatura parsed last lost its rest at a limit of libxml2."""
    from trafilatura.utils import HTML_PARSER  # noqa: PLC0415

    return markup.was_cut_short(HTML_PARSER)


@cache
def _library() -> Any:
    """Load trafilatura (0.3 s), and silence it: what it would say, the way taken tells."""
    for name in ("trafilatura", "htmldate", "courlan"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its downloader misses PySocks, and is never used
        import trafilatura  # noqa: PLC0415

    return trafilatura
