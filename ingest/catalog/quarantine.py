"""Documents that could not be processed: why, and the bytes to try them again with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import zstandard

from ingest.catalog.packed import unpack
from ingest.documents import RawDocument, document_id

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One item in quarantine.  ``size`` is of the whole item, ``raw`` what was kept of it."""

    source: str
    source_id: str
    stage: str
    reason: str
    detail: str
    size: int
    seen: str

    @property
    def id(self) -> str:
        """The identity that the item has as a document."""
        return document_id(self.source, self.source_id)


class Quarantine:
    """The quarantine over one connection.  ``raw_limit`` bytes of an item are kept at most.

    A larger item is kept as a reference only (no bytes): to be retried it must be read
    again from its source.
    """

    def __init__(self, connection: sqlite3.Connection, *, raw_limit: int = 1 << 20) -> None:
        self._connection = connection
        self._raw_limit = raw_limit
        self._names: dict[str, set[str]] = {}

    def put(self, entry: Quarantined, item: RawDocument, run: int) -> None:
        """Add or replace an item's entry."""
        self._of(entry.source).add(entry.source_id)
        whole = len(item.content) <= self._raw_limit
        raw = zstandard.compress(item.content) if whole and item.content else b""
        self._connection.execute(
            "INSERT OR REPLACE INTO quarantine"
            " (source, source_id, stage, reason, detail, item, size, raw, run, seen)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                entry.source,
                entry.source_id,
                entry.stage,
                entry.reason,
                entry.detail,
                _describe(item),
                entry.size,
                raw,
                run,
                entry.seen,
            ),
        )

    def release(self, source: str, source_id: str) -> bool:
        """Remove an item's entry; whether there was one.

        Asked of every document that is well, so that no statement is spent on most of them.
        """
        if source_id not in self._of(source):
            return False
        done = self._connection.execute(
            "DELETE FROM quarantine WHERE source = ? AND source_id = ?", (source, source_id)
        )
        return done.rowcount > 0

    def _of(self, source: str) -> set[str]:
        """Items of a source that have an entry, and some that had: it is read but once."""
        names = self._names.get(source)
        if names is None:
            rows = self._connection.execute(
                "SELECT source_id FROM quarantine WHERE source = ?", (source,)
            )
            names = self._names[source] = {row[0] for row in rows}
        return names

    def entries(self, *, source: str = "", reason: str = "") -> Iterator[Quarantined]:
        """Entries, of one source or reason where given, in order of source and item."""
        rows = self._connection.execute(
            "SELECT source, source_id, stage, reason, detail, size, seen FROM quarantine"
            " WHERE ? IN ('', source) AND ? IN ('', reason) ORDER BY source, source_id",
            (source, reason),
        )
        return (Quarantined(*row) for row in rows)

    def named(self, name: str) -> Quarantined | None:
        """The one entry whose id or source_id this is; None where none or several are."""
        found = [entry for entry in self.entries() if name in (entry.id, entry.source_id)]
        return found[0] if len(found) == 1 else None

    def item(self, source: str, source_id: str) -> RawDocument | None:
        """The item as it was read; None where its bytes were too many to keep."""
        row = self._connection.execute(
            "SELECT item, size, raw FROM quarantine WHERE source = ? AND source_id = ?",
            (source, source_id),
        ).fetchone()
        if row is None:
            return None
        content = unpack(row[2]) if row[2] else b""
        return _restore(source_id, row[0], content) if len(content) == row[1] else None

    def sources(self) -> set[str]:
        """Sources of which something is in quarantine."""
        return {row[0] for row in self._connection.execute("SELECT source FROM quarantine")}

    def counts(self) -> dict[str, int]:
        """How many entries there are by reason."""
        rows = self._connection.execute(
            "SELECT reason, count(*) FROM quarantine GROUP BY reason ORDER BY reason"
        )
        return dict(rows.fetchall())


def _describe(item: RawDocument) -> str:
    return json.dumps(
        {
            "media_type": item.media_type,
            "url": item.url,
            "fetched": item.fetched.isoformat() if item.fetched else "",
            "metadata": dict(item.metadata),
            "fingerprint": item.fingerprint,
            "container": item.container,
            "clean": item.clean,
        }
    )


def _restore(source_id: str, described: str, content: bytes) -> RawDocument:
    known = json.loads(described)
    fetched = known.pop("fetched")
    return RawDocument(
        source_id, content, fetched=datetime.fromisoformat(fetched) if fetched else None, **known
    )
