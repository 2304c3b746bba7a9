"""What readers have named: fingerprints, cursors, and what is absent from a source."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import sqlite3

    from ingest.documents import JSON

Outcome: TypeAlias = Literal["document", "container", "quarantined", "rejected"]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a source holds, as it was last seen."""

    source_id: str
    container: str
    fingerprint: str
    outcome: Outcome


class Absent(NamedTuple):
    """An item that a run did not see where it looked for it."""

    source_id: str
    outcome: Outcome


class Items:
    """The items of one source, as one run sees them.

    ``recipe`` is the version of everything that processes the source's documents: an
    item that another recipe processed has no fingerprint, so that it is read again.
    """

    def __init__(
        self, connection: sqlite3.Connection, source: str, *, recipe: str, run: int
    ) -> None:
        self._connection = connection
        self._source = source
        self._run = run
        self._recipe = recipe_number(connection, recipe)

    def fingerprint(self, source_id: str) -> str:
        """What was remembered of an item; ``""`` where it must be read again."""
        row = self._connection.execute(
            "SELECT fingerprint FROM items WHERE source = ? AND source_id = ? AND recipe = ?",
            (self._source, source_id, self._recipe),
        ).fetchone()
        return str(row[0]) if row else ""

    def remember(self, item: Item) -> None:
        """Keep what was seen of an item in this run."""
        self._connection.execute(
            "INSERT OR REPLACE INTO items"
            " (source, source_id, container, fingerprint, recipe, seen, outcome)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                self._source,
                item.source_id,
                item.container,
                item.fingerprint,
                self._recipe,
                self._run,
                item.outcome,
            ),
        )

    def unchanged(self, source_id: str, fingerprint: str) -> int:
        """Mark an item seen; the number of items that this speaks for.

        A container speaks for everything that lies in it, so its items are not touched.
        """
        row = self._connection.execute(
            "UPDATE items SET seen = ?, fingerprint = iif(? = '', fingerprint, ?)"
            " WHERE source = ? AND source_id = ? RETURNING outcome",
            (self._run, fingerprint, fingerprint, self._source, source_id),
        ).fetchone()
        if row is None or row[0] != "container":
            return 1
        (count,) = self._connection.execute(
            "SELECT count(*) FROM items WHERE source = ? AND container = ? AND container <> ''",
            (self._source, source_id),
        ).fetchone()
        return int(count)

    def forget(self, source_id: str) -> None:
        """Drop an item, so that nothing is known of it."""
        self._connection.execute(
            "DELETE FROM items WHERE source = ? AND source_id = ?", (self._source, source_id)
        )

    def seen(self, source_id: str) -> bool:
        """Whether this run has named the item already."""
        row = self._connection.execute(
            "SELECT 1 FROM items WHERE source = ? AND source_id = ? AND seen = ?",
            (self._source, source_id, self._run),
        ).fetchone()
        return row is not None

    def absent_from_container(self, container: str) -> list[Absent]:
        """Items that were in ``container`` and that this run, having read it, did not see."""
        rows = self._connection.execute(
            "SELECT source_id, outcome FROM items INDEXED BY items_by_container"
            " WHERE source = ? AND container = ?"
            " AND container <> '' AND seen < ?",
            (self._source, container, self._run),
        )
        return [Absent(*row) for row in rows]

    def documents(self) -> int:
        """How many documents, copies included, the source gave and still counts as its own."""
        (count,) = self._connection.execute(
            "SELECT count(*) FROM items WHERE source = ? AND outcome = 'document'", (self._source,)
        ).fetchone()
        return int(count)

    def absent(self) -> list[Absent]:
        """Items that this run, having listed everything, did not see.

        An item in a container that was seen is present: containers speak for their items.
        """
        rows = self._connection.execute(
            "SELECT source_id, outcome FROM items AS item WHERE source = ? AND seen < ?"
            " AND NOT EXISTS (SELECT 1 FROM items AS box WHERE item.container <> ''"
            "  AND box.source = item.source AND box.source_id = item.container"
            "  AND box.seen = ?)",
            (self._source, self._run, self._run),
        )
        return [Absent(*row) for row in rows]

    def cursor(self) -> JSON:
        """The last committed checkpoint; None before the first."""
        row = self._connection.execute(
            "SELECT cursor FROM sources WHERE name = ?", (self._source,)
        ).fetchone()
        value: JSON = json.loads(row[0]) if row else None
        return value

    def advance(self, cursor: JSON) -> None:
        """Keep a checkpoint; it is committed with the events before it."""
        self._connection.execute(
            "INSERT OR REPLACE INTO sources (name, cursor) VALUES (?, ?)",
            (self._source, json.dumps(cursor, ensure_ascii=False)),
        )


def recipe_number(connection: sqlite3.Connection, version: str) -> int:
    """The number that stands for a recipe's version, made where it is new."""
    connection.execute("INSERT OR IGNORE INTO recipes (version) VALUES (?)", (version,))
    row = connection.execute("SELECT number FROM recipes WHERE version = ?", (version,)).fetchone()
    return int(row[0])
