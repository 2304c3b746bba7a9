"""A ledger in memory, and bodies to publish: what the tests of publishing run on."""

from __future__ import annotations

import hashlib
import itertools
import os
import pickle
import signal
import traceback
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ingest.documents import document_id
from ingest.errors import StoreError
from ingest.publish.corpus import Change, open_corpus
from ingest.publish.layout import TABLES
from ingest.publish.ledger import Published, Row, Table, Wanted
from ingest.publish.publish import Publisher, PublishOptions, pass_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

Key = tuple[Table, str]


class MemoryLedger:
    """The `RepairableLedger` protocol over dictionaries."""

    def __init__(self) -> None:
        self.sequence = 0
        self.truth: dict[Key, Wanted] = {}
        self.reasons: dict[Key, str] = {}
        self.out: dict[Key, Published] = {}
        self.staged: dict[Key, Published] = {}
        self.moves: list[tuple[Table, frozenset[str], str]] = []
        self.sealed = 0

    def want(self, *wanted: Wanted) -> None:
        """Decide how lines ought to be; one that was there keeps its place in the order."""
        for each in wanted:
            key = (each.table, each.id)
            if each.body is None:
                self.truth.pop(key, None)
            else:
                self.truth[key] = each
            self.reasons[key] = each.reason

    def settled(self) -> int:
        return self.sequence

    def pending(self) -> Iterator[tuple[Wanted, Published | None]]:
        for table in TABLES:
            keys = [key for key in self.truth if key in self.reasons]
            keys += [key for key in self.reasons if key not in self.truth]
            for key in keys:
                if key[0] == table:
                    wanted = self.truth.get(key) or Wanted(table, key[1], None)
                    yield wanted._replace(reason=self.reasons[key]), self.out.get(key)

    def stage(self, sequence: int, rows: Iterable[Row]) -> None:
        self._check(sequence)
        self.staged.update({(row[0], row[1]): Published(*row) for row in rows})

    def moved(self, sequence: int, table: Table, old: Iterable[str], new: str) -> None:
        self._check(sequence)
        self.moves.append((table, frozenset(old), new))

    def possible(self) -> set[int]:
        return {self.sequence, self.sealed or self.sequence}

    def seal(self, sequence: int) -> None:
        self._check(sequence)
        self.sealed = sequence

    def settle(self, sequence: int, *, seen: bool = True) -> None:
        if sequence not in {self.sequence, self.sealed}:
            raise StoreError(f"generation {sequence} was never sealed")
        if sequence == self.sealed:
            self._apply()
        self.sequence = sequence
        self.reasons = {} if seen else self.reasons
        self.staged, self.moves, self.sealed = {}, [], 0

    def discard(self) -> None:
        self.staged, self.moves, self.sealed = {}, [], 0

    def published(self) -> Iterator[Published]:
        yield from [row for row in self.out.values() if row.shard]

    def pend(self, shards: Iterable[str] | None) -> None:
        names = None if shards is None else set(shards)
        for key, row in self.out.items():
            if row.shard and (names is None or row.shard in names):
                self.reasons.setdefault(key, "repaired")
        if names is None:
            for key in self.truth:
                self.reasons.setdefault(key, "repaired")

    def skip(self, sequence: int) -> None:
        self.discard()
        self.sequence = sequence

    def adopt(self, sequence: int, rows: Iterable[Published]) -> None:
        found = {(row.table, row.id): row for row in rows}
        lost = {key: row._replace(shard="") for key, row in self.out.items() if key not in found}
        self.discard()
        self.out = lost | found
        self.sequence = sequence
        for key in [*self.truth, *self.out]:
            self.reasons.setdefault(key, "repaired")

    def _check(self, sequence: int) -> None:
        assert sequence == self.sequence + 1, "only the next generation can be staged"

    def _apply(self) -> None:
        for table, old, new in self.moves:
            for key, row in self.out.items():
                if row.table == table and row.shard in old:
                    self.out[key] = row._replace(shard=new)
        self.out.update(self.staged)


class FileLedger(MemoryLedger):
    """The same, and what is durable is in a file: another process takes it up there."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        if path.exists():
            self.__dict__.update(pickle.loads(path.read_bytes()))  # noqa: S301 - our own file
        else:
            self._save()

    def want(self, *wanted: Wanted) -> None:
        super().want(*wanted)
        self._save()

    def seal(self, sequence: int) -> None:
        super().seal(sequence)
        self._save()

    def settle(self, sequence: int, *, seen: bool = True) -> None:
        super().settle(sequence, seen=seen)
        self._save()

    def discard(self) -> None:
        super().discard()
        self._save()

    def pend(self, shards: Iterable[str] | None) -> None:
        super().pend(shards)
        self._save()

    def skip(self, sequence: int) -> None:
        super().skip(sequence)
        self._save()

    def adopt(self, sequence: int, rows: Iterable[Published]) -> None:
        super().adopt(sequence, rows)
        self._save()

    def _save(self) -> None:
        spare = self._path.with_suffix(".new")
        spare.write_bytes(pickle.dumps(self.__dict__))
        spare.replace(self._path)


def body(name: str, text: str = "", **fields: Any) -> dict[str, Any]:
    """A document's body as the catalog gives it."""
    text = text or f"The text of {name}."
    made = document_id("test", name)
    return {
        "schema": "ingest/record/v1",
        "id": made,
        "revision": 1,
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


def clock() -> datetime:
    return datetime(2024, 6, 1, 12, tzinfo=UTC)


def publisher(
    folder: Path, checkpoint: Callable[[str], None] = pass_by, **options: Any
) -> Publisher:
    folder.mkdir(exist_ok=True, parents=True)
    return Publisher(folder, PublishOptions(**options), clock, checkpoint)


def contents(folder: Path) -> dict[str, tuple[int, str]]:
    """What a consumer who reads everything has: revision and text of each id."""
    with open_corpus(folder) as corpus:
        return {each.id: (each.revision, each.text) for each in corpus.documents()}


class Consumer:
    """Follows the changes, remembering one number, and notices any that does not fit."""

    def __init__(self, folder: Path) -> None:
        self.sequence = 0
        self.revisions: dict[str, int] = {}
        self._folder = folder

    def follow(self) -> None:
        with open_corpus(self._folder) as corpus:
            for change in corpus.changes(self.sequence):
                assert change.seq > self.sequence
                self._apply(change)
            self.sequence = corpus.sequence

    def _apply(self, change: Change) -> None:
        if change.op == "add":
            assert change.id not in self.revisions
            self.revisions[change.id] = change.revision
        elif change.op == "update":
            assert self.revisions[change.id] < change.revision
            self.revisions[change.id] = change.revision
        else:
            assert self.revisions.pop(change.id) == change.revision


def in_child(work: Callable[[], None]) -> int:
    """Run work in a process of its own; gives the signal that ended it, negative, or 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking while threads idle
        child = os.fork()
    if child:
        return -os.WTERMSIG(status) if (status := os.waitpid(child, 0)[1]) < 256 else status >> 8
    try:
        work()
    except BaseException:  # noqa: BLE001 - the child must never return into pytest
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def killer(number: int) -> Callable[[str], None]:
    """Give a checkpoint that kills the process the ``number``-th time that it is called."""
    calls = itertools.count()

    def checkpoint(_name: str) -> None:
        if next(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return checkpoint
