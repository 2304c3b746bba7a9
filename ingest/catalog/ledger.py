"""What publishing asks of the catalog (`publish.ledger.Ledger`), answered from its tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ingest.catalog.meta import get_meta, set_meta
from ingest.catalog.packed import unpack_text
from ingest.errors import StoreError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Mapping

# The shapes of `publish.ledger` without importing it: stages never import each other.
# `make_wanted(table, id, body, reason)` and `make_published(table, id, revision, digest,
# shard)` build its values; a staged row comes back as a tuple of the latter's fields.
# `make_link(fields by name)` builds the body of a link.

_SETTLED: Final = "settled"
_SEALED: Final = "sealed"

_NEW_SHARDS: Final = """
INSERT INTO shards (line, name) SELECT DISTINCT line, shard FROM staged AS r
WHERE shard <> '' AND NOT EXISTS
    (SELECT 1 FROM shards AS h WHERE h.line = r.line AND h.name = r.shard)
"""
_NOW_PUBLISHED: Final = """
INSERT OR REPLACE INTO published (line, id, revision, digest, shard)
SELECT line, id, revision, digest,
    (SELECT number FROM shards AS h WHERE h.line = r.line AND h.name = r.shard LIMIT 1)
FROM staged AS r
"""

_DOCUMENTS: Final = """
SELECT p.id, p.reason, d.number IS NOT NULL AND d.state IN (1, 3), d.number,
    d.source, d.source_id, d.url, d.title, d.author, d.language, d.created, d.added,
    d.words, lower(hex(d.content_hash)), iif(d.kind IN ('', 'story'), d.story_id, s.story_id),
    iif(d.state = 1, 1.0, d.similarity), d.extractor, r.run_id, d.metadata,
    o.revision, o.digest, h.name
FROM pending AS p
LEFT JOIN documents AS d ON d.id = p.id
LEFT JOIN documents AS s ON s.number = d.of_number
LEFT JOIN runs AS r ON r.number = d.decided
LEFT JOIN published AS o ON o.line = 'documents' AND o.id = p.id
LEFT JOIN shards AS h ON h.number = o.shard
WHERE o.id IS NOT NULL OR d.state IN (1, 3)
ORDER BY d.number IS NULL, d.arrival, p.id
"""
"""What is to be out or was out once: of a document that was dropped at once nothing is said."""

_LINKS: Final = """
SELECT p.id, p.reason, d.state IN (2, 3) AND s.number IS NOT NULL,
    d.kind, s.id, s.story_id, d.source, d.source_id, s.source, s.source_id,
    d.similarity, d.jaccard, d.containment, d.story_similarity, d.shared_bands, d.rule, r.run_id,
    o.revision, o.digest, h.name
FROM pending AS p
LEFT JOIN documents AS d ON d.id = p.id
LEFT JOIN documents AS s ON s.number = d.of_number
LEFT JOIN runs AS r ON r.number = d.decided
LEFT JOIN published AS o ON o.line = 'links' AND o.id = p.id
LEFT JOIN shards AS h ON h.number = o.shard
WHERE o.id IS NOT NULL OR d.state IN (2, 3) AND s.number IS NOT NULL
ORDER BY d.number IS NULL, d.arrival, p.id
"""
_LINK: Final = (
    "kind", "of", "group", "source", "source_id", "of_source", "of_source_id", "similarity",
    "jaccard", "containment", "story_similarity", "shared_bands", "rule", "run_id",
)  # fmt: skip


class SQLiteLedger:
    """The ledger over one connection; the caller holds the store's lock."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        make_wanted: Callable[..., Any],
        make_published: Callable[..., Any],
        make_link: Callable[[Mapping[str, Any]], dict[str, Any]],
    ) -> None:
        self._connection = connection
        self._wanted = make_wanted
        self._published = make_published
        self._link = make_link

    def settled(self) -> int:
        """Sequence number of the newest settled generation; 0 before the first."""
        return int(get_meta(self._connection, _SETTLED, "0"))

    def possible(self) -> set[int]:
        """Sequence numbers that the corpus may be at: `settled`, and what was sealed since."""
        settled = self.settled()
        return {settled, self._sealed() or settled}

    def _sealed(self) -> int:
        return int(get_meta(self._connection, _SEALED, "0"))

    def pending(self) -> Iterator[tuple[Any, Any]]:
        """Every line that may differ from what is out, documents first, in order of arrival.

        Raises `StoreError` where a text is not what was stored: it must not go out.
        """
        for row in self._connection.execute(_DOCUMENTS):
            *known, revision, digest, shard = row
            yield self._pair("documents", known, self._record, (revision, digest, shard))
        for row in self._connection.execute(_LINKS):
            *known, revision, digest, shard = row
            yield self._pair("links", known, self._link_of, (revision, digest, shard))

    def _pair(
        self,
        table: str,
        known: list[Any],
        body: Callable[[list[Any]], dict[str, Any]],
        out: tuple[int | None, str, str | None],
    ) -> tuple[Any, Any]:
        id_, reason, wanted = known[:3]
        revision, digest, shard = out
        there = None
        if revision is not None:
            there = self._published(table, id_, revision, digest, shard or "")
        if wanted:
            reason = _reason(reason, there=bool(shard))
        return self._wanted(table, id_, body(known) if wanted else None, reason), there

    def _record(self, known: list[Any]) -> dict[str, Any]:
        id_, number = known[0], known[3]
        (text,) = self._connection.execute(
            "SELECT text FROM texts WHERE number = ?", (number,)
        ).fetchone()
        return _record(id_, known[4:], text)

    def _link_of(self, known: list[Any]) -> dict[str, Any]:
        return self._link({"id": known[0], **dict(zip(_LINK, known[3:], strict=True))})

    def stage(self, sequence: int, rows: Iterable[Any]) -> None:  # noqa: ARG002 - one publication at a time
        """Keep how lines will be once ``sequence`` is visible."""
        self._begin()
        self._connection.executemany(
            "INSERT OR REPLACE INTO staged (line, id, revision, digest, shard)"
            " VALUES (?, ?, ?, ?, ?)",
            rows,
        )

    def moved(self, sequence: int, table: str, old: Iterable[str], new: str) -> None:  # noqa: ARG002 - as above
        """Stage that lines of the shards ``old`` are in ``new``, unless staged otherwise."""
        self._begin()
        self._connection.executemany(
            "INSERT OR REPLACE INTO moved (line, old, new) VALUES (?, ?, ?)",
            ((table, name, new) for name in old),
        )

    def seal(self, sequence: int) -> None:
        """Commit everything staged; durable when this returns."""
        self._begin()
        set_meta(self._connection, _SEALED, str(sequence))
        self._connection.execute("COMMIT")

    def settle(self, sequence: int, *, seen: bool = True) -> None:
        """Make what is staged the published state, and clear what was pending if it was ``seen``.

        Raises `StoreError` for a sequence number that was not sealed.  A kill between the
        rename and this makes it be called again: settling what is settled is harmless.
        """
        sealed = self._sealed()
        if sequence not in {self.settled(), sealed}:
            raise StoreError(
                f"the catalog knows nothing of generation {sequence} of the corpus",
                hint="Run `ingest corpus verify --repair`.",
            )
        self._begin()
        if sequence == sealed:
            self._apply()
        self._clear("staged", "moved")
        if seen:
            self._clear("pending")
        set_meta(self._connection, _SETTLED, str(sequence))
        set_meta(self._connection, _SEALED, "0")
        self._connection.execute("COMMIT")

    def _apply(self) -> None:
        execute = self._connection.execute
        for line, old, new in execute("SELECT line, old, new FROM moved").fetchall():
            execute("UPDATE shards SET name = ? WHERE line = ? AND name = ?", (new, line, old))
        execute(_NEW_SHARDS)
        execute(_NOW_PUBLISHED)

    def discard(self) -> None:
        """Forget whatever is staged and not settled; what was pending stays pending."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._begin()
        self._clear("staged", "moved")
        set_meta(self._connection, _SEALED, "0")
        self._connection.execute("COMMIT")

    # --- repair -----------------------------------------------------------------------

    def published(self) -> Iterator[Any]:
        """Every line that is out, as the catalog knows it."""
        rows = self._connection.execute(
            "SELECT o.line, o.id, o.revision, o.digest, h.name FROM published AS o"
            " JOIN shards AS h ON h.number = o.shard"
        )
        return (self._published(*row) for row in rows)

    def pend(self, shards: Iterable[str] | None) -> None:
        """Make every line of these shards pending (None: every line there is); durable."""
        self._begin()
        if shards is None:
            self._pend_all()
        else:
            self._connection.executemany(
                "INSERT OR IGNORE INTO pending (id, reason) SELECT o.id, 'repaired'"
                " FROM published AS o JOIN shards AS h ON h.number = o.shard WHERE h.name = ?",
                ((name,) for name in shards),
            )
        self._connection.execute("COMMIT")

    def skip(self, sequence: int) -> None:
        """Count on from ``sequence``, which a store gave out that this one replaces; durable."""
        self.discard()
        set_meta(self._connection, _SETTLED, str(sequence))

    def adopt(self, sequence: int, rows: Iterable[Any]) -> None:
        """Believe the corpus: exactly ``rows`` are out, as of ``sequence``; durable."""
        self.discard()
        self.stage(sequence, rows)
        self._connection.execute("UPDATE published SET shard = NULL")
        self._apply()
        self._clear("staged", "moved")
        self._pend_all()
        set_meta(self._connection, _SETTLED, str(sequence))
        self._connection.execute("COMMIT")

    def _pend_all(self) -> None:
        self._connection.execute(
            "INSERT OR IGNORE INTO pending (id, reason)"
            " SELECT id, 'repaired' FROM documents UNION SELECT id, 'repaired' FROM published"
        )

    # --- statements -------------------------------------------------------------------

    def _clear(self, *tables: str) -> None:
        for table in tables:
            self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - this module's names

    def _begin(self) -> None:
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")


def _reason(reason: str, *, there: bool) -> str:
    """Why a line is added or changed, where only decisions about it did."""
    if reason in ("decided", "exact", "near", "story"):
        return "regrouped" if there else "promoted"
    return reason


def _record(id_: str, known: list[Any], text: bytes) -> dict[str, Any]:
    source, source_id, url, title, author, language, created, added = known[:8]
    words, content, story_id, story_similarity, extractor, run_id, metadata = known[8:]
    return {
        "schema": "ingest/record/v1",
        "id": id_,
        "revision": 1,  # publishing knows it where the document was out
        "source": source,
        "source_id": source_id,
        "url": url,
        "title": title,
        "author": author,
        "language": language,
        "created": created,
        "added": added,
        "text": unpack_text(text, content),
        "words": words,
        "content_hash": f"sha256:{content}",
        "story_id": story_id,
        "story_similarity": round(story_similarity, 6),
        "extractor": extractor,
        "run_id": run_id,
        "metadata": json.loads(metadata),
    }
