"""A store: its folder, the catalog in it, and the parts that work on them."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ingest.catalog.database import catalog_errors, open_database, transaction
from ingest.catalog.documents import Documents
from ingest.catalog.index_run import RunInfo
from ingest.catalog.items import Items
from ingest.catalog.meta import get_meta, set_meta
from ingest.catalog.quarantine import Quarantine
from ingest.catalog.rows import Rows
from ingest.catalog.runs import Runs
from ingest.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class Store:
    """One open store.  Writers hold `lock.writer_lock` as long as they have it open."""

    def __init__(self, folder: Path, *, write: bool, raw_limit: int = 1 << 20) -> None:
        self.folder = folder
        self.connection = open_database(folder / "catalog.db", write=write)
        self.documents = Documents(self.connection)
        self.rows = Rows(self.connection)
        self.quarantine = Quarantine(self.connection, raw_limit=raw_limit)
        self.runs = Runs(self.connection)

    @property
    def corpus(self) -> Path:
        """Folder of the published corpus."""
        return self.folder / "corpus"

    def items(self, source: str, *, recipe: str, run: int) -> Items:
        """The items of one source, as one run sees them."""
        return Items(self.connection, source, recipe=recipe, run=run)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction; inside one that is open (a dry run) it is part of that."""
        with catalog_errors(self.folder / "catalog.db"):
            if self.connection.in_transaction:
                yield
            else:
                with transaction(self.connection):
                    yield

    def index_files(self, kind: str) -> list[RunInfo]:
        """Files of one band index (``near`` or ``story``), oldest first."""
        return [RunInfo.loads(info) for info in self._index_rows(kind) if _is_file(info)]

    def unfiled(self, kind: str) -> list[int]:
        """Numbers of documents that belong into one band index and are in none of its files.

        In order of insertion; what they are found by is made from their signatures.
        """
        rows = (info for info in self._index_rows(kind) if not _is_file(info))
        return [number for info in rows for number in json.loads(info)]

    def _index_rows(self, kind: str) -> list[str]:
        rows = self.connection.execute(
            "SELECT info FROM index_runs WHERE kind = ? ORDER BY place", (kind,)
        )
        return [row[0] for row in rows]

    def list_index_files(self, kind: str, files: Sequence[RunInfo]) -> None:
        """Keep the list of files of one band index, in the transaction that is open.

        They hold all that belongs into it: nothing is `unfiled` any more.
        """
        self.connection.execute("DELETE FROM index_runs WHERE kind = ?", (kind,))
        self.connection.executemany(
            "INSERT INTO index_runs (kind, place, info) VALUES (?, ?, ?)",
            ((kind, place, info.dumps()) for place, info in enumerate(files)),
        )

    def list_unfiled(self, kind: str, numbers: Sequence[int]) -> None:
        """Keep which documents came into one band index and not yet into a file of it."""
        self.connection.execute(
            "INSERT INTO index_runs (kind, place, info) SELECT ?1,"
            " ifnull(max(place), -1) + 1, ?2 FROM index_runs WHERE kind = ?1",
            (kind, json.dumps(list(numbers), separators=(",", ":"))),
        )

    def drop_index(self) -> None:
        """Forget the band index; it is made anew from what is decided."""
        self.connection.execute("DELETE FROM index_runs")

    def refuse(self, id_: str, source: str, source_id: str, since: str) -> None:
        """Put an identity on the refuse list, and drop what quarantine has of it."""
        self.connection.execute(
            "INSERT OR REPLACE INTO refused (id, since) VALUES (?, ?)", (id_, since)
        )
        self.quarantine.release(source, source_id)

    def forget_fingerprint(self, source: str, source_id: str) -> None:
        """Have an item, and the container it lies in, read again by the next run."""
        self.connection.execute(
            "UPDATE items SET fingerprint = '' WHERE source = ?1 AND source_id IN (?2,"
            " (SELECT container FROM items WHERE source = ?1 AND source_id = ?2))",
            (source, source_id),
        )

    def empty_log(self) -> bool:
        """Fold the write-ahead log back and empty it, so that it holds nothing deleted.

        False where a reader keeps it from being emptied, for half a minute.
        """
        (busy, _, _) = self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def check_whole(self) -> None:
        """Raise `StoreError` where SQLite finds the catalog damaged."""
        path = self.folder / "catalog.db"
        with catalog_errors(path):
            (answer,) = self.connection.execute("PRAGMA quick_check(1)").fetchone()
        if answer != "ok":
            hint = "The file is damaged: restore a backup (`ingest restore`)."
            raise StoreError(f"{path}: {answer}", hint=hint)

    def meta(self, key: str, default: str = "") -> str:
        """A single value that the catalog keeps by name."""
        return get_meta(self.connection, key, default)

    def set_meta(self, key: str, value: str) -> None:
        """Keep a single value by name."""
        set_meta(self.connection, key, value)

    def close(self) -> None:
        """Close the catalog; safe to call twice."""
        self.connection.close()


def _is_file(info: str) -> bool:
    """Whether a row of ``index_runs`` is of a file; else it is an array of numbers."""
    return not info.startswith("[")
