"""The loops of the band index, compiled by numba; `index_batch` does the same in numpy.

Memory is what a look-up waits for: keys are taken a block at a time, and what they lead to
is touched for all of the block before it is used, so that cache misses overlap.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ingest.compiling import inner, ready

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Keys: TypeAlias = "NDArray[np.uint64]"
Numbers: TypeAlias = "NDArray[np.uint32]"
Places: TypeAlias = "NDArray[np.int64]"

GROUP, BEGINS, FILLED, ENDS = range(4)
BLOCK = 64  # with more, what was touched has left the nearest cache when it is used
LINE = 16  # numbers in a line of the cache
HALF = np.uint64(32)
LOW = np.uint64(0xFFFFFFFF)
ZERO, ONE = np.uint64(0), np.uint64(1)
U = np.uintp
ROUGH, SHIFT = 1 << 13, np.uint64(64 - 13)
MIX = np.uint64(0x9E3779B97F4A7C15)


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
        ready(count, folder, (state, numbers, numbers, (0, 1, 1, 1))),
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
        for i in range(U(first), U(last)):
            starts[i] = counts[i] = 0
            if room[i]:
                bucket = wanted[i] >> shift
                starts[i] = directory[bucket]
                counts[i] = directory[bucket + ONE]
        for i in range(U(first), U(last)):
            if starts[i] < counts[i]:
                touched += np.int64((keys[U(starts[i])] ^ keys[U(counts[i] - 1)]) & ONE)
        for i in range(U(first), U(last)):
            low, above = span_in(keys, wanted[i], starts[i], counts[i])
            starts[i], counts[i] = low, above - low
            room[i] -= min(room[i], above - low)
    return touched


@inner
def span_in(keys: Keys, key: np.uint64, low: int, end: int) -> tuple[int, int]:
    """Where the entries of a key begin and end, in a bucket from ``low`` to ``end``.

    Most buckets with a long list hold nothing else: what lies between is then not read.
    """
    if low < end and keys[U(low)] == key and keys[U(end - 1)] == key:
        return low, end
    high = end
    while low < high:
        middle = (low + high) >> 1
        if keys[U(middle)] < key:
            low = middle + 1
        else:
            high = middle
    above = low
    while above < end and keys[U(above)] == key:
        above += 1
    return low, above


def gather(
    numbers: Numbers, starts: Places, counts: Places, room: Places, ends: Places, into: Numbers
) -> np.int64:
    """Copy the newest entries of each key, as many as there is room for, to end before ``ends``.

    ``room`` and ``ends`` are moved on for the next part, which is older.
    """
    touched = np.int64(0)
    for first in range(0, starts.size, BLOCK):
        last = min(first + BLOCK, starts.size)
        for i in range(U(first), U(last)):
            end = starts[i] + counts[i]
            for at in range(end - min(counts[i], room[i]), end, LINE):
                touched += np.int64(numbers[U(at)] & np.uint32(1))
        for i in range(U(first), U(last)):
            take = min(counts[i], room[i])
            source, target = starts[i] + counts[i] - take, ends[i] - take
            for step in range(take):
                into[U(target + step)] = numbers[U(source + step)]
            room[i] -= take
            ends[i] = target
    return touched


@inner
def span_of(state: Places, place: int, cap: int) -> tuple[int, int, int, int]:
    """Where the entries of a key are: (first, end) of the older ones, (first, end) of the newer."""
    group = state[GROUP, place]
    newer_end = state[BEGINS, group] + state[FILLED, group]
    newer = newer_end - min(state[FILLED, group], cap)
    end = state[ENDS, group]
    begin = state[ENDS, group - 1] if group else 0
    return max(begin, end - cap + newer_end - newer), end, newer, newer_end


@inner
def collect(
    state: Places, members: Numbers, numbers: Numbers, asked: tuple[int, ...]
) -> tuple[Numbers, int]:
    """Copy the entries of a document's keys side by side, and count the keys that are full."""
    first, bands, _, cap = asked
    total, capped = 0, 0
    for place in range(first, first + bands):
        begin, end, newer, newer_end = span_of(state, place, cap)
        total += end - begin + newer_end - newer
        capped += int(end - begin + newer_end - newer >= cap)
    into, n = np.empty(total, np.uint32), U(0)
    for place in range(first, first + bands):
        begin, end, newer, newer_end = span_of(state, place, cap)
        for at in range(begin, end):
            into[n] = numbers[U(at)]
            n += U(1)
        for at in range(newer, newer_end):
            into[n] = members[U(at)]
            n += U(1)
    return into, capped


@inner
def bucket_of(number: np.uint32) -> np.uint64:
    """Bucket of a number among `ROUGH`."""
    return (np.uint64(number) * MIX) >> SHIFT


@inner
def often(numbers: Numbers, least: int) -> Numbers:
    """Leave out numbers that cannot occur often enough, by how often their hash does.

    Most are: what is left is counted in a table that stays in the nearest cache.  No branch
    hangs on it, for it would be mispredicted.
    """
    rough, enough, n = np.zeros(ROUGH, np.uint32), np.uint32(least), U(0)
    for i in range(numbers.size):
        rough[U(bucket_of(numbers[U(i)]))] += np.uint32(1)
    for i in range(numbers.size):
        number = numbers[U(i)]
        numbers[n] = number
        n += U(rough[U(bucket_of(number))] >= enough)
    return numbers[: np.int64(n)]


@inner
def tally(numbers: Numbers, least: int) -> Keys:
    """Give ``number << 32 | count`` of each that occurs often enough, in no order."""
    size = 16
    while size < 2 * numbers.size:
        size *= 2
    slots, last = np.zeros(size, np.uint64), U(size - 1)
    found, n = np.empty(numbers.size + 1, np.uint64), U(0)
    for i in range(numbers.size):
        number = np.uint64(numbers[U(i)])
        slot = U((number * MIX) >> HALF) & last
        while (slots[slot] >> HALF ^ number) * (slots[slot] & LOW) != ZERO:  # one rare branch
            slot = (slot + U(1)) & last
        seen = (slots[slot] & LOW) + ONE
        slots[slot] = number << HALF | seen
        found[n] = np.uint64(slot)
        n += U(seen == np.uint64(least))
    for i in range(np.int64(n)):
        found[U(i)] = slots[U(found[U(i)])]
    return found[: np.int64(n)]


def count(
    state: Places, members: Numbers, numbers: Numbers, asked: tuple[int, ...]
) -> tuple[Keys, int]:
    """Count how often each number is among the entries of a document's keys.

    ``state``: rows of `index_batch.Groups`; ``asked``: the document's first key, its keys,
    least count, cap.  Gives ``number << 32 | count`` of those that occur often enough, in no
    order, and how many keys have as many entries as the cap allows.
    """
    entries, capped = collect(state, members, numbers, asked)
    least = asked[2]
    return tally(often(entries, least) if least > 1 else entries, least), capped


def insert(state: Places, members: Numbers, asked: tuple[int, int, int]) -> None:
    """Add a number to the entries of a document's keys; ``asked``: first key, keys, number."""
    first, bands, number = asked
    for place in range(first, first + bands):
        group = state[GROUP, place]
        members[state[BEGINS, group] + state[FILLED, group]] = number
        state[FILLED, group] += 1
