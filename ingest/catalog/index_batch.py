"""A batch of documents looked up at once, then asked for one after another.

    older entries     found in memory and files when the batch is looked up, a key at a time
    entries since     of the batch's own documents, as they are inserted

Both are in the order of insertion.  Here in numpy; `index_kernel` does the same compiled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from ingest.catalog.index_postings import bits_of, ranges
from ingest.compiling import kept

GROUP, BEGINS, FILLED, ENDS = range(4)
"""Rows of `Groups.state`; those of `index_kernel`."""

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ingest.catalog.index_kernel import Kernel
    from ingest.catalog.index_postings import Located, Postings


class Found(NamedTuple):
    """Documents that share keys with one: ``numbers`` sorted, and how many keys ``shared``.

    A document inserted twice counts twice.  ``capped``: keys that have all the entries the
    cap allows, so that older ones may have been displaced.
    """

    numbers: NDArray[np.uint32]
    shared: NDArray[np.int64]
    capped: int


@dataclass(frozen=True, slots=True)
class Groups:
    """Keys of a batch, equal ones as one group, with what was inserted of it so far.

    ``keys``: of each group, sorted.  ``state``: int64, shape (4, keys of the batch): the group
    of each key; then, by group, where its entries begin in ``members``, how many there are,
    and where what is older ends (of those that look that up).
    """

    keys: NDArray[np.uint64]
    state: NDArray[np.int64]
    members: NDArray[np.uint32]

    @classmethod
    def of(cls, keys: NDArray[np.uint64]) -> Groups:
        """Group the keys of a batch, any shape."""
        flat = keys.reshape(-1)
        order = np.argsort(flat)
        new = np.ones(flat.size, dtype=bool)
        new[1:] = flat[order[1:]] != flat[order[:-1]]
        begins = np.flatnonzero(new)
        state = np.zeros((4, flat.size), dtype=np.int64)
        state[GROUP, order] = np.cumsum(new) - 1
        state[BEGINS, : begins.size] = begins
        return cls(flat[order[begins]], state, np.empty(flat.size, np.uint32))


class Entries(Protocol):
    """The entries of a batch's keys, by one way of looking them up."""

    def insert(self, row: int, number: int) -> None:
        """Add document ``row`` of the batch."""
        ...

    def candidates(self, row: int, least: int) -> Found:
        """Count the entries of document ``row``."""
        ...

    def with_recent(
        self, row: int, least: int, recent: NDArray[np.uint32], met: NDArray[np.int64]
    ) -> Found:
        """The same, with other entries since the look-up: ``met`` of each key, ``recent`` in all.

        For an index to which more than this batch was added.
        """
        ...


_NOTHING = np.empty(0, np.uint32), np.empty(0, np.int64)


class Look:
    """Looks batches up, the first in numpy: the kernel has to earn the time of its loading."""

    PATIENCE = 3000
    """Documents in numpy before the kernel is read from disk: half a second either way."""
    COMPILING = 10_000
    """Documents before it is compiled, where it is not on disk: two seconds and a half."""

    def __init__(self, cap: int, cache: str | None) -> None:
        self._cap = cap
        self._cache = cache
        self._asked = 0
        self._kernel: Kernel | None = None

    def up(self, keys: NDArray[np.uint64], parts: Sequence[Postings]) -> Entries:
        """Find keys of shape (n, bands) in postings, newest first."""
        self._asked += len(keys)
        if self._cache is not None and self._kernel is None and self._asked > self.PATIENCE:
            self._load(self._cache)
        if self._kernel is None:
            return Plain.look_up(keys, parts, self._cap)
        return Compiled.look_up(self._kernel, keys, parts, self._cap)

    def hasten(self) -> None:
        """Go over to the kernel, if it was kept."""
        if self._cache is not None and self._kernel is None:
            self._kernel = read_kernel(self._cache)

    def _load(self, cache: str) -> None:
        if self._asked <= self.COMPILING:
            self.hasten()
        elif (kernel := _kernel(cache)) is None:
            self._cache = None
        else:
            self._kernel = kernel


def read_kernel(cache: str) -> Kernel | None:
    """The kernel, if it was kept in this folder; half a second in the first call."""
    return _kernel(cache) if kept("locate", __file__, cache) else None


def _kernel(cache: str) -> Kernel | None:
    try:
        from ingest.catalog import index_kernel  # noqa: PLC0415 - imports numba
    except ImportError:
        return None
    return index_kernel.load(cache)


@dataclass(frozen=True, slots=True)
class Plain:
    """Looks up and counts in numpy.  ``located``: newest first."""

    groups: Groups
    bands: int
    cap: int
    located: Sequence[Located]
    counts: NDArray[np.int64]

    @classmethod
    def look_up(cls, keys: NDArray[np.uint64], parts: Sequence[Postings], cap: int) -> Plain:
        """Find keys of shape (n, bands) in postings, newest first."""
        located = [part.locate(keys.reshape(-1)) for part in parts]
        shape = (len(parts), *keys.shape)
        counts = np.array([one.counts for one in located], np.int64).reshape(shape)
        return cls(Groups.of(keys), keys.shape[1], cap, located, counts)

    def insert(self, row: int, number: int) -> None:
        """See `Entries`."""
        state = self.groups.state
        group = state[GROUP, self._places(row)]
        self.groups.members[state[BEGINS, group] + state[FILLED, group]] = number
        state[FILLED, group] += 1

    def candidates(self, row: int, least: int) -> Found:
        """See `Entries`."""
        _, begins, filled, _ = self.groups.state[:, self.groups.state[GROUP, self._places(row)]]
        met = np.minimum(filled, self.cap)
        recent = self.groups.members[ranges(begins + filled - met, met)]
        return self.with_recent(row, least, recent, met)

    def with_recent(
        self, row: int, least: int, recent: NDArray[np.uint32], met: NDArray[np.int64]
    ) -> Found:
        """See `Entries`."""
        counts = self.counts[:, row]
        newer = np.cumsum(counts, axis=0) - counts + met
        takes = np.clip(self.cap - newer, 0, counts)
        places = self._places(row)
        older = [
            located.newest(places, take)
            for located, take in zip(self.located, takes, strict=True)
            if take.any()
        ]
        capped = int(np.count_nonzero(met + takes.sum(axis=0) >= self.cap))
        return Found(*_tally(np.concatenate([recent, *older]), least), capped)

    def _places(self, row: int) -> slice:
        return slice(row * self.bands, (row + 1) * self.bands)


@dataclass(frozen=True, slots=True)
class Compiled:
    """Looks up and counts by the kernel.

    Keys are looked up once for all documents of the batch, and in order, so that what lies
    side by side is read one after the other.  ``numbers``: older entries of all groups, at most
    ``cap`` of each.
    """

    kernel: Kernel
    groups: Groups
    bands: int
    cap: int
    numbers: NDArray[np.uint32]

    @classmethod
    def look_up(
        cls, kernel: Kernel, keys: NDArray[np.uint64], parts: Sequence[Postings], cap: int
    ) -> Compiled:
        """Find keys of shape (n, bands) in postings, newest first."""
        groups = Groups.of(keys)
        room = np.full(groups.keys.size, cap)
        located = [_locate(kernel, part, groups.keys, room) for part in parts if part.keys.size]
        room = cap - room  # what was found, of each key
        ends = np.cumsum(room, out=groups.state[ENDS, : room.size]).copy()
        into = np.empty(int(room.sum()), np.uint32)
        for starts, counts, part in located:
            kernel.gather(part.numbers, starts, counts, room, ends, into)
        return cls(kernel, groups, keys.shape[1], cap, into)

    def insert(self, row: int, number: int) -> None:
        """See `Entries`."""
        asked = (row * self.bands, self.bands, number)
        self.kernel.insert(self.groups.state, self.groups.members, asked)

    def candidates(self, row: int, least: int) -> Found:
        """See `Entries`."""
        asked = (row * self.bands, self.bands, least, self.cap)
        of = self.groups
        found, capped = self.kernel.count(of.state, of.members, self.numbers, asked)
        if not found.size:
            return Found(*_NOTHING, capped)
        found.sort()
        numbers = (found >> np.uint64(32)).astype(np.uint32)
        return Found(numbers, (found & np.uint64(0xFFFFFFFF)).astype(np.int64), capped)

    def with_recent(
        self, row: int, least: int, recent: NDArray[np.uint32], met: NDArray[np.int64]
    ) -> Found:
        """See `Entries`; in numpy, for it is rare."""
        state = self.groups.state
        group = state[GROUP, row * self.bands : (row + 1) * self.bands]
        ends, begins = state[ENDS, group], np.where(group > 0, state[ENDS, group - 1], 0)
        takes = np.minimum(ends - begins, self.cap - met)
        older = self.numbers[ranges(ends - takes, takes)]
        capped = int(np.count_nonzero(met + takes >= self.cap))
        return Found(*_tally(np.concatenate([recent, older]), least), capped)


def _locate(
    kernel: Kernel, part: Postings, wanted: NDArray[np.uint64], room: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], Postings]:
    found = np.empty((2, wanted.size), np.int64)
    bits = bits_of(part.directory)
    kernel.locate(wanted, part.keys, part.directory, bits, room, found)
    return found[0], found[1], part


def _tally(numbers: NDArray[np.uint32], least: int) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Count equal numbers; those that occur at least ``least`` times, sorted."""
    if not numbers.size:
        return numbers, np.empty(0, np.int64)
    numbers.sort()
    ends = np.append((numbers[1:] != numbers[:-1]).nonzero()[0], numbers.size - 1) + 1
    shared = ends.copy()
    shared[1:] -= ends[:-1]
    enough = (shared >= least).nonzero()[0]
    return numbers[ends[enough] - 1], shared[enough]
