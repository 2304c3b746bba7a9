"""Labelled documents that the plain-text model learns from.

Labels: the lines of a dump that align with the gold of `pages-readability`, and with
the text that trafilatura takes from the HTML of `pages-segments`, corrected by that
archive's segments that must and must not be kept; where trafilatura's text breaks them,
only lines with such a segment are used.  `pages-scrapinghub` is never read for them, and
pages of its sites are left out, so that it stays a test of unseen sites.

Each page is seen in dump styles (all of them, or some where there are many pages), and in
variants (`variants.py`) of what plain text also looks like.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import labels
import lexicon
import numpy as np
import pages
import variants

from ingest.extract.counting import Reference
from ingest.extract.features import look
from ingest.extract.lines import split
from ingest.extract.words import words_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from ingest.extract.features import Page
    from ingest.extract.lines import Lines

    Floats = NDArray[np.float32]

ARCHIVES = {"pages-readability": 3.0, "pages-segments": 1.0}  # weight of a page
SEGMENT_STYLES = 2 / 5  # share of dump styles that a page of pages-segments is seen in
_LEAST_SEGMENT = 12  # characters from which on a segment identifies a line
_MAIN = 0.5  # share of a line's words in the gold from which on it is main text
_BRIEF = 12  # words of a short line, whose words have a lexicon of their own
_WORDLESS = 0.3  # weight of a line without words


@dataclass(slots=True)
class Sample:
    """One document to learn from: lines, label and weight of each unit; the page's title.

    ``dense``: every line of it is labelled.
    """

    name: str
    group: str
    archive: str
    kind: str
    lines: Lines
    main: Floats
    weight: Floats
    gold: str
    title: str = ""
    dense: bool = True
    page: Page | None = None

    @property
    def look(self) -> Page:
        """The page's features; ValueError before `featured` has computed them."""
        if self.page is None:
            raise ValueError(f"{self.name} has no features yet")
        return self.page


def labelled(part: int, parts: int) -> list[Sample]:
    """Samples of one part of the pages, without features."""
    mine = [*_readability(part, parts), *_segments(part, parts)]
    return [*mine, *(variant for sample in mine for variant in _variants(sample))]


def featured(
    found: list[Sample], languages: Mapping[str, str], characters: str
) -> tuple[list[Sample], dict[str, dict[str, float]]]:
    """Samples with their features, and the lexica counted on all of them.

    What words lean to is counted on other sites than the sample's, on one dump of each page.
    """
    pages_once = {s.name: s for s in found if s.kind in pages.STYLES}.values()
    counted = [(s.group, s.lines.units, s.main, s.weight) for s in pages_once]
    leaning, short = lexicon.Counts(counted), lexicon.Counts(counted, _BRIEF)
    words = {
        group: words_of(
            languages, characters, leaning.odds(without=group), short.odds(without=group)
        )
        for group in {sample.group for sample in found}
    }
    for sample in found:
        sample.page = look(sample.lines, words[sample.group], Reference())
    return found, {"leaning": leaning.odds(), "short": short.odds()}


def _readability(part: int, parts: int) -> Iterator[Sample]:
    archive = "pages-readability"
    for page in pages.load(archive):
        if int(share(page.id) * parts) != part:
            continue
        html = pages.decoded(page.html)
        for style, dump in pages.STYLES.items():
            sample = _sample(archive, page, style, dump(html), page.text)
            if sample:
                sample.title = page.title
                yield sample


def _segments(part: int, parts: int) -> Iterator[Sample]:
    archive = "pages-segments"
    reported = {_site(page.url) for page in pages.load("pages-scrapinghub")}
    for page in pages.load(archive):
        if _site(page.url) in reported or int(share(page.id) * parts) != part:
            continue
        html, (text, title) = pages.decoded(page.html), pages.trafilatura_document(page.html)
        for style, dump in pages.STYLES.items():
            if not text or share(page.id + style) >= SEGMENT_STYLES:
                continue
            sample = _sample(archive, page, style, dump(html), text)
            if sample and _with_segments(sample, page, text):
                sample.title = title
                yield sample


def _sample(archive: str, page: pages.Page, style: str, dump: str, gold: str) -> Sample | None:
    lines = split(dump)
    found = labels.align(lines.units, gold)
    if not len(found) or np.isnan(found).any():
        return None
    return Sample(
        name=page.id,
        group=_site(page.url) if page.url else page.id,
        archive=archive,
        kind=style,
        lines=lines,
        main=(found >= _MAIN).astype(np.float32),
        weight=np.where(found < 0, _WORDLESS, 1.0).astype(np.float32),
        gold=gold,
    )


def _with_segments(sample: Sample, page: pages.Page, text: str) -> bool:
    """Correct the labels by the page's segments; False where nothing is left to learn from."""
    sample.dense = all(s in text for s in page.keep) and not any(s in text for s in page.drop)
    if not sample.dense:
        sample.weight[:] = 0
    for i, unit in enumerate(sample.lines.units):
        if any(s in unit and len(s) >= min(_LEAST_SEGMENT, len(unit)) for s in page.keep):
            sample.main[i], sample.weight[i] = 1, 1
        if any(s in unit and len(unit) < 3 * len(s) + 20 for s in page.drop):
            sample.main[i], sample.weight[i] = 0, 1
    return bool(sample.weight.any())


def _variants(sample: Sample) -> Iterator[Sample]:
    """Variants of dense samples, fewer of the larger archive; chosen by the page's name."""
    if not sample.dense:
        return
    part = 1.0 if sample.archive == "pages-readability" else 0.4
    for name, variant in variants.ALL.items():
        key = f"{sample.name} {sample.kind} {name}"
        if share(key) < part * variant.share:
            made = variant.make(
                variants.Marked(sample.lines, sample.main, sample.weight), random.Random(key)
            )
            if made and len(made.lines.units):
                yield Sample(
                    name=sample.name,
                    group=sample.group,
                    archive=sample.archive,
                    kind=name,
                    lines=made.lines,
                    main=made.main,
                    weight=made.weight,
                    gold=made.gold(),
                )


def _site(url: str) -> str:
    return ".".join(urlsplit(url).netloc.split(".")[-2:])


def share(key: str) -> float:
    """Number from 0 to 1 drawn by a name, the same in every run."""
    return int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) / 16**8
