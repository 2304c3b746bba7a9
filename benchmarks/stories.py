"""How well stories are found: same-event news of ECB+, at the shipped default.

    INGEST_DATA=... python benchmarks/stories.py [--orders 10]

Documents arrive one by one, in ten random orders; candidates come from the story signatures
as in the service.  Everything was tuned on topics 1 to 11; 12 to 22 are the report.  Each
topic holds two look-alike events.  Pair-F1 counts pairs of documents over all clusters,
B-cubed averages over documents (Bagga and Baldwin, 1998).  Writes nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tarfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ingest.dedup import rarity, story, terms
from ingest.dedup.story import Compared, StoryRule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ingest.dedup.terms import TermVector

ARCHIVE = "stories-ecbplus"
LAST_TUNED_TOPIC = 11
HALVES: dict[str, Callable[[int], bool]] = {
    "tune (1-11)": lambda topic: topic <= LAST_TUNED_TOPIC,
    "report (12-22)": lambda topic: topic > LAST_TUNED_TOPIC,
    "all (1-22)": lambda topic: topic > 0,
}


@dataclass(frozen=True, slots=True)
class News:
    """Labelled documents, and how any two of them compare."""

    topics: list[int]
    truth: list[str]
    similar: np.ndarray
    rows: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=10)
    orders = parser.parse_args().orders
    documents, truth = load()
    print(f"{len(documents)} documents, {len(set(truth.values()))} events; {story.VERSION}")
    for language in ("en", "und"):
        vectors = timed(list(documents.values()), rarity.load(language))
        news = compare(vectors, list(documents), truth)
        print(f"\nrarity of {language!r}: {candidates(news, StoryRule())}")
        table(news, orders)


def load() -> tuple[dict[str, str], dict[str, str]]:
    """Text and event of each document; SystemExit where INGEST_DATA has no ECB+."""
    folder = os.environ.get("INGEST_DATA", "")
    found = sorted(Path(folder).glob(f"{ARCHIVE}.tar.*")) if folder else []
    if not found:
        raise SystemExit(f"INGEST_DATA names no folder with {ARCHIVE}.tar.*")
    rows: dict[str, list[dict[str, object]]] = {}
    with tarfile.open(found[0]) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is not None:
                rows[Path(member.name).name] = [json.loads(line) for line in file]
    documents = {str(row["id"]): str(row["text"]) for row in rows["docs.jsonl"]}
    events = {
        str(name): str(row["cluster"])
        for row in rows["clusters.jsonl"]
        for name in row["ids"]  # type: ignore[attr-defined]  # a list, by the archive's notes
    }
    return documents, events


def timed(texts: Sequence[str], table: rarity.Rarity) -> list[TermVector]:
    """Vectors of the texts, printing what they and their signatures cost (numpy reference)."""
    start = time.process_time()
    vectors = [terms.terms(text, "", table) for text in texts]
    middle = time.process_time()
    for vector in vectors:
        story.story_signature(vector)
    signed = time.process_time()
    story.similarities(vectors[0], vectors)
    end = time.process_time()
    each = 1e6 / len(texts)
    size = sum(len(story.pack(vector)) for vector in vectors) / len(vectors)
    words = sum(len(text.split()) for text in texts) / len(texts)
    print(
        f"\na text of {words:.0f} words: vector {(middle - start) * each:.0f} us, "
        f"signature {(signed - middle) * each:.0f} us, {size:.0f} bytes kept; "
        f"a comparison {(end - signed) * each:.1f} us"
    )
    return vectors


def compare(vectors: list[TermVector], names: list[str], truth: dict[str, str]) -> News:
    signatures = np.array([story.story_signature(vector) for vector in vectors])
    return News(
        topics=[int(name.split("_")[0]) for name in names],
        truth=[truth[name] for name in names],
        similar=np.array([story.similarities(vector, vectors) for vector in vectors]),
        rows=np.array([(signatures == signature).sum(axis=1) for signature in signatures]),
    )


def candidates(news: News, rule: StoryRule) -> str:
    """Candidates found of same-event pairs, and of pairs of different topics."""
    events, topics = np.array(news.truth), np.array(news.topics)
    same = np.triu(events[:, None] == events, 1)
    strange = np.triu(topics[:, None] != topics, 1)
    found = news.rows >= rule.rows
    wrong = strange & (news.similar >= rule.threshold)
    return (
        f"candidates {found[same].mean():.3f} of same-event pairs, "
        f"{found[strange].mean():.4f} of pairs of other topics; "
        f"{wrong.sum()} of {strange.sum()} of those at the threshold"
    )


def table(news: News, orders: int) -> None:
    """Print the default, the leader rule and average link without limit, over all orders."""
    print("rule            topics          pair-F1 mean   min   max  precision recall  B-cubed F1")
    default = StoryRule()
    rules = {
        f"first {default.representatives} (default)": default,
        "leader": replace(default, representatives=1),
        "leader, 0.19": replace(default, representatives=1, threshold=0.19),
        "average link": replace(default, representatives=len(news.truth)),
    }
    for name, rule in rules.items():
        for half, wanted in HALVES.items():
            numbers = [i for i, topic in enumerate(news.topics) if wanted(topic)]
            runs = [score(news, shuffled(numbers, seed), rule) for seed in range(orders)]
            f1, precision, recall, cubed = np.array(runs).T
            print(
                f"{name:<19} {half:<15} {f1.mean():.3f} {f1.min():.3f} {f1.max():.3f} "
                f"{precision.mean():9.3f} {recall.mean():6.3f} {cubed.mean():10.3f}"
            )


def shuffled(numbers: Iterable[int], seed: int) -> list[int]:
    order = list(numbers)
    random.Random(seed).shuffle(order)
    return order


def score(news: News, order: list[int], rule: StoryRule) -> tuple[float, float, float, float]:
    """Pair-F1, precision and recall of pairs, B-cubed F1."""
    story_of = assign(news, order, rule)
    found, truth = [story_of[i] for i in order], [news.truth[i] for i in order]
    both = Counter(zip(found, truth, strict=True))
    right, sizes, events = pairs(both), Counter(found), Counter(truth)
    precision, recall = right / max(pairs(sizes), 1), right / max(pairs(events), 1)
    cubed_precision = sum(n * n / sizes[one] for (one, _), n in both.items()) / len(order)
    cubed_recall = sum(n * n / events[event] for (_, event), n in both.items()) / len(order)
    return (
        2 * precision * recall / max(precision + recall, 1e-9),
        precision,
        recall,
        2 * cubed_precision * cubed_recall / (cubed_precision + cubed_recall),
    )


def pairs(counts: Counter[str] | Counter[tuple[str, str]]) -> int:
    return sum(count * (count - 1) // 2 for count in counts.values())


def assign(news: News, order: list[int], rule: StoryRule) -> dict[int, str]:
    """Decide documents one after another, as the service does."""
    stories: dict[str, list[int]] = {}
    story_of: dict[int, str] = {}
    for number in order:
        near = [
            other
            for members in stories.values()
            for other in members[: rule.representatives]
            if news.rows[number, other] >= rule.rows
        ]
        names = story.promising(look(news, number, near, story_of), rule)
        others = [other for name in names for other in stories[name][: rule.representatives]]
        choice = story.choose_story(look(news, number, others, story_of), rule)
        story_of[number] = choice.story if choice else str(number)
        stories.setdefault(story_of[number], []).append(number)
    return story_of


def look(news: News, number: int, others: list[int], story_of: dict[int, str]) -> list[Compared]:
    return [
        Compared(story_of[other], other, float(news.similar[number, other])) for other in others
    ]


if __name__ == "__main__":
    main()
