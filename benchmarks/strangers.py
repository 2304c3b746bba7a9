"""Stories among many strangers: what the shipped default joins that it should not.

    INGEST_DATA=... python benchmarks/strangers.py [--made N] [--show N]

Texts arrive in one order: generated ones, each with words of its own topic; mixtures of
sentences from three real texts of different sets; every text of the data folder (ECB+,
mccormick's articles, readability's and the segments' pages, extracted); then the seeds.  Copies
(Jaccard 0.8) are dropped first, as in the service; a story is decided by the index's
candidates and the shipped rule.  Writes nothing; prints pairs that were joined, for a person
to judge, those across sets first.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import tarfile
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from generate import corpus

from ingest.catalog.index import BandIndex
from ingest.dedup import story
from ingest.dedup.bands import Bands, choose, keys
from ingest.dedup.signatures import best
from ingest.dedup.story import Compared, StoryRule, similarities, unpack
from ingest.normalise.language import detect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.dedup.terms import TermVector

    Named = tuple[str, str]  # name, text; the name begins with its set and a slash

SENTENCE = re.compile(r"(?<=[.!?])\s+")
BATCH = 512
CAP = 64
LEAST_WORDS = 40
SHOWN = 300


@dataclass
class Court:
    """What was decided so far."""

    near: BandIndex
    stories: BandIndex
    rule: StoryRule = field(default_factory=StoryRule)
    names: list[str] = field(default_factory=list)
    vectors: list[TermVector] = field(default_factory=list)
    rows: list[np.ndarray] = field(default_factory=list)
    story_of: dict[int, int] = field(default_factory=dict)
    representing: dict[int, list[int]] = field(default_factory=dict)
    copies: int = 0
    joined: list[tuple[float, int, int]] = field(default_factory=list)

    def take(self, batch: list[Named], kernel: object) -> None:
        """Decide documents in their order."""
        signed = [kernel.sign((text, "", detect(text)), 128, 1) for _, text in batch]  # type: ignore[attr-defined]  # an engine
        near = self.near.prefetch(keys(np.stack([one.near for one in signed]), choose(0.8)))
        single = Bands(story.ROWS, 1, 0.0)
        alike = self.stories.prefetch(keys(np.stack([one.story for one in signed]), single))
        for row, (name, _) in enumerate(batch):
            number = len(self.names)
            self.names.append(name)
            self.vectors.append(unpack(signed[row].terms))
            self.rows.append(signed[row].near)
            others = near.candidates(row).numbers[:CAP].tolist()
            if any(np.mean(self.rows[other] == signed[row].near) >= 0.75 for other in others):
                self.copies += 1  # estimated: a few more or less do not matter here
                continue
            near.insert(row, number)
            found = alike.candidates(row, self.rule.rows).numbers.tolist()
            if self.decide(number, found):
                alike.insert(row, number)

    def decide(self, number: int, found: list[int]) -> bool:
        """Join a story or begin one; whether the document represents it."""
        names = story.promising(self.compared(number, found), self.rule)
        others = [other for name in names for other in self.representing[int(name)]]
        choice = story.choose_story(self.compared(number, others), self.rule)
        self.story_of[number] = int(choice.story) if choice else number
        if choice:
            self.joined.append((choice.mean, number, choice.of))
        members = self.representing.setdefault(self.story_of[number], [])
        if len(members) < self.rule.representatives:
            members.append(number)
            return True
        return False

    def compared(self, number: int, others: list[int]) -> list[Compared]:
        """How similar a document is to others."""
        figures = similarities(self.vectors[number], [self.vectors[other] for other in others])
        return [
            Compared(str(self.story_of[other]), other, float(figure))
            for other, figure in zip(others, figures, strict=True)
        ]


def archived(name: str) -> Iterator[tuple[Path, bytes]]:
    (found,) = sorted(Path(os.environ["INGEST_DATA"]).glob(f"{name}.tar.*"))
    with tarfile.open(found) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is not None:
                yield Path(member.name), file.read()


def real() -> Iterator[Named]:
    """Every text of the data folder that is not a test's reserve, and not the seeds."""
    for name in ("stories-ecbplus", "copies-mccormick"):
        for path, data in archived(name):
            if path.name.startswith("docs"):
                rows = map(json.loads, data.decode().splitlines())
                yield from ((f"{name}/{path.stem}/{row['id']}", row["text"]) for row in rows)
    for path, data in archived("pages-readability"):
        if path.name == "gold.jsonl":
            rows = map(json.loads, data.decode().splitlines())
            yield from ((f"readability/{row['id']}", row["text"]) for row in rows)
    yield from segments()


def segments() -> Iterator[Named]:
    """The pages of pages-segments, extracted."""
    from trafilatura import bare_extraction  # noqa: PLC0415 - half a second

    for path, data in archived("pages-segments"):
        if path.suffix.startswith(".htm"):
            extracted = bare_extraction(data, fast=True, include_comments=False)
            if extracted and extracted.text:
                yield f"segments/{path.name}", extracted.text


def mixtures(texts: list[str], count: int) -> Iterator[Named]:
    """Texts of shuffled sentences, six each of three texts picked at random."""
    dice = random.Random(1)
    for number in range(count):
        picked = [SENTENCE.split(text) for text in dice.sample(texts, 3)]
        parts = [dice.choice(sentences) for sentences in picked for _ in range(6)]
        dice.shuffle(parts)
        yield f"mixture/{number}", " ".join(parts)


def seeds() -> Iterator[Named]:
    folder = Path(__file__).parent.parent / "seeds"
    for path in sorted(folder.glob("*.txt")):
        yield f"seeds/{path.name}", path.read_text()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--made", type=int, default=12_000)
    parser.add_argument("--mixed", type=int, default=4_000)
    parser.add_argument("--show", type=int, default=60)
    asked = parser.parse_args()
    known = [(name, text) for name, text in real() if len(text.split()) >= LEAST_WORDS]
    made = ((f"made/{n}", text) for n, text in enumerate(corpus(asked.made).texts))
    documents = [*known, *made, *mixtures([text for _, text in known], asked.mixed), *seeds()]
    with tempfile.TemporaryDirectory() as folder:
        near = BandIndex(Path(folder) / "near", [], choose(0.8).count, CAP, "")
        court = Court(near, BandIndex(Path(folder) / "story", [], story.ROWS, CAP, ""))
        kernel = best("")
        for start in range(0, len(documents), BATCH):
            court.take(documents[start : start + BATCH], kernel)
    report(court, dict(documents), asked.show)


def report(court: Court, texts: dict[str, str], show: int) -> None:
    """Print counts, the seeds' stories, and joined pairs to be judged."""
    kinds = Counter(
        tuple(sorted(court.names[n].split("/")[0] for n in pair[1:])) for pair in court.joined
    )
    print(f"{len(court.names)} documents, {court.copies} copies, {len(court.joined)} joined")
    print("joined, by sets:", {"+".join(kind): count for kind, count in sorted(kinds.items())})
    for number, name in enumerate(court.names):
        if name.startswith("seeds/"):
            of = court.story_of[number]
            members = [court.names[n] for n, one in court.story_of.items() if one == of]
            print(name, "->", members)
    foreign = [one for one in court.joined if not is_event(court, one)]
    random.Random(2).shuffle(foreign)
    for mean, number, of in sorted(foreign[:show]):
        print(f"\n{mean:.3f} {court.names[number]} | {court.names[of]}")
        for one in (number, of):
            print("   ", " ".join(texts[court.names[one]][:SHOWN].split()))


def is_event(court: Court, joined: tuple[float, int, int]) -> bool:
    """Whether both are of one topic of ECB+, or of the seeds: measured elsewhere."""
    one, other = (court.names[number].split("/") for number in joined[1:])
    same = one[-1].split("_")[0] == other[-1].split("_")[0]
    return one[0] == other[0] and (one[0] == "seeds" or (one[0] == "stories-ecbplus" and same))


if __name__ == "__main__":
    main()
