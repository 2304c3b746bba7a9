"""Which neighbouring shards to merge: size-tiered, so that their number stays logarithmic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest.publish.manifest import Shard

FLOOR = 64 << 10
"""Shards up to this many bytes of JSON are of the lowest tier, however small."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a shard may become, in bytes of JSON and rows, and how many of a tier may be."""

    bytes: int
    rows: int
    fan_in: int


@dataclass(frozen=True, slots=True)
class Part:
    """A shard as it will be: how large after its edits, and whether it must be rewritten."""

    shard: Shard
    size: int
    rows: int
    rewrite: bool = False


def plan(parts: Sequence[Part], limits: Limits) -> list[tuple[Part, ...]]:
    """Group neighbours that are to become one shard; the order of lines is kept.

    A shard of at least half the limit is full and never merged.  Each tier is
    ``fan_in`` times the one under it; where ``fan_in`` shards of a tier stand with only
    smaller ones between them, all from the first to the last are merged, as far as the
    limits let them.  So a corpus that grows at its end keeps fewer than ``fan_in``
    shards of each tier behind its full ones, and a line is copied about once a tier.
    """
    groups: list[tuple[Part, ...]] = [(part,) for part in parts]
    for tier in range(_tier(limits.bytes, limits) + 1):
        groups = _merge_tier(groups, tier, limits)
    return groups


def _merge_tier(
    groups: list[tuple[Part, ...]], tier: int, limits: Limits
) -> list[tuple[Part, ...]]:
    merged: list[tuple[Part, ...]] = []
    run: list[tuple[Part, ...]] = []
    for group in groups:
        if _full(group, limits) or _tier(_size(group), limits) > tier:
            merged += [*_merge_run(run, tier, limits), group]
            run = []
        else:
            run.append(group)
    return merged + _merge_run(run, tier, limits)


def _merge_run(run: list[tuple[Part, ...]], tier: int, limits: Limits) -> list[tuple[Part, ...]]:
    members = [at for at, group in enumerate(run) if _tier(_size(group), limits) == tier]
    if len(members) < limits.fan_in:
        return run
    first, last = members[0], members[-1] + 1
    return run[:first] + _pack(run[first:last], limits) + run[last:]


def _pack(run: list[tuple[Part, ...]], limits: Limits) -> list[tuple[Part, ...]]:
    """Join a run from the left, as much in each shard as the limits allow."""
    packed = run[:1]
    for group in run[1:]:
        joined = packed[-1] + group
        if _size(joined) <= limits.bytes and _rows(joined) <= limits.rows:
            packed[-1] = joined
        else:
            packed.append(group)
    return packed


def pack_all(parts: Sequence[Part], limits: Limits) -> list[tuple[Part, ...]]:
    """Group all neighbours that fit together, whatever their tier: a compaction."""
    return _pack([(part,) for part in parts], limits)


def _size(group: tuple[Part, ...]) -> int:
    return sum(part.size for part in group)


def _rows(group: tuple[Part, ...]) -> int:
    return sum(part.rows for part in group)


def _tier(size: int, limits: Limits) -> int:
    """0 up to `FLOOR` bytes, then one more for every factor of ``fan_in``."""
    tier, ceiling = 0, FLOOR
    while size > ceiling:
        tier, ceiling = tier + 1, ceiling * limits.fan_in
    return tier


def _full(group: tuple[Part, ...], limits: Limits) -> bool:
    return 2 * _size(group) >= limits.bytes or 2 * _rows(group) >= limits.rows
