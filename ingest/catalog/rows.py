"""The documents that batches touch: looked up once, changed in memory, written at a batch's end.

A unit of work (Fowler, *Patterns of Enterprise Application Architecture*, 2002) with an
identity map.  A document costs one insertion instead of twenty statements, and whatever
is asked of the batch's own documents costs none.

Each question first loads the rows of the catalog that may answer it, unless they were
loaded before, and then looks among the rows in memory alone.  That is right, since a row
that answers either is as the catalog has it, and was loaded, or was changed here.  Rows
stay for later batches, which ask of the same stories and survivors, as long as nobody
else writes to the catalog: whoever knows better says `Rows.clear`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeVar

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ingest.catalog.packed import Packed
    from ingest.documents import Evidence, Kind, Signature, Standing

K = TypeVar("K")
V = TypeVar("V")

OPEN: Final = 0
"""Not decided, or to be decided again."""

KEPT: Final = 16_384
"""Rows kept from batch to batch, some 2 kB each; with more, all are let go at a batch's end."""

# SQLite's default limit on the number of parameters is 32,766 since 3.32.
_AT_ONCE = 500
_ROW = (
    "number, id, arrival, source, words, created, content_hash, digest, added,"
    " state, kind, of_number, story_id, represents"
)
_Verdict: TypeAlias = "tuple[str, float, float, float, float, float, int]"
_NO_VERDICT: _Verdict = ("", 0.0, 0.0, 0.0, 0.0, 0.0, 0)


@dataclass(slots=True)
class Row:
    """A version of a document, as far as decisions look at it, as the batch has it now."""

    number: int
    id: str
    arrival: int
    source: str
    words: int
    created: str
    content_hash: bytes
    digest: bytes
    added: str
    state: int = OPEN
    kind: Kind | Literal[""] = ""
    of_number: int | None = None
    story_id: str = ""
    represents: int = 0
    standing: Standing | None = None
    """What `decisions` last said of it; None where it has changed since."""


@dataclass(slots=True)
class _Arrived:
    packed: Packed
    signature: Signature
    run: int


class Rows:
    """Rows over one connection.  Statements join whatever transaction is open."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.clear()

    def clear(self) -> None:
        """Let go of everything, what was changed and not written too.

        For when a batch fails, and when another process has written to the catalog.
        """
        self._rows: dict[int, Row] = {}
        self._by_id: dict[str, Row] = {}
        self._by_text: defaultdict[bytes, set[int]] = defaultdict(set)
        self._by_survivor: defaultdict[int, set[int]] = defaultdict(set)
        self._by_story: defaultdict[str, set[int]] = defaultdict(set)
        self._loaded: set[tuple[str, object]] = set()
        self._arrived: dict[int, _Arrived] = {}
        self._deleted: set[int] = set()
        self._changed: set[int] = set()
        self._verdicts: dict[int, tuple[_Verdict, int]] = {}
        self._reasons: dict[str, str] = {}
        self._followed: dict[str, str] = {}
        self._next = 0

    def prefetch(self, ids: Sequence[str], texts: Sequence[bytes]) -> None:
        """Load at once what deciding new documents with these identities and texts asks."""
        for some in chunks(ids):
            marks = marks_of(some)
            self._load(f"id IN ({marks})", some)
            self._load(_HEADS.format(f"IN ({marks})"), some)
        for hashes in chunks(texts):
            self._load(f"content_hash IN ({marks_of(hashes)})", hashes)
        self._loaded.update(("id", id_) for id_ in ids)
        self._loaded.update(("heads", id_) for id_ in ids)
        self._loaded.update(("text", text) for text in texts)

    # --- questions --------------------------------------------------------------------

    def numbered(self, number: int) -> Row:
        """The document of a number; raises KeyError where there is none."""
        if number not in self._rows and number not in self._deleted:
            self._load("number = ?", (number,))
        return self._rows[number]

    def identified(self, id_: str) -> Row | None:
        """The version of an identity that holds now."""
        self._once("id", id_, "id = ?")
        return self._by_id.get(id_)

    def among(self, numbers: Iterable[int]) -> list[Row]:
        """The documents of those numbers that there are."""
        wanted = list(numbers)
        missing = [n for n in wanted if n not in self._rows and n not in self._deleted]
        for some in chunks(missing):
            self._load(f"number IN ({marks_of(some)})", some)
        return [self._rows[number] for number in wanted if number in self._rows]

    def with_text(self, content_hash: bytes) -> list[Row]:
        """Documents with this canonical text."""
        self._once("text", content_hash, "content_hash = ?")
        return self._all(self._by_text, content_hash)

    def copies(self, number: int) -> list[Row]:
        """Documents decided against this one as exact or near."""
        if number not in self._arrived:
            self._once("copies", number, "of_number = ? AND kind <> 'story'")
        return [row for row in self._all(self._by_survivor, number) if row.kind != "story"]

    def heads(self, story_id: str) -> list[Row]:
        """Documents that lead or represent a story, and any others of it that are loaded."""
        self._once("heads", story_id, _HEADS.format("= ?"))
        return self._all(self._by_story, story_id)

    def story(self, story_id: str) -> list[Row]:
        """Every document of a story."""
        self._once("story", story_id, "story_id = ? AND story_id <> ''")
        return self._all(self._by_story, story_id)

    def text(self, number: int) -> bytes | None:
        """The packed text of a document that has arrived and is not written yet."""
        arrived = self._arrived.get(number)
        return arrived.packed.text if arrived else None

    # --- changes ----------------------------------------------------------------------

    def add(
        self, packed: Packed, signature: Signature, *, run: int, added: str, old: Row | None
    ) -> Row:
        """Take in a version, undecided; in place of ``old`` where given.

        A version keeps its identity's arrival, time of adding and story.
        The number is new in either case: what indexes say of a number never changes.
        """
        number = self._number()
        row = Row(
            number,
            packed.id,
            old.arrival if old else number,
            packed.source,
            packed.words,
            packed.created,
            packed.content_hash,
            packed.digest,
            old.added if old else added,
            story_id=old.story_id if old else "",
        )
        if old:
            self.remove(old)
        self._keep(row)
        self._arrived[number] = _Arrived(packed, signature, run)
        return row

    def remove(self, row: Row) -> None:
        """Take out a version, with its text and signatures."""
        self._leave(row)
        del self._rows[row.number], self._by_id[row.id]
        self._by_text[row.content_hash].discard(row.number)
        self._changed.discard(row.number)
        self._verdicts.pop(row.number, None)
        if self._arrived.pop(row.number, None) is None:
            self._deleted.add(row.number)

    def change(
        self,
        row: Row,
        state: int,
        story_id: str,
        kind: Kind | Literal[""] = "",
        of_number: int | None = None,
    ) -> None:
        """Set how a document stands; it represents no story until it is said to."""
        self._leave(row)
        row.state, row.kind, row.of_number = state, kind, of_number
        row.story_id, row.represents, row.standing = story_id, 0, None
        self._enter(row)
        self._changed.add(row.number)

    def judged(self, row: Row, evidence: Evidence | None, run: int) -> None:
        """Keep why a document stands as it does; None where it is decided against nothing."""
        verdict = _NO_VERDICT
        if evidence:
            verdict = (
                evidence.rule,
                evidence.similarity,
                evidence.jaccard,
                evidence.containment,
                evidence.story_similarity,
                evidence.estimated_jaccard,
                evidence.shared_bands,
            )
        self._verdicts[row.number] = verdict, run

    def touch(self, id_: str, reason: str) -> None:
        """Note why what is published of an identity may no longer be right."""
        self._reasons[id_] = reason

    def follow(self, id_: str, reason: str) -> None:
        """Note the same where there is no reason yet."""
        self._followed.setdefault(id_, reason)

    # --- the catalog ------------------------------------------------------------------

    def write(self) -> None:
        """Bring the catalog to what is here, in the transaction that is open."""
        execute = self._connection.executemany
        for table in ("documents", "texts", "signatures"):
            execute(f"DELETE FROM {table} WHERE number = ?", ((n,) for n in self._deleted))  # noqa: S608 - named above
        execute(_INSERT, (self._inserted(*one) for one in self._arrived.items()))
        execute(
            "INSERT INTO texts (number, text) VALUES (?, ?)",
            ((number, one.packed.text) for number, one in self._arrived.items()),
        )
        execute(
            "INSERT INTO signatures (number, near, terms) VALUES (?, ?, ?)",
            (_signed(number, one.signature) for number, one in self._arrived.items()),
        )
        standing = self._changed - self._arrived.keys()
        execute(_STANDS, (self._stands(number) for number in standing))
        execute(
            _JUDGED,
            ((*self._verdict(number), number) for number in standing & self._verdicts.keys()),
        )
        execute(_TOUCH, self._reasons.items())
        execute(_FOLLOW, self._followed.items())
        self._spend_numbers()
        self._written()

    def _written(self) -> None:
        """Go on with rows that are as the catalog has them."""
        if len(self._rows) > KEPT:
            self.clear()
            return
        # Nothing was decided against a document before it came.
        self._loaded.update(("copies", number) for number in self._arrived)
        for changes in (self._arrived, self._verdicts, self._reasons, self._followed):
            changes.clear()
        self._deleted.clear()
        self._changed.clear()
        self._next = 0

    def _spend_numbers(self) -> None:
        """Numbers given to versions that went again in the same batch are spent too."""
        if self._next:
            spent = ("documents", self._next)
            self._connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", spent[:1])
            self._connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", spent)

    def _inserted(self, number: int, arrived: _Arrived) -> tuple[object, ...]:
        row, packed = self._rows[number], arrived.packed
        return (
            number,
            row.id,
            row.arrival,
            *packed.columns,
            row.added,
            arrived.run,
            row.content_hash,
            row.digest,
            row.state,
            row.kind,
            row.of_number,
            row.story_id,
            row.represents,
            *self._verdict(number),
        )

    def _stands(self, number: int) -> tuple[object, ...]:
        row = self._rows[number]
        return row.state, row.kind, row.of_number, row.story_id, row.represents, number

    def _verdict(self, number: int) -> tuple[object, ...]:
        verdict, run = self._verdicts.get(number, (_NO_VERDICT, 0))
        return *verdict, run

    def _number(self) -> int:
        if not self._next:
            row = self._connection.execute(
                "SELECT seq FROM sqlite_sequence WHERE name = 'documents'"
            ).fetchone()
            self._next = int(row[0]) if row else 0
        self._next += 1
        return self._next

    def _once(self, question: str, key: str | int | bytes, condition: str) -> None:
        if (question, key) not in self._loaded:
            self._loaded.add((question, key))
            self._load(condition, (key,))

    def _load(self, condition: str, values: Sequence[str | int | bytes]) -> None:
        """Take in rows that are not known here; what is known is newer than the catalog's."""
        found = self._connection.execute(
            f"SELECT {_ROW} FROM documents WHERE {condition}",  # noqa: S608 - conditions are this module's
            values,
        )
        for row in found:
            if row[0] not in self._rows and row[0] not in self._deleted:
                self._keep(Row(*row))

    # --- in memory --------------------------------------------------------------------

    def _keep(self, row: Row) -> None:
        self._rows[row.number] = row
        self._by_id[row.id] = row
        self._by_text[row.content_hash].add(row.number)
        self._enter(row)

    def _enter(self, row: Row) -> None:
        if row.of_number is not None:
            self._by_survivor[row.of_number].add(row.number)
        if row.story_id:
            self._by_story[row.story_id].add(row.number)

    def _leave(self, row: Row) -> None:
        if row.of_number is not None:
            self._by_survivor[row.of_number].discard(row.number)
        if row.story_id:
            self._by_story[row.story_id].discard(row.number)

    def _all(self, index: Mapping[K, set[int]], key: K) -> list[Row]:
        return [self._rows[number] for number in index.get(key, ())]


def _signed(number: int, signature: Signature) -> tuple[object, ...]:
    return number, signature.near.tobytes(), signature.terms


def chunks(values: Sequence[V]) -> Iterator[Sequence[V]]:
    """Values in parts that one statement takes as parameters."""
    for start in range(0, len(values), _AT_ONCE):
        yield values[start : start + _AT_ONCE]


def marks_of(values: Sequence[object]) -> str:
    """Parameters for so many values, between the brackets of an ``IN``."""
    return ",".join("?" * len(values))


# A partial index is only used where its condition is in the query.
_HEADS = "story_id {} AND story_id <> '' AND (represents = 1 OR state = 1)"
_INSERT = (
    "INSERT INTO documents (number, id, arrival, source, source_id, url, title, author, language,"
    " created, words, extractor, metadata, added, run, content_hash, digest, state, kind,"
    " of_number, story_id, represents, rule, similarity, jaccard, containment, story_similarity,"
    " estimated_jaccard, shared_bands, decided)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
    " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_STANDS = (
    "UPDATE documents SET state = ?, kind = ?, of_number = ?, story_id = ?, represents = ?"
    " WHERE number = ?"
)
_JUDGED = (
    "UPDATE documents SET rule = ?, similarity = ?, jaccard = ?, containment = ?,"
    " story_similarity = ?, estimated_jaccard = ?, shared_bands = ?, decided = ? WHERE number = ?"
)
_TOUCH = (
    "INSERT INTO pending (id, reason) VALUES (?, ?)"
    " ON CONFLICT (id) DO UPDATE SET reason = excluded.reason"
)
_FOLLOW = "INSERT OR IGNORE INTO pending (id, reason) VALUES (?, ?)"
