"""Train the plain-text line model and write it where `ingest.extract.plain` reads it.

    INGEST_DATA=... python benchmarks/train_plain.py [--folds 3] [--out FOLDER]

    samples -> first forest -> context of its odds -> second forest -> decoding -> title forest

What one forest learns from another's odds are odds of forests that saw neither the page
nor its site (stacking, Wolpert 1992), and so are the figures of the cross-validation.
Every constant of the model is chosen here, by cross-validation; `pages-scrapinghub` has
no part in it.  About ten minutes of processor time and 4 GB; with
``--steps`` a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import warnings
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import boosting
import labels
import numpy as np
import pages
import samples
import variants
from steps import Steps

from ingest.extract import plain, plain_model
from ingest.extract.context import context
from ingest.extract.title import candidates

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from samples import Sample

    Floats = NDArray[np.float32]

FIRST = boosting.Settings(trees=120, depth=6, rate=0.12, penalty=10.0, columns=0.3, rows=0.15)
SECOND = boosting.Settings(
    trees=160, depth=6, rate=0.12, penalty=10.0, columns=0.3, rows=0.15, seed=7
)
TITLE = boosting.Settings(trees=70, depth=4, rate=0.12, penalty=10.0, columns=0.4, rows=0.7)
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
PARTS = 6  # of the pages, one a step
SOFT = 0.3  # weight of the first forest's opinion beside a label that trafilatura gave
VARIANTS = ("prompted", "article", "manual", "ideographs")  # that the record tells of
DECODED = ("resiliparse", "text nodes")  # the others are like one of these
LEAST = (-0.1, 0.0, 0.1, 0.2)
SWITCH = ((0.3, 0.3), (0.6, 0.6))
SURE = (2.0, 3.0, 3.5, 4.0, 4.5)
LOSS = 0.001  # of F1, that says nothing
LESS = ("cropped", "prompted", "article", "manual")  # kinds of texts that lack a page's furniture
TITLE_LEAST = (-0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0)
TITLE_LOSS = 2.0  # what a wrong title costs, where a right one gains 1


# --- forests --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """What one document gives to learn from: features, labels and weights of its rows."""

    group: str
    x: Floats
    y: Floats
    weight: Floats


@dataclass(frozen=True, slots=True)
class Learner:
    """Documents to learn from, binned once for all folds."""

    parts: Sequence[Part]
    settings: boosting.Settings
    bins: boosting.Binned

    @classmethod
    def of(cls, parts: Sequence[Part], settings: boosting.Settings) -> Learner:
        """Bin the features of documents."""
        return cls(parts, settings, boosting.binned([part.x for part in parts]))

    def learn(self, held: frozenset[str] = frozenset()) -> plain_model.Forest:
        """Fit a forest to all documents but those of the groups held out."""
        weight = [part.weight * (part.group not in held) for part in self.parts]
        y = np.concatenate([part.y for part in self.parts])
        found = boosting.fit(self.bins, y, np.concatenate(weight), self.settings)
        return plain_model.Forest(found.features, found.thresholds, found.leaves, found.start)

    def unseen_odds(self, name: str, folds: int, steps: Steps) -> list[Floats]:
        """Log-odds of every document by a forest that saw neither its page nor its site."""
        fold = [int(samples.share(part.group) * folds) for part in self.parts]
        forests = [
            steps.of(f"{name}-without-{held}", partial(self._without, fold, held))
            for held in range(folds)
        ]
        return [forests[f].logits(part.x) for f, part in zip(fold, self.parts, strict=True)]

    def _without(self, fold: Sequence[int], held: int) -> plain_model.Forest:
        groups = (part.group for part, f in zip(self.parts, fold, strict=True) if f == held)
        return self.learn(frozenset(groups))


def _first(sample: Sample) -> Part:
    """Each page counts alike; in it, a unit counts by the root of its words."""
    words = np.array([len(unit.split()) for unit in sample.lines.units], dtype=np.float32)
    weight = (np.sqrt(np.minimum(words, 100)) + 0.5) * sample.weight
    page = samples.ARCHIVES[sample.archive]
    if sample.kind in variants.ALL:
        page *= variants.ALL[sample.kind].weight
    scaled = (page * weight / (weight.sum() + 5)).astype(np.float32)
    return Part(sample.group, sample.look.features, sample.main, scaled)


def _second(sample: Sample, first: Part, odds: Floats) -> Part:
    """The same with what the first forest says.

    Labels that trafilatura gave lean to it a little, for they are wrong at times
    (Reed et al. 2014, "Training deep neural networks on noisy labels with bootstrapping").
    """
    y = first.y
    if sample.archive == "pages-segments":
        y = ((1 - SOFT) * y + SOFT / (1 + np.exp(-odds))).astype(np.float32)
    return replace(first, x=context(sample.look, odds), y=y)


# --- decoding -------------------------------------------------------------------------


def choose_decoding(found: Sequence[tuple[Sample, Floats]]) -> plain_model.Decoding:
    """Constants of the way through the units with the best mean F1 over archives and kinds.

    Those of the Viterbi pass by some dump styles; ``sure`` by texts that are less than a
    page, as far as no dump style of an archive loses by it.
    """
    dumps = [(s, odds) for s, odds in found if s.kind in DECODED]
    texts = [(s, odds) for s, odds in found if s.kind in {*DECODED, *LESS}]
    best = plain_model.Decoding(least=0.0, into=0.3, out=0.3, title=0.0, sure=SURE[0])
    best = max((replace(best, least=least) for least in LEAST), key=lambda d: _mean_f1(dumps, d))
    steps = (replace(best, into=into, out=out) for into, out in SWITCH)
    best = max(steps, key=lambda d: _mean_f1(dumps, d))
    surer = (replace(best, sure=sure) for sure in SURE)
    may = [d for d in surer if _loss(report(dumps, best), report(dumps, d)) <= LOSS]
    return max(may, key=lambda d: _mean_f1(texts, d))


def _loss(before: dict[str, list[float]], after: dict[str, list[float]]) -> float:
    """The greatest loss of F1 of any archive and kind."""
    return max(row[2] - after[name][2] for name, row in before.items())


def _mean_f1(found: Sequence[tuple[Sample, Floats]], decoding: plain_model.Decoding) -> float:
    return float(np.mean([row[2] for row in report(found, decoding).values()]))


def path(sample: Sample, odds: Floats, decoding: plain_model.Decoding) -> NDArray[np.bool_]:
    """Units that are kept, as `plain.cut` keeps them."""
    return plain.keep(decoding.path(odds), sample.lines)


def report(
    found: Iterable[tuple[Sample, Floats]], decoding: plain_model.Decoding
) -> dict[str, list[float]]:
    """Precision, recall, F1 and number of documents by archive and kind."""
    table: dict[str, list[tuple[float, float]]] = {}
    for sample, odds in found:
        if sample.dense:
            kept = path(sample, odds, decoding)
            text = "\n".join(u for u, keep in zip(sample.lines.units, kept, strict=True) if keep)
            table.setdefault(f"{sample.archive}: {sample.kind}", []).append(
                pages.score_page(text, sample.gold)
            )
    return {name: _averages(pairs) for name, pairs in table.items()}


def _averages(pairs: list[tuple[float, float]]) -> list[float]:
    mean = pages.Score(*np.mean(pairs, axis=0).tolist())
    return [round(value, 4) for value in (mean.precision, mean.recall, mean.f1)] + [len(pairs)]


# --- titles ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Headed:
    """A document whose title is known, and its lines that may be it."""

    sample: Sample
    part: Part


def headed(found: Iterable[tuple[Sample, Floats]], decoding: plain_model.Decoding) -> list[Headed]:
    """Documents with a title, cut by forests that did not see them."""
    known = []
    for sample, odds in found:
        if sample.title and sample.kind in pages.STYLES:
            units = sample.lines.units
            at, x = candidates(sample.look, odds, path(sample, odds, decoding), units)
            y = np.array([labels.is_title(units[i], sample.title) for i in at], dtype=np.float32)
            weight = np.full(len(at), samples.ARCHIVES[sample.archive] / 10, dtype=np.float32)
            known.append(Headed(sample, Part(sample.group, x, y, weight)))
    return known


def title_report(
    known: Sequence[Headed], odds: Sequence[Floats], least: float
) -> dict[str, list[int]]:
    """Titles right, wrong and left empty, by archive and dump style."""
    table: dict[str, list[int]] = {}
    for one, likely in zip(known, odds, strict=True):
        row = table.setdefault(f"{one.sample.archive}: {one.sample.kind}", [0, 0, 0])
        if not len(likely) or likely.max() <= least:
            row[2] += 1
        else:
            row[0 if one.part.y[int(np.argmax(likely))] else 1] += 1
    return table


def _gain(table: dict[str, list[int]]) -> float:
    return sum(
        samples.ARCHIVES[name.split(":")[0]] * (right - TITLE_LOSS * wrong)
        for name, (right, wrong, _) in table.items()
    )


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


def write(folder: Path, forests: dict[str, plain_model.Forest], record: dict[str, object]) -> None:
    """Write weights and record; the same bytes for the same model."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for name, forest in forests.items():
        arrays[f"{name}_features"] = forest.features.astype(np.uint8)
        arrays[f"{name}_thresholds"] = forest.thresholds.astype(np.float32)
        arrays[f"{name}_leaves"] = forest.leaves.astype(np.float16)
        arrays[f"{name}_start"] = np.array(forest.start, dtype=np.float32)
    np.savez_compressed(folder / "plain_model.npz", **arrays)
    (folder / "plain_model.json").write_text(
        json.dumps(record, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )


def train(folds: int, folder: Path, steps: Steps) -> None:
    """Train every forest, choose the constants, and write the model with its record."""
    words, characters = function_words()
    known, leaning = steps.of("features", lambda: _samples(words, characters, steps))
    first = steps.of("first-bins", lambda: Learner.of([_first(s) for s in known], FIRST))
    odds = first.unseen_odds("first", folds, steps)
    rows = list(zip(known, first.parts, odds, strict=True))
    second = steps.of("second-bins", lambda: Learner.of([_second(*row) for row in rows], SECOND))
    found = list(zip(known, second.unseen_odds("second", folds, steps), strict=True))
    decoding = steps.of("decoding", lambda: choose_decoding(found))
    titles = steps.of("titles", lambda: headed(found, decoding))
    title = Learner.of([one.part for one in titles], TITLE)
    likely = title.unseen_odds("title", folds, steps)
    gains = {least: _gain(title_report(titles, likely, least)) for least in TITLE_LEAST}
    decoding = replace(decoding, title=max(gains, key=lambda least: gains[least]))
    forests = {
        "first": steps.of("first", first.learn),
        "second": steps.of("second", second.learn),
        "title": steps.of("title", title.learn),
    }
    figures = steps.of("report", lambda: report(_reported(found), decoding))
    for name, (precision, recall, f1, documents) in figures.items():
        print(f"{name:40} P {precision:.4f} R {recall:.4f} F1 {f1:.4f} of {documents:.0f}")
    record = {
        "languages": words,
        "characters": characters,
        "decoding": asdict(decoding),
        "training": {
            **_described(known),
            "folds": folds,
            "precision, recall, f1, documents": figures,
            "titles right, wrong, empty": title_report(titles, likely, decoding.title),
        },
        **leaning,
    }
    write(folder, forests, record)


def _reported(found: Iterable[tuple[Sample, Floats]]) -> list[tuple[Sample, Floats]]:
    return [one for one in found if one[0].kind in {*pages.STYLES, *VARIANTS}]


def _samples(
    words: dict[str, str], characters: str, steps: Steps
) -> tuple[list[Sample], dict[str, dict[str, float]]]:
    found = [
        sample
        for part in range(PARTS)
        for sample in steps.of(f"samples-{part}", partial(samples.labelled, part, PARTS))
    ]
    return samples.featured(found, words, characters)


def _described(known: Sequence[Sample]) -> dict[str, object]:
    libraries = ("numpy", "wordfreq", "trafilatura", "resiliparse", "inscriptis", "html_text")
    return {
        "archives": {a: len({s.name for s in known if s.archive == a}) for a in samples.ARCHIVES},
        "documents": len(known),
        "units": int(sum(len(s.main) for s in known)),
        "forests": {
            name: asdict(settings)
            for name, settings in (("first", FIRST), ("second", SECOND), ("title", TITLE))
        },
        "versions": {name: importlib.metadata.version(name) for name in libraries},
        "sources": "function words: wordfreq (CC BY-SA 4.0); pages: the archives",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(plain.__file__).parent)
    parser.add_argument("--steps", type=Path, help="folder that keeps what each step gave")
    parser.add_argument(
        "--seconds", type=float, default=float("inf"), help="processor time to stop after"
    )
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")  # of the dumping libraries, about broken pages
    train(chosen.folds, chosen.out, Steps(chosen.steps, chosen.seconds))


if __name__ == "__main__":
    main()
