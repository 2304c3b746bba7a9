"""The deciding stage: the rules of `dedup`, over what the `catalog` knows, a batch at a time.

Stages do not know each other, so the two are joined here.  All that a batch changes
(documents, decisions, cursors, the list of index files) is one transaction.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ingest.catalog.database import store_errors
from ingest.catalog.documents import digest
from ingest.dedup.decide import Decider
from ingest.memory import CatalogMemory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ingest.catalog.quarantine import Quarantine
    from ingest.catalog.store import Store
    from ingest.dedup.decide import Rules
    from ingest.documents import Document, Kind, Signature
    from ingest.neighbours import Neighbours


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
        self._decisions = store.decisions(priorities=priorities, run=run)
        self._memory = CatalogMemory(self._decisions, store.documents, neighbours)
        self._decider = Decider(self._memory, rules)

    @contextmanager
    def batch(self, signatures: Sequence[Signature]) -> Iterator[None]:
        """One transaction; what it will ask of the index is looked up in one go first."""
        self._neighbours.prefetch(signatures)
        with store_errors(self._store.folder), self._store.transaction():
            self.checkpoint("batch-begun")
            yield
            self.checkpoint("batch-decided")
            self._neighbours.flush()
            self.checkpoint("batch-flushed")
        self.checkpoint("batch-committed")
        self._neighbours.committed()
        self._memory.clear()

    def refresh(self) -> None:
        """Let go of what another run, having written to the store, has made out of date."""
        self._neighbours.forget()

    def admit(self, document: Document, signature: Signature) -> Change:
        """Take in a document: new, a new version, or one that says nothing new.

        A document that was forgotten is left out, and says nothing new.
        """
        if self._documents.refused(document.id):
            return Change("unchanged")
        old = self._documents.find(document.id)
        if old is not None and old.digest == digest(document, document.content_hash):
            return Change("unchanged")
        orphans = None if old is None else self._decider.release(old.number)
        number = self._documents.insert(
            document, signature, run=self.run, added=self._added, old=old
        )
        self._memory.remember(number, document.text, signature)
        if orphans is None:
            self._decider.settle([number])
        else:
            self._decider.settle([number], orphans)
        # A document may turn out as it was published before: publishing sees that.
        self._documents.touch([document.id], "new" if old is None else "changed")
        return Change("new" if old is None else "updated", self._decisions.kind(number))

    def refuses(self, id_: str) -> bool:
        """Whether nothing is to be kept of an identity, since it was forgotten."""
        return self._documents.refused(id_)

    def withdraw(self, id_: str, reason: str) -> bool:
        """Take a document out, and decide its dependents again; whether it was there."""
        old = self._documents.find(id_)
        if old is None:
            return False
        orphans = self._decider.release(old.number)
        self._documents.delete(old.number)
        self._decider.settle([], orphans)
        self._documents.touch([id_], reason)
        return True

    def purge(self) -> None:
        """Take everything out of the index that is no survivor or leader any more."""
        with store_errors(self._store.folder), self._store.transaction():
            self._neighbours.purge(self._decisions)
        self._neighbours.committed()

    def decide_again(self, numbers: Sequence[int]) -> None:
        """Decide documents that are open, in order of arrival (`ingest reindex`)."""
        for number in numbers:
            self._decider.settle([number])
