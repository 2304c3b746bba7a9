"""What readers have named: fingerprints, cursors, and what is absent from a source."""

from __future__ import annotations

import json
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

import numpy as np
import xxhash

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


class _Known(NamedTuple):
    """What is on record of an item; ``fingerprint`` is ``""`` where it must be read again."""

    fingerprint: str
    outcome: Outcome
    container: str


_OPEN: Final = 1 << 16
"""Items that were looked up and not yet dealt with; beyond it they are looked up again."""


class Items:
    """The items of one source, as one run sees them.

    ``recipe`` is the version of everything that processes the source's documents: an
    item that another recipe processed has no fingerprint, so that it is read again.

    A file that did not change is not written to: that it was seen is kept in memory, by
    eight bytes of hash, until `absent` asks.  Two of ten million files share a hash with
    a probability of 3e-6; then one that went would be taken for present.
    """

    def __init__(
        self, connection: sqlite3.Connection, source: str, *, recipe: str, run: int
    ) -> None:
        self._connection = connection
        self._source = source
        self._run = run
        self._recipe = recipe_number(connection, recipe)
        self._ahead = _Ahead(connection, source, self._recipe)
        self._open: dict[str, _Known] = {}
        self._present = array("Q")
        self._remembered: dict[str, Item] = {}

    def fingerprint(self, source_id: str) -> str:
        """What was remembered of an item; ``""`` where it must be read again."""
        if source_id in self._remembered:
            return self._remembered[source_id].fingerprint
        known = self._ahead.look_up(source_id)
        if known is None:
            return ""
        if len(self._open) >= _OPEN:
            self._open.clear()
        self._open[source_id] = known
        return known.fingerprint

    def remember(self, item: Item) -> None:
        """Keep what was seen of an item in this run; `write` brings it to the catalog."""
        self._let_go(item.source_id)
        self._remembered[item.source_id] = item

    def write(self) -> None:
        """Bring what is remembered to the catalog, in the transaction that is open."""
        remembered, self._remembered = self._remembered, {}
        for source_id in remembered:  # it may have been read ahead without what is written now
            self._ahead.drop(source_id)
        self._connection.executemany(
            "INSERT OR REPLACE INTO items"
            " (source, source_id, container, fingerprint, recipe, seen, outcome)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    self._source,
                    item.source_id,
                    item.container,
                    item.fingerprint,
                    self._recipe,
                    self._run,
                    item.outcome,
                )
                for item in remembered.values()
            ),
        )

    def unchanged(self, source_id: str, fingerprint: str) -> int:
        """Mark an item seen; the number of items that this speaks for.

        A container speaks for everything that lies in it, so its items are not touched.
        """
        known = self._open.pop(source_id, None)
        if known == (fingerprint, "document", ""):
            self._present.append(xxhash.xxh3_64_intdigest(source_id.encode()))
            return 1
        self._let_go(source_id)
        self.write()
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

    def _let_go(self, source_id: str) -> None:
        """Know no more of what was read of an item: it is about to change."""
        self._ahead.drop(source_id)
        self._open.pop(source_id, None)

    def forget(self, source_id: str) -> None:
        """Drop an item, so that nothing is known of it."""
        self._let_go(source_id)
        self.write()
        self._connection.execute(
            "DELETE FROM items WHERE source = ? AND source_id = ?", (self._source, source_id)
        )

    def seen(self, source_id: str) -> bool:
        """Whether this run has named the item already."""
        self.write()
        row = self._connection.execute(
            "SELECT 1 FROM items WHERE source = ? AND source_id = ? AND seen = ?",
            (self._source, source_id, self._run),
        ).fetchone()
        return row is not None

    def absent_from_container(self, container: str) -> list[Absent]:
        """Items that were in ``container`` and that this run, having read it, did not see."""
        self.write()
        rows = self._connection.execute(
            "SELECT source_id, outcome FROM items INDEXED BY items_by_container"
            " WHERE source = ? AND container = ?"
            " AND container <> '' AND seen < ?",
            (self._source, container, self._run),
        )
        return [Absent(*row) for row in rows]

    def documents(self) -> int:
        """How many documents, copies included, the source gave and still counts as its own."""
        self.write()
        (count,) = self._connection.execute(
            "SELECT count(*) FROM items WHERE source = ? AND outcome = 'document'", (self._source,)
        ).fetchone()
        return int(count)

    def absent(self) -> list[Absent]:
        """Items that this run, having listed everything, did not see.

        An item in a container that was seen is present: containers speak for their items.
        """
        self.write()
        rows = self._connection.execute(
            "SELECT source_id, outcome FROM items AS item WHERE source = ? AND seen < ?"
            " AND NOT EXISTS (SELECT 1 FROM items AS box WHERE item.container <> ''"
            "  AND box.source = item.source AND box.source_id = item.container"
            "  AND box.seen = ?)",
            (self._source, self._run, self._run),
        )
        present = np.sort(np.frombuffer(self._present, np.uint64))
        absent: list[Absent] = []
        while chunk := rows.fetchmany(4096):
            hashes = np.array(
                [xxhash.xxh3_64_intdigest(name.encode()) for name, _ in chunk], np.uint64
            )
            unseen = np.searchsorted(present, hashes) == np.searchsorted(present, hashes, "right")
            absent += [Absent(*chunk[row]) for row in np.flatnonzero(unseen)]
        return absent

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


class _Ahead:
    """Look-ups that read on: a walk asks for items in the order in which they lie.

    As long as half of what was read is asked for, four times as much is read the next
    time, up to 1,024 rows (1 us each instead of 5); else a quarter, down to the one.
    """

    def __init__(self, connection: sqlite3.Connection, source: str, recipe: int) -> None:
        self._connection = connection
        self._source = source
        self._recipe = recipe
        self._rows, self._used = 1, 0
        self._read: dict[str, _Known] = {}
        self._first, self._last = "", ""
        """What is known lies between these, both included; none where the last is ``""``."""

    def look_up(self, source_id: str) -> _Known | None:
        """What is on record of an item."""
        if not self._first <= source_id <= self._last:
            self._read_on(source_id)
        known = self._read.get(source_id)
        self._used += known is not None
        return known

    def drop(self, source_id: str) -> None:
        """Read again before anything is told of this item, there or not."""
        if self._first <= source_id <= self._last:
            self._first, self._last = "", ""

    def _read_on(self, source_id: str) -> None:
        used = 2 * self._used >= self._rows
        self._rows = min(self._rows * 4, 1024) if used else max(self._rows // 4, 1)
        rows = self._connection.execute(
            "SELECT source_id, iif(recipe = ?, fingerprint, ''), outcome, container FROM items"
            " WHERE source = ? AND source_id >= ? ORDER BY source_id LIMIT ?",
            (self._recipe, self._source, source_id, self._rows),
        ).fetchall()
        self._read = {name: _Known(*known) for name, *known in rows}
        self._used = 0
        self._first = source_id
        # Fewer rows than were asked for: there is nothing behind them.
        self._last = rows[-1][0] if len(rows) == self._rows else chr(0x10FFFF)


def recipe_number(connection: sqlite3.Connection, version: str) -> int:
    """The number that stands for a recipe's version, made where it is new."""
    row = connection.execute("SELECT number FROM recipes WHERE version = ?", (version,)).fetchone()
    if row is None:
        made = "INSERT INTO recipes (version) VALUES (?) RETURNING number"
        row = connection.execute(made, (version,)).fetchone()
    return int(row[0])
