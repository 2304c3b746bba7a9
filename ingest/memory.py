"""What the rules ask of the documents (`dedup.decide.Memory`), answered from the catalog.

What is looked up is kept for later batches too, as far as there is room: most copies come soon
after what they are copies of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingest.catalog.packed import unpack_text
from ingest.dedup.decide import Overlap
from ingest.dedup.shingles import unique
from ingest.dedup.signatures import Shingler
from ingest.dedup.story import story_signature, unpack
from ingest.dedup.vectors import Vectors
from ingest.documents import Signature

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ingest.catalog.decisions import Decisions
    from ingest.catalog.documents import Signed
    from ingest.catalog.store import Store
    from ingest.documents import Decision, Kind, Standing
    from ingest.neighbours import Neighbours


ROOM = 48 << 20
"""Bytes of signatures and shingles that are kept from batch to batch; with more, all are let go."""

VECTORS = 1 << 16
"""Term vectors that are kept, 0.6 kB each: stories are looked for among all documents."""

_SIGNATURE = 2048  # bytes of a signature beside its shingles, as objects

VERIFIED = 64
"""Most candidates for a near copy that are verified, those that share most bands."""


class CatalogMemory:
    """Implements `dedup.decide.Memory` over one store."""

    def __init__(self, decisions: Decisions, store: Store, neighbours: Neighbours) -> None:
        self._decisions = decisions
        self._documents = store.documents
        self._rows = store.rows
        self._neighbours = neighbours
        self._signatures: dict[int, Signature] = {}
        self._signed: dict[int, Signed] = {}
        cache = str(neighbours.folder / "cache")
        self._shingler = Shingler(cache)
        self._vectors = Vectors(cache)
        self._shingles: dict[int, NDArray[np.uint64]] = {}
        self._kept = 0
        self.standing = decisions.standing
        self.twins = decisions.twins
        self.copies = decisions.copies
        self.members = decisions.members
        self.representatives = decisions.representatives
        self.led = decisions.led
        self.reopen = decisions.reopen

    def remember(self, number: int, signature: Signature) -> None:
        """Spare the catalog's answer for a document that has just arrived."""
        self._keep(number, signature)
        self._vectors.add(number, signature.terms)

    def hasten(self) -> None:
        """Go over to compiled code that was kept."""
        self._shingler.hasten()
        self._vectors.hasten()

    def clear(self, *, everything: bool = False) -> None:
        """Let go of what was looked up once it is much; what belongs to a number never changes.

        ``everything``: for when a batch fails, since its numbers will be given again.
        """
        if everything or self._kept > ROOM:
            self._signatures.clear()
            self._signed.clear()
            self._shingles.clear()
            self._kept = 0
        if everything:
            self._vectors.clear()
        elif len(self._vectors) > VECTORS:
            self._vectors.halve()

    def near(self, number: int) -> Sequence[Standing]:
        """Other survivors that share a band of the near signature; the likeliest `VERIFIED`."""
        found = self._neighbours.near(self._signature(number))
        return self._first_survivors([other for other in found if other != number])

    def alike(self, number: int, least: float) -> Sequence[tuple[Standing, float]]:
        """Other representatives that share enough rows of the story signature, how similar each is.

        Compared by their vectors first, a third of what their rows cost, and those below
        ``least`` go: most do.
        """
        found = self._neighbours.story(self._signature(number))
        others = self._vectored([other for other in found if other != number])
        figures = zip(others, self.similarities(number, others), strict=True)
        close = {other: figure for other, figure in figures if figure >= least}
        return [(one, close[one.number]) for one in self._decisions.representing(close)]

    def overlap(self, number: int, other: int, kind: Kind) -> Overlap:
        """What the signatures of two documents share."""
        same = self._near(number) == self._near(other)
        estimate = int(np.count_nonzero(same)) / same.size
        if kind == "story":
            rows = self._signature(number).story == self._signature(other).story
            return Overlap(int(np.count_nonzero(rows)), estimate)
        return Overlap(self._neighbours.shared_bands(same), estimate)

    def shingles(self, number: int) -> NDArray[np.uint64]:
        """Sorted, unique 64-bit shingle hashes of the canonical text, shape (n,)."""
        found = self._shingles.get(number)
        if found is None:
            known = self._signatures.get(number)
            if known and known.shingles:
                found = unique(np.frombuffer(known.shingles, np.uint64))
            else:
                found = self._shingler.shingles(self._text(number))
            self._shingles[number] = found
            self._kept += found.nbytes
        return found

    def similarities(self, number: int, others: Sequence[int]) -> Sequence[float]:
        """How similar a document is to each of others, by their term vectors."""
        if not others:
            return []
        self._vectored([number, *others])
        return self._vectors.similarities(number, others)

    def _vectored(self, wanted: Sequence[int]) -> Sequence[int]:
        """Have the vectors of documents at hand; those of them that there are."""
        vectors = self._vectors
        missing = [each for each in wanted if each not in vectors]
        if not missing:
            return wanted
        for each, terms in self._documents.terms(missing):
            vectors.add(each, terms)
        return [each for each in wanted if each in vectors]

    def survive(self, standing: Standing, story_id: str) -> None:
        """Keep as survivor, and let later documents find it."""
        self._decisions.survive(standing, story_id)
        self._neighbours.add_near(standing.number, self._signature(standing.number))

    def decide(
        self,
        standing: Standing,
        decision: Decision,
        story_id: str = "",
        *,
        represents: bool = False,
    ) -> None:
        """Keep a decision; what represents a story is found by later documents."""
        self._decisions.decide(standing, decision, story_id, represents=represents)
        if represents:
            self._neighbours.add_story(standing.number, self._signature(standing.number))

    def _first_survivors(self, ranked: list[int]) -> list[Standing]:
        """The first `VERIFIED` of the numbers that survive, in order of arrival."""
        place = {number: at for at, number in enumerate(ranked)}
        found: list[Standing] = []
        for start in range(0, len(ranked), VERIFIED):
            found += self._decisions.survivors(ranked[start : start + VERIFIED])
            if len(found) >= VERIFIED:
                break
        if len(found) > VERIFIED:
            found = sorted(found, key=lambda one: place[one.number])[:VERIFIED]
        return sorted(found, key=lambda one: one.arrival)

    def _text(self, number: int) -> str:
        arrived = self._rows.text(number)
        return self._documents.text(number) if arrived is None else unpack_text(arrived)

    def _signature(self, number: int) -> Signature:
        found = self._signatures.get(number)
        if found is None:
            near, terms = self._signed_of(number)
            found = Signature(near, story_signature(unpack(terms)), terms)
            self._keep(number, found)
        return found

    def _keep(self, number: int, signature: Signature) -> None:
        self._signatures[number] = signature
        self._kept += _SIGNATURE + len(signature.shingles)

    def _near(self, number: int) -> NDArray[np.uint32]:
        known = self._signatures.get(number)
        return known.near if known else self._signed_of(number).near

    def _signed_of(self, number: int) -> Signed:
        found = self._signed.get(number)
        if found is None:
            found = self._signed[number] = self._documents.signed(number)
            self._kept += _SIGNATURE
        return found
