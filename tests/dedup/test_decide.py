"""The rules, against their definition: the first maximal independent set by rank."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.dedup.decide import Decider, Rules
from ingest.dedup.story import StoryRule
from ingest.documents import Dropped, Kept, Linked, Standing

_spec = importlib.util.spec_from_file_location(
    "fake_memory", Path(__file__).with_name("fake_memory.py")
)
assert _spec
assert _spec.loader
fake_memory = importlib.util.module_from_spec(_spec)
sys.modules["fake_memory"] = fake_memory
_spec.loader.exec_module(fake_memory)

SURVIVORS = ("first", "priority", "longest")


def jaccard(a: frozenset[int], b: frozenset[int]) -> float:
    return len(a & b) / len(a | b)


class World:
    """A memory, a decider, and the operations that the catalog does around it."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.memory: Any = fake_memory.FakeMemory()
        self.decider = Decider(self.memory, rules)
        self.counter = 0

    def arrive(
        self, shingles: set[int], terms: set[int] | None = None, priority: int = 0, **more: Any
    ) -> int:
        self.counter += 1
        standing = Standing(
            number=self.counter,
            id=f"{more.get('arrival', self.counter):032x}",
            arrival=more.get("arrival", self.counter),
            words=len(shingles),
            priority=priority,
            created=more.get("created", ""),
            story_id=more.get("story_id", ""),
            leads=False,
        )
        subjects = terms if terms is not None else {1000 + self.counter}
        # 30 terms a subject: one term alone can never tell a story.
        wanted = frozenset(subject * 30 + term for subject in subjects for term in range(30))
        self.memory.add(standing, frozenset(shingles), wanted)
        orphans = more.get("orphans")
        if orphans is None:
            self.decider.settle([standing.number])
        else:
            self.decider.settle([standing.number], orphans)
        return standing.number

    def depart(self, number: int) -> None:
        orphans = self.decider.release(number)
        del self.memory.known[number]
        self.decider.settle([], orphans)

    def edit(self, number: int, shingles: set[int], terms: set[int] | None = None) -> int:
        old = self.memory.known[number]
        orphans = self.decider.release(number)
        del self.memory.known[number]
        return self.arrive(
            shingles,
            {term // 30 for term in old.terms} if terms is None else terms,
            old.standing.priority,
            arrival=old.standing.arrival,
            story_id=old.story_id,
            orphans=orphans,
        )

    def take(self, operation: str, shingles: set[int], words: set[int], choice: int) -> None:
        """One of `operations`."""
        there = sorted(self.memory.known)
        if operation == "arrive":
            self.arrive(shingles, words, priority=choice)
        elif there and operation == "edit":
            self.edit(there[choice % len(there)], shingles, words)
        elif there:
            self.depart(there[choice % len(there)])

    def decision(self, number: int) -> Any:
        return self.memory.known[number].decision

    def survivors(self) -> set[int]:
        return {n for n, known in self.memory.known.items() if fake_memory.survives(known)}

    def expected(self) -> set[int]:
        """Greedy by rank: in, unless it matches one that is in."""
        chosen: list[Any] = []
        for known in sorted(self.memory.known.values(), key=self.rank):
            near = (jaccard(known.shingles, c.shingles) for c in chosen)
            if not any(figure >= self.rules.near_threshold for figure in near):
                chosen.append(known)
        return {known.standing.number for known in chosen}

    def rank(self, known: Any) -> tuple[int, int]:
        s = known.standing
        first = {"first": 0, "priority": -s.priority, "longest": -s.words}
        return first[self.rules.survivor], s.arrival


texts = st.sets(st.integers(0, 12), min_size=1, max_size=10)
terms = st.sets(st.integers(0, 6), min_size=1, max_size=4)
operations = st.lists(
    st.one_of(
        st.tuples(st.just("arrive"), texts, terms, st.integers(0, 3)),
        st.tuples(st.just("edit"), texts, terms, st.integers(0, 30)),
        st.tuples(st.just("depart"), st.just(set()), st.just(set()), st.integers(0, 30)),
    ),
    max_size=25,
)


@settings(max_examples=300, deadline=None)
@given(survivor=st.sampled_from(SURVIVORS), steps=operations, threshold=st.sampled_from([0.5, 0.8]))
def test_survivors_are_the_first_independent_set_by_rank(
    survivor: Any, steps: list[tuple[str, set[int], set[int], int]], threshold: float
) -> None:
    stories = StoryRule(representatives=2)
    world = World(Rules(survivor=survivor, near_threshold=threshold, stories=stories))
    for step in steps:
        world.take(*step)
        assert world.survivors() == world.expected()
        check_consistent(world)


@settings(max_examples=200, deadline=None)
@given(
    survivor=st.sampled_from(SURVIVORS), steps=operations, near=st.sampled_from(["drop", "link"])
)
def test_where_stories_are_dropped_each_is_dropped_for_what_stays(
    survivor: Any, steps: list[tuple[str, set[int], set[int], int]], near: Any
) -> None:
    world = World(Rules(survivor=survivor, near=near, story="drop"))
    for step in steps:
        world.take(*step)
        for known in world.memory.known.values():
            if isinstance(known.decision, Kept):
                continue
            of = world.memory.known[known.decision.of]
            if known.decision.kind == "story":
                assert isinstance(of.decision, Kept)
            else:  # of a survivor, which may have been dropped as a retelling
                assert isinstance(of.decision, Kept) or of.decision.kind == "story"
            assert known.decision.kind != "story" or known.story_id == of.story_id


def check_consistent(world: World) -> None:
    """Nothing is left open, and every copy and member stands against what it may."""
    for number, known in world.memory.known.items():
        decision = known.decision
        assert decision is not None, f"{number} is open"
        if isinstance(decision, Kept):
            assert known.story_id
            continue
        of = world.memory.known[decision.of]
        if decision.kind == "story":
            assert of.represents, "a story is decided against what stands for it"
            assert known.story_id == of.story_id
            leaders = [
                k for k in world.memory.known.values()
                if k.story_id == known.story_id and isinstance(k.decision, Kept)
            ]  # fmt: skip
            assert len(leaders) == 1
        else:
            assert fake_memory.survives(of), "copies stand against survivors only"
            assert jaccard(known.shingles, of.shingles) >= world.rules.near_threshold
    led = [k.story_id for k in world.memory.known.values() if isinstance(k.decision, Kept)]
    assert len(led) == len(set(led)), "a story has one leader"


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_groups_do_not_depend_on_order_where_all_pairs_match(data: st.DataObject) -> None:
    """Clusters of texts that all match each other, and nothing else: any order, same groups."""
    clusters = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    # 40 shingles each, of which one is a text's own: 38/42 at least in a cluster.
    made = [
        (group, frozenset(range(group * 100, group * 100 + 39)) | {group * 100 + 50 + member})
        for group, size in enumerate(clusters)
        for member in range(size)
    ]
    groups = []
    for _ in range(2):
        order = data.draw(st.permutations(made))
        world = World(Rules())
        named = {world.arrive(set(shingles)): (group, shingles) for group, shingles in order}
        found: dict[int, set[frozenset[int]]] = {}
        for number, (_, shingles) in named.items():
            decision = world.decision(number)
            leader = number if isinstance(decision, Kept) else decision.of
            found.setdefault(leader, set()).add(shingles)
        groups.append({frozenset(members) for members in found.values()})
    assert groups[0] == groups[1]


def test_a_copy_is_dropped_with_its_figures() -> None:
    world = World(Rules())
    first = world.arrive(set(range(100)))
    copy = world.arrive(set(range(5, 100)))
    decision = world.decision(copy)
    assert isinstance(decision, Dropped)
    assert (decision.kind, decision.of) == ("near", first)
    assert decision.evidence.jaccard == pytest.approx(0.95)
    assert decision.evidence.containment == 1.0
    assert decision.evidence.rule == "near:jaccard>=0.8"


def test_the_same_text_is_exact_and_not_near() -> None:
    world = World(Rules())
    world.arrive({1, 2, 3})
    decision = world.decision(world.arrive({1, 2, 3}))
    assert (decision.kind, decision.evidence.similarity) == ("exact", 1.0)


@pytest.mark.parametrize("policy", ["drop", "link"])
def test_policy_decides_between_dropping_and_linking(policy: Any) -> None:
    world = World(Rules(exact=policy, near=policy, story=policy))
    world.arrive(set(range(100)), {1, 2, 3})
    wanted = Dropped if policy == "drop" else Linked
    assert isinstance(world.decision(world.arrive(set(range(100)))), wanted)
    assert isinstance(world.decision(world.arrive(set(range(99)))), wanted)
    assert isinstance(world.decision(world.arrive({500, 501}, {1, 2, 3})), wanted)


def test_ignored_kinds_decide_nothing() -> None:
    world = World(Rules(exact="ignore", near="ignore", story="ignore"))
    for _ in range(3):
        assert isinstance(world.decision(world.arrive({1, 2}, {7, 8})), Kept)


def test_containment_is_a_second_rule_where_set() -> None:
    world = World(Rules(near_containment=0.9))
    world.arrive(set(range(100)))
    decision = world.decision(world.arrive(set(range(30))))
    assert decision.kind == "near"
    assert decision.evidence.rule == "near:containment>=0.9"
    assert decision.evidence.similarity == 1.0


def test_a_chain_of_small_steps_merges_no_strangers() -> None:
    world = World(Rules())
    for start in range(0, 60, 5):
        world.arrive(set(range(start, start + 60)))
    for number in world.memory.known:
        decision = world.decision(number)
        if isinstance(decision, Dropped):
            assert decision.evidence.jaccard >= 0.8
    assert len(world.survivors()) > 2


def test_a_longer_copy_takes_the_place_of_a_shorter_one() -> None:
    world = World(Rules(survivor="longest"))
    short = world.arrive(set(range(90)))
    long = world.arrive(set(range(100)))
    assert isinstance(world.decision(long), Kept)
    assert world.decision(short).of == long
    story = world.memory.known[long].story_id
    assert story == f"{short:032x}", "the story lives on under its name"


def test_a_story_outlives_its_leader() -> None:
    world = World(Rules())
    first = world.arrive({1}, {7, 8, 9})
    second = world.arrive({2}, {7, 8, 9})
    third = world.arrive({3}, {7, 8, 9})
    story = world.memory.known[first].story_id
    world.depart(first)
    assert isinstance(world.decision(second), Kept)
    assert world.decision(third).of == second
    assert {world.memory.known[n].story_id for n in (second, third)} == {story}


def test_an_edited_leader_leads_on() -> None:
    world = World(Rules())
    first = world.arrive({1}, {7, 8, 9})
    second = world.arrive({2}, {7, 8, 9})
    story = world.memory.known[first].story_id
    edited = world.edit(first, {5})
    assert isinstance(world.decision(edited), Kept)
    assert world.decision(second).of == edited
    assert world.memory.known[edited].story_id == story


def test_dates_too_far_apart_part_stories() -> None:
    world = World(Rules())
    world.arrive({1}, {7, 8, 9}, created="2020-01-01T00:00:00.000Z")
    far = world.arrive({2}, {7, 8, 9}, created="2021-01-01T00:00:00.000Z")
    undated = world.arrive({3}, {7, 8, 9})
    assert isinstance(world.decision(far), Kept)
    assert isinstance(world.decision(undated), Linked)


def test_a_document_that_lost_its_story_begins_one_of_another_name() -> None:
    world = World(Rules(survivor="longest"))
    short = world.arrive(set(range(90)))
    long = world.arrive(set(range(100)))
    edited = world.edit(short, set(range(500, 510)))
    stories = [world.memory.known[number].story_id for number in (long, edited)]
    assert stories[0] == f"{short:032x}"
    assert stories[1] not in {"", stories[0]}


def test_only_the_first_documents_represent_a_story() -> None:
    world = World(Rules(stories=StoryRule(representatives=2)))
    numbers = [world.arrive({number}, {1}) for number in range(5)]
    known = [world.memory.known[number] for number in numbers]
    assert [one.represents for one in known] == [True, True, False, False, False]
    assert len({one.story_id for one in known}) == 1
    assert {one.decision.of for one in known[1:]} <= set(numbers[:2])
    world.depart(numbers[1])
    left = [world.memory.known[number] for number in numbers if number != numbers[1]]
    assert [one.represents for one in left] == [True, True, False, False]


def test_a_story_takes_in_what_is_like_all_of_it_and_not_like_one() -> None:
    """Like the second document, but not like the first: the mean decides."""
    world = World(Rules())
    world.arrive({1}, {1, 2})
    world.arrive({2}, {2, 3, 4})
    drifting = world.arrive({3}, {4, 5, 6, 7, 8})
    assert isinstance(world.decision(drifting), Kept)
