"""A ledger in memory, and bodies to publish: what the tests of publishing run on."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from ingest.documents import document_id
from ingest.errors import StoreError
from ingest.publish.ledger import Published, Table, Wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Key = tuple[Table, str]


class MemoryLedger:
    """The `Ledger` protocol over dictionaries; pickles, so that it outlives a killed process."""

    def __init__(self) -> None:
        self.sequence = 0
        self.wanted: dict[Key, Wanted] = {}
        self.published: dict[Key, Published] = {}
        self.staged: dict[Key, Published] = {}
        self.moves: list[tuple[Table, frozenset[str], str]] = []
        self.sealed = 0

    def want(self, wanted: Wanted) -> None:
        self.wanted.pop((wanted.table, wanted.id), None)
        self.wanted[wanted.table, wanted.id] = wanted

    def settled(self) -> int:
        return self.sequence

    def pending(self) -> Iterator[tuple[Wanted, Published | None]]:
        for table in ("documents", "links"):
            for key, wanted in list(self.wanted.items()):
                if key[0] == table:
                    yield wanted, self.published.get(key)

    def stage(self, sequence: int, rows: Iterable[Published]) -> None:
        self._check(sequence)
        self.staged.update({(row.table, row.id): row for row in rows})

    def moved(self, sequence: int, table: Table, old: Iterable[str], new: str) -> None:
        self._check(sequence)
        self.moves.append((table, frozenset(old), new))

    def seal(self, sequence: int) -> None:
        self._check(sequence)
        self.sealed = sequence

    def settle(self, sequence: int) -> None:
        if sequence not in {self.sequence, self.sealed}:
            raise StoreError(f"generation {sequence} was never sealed")
        if sequence == self.sealed:
            self._apply()
        self.sequence = sequence
        self.wanted.clear()
        self.discard()

    def discard(self) -> None:
        self.staged, self.moves, self.sealed = {}, [], 0

    def pend(self, shards: Iterable[str] | None) -> None:
        raise NotImplementedError

    def _check(self, sequence: int) -> None:
        assert sequence == self.sequence + 1, "only the next generation can be staged"

    def _apply(self) -> None:
        for table, old, new in self.moves:
            for key, row in self.published.items():
                if row.table == table and row.shard in old:
                    self.published[key] = Published(table, row.id, row.revision, row.digest, new)
        self.published.update(self.staged)


def body(name: str, text: str = "", **fields: Any) -> dict[str, Any]:
    """A document's body as the catalog gives it: every field but ``revision``."""
    text = text or f"The text of {name}."
    made = document_id("test", name)
    return {
        "schema": "ingest/record/v1",
        "id": made,
        "source": "test",
        "source_id": name,
        "url": "",
        "title": f"Title of {name}",
        "author": "",
        "language": "en",
        "created": "",
        "added": "2024-01-01T00:00:00.000Z",
        "text": text,
        "words": len(text.split()),
        "content_hash": "sha256:" + hashlib.sha256(text.encode()).hexdigest(),
        "story_id": made,
        "story_similarity": 1.0,
        "extractor": "plain/1",
        "run_id": "run-1",
        "metadata": {
            "site": "",
            "description": "",
            "tags": "",
            "media_type": "text/plain",
            "fetched": "",
            "extra": "{}",
        },
    } | fields


def link_body(name: str, of: str, kind: str = "near", **fields: Any) -> dict[str, Any]:
    """A link's body as the catalog gives it."""
    return {
        "schema": "ingest/link/v1",
        "kind": kind,
        "id": document_id("test", name),
        "of": document_id("test", of),
        "group": document_id("test", of),
        "source": "test",
        "source_id": name,
        "of_source": "test",
        "of_source_id": of,
        "similarity": 0.9,
        "jaccard": 0.9,
        "containment": 0.95,
        "story_similarity": 0.8,
        "shared_bands": 12,
        "rule": "near:jaccard>=0.8",
        "run_id": "run-1",
    } | fields


def document(name: str, text: str = "", reason: str = "new", **fields: Any) -> Wanted:
    made = body(name, text, **fields)
    return Wanted("documents", made["id"], made, reason)


def gone(name: str, reason: str = "gone", table: Table = "documents") -> Wanted:
    return Wanted(table, document_id("test", name), None, reason)


def link(name: str, of: str, kind: str = "near", **fields: Any) -> Wanted:
    made = link_body(name, of, kind, **fields)
    return Wanted("links", made["id"], made, kind)


def ids(names: Iterable[str]) -> set[str]:
    return {document_id("test", name) for name in names}


def without(mapping: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key not in names}
