"""Main text and metadata of an HTML page: by trafilatura, and other ways where it gives up.

    trafilatura -> again on a huge-tree parse -> again on repaired markup
        -> the plain-text model on a dump of the page

The first way that finds text wins, and ``extractor`` names it, with its version.
trafilatura runs in fast mode (without a second extractor behind it), about 16 ms a page;
the other ways cost nothing on a page that needs none of them.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ingest.documents import Extracted, Rejected
from ingest.extract import markup, metadata

if TYPE_CHECKING:
    from lxml.html import HtmlElement


@cache
def trafilatura_version() -> str:
    """Give ``trafilatura/`` and its version, without importing it."""
    return f"trafilatura/{version('trafilatura')}"


def extract_page(page: str, url: str = "") -> Extracted | Rejected:
    """Extract from decoded HTML; `Rejected` where no way found any text.

    ``url`` is where the page was found; its metadata is read against it.
    """
    _quieten()
    page = markup.tame(page)
    faults: list[str] = []
    found, way = _extraction(page, url, faults), ""
    if found is None or _was_cut_short():
        found, way = _second_attempt(page, url, faults) or (found, way)
    if found is None:
        return _from_dump(page, url, faults)
    known = metadata.of_page(found, page, url)
    return replace(known, text=found.text, extractor=trafilatura_version() + way)


def _second_attempt(page: str, url: str, faults: list[str]) -> tuple[Any, str] | None:
    """Run trafilatura on what a more patient parser makes of the page, then on mended markup."""
    if _was_cut_short():
        tree = markup.parse(page)
        found = None if tree is None else _extraction(tree, url, faults)
        return None if found is None else (found, "+huge-tree")
    found = _extraction(markup.repair(page), url, faults)
    return None if found is None else (found, "+repaired")


def _from_dump(page: str, url: str, faults: list[str]) -> Extracted | Rejected:
    """Let the plain-text model cut a dump of the page: nothing that stands there is lost."""
    from ingest.extract.plain import cut  # noqa: PLC0415  # loads its model

    tree = markup.parse(page)
    piece = cut(markup.dump(page, tree))
    if not piece.text.strip():
        reasons = "".join(f"; trafilatura failed with {fault}" for fault in faults)
        return Rejected("extract", "no text", f"{len(page)} characters of HTML{reasons}")
    known = metadata.of_page(_metadata(tree, url), page, url)
    return replace(
        known,
        text=piece.text,
        title=known.title or piece.title,
        author=known.author or piece.author,
        created=known.created or piece.created,
        extractor=piece.extractor + "+html-dump",
    )


# --- trafilatura ----------------------------------------------------------------------


def _extraction(page: str | HtmlElement, url: str, faults: list[str]) -> Any:
    """Give trafilatura's document, None where it finds no text or fails (noted in ``faults``)."""
    from trafilatura import bare_extraction  # noqa: PLC0415  # 0.5 s

    try:
        found: Any = bare_extraction(
            page, url=url or None, fast=True, include_comments=False, with_metadata=True
        )
    except _known_faults() as fault:
        faults.append(type(fault).__name__)
        return None
    return found if found is not None and (found.text or "").strip() else None


def _metadata(tree: HtmlElement | None, url: str) -> Any:
    """Give what trafilatura knows of a page whose text it cannot find; None where it fails."""
    from trafilatura import extract_metadata  # noqa: PLC0415

    if tree is None:
        return None
    try:
        return extract_metadata(tree, default_url=url or None)
    except _known_faults():
        return None


@cache
def _known_faults() -> tuple[type[Exception], ...]:
    """Exceptions that malformed pages have been seen to draw from trafilatura and lxml."""
    from lxml.etree import LxmlError  # noqa: PLC0415

    return (LxmlError, ValueError, TypeError, AttributeError, LookupError, RecursionError)


def _was_cut_short() -> bool:
    """Whether libxml2 dropped the rest of the last page at one of its limits.

    They are 256 levels of elements and 10 MB in one text; the library's parser keeps
    the log of the last page only.
    """
    from lxml.etree import ErrorTypes  # noqa: PLC0415
    from trafilatura.utils import HTML_PARSER  # noqa: PLC0415

    log = HTML_PARSER.error_log
    return any(entry.type == ErrorTypes.ERR_RESOURCE_LIMIT for entry in log)


@cache
def _quieten() -> None:
    """Silence the libraries' warnings: what they say is told by the way that was taken."""
    for name in ("trafilatura", "htmldate", "courlan"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
