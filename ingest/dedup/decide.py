"""Which documents stay, which are copies, and which tell the same story.

Two rules, each applied to one document at a time, in order of arrival:

*Copies* (exact, near).  Documents are ranked by the survivor policy; a document is a
survivor if and only if it matches no survivor of better rank.  So the survivors are
the lexicographically first maximal independent set of the graph of matches: the same
set whatever the order of arrival, as far as the ranks are the same.  A document is
only ever compared with survivors, so no chain of small steps merges strangers.

*Stories*.  The first few documents of a story stand for it for good.  A survivor joins
the story whose representatives it is most similar to on average, if that suffices; else
it begins a story of its own.  Later members never represent it, which stops drift.

When a survivor goes, changes or is displaced by a better one, everything decided
against it is decided again: its copies by rank; then, where it represented a story, the
other documents of that, by arrival.

This module holds the rules only.  What is known of documents comes through `Memory`,
which the catalog implements; every change of mind is told to it at once.
"""

from __future__ import annotations

import hashlib
import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from ingest.dedup.story import Compared, StoryRule, choose_story, promising
from ingest.dedup.verify import overlap
from ingest.documents import Dropped, Evidence, Kept, Linked

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ingest.dedup.story import Choice
    from ingest.dedup.verify import Overlap as Common
    from ingest.documents import Decision, Kind, Standing

Policy: TypeAlias = Literal["drop", "link", "ignore"]
Survivor: TypeAlias = Literal["first", "priority", "longest"]
Rank: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides; ``near_containment`` 0 means that containment decides nothing."""

    exact: Policy = "drop"
    near: Policy = "drop"
    story: Policy = "link"
    near_threshold: float = 0.8
    near_containment: float = 0.0
    survivor: Survivor = "first"
    stories: StoryRule = StoryRule()


@dataclass(frozen=True, slots=True)
class Overlap:
    """What two signatures share: equal bands (near) or rows (story), and the estimate."""

    shared: int
    estimated_jaccard: float


@dataclass(frozen=True, slots=True)
class Orphans:
    """Documents whose survivor or leader changes or goes, and that must be decided again."""

    copies: tuple[Standing, ...] = ()
    members: tuple[Standing, ...] = ()


NO_ORPHANS = Orphans()


class Memory(Protocol):
    """What is known of the documents, and where decisions are kept."""

    def standing(self, number: int) -> Standing:
        """How a document stands now."""
        ...

    def twins(self, number: int) -> Sequence[Standing]:
        """Other survivors with the same canonical text."""
        ...

    def near(self, number: int) -> Sequence[Standing]:
        """Other survivors that share a band of the near signature."""
        ...

    def alike(self, number: int, least: float) -> Sequence[tuple[Standing, float]]:
        """Other representatives that share enough rows of the story signature, how similar each is.

        Those less similar than ``least`` may be left out.
        """
        ...

    def representatives(self, story_id: str) -> Sequence[Standing]:
        """The documents that stand for a story, in order of arrival."""
        ...

    def copies(self, number: int) -> Sequence[Standing]:
        """Documents dropped or linked against this one as exact or near."""
        ...

    def members(self, number: int) -> Sequence[Standing]:
        """The other documents of the story that this one represents; none if it does not."""
        ...

    def overlap(self, number: int, other: int, kind: Kind) -> Overlap:
        """What the signatures of two documents share."""
        ...

    def shingles(self, number: int) -> NDArray[np.uint64]:
        """Sorted, unique 64-bit shingle hashes of the canonical text, shape (n,)."""
        ...

    def similarities(self, number: int, others: Sequence[int]) -> Sequence[float]:
        """How similar a document is to each of others, by their term vectors."""
        ...

    def led(self, story_id: str) -> bool:
        """Whether a document leads this story now."""
        ...

    def reopen(self, standing: Standing) -> None:
        """Undo what was decided: neither survivor nor leader until decided again."""
        ...

    def survive(self, standing: Standing, story_id: str) -> None:
        """Keep as survivor, its story still to be decided; ``story_id`` is the one it had."""
        ...

    def decide(
        self,
        standing: Standing,
        decision: Decision,
        story_id: str = "",
        *,
        represents: bool = False,
    ) -> None:
        """Keep a decision; ``story_id`` is ``""`` for a copy, which has its survivor's.

        ``represents``: whether the document is one of those that stand for its story.
        """
        ...


class Decider:
    """Applies the rules to one change at a time; all state is in the memory."""

    def __init__(self, memory: Memory, rules: Rules) -> None:
        self._memory = memory
        self._rules = rules

    def release(self, number: int) -> Orphans:
        """Open a document, and everything decided against it, before it changes or goes.

        The orphans must be settled, with the new version where there is one.
        """
        memory = self._memory
        orphans = Orphans(tuple(memory.copies(number)), tuple(memory.members(number)))
        for standing in (memory.standing(number), *orphans.copies, *orphans.members):
            memory.reopen(standing)
        return orphans

    def settle(self, arrivals: Iterable[int], orphans: Orphans = NO_ORPHANS) -> None:
        """Decide documents that are new, or new in this version, and orphans with them."""
        standings = [self._memory.standing(number) for number in arrivals]
        self._settle([*standings, *orphans.copies], orphans.members)

    def _settle(self, copies: Iterable[Standing], members: Iterable[Standing]) -> None:
        """Decide documents that are open: as copies by rank, then stories by arrival.

        Deciding one can only open documents of worse rank, so this ends.
        """
        queue = [(self._rank(standing), standing) for standing in copies]
        heapq.heapify(queue)
        waiting = {standing.number: standing for standing in members}
        for standing in waiting.values():
            self._memory.survive(standing, standing.story_id)
        while queue:
            _, standing = heapq.heappop(queue)
            waiting.pop(standing.number, None)
            for opened in self._decide_copy(standing, waiting):
                heapq.heappush(queue, (self._rank(opened), opened))
        for standing in sorted(waiting.values(), key=lambda waits: waits.arrival):
            self._decide_story(standing)

    def _rank(self, standing: Standing) -> Rank:
        """Smaller is better; unique, since no two documents arrive at once."""
        if self._rules.survivor == "longest":
            return (-standing.words, standing.arrival)
        if self._rules.survivor == "priority":
            return (-standing.priority, standing.arrival)
        return (0, standing.arrival)

    # --- copies -----------------------------------------------------------------------

    def _decide_copy(self, standing: Standing, waiting: dict[int, Standing]) -> Iterable[Standing]:
        """Decide one document as survivor or copy; the documents that this opens."""
        matches = self._matches(standing)
        rank = self._rank(standing)
        better = [match for match in matches if self._rank(match[0]) < rank]
        if better:
            survivor, kind, evidence = min(better, key=self._preference)
            policy = self._rules.exact if kind == "exact" else self._rules.near
            verdict = Dropped if policy == "drop" else Linked
            self._memory.decide(standing, verdict(kind, survivor.number, evidence))
            return ()
        opened: list[Standing] = []
        story_id = standing.story_id
        for displaced, _, _ in matches:
            story_id = story_id or (displaced.story_id if displaced.leads else "")
            opened += self._displace(displaced, waiting)
        self._memory.survive(standing, story_id)
        waiting[standing.number] = self._memory.standing(standing.number)
        return opened

    def _displace(self, survivor: Standing, waiting: dict[int, Standing]) -> list[Standing]:
        """Open a survivor that a better one has displaced, with all decided against it."""
        memory = self._memory
        opened = [survivor, *memory.copies(survivor.number)]
        members = memory.members(survivor.number)
        for standing in opened:
            memory.reopen(standing)
        for member in members:
            memory.survive(member, member.story_id)
            waiting[member.number] = member
        return opened

    def _preference(self, match: tuple[Standing, Kind, Evidence]) -> tuple[float, Rank]:
        return (-match[2].similarity, self._rank(match[0]))

    def _matches(self, standing: Standing) -> list[tuple[Standing, Kind, Evidence]]:
        """Every survivor that this document is a copy of, or that is a copy of it."""
        found: dict[int, tuple[Standing, Kind, Evidence]] = {}
        if self._rules.exact != "ignore":
            for twin in self._memory.twins(standing.number):
                common = self._common(standing, twin)
                evidence = self._measure(standing, twin, "exact", common)
                found[twin.number] = (twin, "exact", evidence)
        if self._rules.near != "ignore":
            for candidate in self._memory.near(standing.number):
                if candidate.number in found:
                    continue
                common = self._common(standing, candidate)
                if self._is_near(common):
                    evidence = self._measure(standing, candidate, "near", common)
                    found[candidate.number] = (candidate, "near", evidence)
        return list(found.values())

    def _common(self, standing: Standing, other: Standing) -> Common:
        shingles = self._memory.shingles
        return overlap(shingles(standing.number), shingles(other.number))

    def _is_near(self, common: Common) -> bool:
        limit = self._rules.near_containment
        return common.jaccard >= self._rules.near_threshold or (
            limit > 0.0 and common.containment >= limit
        )

    # --- stories ----------------------------------------------------------------------

    def _decide_story(self, standing: Standing) -> None:
        """Link one survivor to the story that it belongs to, or let it begin one."""
        memory, rules = self._memory, self._rules
        choice = self._choose_story(standing) if rules.story != "ignore" else None
        if choice is None:
            memory.decide(standing, Kept(), self._own_story(standing), represents=True)
            return
        first = memory.standing(choice.of)
        common = self._common(standing, first)
        evidence = self._measure(standing, first, "story", common, choice.mean)
        if rules.story == "drop":  # stands for nothing: none is dropped for what was dropped
            memory.decide(standing, Dropped("story", choice.of, evidence), choice.story)
            return
        represents = len(memory.representatives(choice.story)) < rules.stories.representatives
        decision = Linked("story", choice.of, evidence)
        memory.decide(standing, decision, choice.story, represents=represents)

    def _choose_story(self, standing: Standing) -> Choice | None:
        """The story whose representatives are most similar on average, within the rule.

        First those that share rows are compared, then all of the stories that can reach the
        threshold.
        """
        rule, memory = self._rules.stories, self._memory
        first = [
            Compared(other.story_id, other.number, figure)
            for other, figure in memory.alike(standing.number, rule.threshold)
            if self._may_be_one(standing, other)
        ]
        stories = promising(first, rule)
        if not stories:
            return None
        return choose_story(
            (
                compared
                for story in stories
                for compared in self._compared(standing, memory.representatives(story))
            ),
            rule,
        )

    def _compared(self, standing: Standing, others: Sequence[Standing]) -> list[Compared]:
        """How similar a document is to others whose dates let them be of one story."""
        near = [other for other in others if self._may_be_one(standing, other)]
        figures = self._memory.similarities(standing.number, [other.number for other in near])
        return [
            Compared(other.story_id, other.number, figure)
            for other, figure in zip(near, figures, strict=True)
        ]

    def _may_be_one(self, standing: Standing, other: Standing) -> bool:
        """Whether two documents may be of one story, by their dates; none is with itself."""
        rule = self._rules.stories
        return other.number != standing.number and rule.in_window(standing.created, other.created)

    def _own_story(self, standing: Standing) -> str:
        """The story that a leader bears: the one it had, if nobody leads that; else a new one."""
        had = self._memory.standing(standing.number).story_id
        if had and not self._memory.led(had):
            return had
        return self._mint(standing.id)

    def _mint(self, document_id: str) -> str:
        """A story's name from that of its first document, unlike any that is led."""
        story_id, count = document_id, 0
        while self._memory.led(story_id):
            count += 1
            story_id = hashlib.sha256(f"{document_id}/{count}".encode()).hexdigest()[:32]
        return story_id

    # --- evidence ---------------------------------------------------------------------

    def _measure(
        self, standing: Standing, other: Standing, kind: Kind, common: Common, mean: float = 0.0
    ) -> Evidence:
        """Everything that is kept about a pair; exact figures, not estimates.

        ``common``: what their shingle sets share; ``mean``: what decided about a story, the
        similarity to all its representatives.
        """
        memory = self._memory
        shares = memory.overlap(standing.number, other.number, kind)
        (story,) = memory.similarities(standing.number, [other.number])
        rule, figure = self._rule(kind, common.jaccard, common.containment, mean)
        return Evidence(
            rule=rule,
            similarity=figure,
            jaccard=common.jaccard,
            containment=common.containment,
            story_similarity=story,
            estimated_jaccard=shares.estimated_jaccard,
            shared_bands=shares.shared,
        )

    def _rule(self, kind: Kind, shared: float, contained: float, mean: float) -> tuple[str, float]:
        """Name of the rule that decided, with its threshold, and the figure it looked at."""
        rules = self._rules
        if kind == "exact":
            return "exact:same-text", 1.0
        if kind == "story":
            return f"story:mean>={rules.stories.threshold:g}", mean
        if shared >= rules.near_threshold:
            return f"near:jaccard>={rules.near_threshold:g}", shared
        return f"near:containment>={rules.near_containment:g}", contained
