"""The band index: which documents share band keys with a new one.

Derived from the catalog and never the truth: what it finds are candidates, and what it
finds too much (documents that have gone) its caller filters out.

It is a log-structured merge tree of three levels: a matrix of the rows inserted last,
sorted postings in memory, and immutable files (`index_run`), each level and file older
than the one before.  Look-ups go through all of them, for a batch of documents at a time.

    insert -> recent rows -> (sorted) memory -> flush -> files -> merge -> fewer, larger files

The caller keeps the list of files in the catalog, in the transaction that also holds the
documents: `flush` and `merge` write new files and touch no old ones, and `prune` deletes,
after the commit, what the list no longer names.  After a crash the list names files that
are whole; the catalog also lists what was inserted since, to be inserted again.

With a ``cap``, a key has its newest ``cap`` entries in order of insertion, wherever they
lie: the answer depends on neither batches nor flushes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ingest.catalog.index_batch import Found, Look
from ingest.catalog.index_postings import Postings, collate, newest_of_each, postings_of
from ingest.catalog.index_run import SUFFIX, RunInfo, merged, open_run, verify, write_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ingest.catalog.index_batch import Entries
    from ingest.catalog.index_run import Keep

RATIO = 2
"""A run is merged with the newer ones once it is not ``RATIO`` times as large as all of them."""

_RECENT = 1024  # rows beyond which the matrix is sorted away even between two look-ups
_UNCAPPED = 1 << 40


class Hits(NamedTuple):
    """`Found` for many documents: ``rows[i]`` is the document that shares with ``numbers[i]``."""

    rows: NDArray[np.int64]
    numbers: NDArray[np.uint32]
    shared: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Merge:
    """Runs that one new run replaces; ``new`` is None where nothing of them is kept."""

    old: tuple[RunInfo, ...]
    new: RunInfo | None


class BandIndex:
    """Postings of ``bands`` keys a document, in files under ``folder``.

    ``runs``: what the catalog lists, oldest first.  Raises `IndexDamaged`, a `StoreError`,
    where a file is missing or broken: the caller then starts with no runs and inserts anew.
    ``cache``: folder for compiled code, which takes over where much is looked up; None: numpy.
    """

    def __init__(
        self,
        folder: Path,
        runs: Sequence[RunInfo],
        bands: int,
        cap: int | None = None,
        cache: str | None = None,
    ) -> None:
        self._folder = folder
        self._bands = bands
        self._cap = _UNCAPPED if cap is None else cap
        self._look = Look(self._cap, cache)
        self._files = [(info, open_run(folder, info)) for info in runs]
        self._memory: list[Postings] = []
        self._recent = _Recent(bands)
        self._moves = 0
        self.capped = 0
        """Keys looked up so far that had all the entries the cap allows."""

    def hasten(self) -> None:
        """Look up by compiled code from now on, if it was kept."""
        self._look.hasten()

    def runs(self) -> list[RunInfo]:
        """Files, oldest first: what the catalog should list once this is committed."""
        return [info for info, _ in self._files]

    @property
    def buffered(self) -> int:
        """Documents inserted and not in a file yet."""
        entries = sum(part.keys.size for part in self._memory)
        return self._recent.count + entries // self._bands

    # --- insert -----------------------------------------------------------------------

    def insert(self, keys: NDArray[np.uint64], numbers: NDArray[np.uint32]) -> None:
        """Add documents: keys of shape (n, bands), numbers of shape (n,).  Seen at once."""
        if len(keys) + self._recent.count > _RECENT:
            self._settle()
        if len(keys) > _RECENT:
            self._remember(keys, numbers)
        else:
            self._recent.extend(keys, numbers)

    def _settle(self) -> None:
        """Sort the recent rows into memory."""
        if self._recent.count:
            self._remember(self._recent.rows(), self._recent.numbers())
            self._recent = _Recent(self._bands)

    def _remember(self, keys: NDArray[np.uint64], numbers: NDArray[np.uint32]) -> None:
        """Add sorted postings in memory, merged with those not twice as large."""
        self._moves += 1
        flat = keys.reshape(-1), np.repeat(numbers.astype(np.uint32), self._bands)
        entries = collate(*flat)
        while self._memory and self._memory[-1].keys.size <= RATIO * entries[0].size:
            older = self._memory.pop()
            entries = collate(
                np.concatenate([older.keys, entries[0]]),
                np.concatenate([older.numbers, entries[1]]),
            )
        stays = newest_of_each(entries[0], self._cap)
        self._memory.append(postings_of(entries[0][stays], entries[1][stays]))

    # --- look up ----------------------------------------------------------------------

    def prefetch(self, keys: NDArray[np.uint64]) -> Prefetched:
        """Look a batch up in everything inserted so far; shape (n, bands).

        What is inserted afterwards is met by `Prefetched.candidates` too.
        """
        self._settle()
        parts = [*self._memory[::-1], *(postings for _, postings in self._files[::-1])]
        return Prefetched(self, keys, self._look.up(keys, parts))

    def candidates(self, keys: NDArray[np.uint64], least: int = 1) -> Found:
        """Find documents that share at least ``least`` of one document's keys, shape (bands,)."""
        return self.prefetch(keys[None, :]).candidates(0, least)

    def query(self, keys: NDArray[np.uint64], least: int = 1) -> Hits:
        """Find for many documents at once, keys of shape (n, bands), what each shares."""
        batch = self.prefetch(keys)
        found = [batch.candidates(row, least) for row in range(len(keys))]
        sizes = [one.numbers.size for one in found]
        return Hits(
            np.repeat(np.arange(len(keys)), sizes),
            np.concatenate([np.empty(0, np.uint32), *(one.numbers for one in found)]),
            np.concatenate([np.empty(0, np.int64), *(one.shared for one in found)]),
        )

    # --- files ------------------------------------------------------------------------

    def flush(self) -> RunInfo | None:
        """Write what is in memory as a new file; None where nothing is."""
        self._settle()
        most = sum(part.keys.size for part in self._memory)
        info = write_run(self._folder, merged(self._memory, self._cap, None), most)
        self._memory = []
        if info:
            self._files.append((info, open_run(self._folder, info)))
        return info

    def merge(self, keep: Keep | None = None, *, everything: bool = False) -> list[Merge]:
        """Merge the newest files into one where sizes call for it, or all of them.

        The files' sizes stay apart by more than `RATIO`, so that their number grows with the
        logarithm of the entries, and an entry is rewritten as often.  ``keep`` tells, of an
        array of document numbers, which stay (tombstones).
        """
        sizes = [info.entries for info, _ in self._files]
        start = 0 if everything else _tier(sizes)
        if len(sizes) - start < (1 if everything and sizes else 2):
            return []
        old = self._files[start:]
        parts = [postings for _, postings in old]
        new = write_run(self._folder, merged(parts, self._cap, keep), sum(sizes[start:]))
        self._files[start:] = [(new, open_run(self._folder, new))] if new else []
        return [Merge(tuple(info for info, _ in old), new)]

    def prune(self) -> None:
        """Delete files that are not listed any more; only after the list was committed."""
        listed = {info.name for info, _ in self._files}
        for path in self._folder.glob(f"*{SUFFIX}*"):
            if path.name not in listed:
                path.unlink(missing_ok=True)

    def verify(self) -> None:
        """Read all files; raises `IndexDamaged` where one is not as it was written."""
        for info, _ in self._files:
            verify(self._folder, info)


class Prefetched:
    """A batch of documents looked up; valid as long as the index it came from."""

    def __init__(self, index: BandIndex, keys: NDArray[np.uint64], entries: Entries) -> None:
        self._index = index
        self._moves = index._moves  # noqa: SLF001 - its own index
        self._keys = keys
        self._entries = entries
        self._own = 0
        self._inserted = np.zeros(len(keys), dtype=bool)

    def candidates(self, row: int, least: int = 1) -> Found:
        """Find documents that share at least ``least`` keys with document ``row`` of the batch.

        Those inserted since are met too, the document itself if it has been inserted.
        """
        index = self._index
        if index._moves != self._moves:  # noqa: SLF001 - its own index
            return index.candidates(self._keys[row], least)
        if index._recent.count == self._own:  # noqa: SLF001 - its own index
            found = self._entries.candidates(row, least)
        else:
            recent = index._recent.sharing(self._keys[row], index._cap)  # noqa: SLF001 - its own index
            found = self._entries.with_recent(row, least, *recent)
        index.capped += found.capped
        return found

    def insert(self, row: int, number: int) -> None:
        """Add document ``row`` of the batch to the index, by the keys it was looked up with."""
        if not self._inserted[row]:
            self._inserted[row] = True
            self._own += 1
            self._entries.insert(row, number)
        self._index.insert(self._keys[row : row + 1], np.array([number], dtype=np.uint32))


class _Recent:
    """Rows inserted last, compared with a document by brute force: 5 us for 512 of 18 keys."""

    def __init__(self, bands: int) -> None:
        self.count = 0
        self._bands = bands
        self._none = np.zeros(bands, dtype=np.int64)
        self._keys = np.empty((16, bands), dtype=np.uint64)
        self._numbers = np.empty(16, dtype=np.uint32)

    def rows(self) -> NDArray[np.uint64]:
        """Keys, shape (count, bands)."""
        return self._keys[: self.count]

    def numbers(self) -> NDArray[np.uint32]:
        """Documents, shape (count,)."""
        return self._numbers[: self.count]

    def extend(self, keys: NDArray[np.uint64], numbers: NDArray[np.uint32]) -> None:
        """Add rows of keys, shape (n, bands), of documents, shape (n,)."""
        end = self.count + len(keys)
        if end > len(self._keys):
            grown = np.empty((2 * end, self._bands), dtype=np.uint64)
            grown[: self.count] = self.rows()
            self._keys = grown
            self._numbers = np.concatenate(
                [self.numbers(), np.empty(2 * end - self.count, np.uint32)]
            )
        self._keys[self.count : end] = keys
        self._numbers[self.count : end] = numbers
        self.count = end

    def sharing(
        self, keys: NDArray[np.uint64], cap: int
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """Give each row's number once for each shared key, and how many rows share each key."""
        same = np.empty((self.count, self._bands), dtype=bool)
        np.equal(self._keys[: self.count], keys, out=same)
        places = same.ravel().nonzero()[0]
        if not places.size:
            return np.empty(0, np.uint32), self._none
        row = places // self._bands
        met = np.bincount(places - row * self._bands, minlength=self._bands)
        if met.max() > cap:
            for full in (met > cap).nonzero()[0]:
                same[same[:, full].nonzero()[0][:-cap], full] = False
            row = same.ravel().nonzero()[0] // self._bands
            met = np.minimum(met, cap)
        return self._numbers[row], met


def _tier(sizes: Sequence[int]) -> int:
    """First of the newest files that should become one."""
    start, total = len(sizes) - 1, sizes[-1] if sizes else 0
    while start > 0 and sizes[start - 1] <= RATIO * total:
        start -= 1
        total += sizes[start]
    return max(start, 0)
