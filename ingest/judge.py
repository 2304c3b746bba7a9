"""The deciding stage: the rules of `dedup`, over what the `catalog` knows, a batch at a time.

Stages do not know each other, so the two are joined here.  All that a batch changes
(documents, decisions, cursors, the list of index files) is one transaction.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ingest.catalog.database import store_errors
from ingest.catalog.decisions import Decisions
from ingest.dedup.decide import Decider
from ingest.memory import CatalogMemory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ingest.catalog.packed import Packed
    from ingest.catalog.quarantine import Quarantine
    from ingest.catalog.store import Store
    from ingest.dedup.decide import Rules
    from ingest.documents import Kind, Signature
    from ingest.neighbours import Neighbours
    from ingest.recipe import Prepared


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a document; ``kind`` is ``""`` unless it was decided against another."""

    outcome: Literal["new", "updated", "unchanged"]
    kind: Kind | Literal[""] = ""


class Judge:
    """Decides and records what arrives and what goes; holds no decision of its own."""

    def __init__(
        self,
        store: Store,
        rules: Rules,
        neighbours: Neighbours,
        *,
        run: int,
        added: str,
        priorities: dict[str, int],
    ) -> None:
        self.run = run
        self.checkpoint: Callable[[str], None] = lambda _step: None
        """Told each step of a batch's commit, for tests of what a crash leaves."""
        self.quarantine: Quarantine = store.quarantine
        self._store = store
        self._documents = store.documents
        self._neighbours = neighbours
        self._added = added
        self._rows = store.rows
        self._refused: dict[str, bool] = {}
        self._decisions = Decisions(store.rows, priorities=priorities, run=run)
        self._memory = CatalogMemory(self._decisions, store, neighbours)
        self._decider = Decider(self._memory, rules)

    @contextmanager
    def batch(self, prepared: Sequence[Prepared]) -> Iterator[None]:
        """One transaction; what it will ask of index and catalog is looked up in one go first."""
        with self._transaction([each.signature for each in prepared]):
            ids = [each.document.id for each in prepared]
            self._rows.prefetch(ids, [each.document.content_hash for each in prepared])
            refused = self._documents.refused(ids)
            self._refused = {id_: id_ in refused for id_ in ids}
            yield

    def decide_again(self, numbers: Sequence[int], signatures: Sequence[Signature]) -> None:
        """Decide documents that are open, in order of arrival, as a batch (`ingest reindex`)."""
        with self._transaction(signatures):
            self._rows.among(numbers)
            for number, signature in zip(numbers, signatures, strict=True):
                self._memory.remember(number, signature)
                self._decider.settle([number])

    @contextmanager
    def _transaction(self, signatures: Sequence[Signature]) -> Iterator[None]:
        committed = False
        try:
            with store_errors(self._store.folder), self._store.transaction():
                self._neighbours.prefetch(signatures)
                self.checkpoint("batch-begun")
                yield
                self.checkpoint("batch-decided")
                self._rows.write()
                self._neighbours.flush()
                self.checkpoint("batch-flushed")
            committed = True
        finally:
            self._memory.clear(everything=not committed)
            if not committed:
                self._rows.clear()
        self.checkpoint("batch-committed")
        self._neighbours.committed()

    def hasten(self) -> None:
        """Go over to compiled code that was kept: there is much to decide."""
        self._memory.hasten()
        self._neighbours.hasten()

    def refresh(self) -> None:
        """Let go of what another run, having written to the store, has made out of date."""
        self._neighbours.forget()
        self._rows.clear()
        self._memory.clear(everything=True)

    def admit(self, document: Packed, signature: Signature) -> Change:
        """Take in a document: new, a new version, or one that says nothing new.

        A document that was forgotten is left out, and says nothing new.
        """
        if self.refuses(document.id):
            return Change("unchanged")
        old = self._rows.identified(document.id)
        if old is not None and old.digest == document.digest:
            return Change("unchanged")
        orphans = None if old is None else self._decider.release(old.number)
        new = self._rows.add(document, signature, run=self.run, added=self._added, old=old)
        self._memory.remember(new.number, signature)
        if orphans is None:
            self._decider.settle([new.number])
        else:
            self._decider.settle([new.number], orphans)
        # A document may turn out as it was published before: publishing sees that.
        self._rows.touch(document.id, "new" if old is None else "changed")
        return Change("new" if old is None else "updated", self._decisions.kind(new.number))

    def refuses(self, id_: str) -> bool:
        """Whether nothing is to be kept of an identity, since it was forgotten."""
        known = self._refused.get(id_)
        return bool(self._documents.refused([id_])) if known is None else known

    def withdraw(self, id_: str, reason: str) -> bool:
        """Take a document out, and decide its dependents again; whether it was there."""
        old = self._rows.identified(id_)
        if old is None:
            return False
        orphans = self._decider.release(old.number)
        self._rows.remove(old)
        self._decider.settle([], orphans)
        self._rows.touch(id_, reason)
        return True

    def purge(self) -> None:
        """Take everything out of the index that is no survivor or leader any more."""
        with store_errors(self._store.folder), self._store.transaction():
            self._neighbours.purge()
        self._neighbours.committed()
