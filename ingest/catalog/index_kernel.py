"""The loops of the band index, compiled by numba; `index_batch` does the same in numpy.

Memory is what a look-up waits for: keys are taken a block at a time, and what they lead to
is touched for all of the block before it is used, so that cache misses overlap.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

import numba
import numpy as np

from ingest.compiling import ready

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Keys: TypeAlias = "NDArray[np.uint64]"
Numbers: TypeAlias = "NDArray[np.uint32]"
Places: TypeAlias = "NDArray[np.int64]"

F = TypeVar("F", bound="Callable[..., Any]")

GROUP, BEGINS, FILLED, ENDS = range(4)
BLOCK = 4096
HALF = np.uint64(32)
LOW = np.uint64(0xFFFFFFFF)
ONE = np.uint64(1)
ROUGH, SHIFT = 1 << 13, np.uint64(64 - 13)
MIX = np.uint64(0x9E3779B97F4A7C15)


def jit(function: F) -> F:
    """Say `numba.njit`, which types a function as something that strict mypy cannot follow."""
    return cast("F", numba.njit(function))


@dataclass(frozen=True, slots=True)
class Kernel:
    """The compiled loops."""

    locate: Callable[..., int]
    gather: Callable[..., int]
    count: Callable[..., tuple[NDArray[np.uint64], int]]
    insert: Callable[..., None]


@lru_cache(maxsize=4)
def load(folder: str) -> Kernel:
    """Compile, or read what was kept in ``folder``; raises ImportError without numba."""
    keys, numbers, places = np.zeros(2, np.uint64), np.zeros(2, np.uint32), np.zeros(2, np.int64)
    state = np.zeros((4, 2), np.int64)
    run = (fixed(keys), fixed(numbers))
    return Kernel(
        ready(locate, folder, (keys, *run, 1, places, state)),
        ready(gather, folder, (run[1], places, places, places, places, numbers)),
        ready(count, folder, (state, numbers, numbers, keys, (0, 1, 1, 1))),
        ready(insert, folder, (state, numbers, (0, 1, 1))),
    )


def fixed(array: NDArray[Any]) -> NDArray[Any]:
    """The same array, not to be written to, as one mapped from a file: the same type to numba."""
    view = array.view()
    view.flags.writeable = False
    return view


def locate(
    wanted: Keys, keys: Keys, directory: Numbers, bits: int, room: Places, found: Places
) -> np.int64:
    """See `index_postings.Postings.locate`; gives a sum that keeps the touching loops alive.

    ``found``: starts and counts, shape (2, n).  A key that has no ``room`` left after newer
    parts is passed over: the commonest keys, which nearly every document has, are never looked
    up in the older, larger parts.  ``room`` is taken up by what is found.
    """
    starts, counts = found[0], found[1]
    touched = np.int64(0)
    shift = np.uint64(64 - bits)
    for first in range(0, wanted.size, BLOCK):
        last = min(first + BLOCK, wanted.size)
        for i in range(first, last):
            starts[i] = counts[i] = 0
            if room[i]:
                bucket = np.int64(wanted[i] >> shift)
                starts[i] = directory[bucket]
                counts[i] = directory[bucket + 1]
        for i in range(first, last):
            if starts[i] < counts[i]:
                touched += np.int64(keys[(starts[i] + counts[i]) >> 1] & ONE)
        for i in range(first, last):
            key, low, high = wanted[i], starts[i], counts[i]
            end = high
            while low < high:
                middle = (low + high) >> 1
                if keys[middle] < key:
                    low = middle + 1
                else:
                    high = middle
            above = low
            while above < end and keys[above] == key:
                above += 1
            starts[i], counts[i] = low, above - low
            room[i] -= min(room[i], above - low)
    return touched


def gather(
    numbers: Numbers, starts: Places, counts: Places, room: Places, ends: Places, into: Numbers
) -> np.int64:
    """Copy the newest entries of each key, as many as there is room for, to end before ``ends``.

    ``room`` and ``ends`` are moved on for the next part, which is older.
    """
    touched = np.int64(0)
    for first in range(0, starts.size, BLOCK):
        last = min(first + BLOCK, starts.size)
        for i in range(first, last):
            if counts[i] and room[i]:
                touched += np.int64(numbers[starts[i] + counts[i] - 1] & np.uint32(1))
        for i in range(first, last):
            take = min(counts[i], room[i])
            source, target = starts[i] + counts[i] - take, ends[i] - take
            for step in range(take):
                into[target + step] = numbers[source + step]
            room[i] -= take
            ends[i] = target
    return touched


@jit
def span_of(state: Places, place: int, cap: int) -> tuple[int, int, int, int]:
    """Where the entries of a key are: (first, end) of the older ones, (first, end) of the newer."""
    group = state[GROUP, place]
    newer_end = state[BEGINS, group] + state[FILLED, group]
    newer = newer_end - min(state[FILLED, group], cap)
    end = state[ENDS, group]
    begin = state[ENDS, group - 1] if group else 0
    return max(begin, end - cap + newer_end - newer), end, newer, newer_end


@jit
def count_hashes(into: Numbers, numbers: Numbers, begin: int, end: int) -> None:
    """Count numbers by hash."""
    for at in range(begin, end):
        into[np.int64((np.uint64(numbers[at]) * MIX) >> SHIFT)] += np.uint32(1)


@jit
def count_one(slots: Keys, number: np.uint64) -> tuple[np.int64, np.uint64]:
    """Count a number in a table by open addressing: its slot, and how often it was counted."""
    slot = np.int64((number * MIX) >> HALF) & (slots.size - 1)
    while slots[slot] and slots[slot] >> HALF != number:
        slot = (slot + 1) & (slots.size - 1)
    seen = (slots[slot] & LOW) + ONE
    slots[slot] = number << HALF | seen
    return slot, seen


def count(
    state: Places, members: Numbers, numbers: Numbers, scratch: Keys, asked: tuple[int, ...]
) -> tuple[Keys, int]:
    """Count how often each number is among the entries of a document's keys.

    ``state``: rows of `index_batch.Groups`; ``scratch``: a power of two of places, more than
    twice the entries there can be; ``asked``: the document's first key, its keys, least
    count, cap.  Gives ``number << 32 | count`` of those that occur often enough, in no order,
    and how many keys have as many entries as the cap allows.

    Most numbers occur too rarely to be told apart: they are counted by their hash first, in a
    table that stays in the nearest cache, and only those of a frequent hash one by one.
    """
    first, bands, least, cap = asked
    rough = np.zeros(ROUGH, np.uint32)
    total, capped, n = 0, 0, 0
    for place in range(first, first + bands):
        begin, end, newer, newer_end = span_of(state, place, cap)
        total += end - begin + newer_end - newer
        capped += int(end - begin + newer_end - newer >= cap)
        if least > 1:
            count_hashes(rough, numbers, begin, end)
            count_hashes(rough, members, newer, newer_end)
    size = 16
    while size <= (2 * total if least == 1 else total):
        size *= 2
    slots = scratch[:size]
    slots[:] = 0
    found = np.empty(total // max(least, 1), np.uint64)
    for place in range(first, first + bands):
        begin, end, newer, newer_end = span_of(state, place, cap)
        for at in range(begin - newer_end + newer, end):
            number = np.uint64(numbers[at] if at >= begin else members[newer_end + at - begin])
            if least > 1 and rough[np.int64((number * MIX) >> SHIFT)] < least:
                continue
            slot, seen = count_one(slots, number)
            if seen == np.uint64(least):
                found[n] = np.uint64(slot)
                n += 1
    for i in range(n):
        found[i] = slots[np.int64(found[i])]
    return found[:n], capped


def insert(state: Places, members: Numbers, asked: tuple[int, int, int]) -> None:
    """Add a number to the entries of a document's keys; ``asked``: first key, keys, number."""
    first, bands, number = asked
    for place in range(first, first + bands):
        group = state[GROUP, place]
        members[state[BEGINS, group] + state[FILLED, group]] = number
        state[FILLED, group] += 1
