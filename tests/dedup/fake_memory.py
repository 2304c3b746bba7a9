"""A memory without a catalog: every survivor is a candidate, sets stand for texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ingest.dedup.decide import Overlap
from ingest.dedup.story import similarities
from ingest.dedup.terms import TermVector
from ingest.documents import Dropped, Kept, Linked, Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ingest.documents import Decision, Kind


@dataclass
class Known:
    standing: Standing
    shingles: frozenset[int]
    terms: frozenset[int]
    state: str = "open"
    decision: Decision | None = None
    story_id: str = ""
    represents: bool = False


@dataclass
class FakeMemory:
    known: dict[int, Known] = field(default_factory=dict)

    def add(self, standing: Standing, shingles: frozenset[int], terms: frozenset[int]) -> None:
        self.known[standing.number] = Known(standing, shingles, terms, story_id=standing.story_id)

    def standing(self, number: int) -> Standing:
        one = self.known[number]
        s = one.standing
        return Standing(
            s.number, s.id, s.arrival, s.words, s.priority, s.created, one.story_id,
            one.state == "leader",
        )  # fmt: skip

    def _others(self, number: int, wanted: Callable[[Known], bool]) -> list[Standing]:
        return [self.standing(n) for n, k in self.known.items() if n != number and wanted(k)]

    def twins(self, number: int) -> list[Standing]:
        mine = self.known[number].shingles
        return self._others(number, lambda k: survives(k) and k.shingles == mine)

    def near(self, number: int) -> list[Standing]:
        return self._others(number, survives)

    def alike(self, number: int, _least: float) -> list[tuple[Standing, float]]:
        others = self._others(number, lambda k: k.represents)
        figures = self.similarities(number, [other.number for other in others])
        return list(zip(others, figures, strict=True))

    def representatives(self, story_id: str) -> list[Standing]:
        return self._others(0, lambda k: k.represents and k.story_id == story_id)

    def copies(self, number: int) -> list[Standing]:
        return self._others(number, lambda k: copies(k, number))

    def members(self, number: int) -> list[Standing]:
        mine = self.known[number]
        if not mine.represents:
            return []
        return self._others(
            number, lambda k: k.story_id == mine.story_id and k.decision is not None
        )

    def overlap(self, _number: int, _other: int, _kind: Kind) -> Overlap:
        return Overlap(1, 0.5)

    def shingles(self, number: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
        return np.array(sorted(self.known[number].shingles), np.uint64)

    def similarities(self, number: int, others: Sequence[int]) -> list[float]:
        return similarities(self._terms(number), [self._terms(n) for n in others]).tolist()

    def _terms(self, number: int) -> TermVector:
        hashes = np.array(sorted(self.known[number].terms), np.uint32)
        return TermVector(hashes, np.full(hashes.size, 100, np.uint8))

    def led(self, story_id: str) -> bool:
        return any(k.state == "leader" and k.story_id == story_id for k in self.known.values())

    def reopen(self, standing: Standing) -> None:
        one = self.known[standing.number]
        one.state, one.decision, one.represents = "open", None, False

    def survive(self, standing: Standing, story_id: str) -> None:
        one = self.known[standing.number]
        one.state, one.decision, one.story_id = "survivor", None, story_id
        one.represents = False

    def decide(
        self,
        standing: Standing,
        decision: Decision,
        story_id: str = "",
        *,
        represents: bool = False,
    ) -> None:
        one = self.known[standing.number]
        one.represents = represents
        one.decision, one.story_id = decision, story_id
        one.state = "leader" if isinstance(decision, Kept) else "decided"


def survives(one: Known) -> bool:
    decision = one.decision
    member = isinstance(decision, Linked) and decision.kind == "story"
    return one.state in ("leader", "survivor") or member


def copies(one: Known, number: int) -> bool:
    decision = one.decision
    against = isinstance(decision, Dropped | Linked) and decision.of == number
    return against and decision.kind != "story"
