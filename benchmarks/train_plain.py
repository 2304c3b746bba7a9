"""Train the plain-text line model and write it where `ingest.extract.plain` reads it.

    INGEST_DATA=... python benchmarks/train_plain.py [--folds 3] [--out FOLDER]

Labels: the lines of a dump that align with the gold of `pages-readability`, and with
the text that trafilatura takes from the HTML of `pages-segments`, corrected by that
archive's segments that must and must not be kept; where trafilatura's text breaks them,
only lines with such a segment are used.  `pages-scrapinghub` is never read, and pages of
its sites are left out, so that it stays a test of unseen sites.

Each page is seen in every dump style, and in variants (`variants.py`) of what plain text
also looks like.  Folds of the cross-validation are by page or site.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import random
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boosting
import labels
import lexicon
import numpy as np
import pages
import variants

from ingest.extract import lines as lines_module
from ingest.extract import plain_model
from ingest.extract.features import look
from ingest.extract.words import Words, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

FOREST = boosting.Settings(trees=240, depth=5, rate=0.12, penalty=10.0, columns=0.3, rows=0.35)
LANGUAGES = [
    "en",
    "de",
    "fr",
    "es",
    "it",
    "pt",
    "nl",
    "ru",
    "uk",
    "bg",
    "pl",
    "cs",
    "el",
    "tr",
    "sv",
    "da",
    "nb",
    "fi",
    "hu",
    "ro",
    "ar",
    "fa",
    "he",
    "hi",
    "ko",
    "id",
    "vi",
]
UNSPACED = ("zh", "ja")
WEIGHT = {"pages-readability": 3.0, "pages-segments": 1.0}
SEGMENT_STYLES = 2 / 5  # share of dump styles that a page of pages-segments is seen in
_COUNTED = "resiliparse"  # the dump style whose lines the lexicon is counted on
_LEAST_SEGMENT = 12  # characters from which on a segment identifies a line


@dataclass(slots=True)
class Sample:
    """One document to learn from: lines, label and weight of each unit, features."""

    page: str
    group: str
    archive: str
    kind: str
    lines: lines_module.Lines
    main: NDArray[np.float32]
    weight: NDArray[np.float32]
    gold: str
    dense: bool = True
    x: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))


# --- samples --------------------------------------------------------------------------


def samples(known: tuple[dict[str, str], str]) -> tuple[list[Sample], dict[str, float]]:
    """Every sample with its features, and the lexicon counted on all of them."""
    found = [*_readability(), *_segments()]
    more = [variant for sample in found for variant in _variants(sample)]
    return _featured([*found, *more], known)


def _featured(
    found: list[Sample], known: tuple[dict[str, str], str]
) -> tuple[list[Sample], dict[str, float]]:
    """Compute features; what words lean to is counted on other sites than the sample's."""
    leaning = lexicon.Counts(
        [(s.group, s.lines.units, s.main, s.weight) for s in found if s.kind == _COUNTED]
    )
    words: dict[str, Words] = {}
    for sample in found:
        if sample.group not in words:
            words[sample.group] = words_of(*known, leaning.odds(without=sample.group))
        sample.x = look(sample.lines, words[sample.group]).features
    return found, leaning.odds()


def _readability() -> Iterator[Sample]:
    for page in pages.load("pages-readability"):
        html = pages.decoded(page.html)
        for style, dump in pages.STYLES.items():
            sample = _sample(page.id, page.id, "pages-readability", style, dump(html), page.text)
            if sample:
                yield sample


def _segments() -> Iterator[Sample]:
    reported = {_site(page.url) for page in pages.load("pages-scrapinghub")}
    for page in pages.load("pages-segments"):
        if _site(page.url) in reported:
            continue
        html, text = pages.decoded(page.html), pages.trafilatura_text(page.html)
        for style, dump in pages.STYLES.items():
            if not text or _share(page.id + style) >= SEGMENT_STYLES:
                continue
            sample = _sample(page.id, _site(page.url), "pages-segments", style, dump(html), text)
            if sample and _with_segments(sample, page, text):
                yield sample


def _sample(page: str, group: str, archive: str, kind: str, dump: str, gold: str) -> Sample | None:
    lines = lines_module.split(dump)
    share = labels.align(lines.units, gold)
    if not len(share) or np.isnan(share).any():
        return None
    weight = np.where(share < 0, 0.3, 1.0).astype(np.float32)
    return Sample(
        page, group, archive, kind, lines, (share >= 0.5).astype(np.float32), weight, gold
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
        key = f"{sample.page} {sample.kind} {name}"
        if _share(key) < part * variant.share:
            made = variant.make(
                variants.Marked(sample.lines, sample.main, sample.weight), random.Random(key)
            )
            if made and len(made.lines.units):
                yield Sample(
                    sample.page,
                    sample.group,
                    sample.archive,
                    name,
                    made.lines,
                    made.main,
                    made.weight,
                    made.gold(),
                )


def _site(url: str) -> str:
    return ".".join(urlsplit(url).netloc.split(".")[-2:])


def _share(key: str) -> float:
    return int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) / 16**8


# --- learning -------------------------------------------------------------------------


def learn(known: Iterable[Sample]) -> plain_model.Forest:
    chosen = [(s, s.weight > 0) for s in known]
    forest = boosting.fit(
        np.concatenate([s.x[counts] for s, counts in chosen]),
        np.concatenate([s.main[counts] for s, counts in chosen]),
        np.concatenate([_weights(s)[counts] for s, counts in chosen]),
        FOREST,
    )
    return plain_model.Forest(forest.features, forest.thresholds, forest.leaves, forest.start)


def _weights(sample: Sample) -> NDArray[np.float32]:
    """Each page counts alike; in it, a unit counts by the root of its words."""
    words = np.array([len(unit.split()) for unit in sample.lines.units], dtype=np.float32)
    weight = (np.sqrt(np.minimum(words, 100)) + 0.5) * sample.weight
    page = WEIGHT[sample.archive]
    if sample.kind in variants.ALL:
        page *= variants.ALL[sample.kind].weight
    return (page * weight / (weight.sum() + 5)).astype(np.float32)


def cross_validate(known: list[Sample], folds: int) -> list[tuple[Sample, NDArray[np.float32]]]:
    """Log-odds of every sample by a forest that saw neither its page nor its site."""
    found = []
    for fold in range(folds):
        held = [s for s in known if int(_share(s.group) * folds) == fold]
        forest = learn(s for s in known if int(_share(s.group) * folds) != fold)
        found += [(s, forest.logits(s.x)) for s in held]
    return found


def report(found: list[tuple[Sample, NDArray[np.float32]]]) -> dict[str, list[float]]:
    """Precision, recall and F1 by archive and kind."""
    table: dict[str, list[tuple[float, float]]] = {}
    for sample, odds in found:
        if sample.dense:
            kept = plain_model.decode(odds)
            text = "\n".join(u for u, keep in zip(sample.lines.units, kept, strict=True) if keep)
            table.setdefault(f"{sample.archive}: {sample.kind}", []).append(
                pages.score_page(text, sample.gold)
            )
    return {name: _averages(pairs) for name, pairs in table.items()}


def _averages(pairs: list[tuple[float, float]]) -> list[float]:
    mean = pages.Score(*np.mean(pairs, axis=0).tolist())
    return [round(value, 4) for value in (mean.precision, mean.recall, mean.f1)] + [len(pairs)]


# --- the model file -------------------------------------------------------------------


def function_words() -> tuple[dict[str, str], str]:
    """The commonest words of each language, and characters that are words in unspaced ones."""
    import wordfreq  # noqa: PLC0415 - slow to load

    words = {}
    for language in LANGUAGES:
        top = wordfreq.top_n_list(language, 150, wordlist="small")
        words[language] = " ".join([w.casefold() for w in top if w.isalpha()][:100])
    characters = {
        c
        for language in UNSPACED
        for c in wordfreq.top_n_list(language, 80, wordlist="small")
        if len(c) == 1 and not c.isascii()
    }
    return words, "".join(sorted(characters))


def write(folder: Path, forest: plain_model.Forest, width: int, record: dict[str, object]) -> None:
    np.savez_compressed(
        folder / "plain_model.npz",
        features=forest.features.astype(np.uint8),
        thresholds=forest.thresholds.astype(np.float32),
        leaves=forest.leaves.astype(np.float32),
        start=np.float32(forest.start),
        width=np.int32(width),
    )
    (folder / "plain_model.json").write_text(
        json.dumps(record, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folds", type=int, default=3, help="0: no cross-validation")
    parser.add_argument("--out", type=Path, default=Path(lines_module.__file__).parent)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")  # of the dumping libraries, about broken pages
    words, characters = function_words()
    known, leaning = samples((words, characters))
    figures = report(cross_validate(known, chosen.folds)) if chosen.folds else {}
    for name, row in figures.items():
        print(f"{name:40} P {row[0]:.4f} R {row[1]:.4f} F1 {row[2]:.4f} of {row[3]:.0f}")
    versions = {
        n: importlib.metadata.version(n)
        for n in ("numpy", "wordfreq", "trafilatura", "resiliparse", "inscriptis", "html_text")
    }
    write(
        chosen.out,
        learn(known),
        known[0].x.shape[1],
        {
            "languages": words,
            "characters": characters,
            "leaning": leaning,
            "training": {
                "archives": {a: len({s.page for s in known if s.archive == a}) for a in WEIGHT},
                "documents": len(known),
                "units": int(sum(len(s.main) for s in known)),
                "forest": {n: getattr(FOREST, n) for n in FOREST.__slots__},
                "cross-validation": {
                    "folds": chosen.folds,
                    "precision, recall, f1, documents": figures,
                },
                "versions": versions,
                "sources": "function words: wordfreq (CC BY-SA 4.0); pages: the archives",
            },
        },
    )


if __name__ == "__main__":
    main()
