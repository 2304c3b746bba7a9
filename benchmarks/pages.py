# ruff: noqa: PLC0415 - libraries that only some of the ways need
"""Labelled pages, the styles that they are dumped in, and how extraction is scored.

Used by `benchmarks.extraction` (report) and `benchmarks.train_plain` (training).  The
archives come from the folder that the environment variable INGEST_DATA names.
"""

from __future__ import annotations

import json
import os
import re
import tarfile
import tempfile
import textwrap
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_WORD = re.compile(r"\w+")
_GRAM = 4
_WRAP = 72


@dataclass(frozen=True, slots=True)
class Page:
    """One labelled page; ``keep`` and ``drop`` are segments that must and must not stay."""

    id: str
    url: str
    html: bytes
    text: str = ""
    title: str = ""
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """Precision and recall averaged over pages, F1 of the averages."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


# --- pages ----------------------------------------------------------------------------


def load(archive: str) -> list[Page]:
    """Every page of an archive of INGEST_DATA; SystemExit where there is none."""
    folder = _unpacked(archive)
    lines = (folder / "gold.jsonl").read_text(encoding="utf-8").splitlines()
    return list(_pages(folder / "html", map(json.loads, lines)))


def _pages(folder: Path, rows: Iterable[dict[str, object]]) -> Iterator[Page]:
    for row in rows:
        path = folder / f"{row['id']}.html"
        if not path.exists():
            path = folder / str(row["file"])
        yield Page(
            id=str(row["id"]),
            url=str(row.get("url", "")),
            html=path.read_bytes(),
            text=str(row.get("text", "")),
            title=str(row.get("title") or ""),
            keep=tuple(row.get("with", ())),  # type: ignore[arg-type]  # JSON, checked by its archive
            drop=tuple(row.get("without", ())),  # type: ignore[arg-type]  # the same
        )


def _unpacked(archive: str) -> Path:
    """Folder of an archive, unpacked once a machine into the temporary folder."""
    data = os.environ.get("INGEST_DATA", "")
    found = sorted(Path(data).glob(f"{archive}.tar.*")) if data else []
    if not found:
        raise SystemExit(f"INGEST_DATA names no folder with {archive}.tar.*")
    target = Path(tempfile.gettempdir()) / f"ingest-benchmarks-{os.getuid()}"
    if not (target / archive / "gold.jsonl").exists():
        with tarfile.open(found[0]) as packed:
            packed.extraction_filter = getattr(tarfile, "data_filter", None)  # none before 3.11.4
            packed.extractall(target)  # noqa: S202 - filtered
    return target / archive


# --- dump styles ----------------------------------------------------------------------


def decoded(html: bytes) -> str:
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding

    return bytes_to_str(html, detect_encoding(html, from_html_meta=True))


def resiliparse(html: str) -> str:
    from resiliparse.extract.html2text import extract_plain_text

    return extract_plain_text(
        html, preserve_formatting=True, list_bullets=True, main_content=False, alt_texts=False
    )


def inscriptis(html: str) -> str:
    from inscriptis import get_text

    return get_text(html)


def html_text(html: str) -> str:
    import html_text as library

    return library.extract_text(html)


def text_nodes(html: str) -> str:
    """One line per text node, no blank lines: what the crudest of dumps look like."""
    root = _tree(html)
    skipped = {"script", "style", "noscript", "template", "head", "iframe", "svg", "textarea"}
    lines: list[str] = []
    stack = [(root, False)]
    while stack:
        node, after = stack.pop()
        if after:
            lines.append(node.tail or "")
            continue
        stack.append((node, True))
        if not isinstance(node.tag, str) or node.tag in skipped:
            continue
        lines.append(node.text or "")
        stack.extend((child, False) for child in reversed(node))
    return "\n".join(" ".join(line.split()) for line in lines if line.strip())


def _tree(html: str) -> object:
    from lxml import html as parser

    document = html.encode("utf-8", "replace")
    return parser.document_fromstring(
        document, parser=parser.HTMLParser(encoding="utf-8", huge_tree=True)
    )


def wrapped(html: str) -> str:
    return wrap(resiliparse(html))


def wrap(text: str) -> str:
    """Each line hard-wrapped at 72 columns, blank lines kept."""
    return "\n".join(
        textwrap.fill(line, _WRAP) if line.strip() else "" for line in text.splitlines()
    )


STYLES: dict[str, Callable[[str], str]] = {
    "resiliparse": resiliparse,
    "inscriptis": inscriptis,
    "html_text": html_text,
    "text nodes": text_nodes,
    "wrapped at 72": wrapped,
}


# --- scoring --------------------------------------------------------------------------


def grams(text: str) -> Counter[tuple[str, ...]]:
    """Multiset of word 4-grams; of all words together where there are fewer than four."""
    words = _WORD.findall(text.lower())
    if 0 < len(words) < _GRAM:
        return Counter([tuple(words)])
    return Counter(zip(*(words[i:] for i in range(_GRAM)), strict=False))


def score_page(output: str, gold: str) -> tuple[float, float]:
    """Precision and recall of one page; empty output has precision 0 where gold is not empty."""
    found, wanted = grams(output), grams(gold)
    common = sum((found & wanted).values())
    precision = common / found.total() if found else float(not wanted)
    recall = common / wanted.total() if wanted else 1.0
    return precision, recall


def score(outputs: Iterable[str], golds: Iterable[str]) -> Score:
    pairs = [score_page(output, gold) for output, gold in zip(outputs, golds, strict=True)]
    count = max(1, len(pairs))
    return Score(sum(p for p, _ in pairs) / count, sum(r for _, r in pairs) / count)


def trafilatura_text(html: bytes) -> str:
    return trafilatura_document(html)[0]


def trafilatura_document(html: bytes) -> tuple[str, str]:
    """Text and title of a page, ``""`` where there are none."""
    from trafilatura import bare_extraction

    found = bare_extraction(html, fast=True, include_comments=False, with_metadata=True)
    return (str(found.text or ""), str(found.title or "")) if found else ("", "")
