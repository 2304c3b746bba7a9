from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.publish.manifest import Shard
from ingest.publish.tiers import FLOOR, Limits, Part, pack_all, plan

LIMITS = Limits(bytes=64 << 20, rows=1_000_000, fan_in=4)


def part(size: int, rows: int = 1) -> Part:
    return Part(Shard(f"s{size}", "documents", rows, size, size, ""), size, rows)


def sizes(groups: list[tuple[Part, ...]]) -> list[int]:
    return [sum(part.size for part in group) for group in groups]


def test_few_small_ones_stay() -> None:
    parts = [part(10), part(10), part(10)]
    assert plan(parts, LIMITS) == [(each,) for each in parts]


def test_a_full_tier_becomes_one() -> None:
    parts = [part(10)] * 4
    assert plan(parts, LIMITS) == [tuple(parts)]


def test_a_large_one_is_not_rewritten_for_small_ones() -> None:
    assert sizes(plan([part(20 << 20), *[part(10)] * 4], LIMITS)) == [20 << 20, 40]


def test_smaller_ones_in_between_are_taken_along() -> None:
    big = FLOOR * 2
    assert sizes(plan([part(big), part(1), part(big), part(big), part(big)], LIMITS)) == [
        4 * big + 1
    ]


def test_full_ones_are_left_alone_by_bytes_and_by_rows() -> None:
    parts = [part(40 << 20)] * 5 + [part(10, 600_000)] * 5
    assert plan(parts, LIMITS) == [(each,) for each in parts]


@settings(deadline=None)
@given(st.lists(st.integers(1, 70 << 20), max_size=60), st.integers(2, 9))
def test_order_is_kept_and_limits_hold(wanted: list[int], fan_in: int) -> None:
    limits = Limits(LIMITS.bytes, LIMITS.rows, fan_in)
    parts = [part(size) for size in wanted]
    for groups in (plan(parts, limits), pack_all(parts, limits)):
        assert [each for group in groups for each in group] == parts
        assert all(len(group) == 1 or sizes([group])[0] <= limits.bytes for group in groups)


@pytest.mark.parametrize("fan_in", [2, 4, 8])
def test_appending_leaves_few_and_copies_little(fan_in: int) -> None:
    """As publications do it: one more small shard each time, and what is planned is done."""
    rng = random.Random(fan_in)
    wanted = [rng.randint(1, 200_000) for _ in range(1000)]
    limits = Limits(LIMITS.bytes, LIMITS.rows, fan_in)
    shards: list[Part] = []
    copied = 0
    for size in wanted:
        groups = plan([*shards, part(size)], limits)
        copied += sum(sizes([group])[0] for group in groups if len(group) > 1)
        shards = [part(size) for size in sizes(groups)]
    tiers = {2: 11, 4: 6, 8: 5}[fan_in]  # from 64 kB to 64 MB, and the lowest one
    assert len([each for each in shards if each.size * 2 < limits.bytes]) < fan_in * tiers
    assert copied <= tiers * sum(wanted)
