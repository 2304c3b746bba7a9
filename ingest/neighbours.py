"""Candidates for the rules: both band indexes of a store, kept in step with its decisions.

Survivors are in the near index, what represents stories in the story index.  Whoever has
ceased to be either stays there, and is passed over when the catalog is asked how it stands.
"""

from __future__ import annotations

from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np
import structlog

from ingest.catalog.index import BandIndex
from ingest.catalog.index_batch import read_kernel
from ingest.catalog.index_run import IndexDamaged
from ingest.dedup.bands import Bands, keys
from ingest.dedup.story import ROWS, story_signature, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from ingest.catalog.documents import Among, Signed
    from ingest.catalog.index import Prefetched
    from ingest.catalog.index_run import RunInfo
    from ingest.catalog.store import Store
    from ingest.documents import Signature

NEWEST = 64
"""Entries that a list of either index keeps, the newest, so that the cost of a look-up stays flat.

In the near index a list fills up only where so many survivors share a band and are no copies
of each other: pages of one template.  A copy shares most of its bands with its survivor, and
one that comes soon after it is found in any; the same text is found without the index.
"""

CROWDED = "crowded"
"""Name under which the catalog counts look-ups, ever, that met a full list of the near index."""

FILED = 2048
"""Documents that an index keeps in memory until it writes them to a file, synced.

The catalog lists them by number with every batch, and they are inserted again when the index
is opened: 0.1 ms each, most of it for the story signature, which is made from the terms.
"""

_REBUILT_AT_ONCE = 4096
_SINGLE_ROWS = Bands(ROWS, 1, 0.0)

Kind: TypeAlias = Literal["near", "story"]

log = structlog.get_logger()


class _Looked(NamedTuple):
    """A batch, looked up in both indexes; ``rows`` by identity of the signature."""

    rows: dict[int, int]
    near: Prefetched
    story: Prefetched


class Neighbours:
    """Both indexes over one store.  They are opened when the first batch comes."""

    def __init__(self, store: Store, bands: Bands, story_rows: int) -> None:
        self._store = store
        self._bands = bands
        self._story_rows = story_rows
        self._looked: _Looked | None = None
        self._added: dict[Kind, list[int]] = {"near": [], "story": []}
        self._anew: set[Kind] = set()
        self._uncommitted = self._hasty = False
        self._crowded = self._counted = 0
        self.folder = store.folder
        self._cache = str(store.folder / "cache")

    def prefetch(self, signatures: Sequence[Signature]) -> None:
        """Look a batch up in the files, in one go for all that it will be asked of.

        Where the batch before was not committed, the indexes are opened anew, without it.
        """
        if self._uncommitted:
            self.forget()
        self._uncommitted = True
        self._looked = None
        if signatures:
            self._looked = _Looked(
                {id(signature): row for row, signature in enumerate(signatures)},
                self._near.prefetch(self._near_keys([each.near for each in signatures])),
                self._story.prefetch(_story_keys([each.story for each in signatures])),
            )

    def hasten(self) -> None:
        """Look up by compiled code from now on, if it was kept."""
        self._hasty = True
        read_kernel(self._cache)
        for _, index in self._opened():
            index.hasten()

    def near(self, signature: Signature) -> list[int]:
        """Documents that share a band of the near signature, those that share most first."""
        looked = self._looked
        if looked and (row := looked.rows.get(id(signature))) is not None:
            found = looked.near.candidates(row)
        else:
            found = self._near.candidates(self._near_keys([signature.near])[0])
        if found.capped:
            if not self._crowded:
                log.warning("many documents share bands; the newest are compared", newest=NEWEST)
            self._crowded += 1
        if found.numbers.size < 2:  # noqa: PLR2004 - nothing to put in order
            return _list(found.numbers)
        return _list(found.numbers[np.argsort(-found.shared, kind="stable")])

    def story(self, signature: Signature) -> list[int]:
        """Documents that share enough rows of the story signature."""
        looked, least = self._looked, self._story_rows
        if looked and (row := looked.rows.get(id(signature))) is not None:
            return _list(looked.story.candidates(row, least).numbers)
        return _list(self._story.candidates(_story_keys([signature.story])[0], least).numbers)

    def shared_bands(self, same: NDArray[np.bool_]) -> int:
        """How many bands two near signatures share whose rows are equal where ``same`` says."""
        count, rows = self._bands.count, self._bands.rows
        same = same[: count * rows].reshape(count, rows)
        return int(np.count_nonzero(same.all(axis=1)))

    def add_near(self, number: int, signature: Signature) -> None:
        """Let later documents find a survivor."""
        self._added["near"].append(number)
        looked = self._looked
        if looked and (row := looked.rows.get(id(signature))) is not None:
            looked.near.insert(row, number)
        else:
            self._near.insert(self._near_keys([signature.near]), np.array([number], np.uint32))

    def add_story(self, number: int, signature: Signature) -> None:
        """Let later documents find what represents a story."""
        self._added["story"].append(number)
        looked = self._looked
        if looked and (row := looked.rows.get(id(signature))) is not None:
            looked.story.insert(row, number)
        else:
            self._story.insert(_story_keys([signature.story]), np.array([number], np.uint32))

    def flush(self) -> None:
        """List what was added in the transaction that is open, or, once it is enough, file it.

        So the index is what the catalog says, whatever happens; a file with every batch would
        do the same for 25 ms, both indexes, syncing included.
        """
        for kind, index in self._opened():
            if index.buffered >= FILED or kind in self._anew:
                self._file(kind, index)
            elif self._added[kind]:
                self._store.list_unfiled(kind, self._added[kind])
            self._added[kind] = []
        if self._crowded > self._counted:
            known = int(self._store.meta(CROWDED, "0"))
            self._store.set_meta(CROWDED, str(known + self._crowded - self._counted))
            self._counted = self._crowded

    def _file(self, kind: Kind, index: BandIndex) -> None:
        """Write what is in memory to a file, and list the files."""
        if index.flush():
            index.merge()
        self._store.list_index_files(kind, index.runs())
        self._anew.discard(kind)

    def purge(self) -> None:
        """Write both indexes anew, without whoever has ceased to be in them."""
        documents = self._store.documents
        for kind, index, stay in (
            ("near", self._near, documents.numbers("survivors")),
            ("story", self._story, documents.numbers("representing")),
        ):
            index.flush()
            index.merge(partial(np.isin, test_elements=stay), everything=True)
            self._store.list_index_files(kind, index.runs())
            self._anew.discard(kind)

    def committed(self) -> None:
        """Delete files that the committed list no longer names."""
        self._looked = None
        self._uncommitted = False
        if not self._store.connection.in_transaction:
            for _, index in self._opened():
                index.prune()

    def forget(self) -> None:
        """Open the indexes anew when they are needed: another run has written to the store."""
        self._looked = None
        self._added = {"near": [], "story": []}
        self._anew.clear()
        for name in ("_near", "_story"):
            self.__dict__.pop(name, None)

    # --- opening ----------------------------------------------------------------------

    @cached_property
    def _near(self) -> BandIndex:
        return self._open("near", self._bands.count)

    @cached_property
    def _story(self) -> BandIndex:
        return self._open("story", ROWS)

    def _opened(self) -> Iterator[tuple[Kind, BandIndex]]:
        """Those indexes that were needed so far."""
        if "_near" in self.__dict__:
            yield "near", self._near
        if "_story" in self.__dict__:
            yield "story", self._story

    def _open(self, kind: Kind, width: int) -> BandIndex:
        """Open an index; one that is missing or damaged is made anew from the catalog."""
        try:
            files, unfiled = self._store.index_files(kind), self._store.unfiled(kind)
            if files or unfiled or not self._store.documents.any_decided():
                index = self._index(kind, width, files)
                return self._fill(kind, index, self._store.documents.some_signed(unfiled))
            log.info("index is made from the catalog", index=kind)
        except IndexDamaged as damage:
            log.warning("index is made anew", index=kind, reason=str(damage))
        self._anew.add(kind)
        index = self._index(kind, width, [])
        among: Among = "survivors" if kind == "near" else "representing"
        return self._fill(kind, index, self._store.documents.all_signed(among))

    def _index(self, kind: Kind, width: int, files: Sequence[RunInfo]) -> BandIndex:
        index = BandIndex(self._store.folder / "index" / kind, files, width, NEWEST, self._cache)
        if self._hasty:
            index.hasten()
        return index

    def _fill(self, kind: Kind, index: BandIndex, rows: Iterator[tuple[int, Signed]]) -> BandIndex:
        """Insert documents, some at a time."""
        while some := list(islice(rows, _REBUILT_AT_ONCE)):
            numbers, signed = zip(*some, strict=True)
            if kind == "near":
                keys_ = self._near_keys([each.near for each in signed])
            else:
                keys_ = _story_keys([story_signature(unpack(each.terms)) for each in signed])
            index.insert(keys_, np.array(numbers, np.uint32))
        return index

    def _near_keys(self, near: Sequence[NDArray[np.uint32]]) -> NDArray[np.uint64]:
        return keys(np.stack(near), self._bands)


def _list(found: NDArray[np.uint32]) -> list[int]:
    numbers: list[int] = found.tolist()
    return numbers


def _story_keys(story: Sequence[NDArray[np.uint32]]) -> NDArray[np.uint64]:
    """Each row of a story signature is a band of its own."""
    return keys(np.stack(story), _SINGLE_ROWS)
