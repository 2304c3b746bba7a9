# ruff: noqa: PLC0415, RUF001 - quotes as typeset; libraries that only some of the ways need
"""Main-text extraction on `pages-scrapinghub`, from HTML and from plain-text dumps.

    INGEST_DATA=... python benchmarks/extraction.py [--markdown] [--html]

Scoring: multiset of word 4-grams against the human's article body, precision and recall
averaged over pages, F1 of the averages.  Time is CPU time of one process, the best of
three passes, or of twelve where they are quick, dumping not included.
"""

from __future__ import annotations

import argparse
import html as escapes
import importlib.metadata
import platform
import re
import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pages

from ingest.extract import counting, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ARCHIVE = "pages-scrapinghub"
VERSIONS = ("numpy", "trafilatura", "justext", "resiliparse", "inscriptis", "html_text")
_PASSES, _QUICK = 3, 12
_SLOW = 1.5  # seconds a pass
_SENTENCE_END = re.compile(r"[.!?…。！？]['\"”’»)\]]*$")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; ``ms`` is milliseconds of CPU time a page."""

    source: str
    way: str
    score: pages.Score
    ms: float


# --- ways to cut a dump ---------------------------------------------------------------


def identity(text: str) -> str:
    return text


def ours(text: str) -> str:
    """With compiled loops, as a worker has them after its first few hundred pages."""
    return plain.cut(text, engine=counting.best("")).text


def ours_in_numpy(text: str) -> str:
    return plain.cut(text).text


def justext(text: str) -> str:
    import justext as library

    paragraphs = library.justext(
        _paragraphs(text).encode(), library.get_stoplist("English"), encoding="utf-8"
    )
    return "\n".join(p.text for p in paragraphs if not p.is_boilerplate)


def trafilatura(text: str) -> str:
    return pages.trafilatura_text(_paragraphs(text).encode())


def _paragraphs(text: str) -> str:
    lines = (f"<p>{escapes.escape(line)}</p>" for line in text.splitlines() if line.strip())
    return f"<html><body>{''.join(lines)}</body></html>"


def prose_span(text: str) -> str:
    """The span of lines with the greatest sum: words of prose lines, less 4 to 7 for others."""
    lines = [line for line in text.splitlines() if line.strip()]
    best, first, last, total, begin = 0.0, 0, 0, 0.0, 0
    for at, line in enumerate(lines):
        words = len(line.split())
        prose = words >= 8 and (_SENTENCE_END.search(line.strip()) or words >= 25)
        if total <= 0:
            total, begin = 0.0, at
        total += words if prose else -7 if words < 4 else -4
        if total > best:
            best, first, last = total, begin, at + 1
    return "\n".join(lines[first:last])


PLAIN_WAYS: dict[str, Callable[[str], str]] = {
    "identity": identity,
    "jusText": justext,
    "trafilatura, lines as <p>": trafilatura,
    "best prose span": prose_span,
    "ours, in numpy": ours_in_numpy,
    "ours": ours,
}


# --- ways to cut HTML -----------------------------------------------------------------


def html_ways() -> dict[str, Callable[[pages.Page], str]]:
    return {
        "trafilatura": lambda page: pages.trafilatura_text(page.html),
        "trafilatura, with metadata": _trafilatura_with_metadata,
        "ours, with metadata": _ours_html,
    }


def _trafilatura_with_metadata(page: pages.Page) -> str:
    """With the options that ours runs it with."""
    from trafilatura import bare_extraction

    found = bare_extraction(
        page.html,
        url=page.url or None,
        fast=True,
        include_comments=False,
        with_metadata=True,
        date_extraction_params={"original_date": True, "extensive_search": False},
    )
    return str(found.text or "") if found else ""


def _ours_html(page: pages.Page) -> str:
    from ingest.documents import Extracted, RawDocument
    from ingest.extract import ExtractOptions, extract

    raw = RawDocument(page.id, page.html, media_type="text/html", url=page.url)
    found = extract(raw, ExtractOptions())
    return found.text if isinstance(found, Extracted) else ""


# --- the table ------------------------------------------------------------------------


def rows(known: Sequence[pages.Page]) -> list[Row]:
    golds = [page.text for page in known]
    table = html_rows(known)
    for style, dump in pages.STYLES.items():
        dumps = [dump(pages.decoded(page.html)) for page in known]
        table += [_row(style, name, way, dumps, golds) for name, way in PLAIN_WAYS.items()]
    return table


def html_rows(known: Sequence[pages.Page]) -> list[Row]:
    """The ways from HTML, without the dumps."""
    golds = [page.text for page in known]
    return [_row("HTML", name, way, known, golds) for name, way in html_ways().items()]


def _row(
    source: str, name: str, way: Callable[[Any], str], inputs: Sequence[Any], golds: list[str]
) -> Row:
    way(inputs[0])
    times: list[float] = []
    while len(times) < _PASSES or (min(times) < _SLOW and len(times) < _QUICK):
        start = time.process_time()
        outputs = [way(one) for one in inputs]
        times.append(time.process_time() - start)
    return Row(source, name, pages.score(outputs, golds), min(times) / len(inputs) * 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--markdown", action="store_true", help="print the table for the documentation"
    )
    parser.add_argument("--html", action="store_true", help="only the ways from HTML")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")  # of the libraries compared, about broken pages
    table = (html_rows if chosen.html else rows)(pages.load(ARCHIVE))
    cells = [("input", "way", "precision", "recall", "F1", "ms a page")]
    cells += [
        (
            row.source,
            row.way,
            f"{row.score.precision:.3f}",
            f"{row.score.recall:.3f}",
            f"{row.score.f1:.3f}",
            f"{row.ms:.1f}",
        )
        for row in table
    ]
    if chosen.markdown:
        cells.insert(1, ("---", "---", "---:", "---:", "---:", "---:"))
        lines = ["| " + " | ".join(row) + " |" for row in cells]
    else:
        lines = ["{:14} {:26} {:>9} {:>9} {:>9} {:>10}".format(*row) for row in cells]
    print("\n".join(lines))
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in VERSIONS)
    print(f"\nPython {platform.python_version()}, {versions}, {plain.VERSION}")


if __name__ == "__main__":
    main()
