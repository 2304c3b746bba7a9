"""What was decided about each document, and the questions that the rules ask of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from ingest.documents import Dropped, Evidence, Kept, Standing

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from ingest.documents import Decision, Kind

REPRESENTS: Final = "represents = 1"
"""Condition of the documents that later ones are compared with for stories."""

OPEN: Final = 0
"""Not decided, or to be decided again."""
LEADER: Final = 1
"""Kept; leads its story."""
DROPPED: Final = 2
"""Out of the corpus."""
MEMBER: Final = 3
"""In the corpus, linked to what it was decided against."""
SURVIVOR: Final = 4
"""A survivor among its copies whose story is not decided yet."""

DECIDED: Final = "decided"
"""Reason of a change that follows from decisions alone; see `ledger`."""

_STANDING = "number, id, arrival, words, source, created, story_id, state = 1"
SURVIVES: Final = "(state IN (1, 4) OR state = 3 AND kind = 'story')"
"""Condition of the documents that later ones are compared with for copies."""

# SQLite's default limit on the number of parameters is 32,766 since 3.32.
_AT_ONCE = 500


class Decisions:
    """Decisions over one connection.  ``priorities``: rank of each source, larger is better."""

    def __init__(
        self, connection: sqlite3.Connection, *, priorities: Mapping[str, int], run: int
    ) -> None:
        self._connection = connection
        self._priorities = priorities
        self._run = run

    # --- questions --------------------------------------------------------------------

    def standing(self, number: int) -> Standing:
        """How a document stands now."""
        return self._select("number = ?", (number,))[0]

    def twins(self, number: int) -> list[Standing]:
        """Other survivors with the same canonical text."""
        return self._select(
            f"{SURVIVES} AND number <> ?1"  # noqa: S608 - a constant
            " AND content_hash = (SELECT content_hash FROM documents WHERE number = ?1)",
            (number,),
        )

    def survivors(self, numbers: Iterable[int]) -> list[Standing]:
        """Those of the documents that are survivors among their copies."""
        return self._among(numbers, SURVIVES)

    def representing(self, numbers: Iterable[int]) -> list[Standing]:
        """Those of the documents that stand for a story."""
        return self._among(numbers, REPRESENTS)

    def representatives(self, story_id: str) -> list[Standing]:
        """The documents that stand for a story, in order of arrival."""
        return self._select(f"story_id = ? AND story_id <> '' AND {REPRESENTS}", (story_id,))

    def copies(self, number: int) -> list[Standing]:
        """Documents dropped or linked against this one as exact or near."""
        return self._select("of_number = ? AND kind <> 'story'", (number,))

    def members(self, number: int) -> list[Standing]:
        """The other documents of the story that this one represents; none if it does not."""
        return self._select(
            "story_id = (SELECT story_id FROM documents WHERE number = ?1 AND represents = 1)"
            " AND story_id <> ''"
            " AND number <> ?1 AND state IN (1, 2, 3)",
            (number,),
        )

    def kind(self, number: int) -> Kind | Literal[""]:
        """What a document was decided as; ``""`` for one that leads its story."""
        row = self._connection.execute(
            "SELECT kind FROM documents WHERE number = ?", (number,)
        ).fetchone()
        kind: Kind | Literal[""] = row[0]
        return kind

    def led(self, story_id: str) -> bool:
        """Whether a document leads this story now."""
        row = self._connection.execute(
            "SELECT 1 FROM documents WHERE story_id = ? AND story_id <> '' AND state = 1 LIMIT 1",
            (story_id,),
        ).fetchone()
        return row is not None

    # --- changes of mind --------------------------------------------------------------

    def reopen(self, standing: Standing) -> None:
        """Undo what was decided; the story that the document had is remembered."""
        self._connection.execute(
            "UPDATE documents SET state = 0, kind = '', of_number = NULL, represents = 0"
            " WHERE number = ?",
            (standing.number,),
        )

    def survive(self, standing: Standing, story_id: str) -> None:
        """Keep as survivor, its story still to be decided."""
        self._connection.execute(
            "UPDATE documents SET state = 4, kind = '', of_number = NULL, represents = 0,"
            " story_id = ? WHERE number = ?",
            (story_id, standing.number),
        )

    def decide(
        self,
        standing: Standing,
        decision: Decision,
        story_id: str = "",
        *,
        represents: bool = False,
    ) -> None:
        """Keep a decision, and note what it changes in the corpus."""
        state, kind, of_number, reason = _columns(decision)
        evidence = Evidence("", 0.0) if isinstance(decision, Kept) else decision.evidence
        self._connection.execute(
            "UPDATE documents SET state = ?, kind = ?, of_number = ?, story_id = ?,"
            " represents = ?, rule = ?,"
            " similarity = ?, jaccard = ?, containment = ?, story_similarity = ?,"
            " estimated_jaccard = ?, shared_bands = ?, decided = ? WHERE number = ?",
            (
                state,
                kind,
                of_number,
                story_id,
                represents,
                evidence.rule,
                evidence.similarity,
                evidence.jaccard,
                evidence.containment,
                evidence.story_similarity,
                evidence.estimated_jaccard,
                evidence.shared_bands,
                self._run,
                standing.number,
            ),
        )
        self._touch(standing, reason)

    def _touch(self, standing: Standing, reason: str) -> None:
        """A document's line may have changed, and with its story those of its copies.

        Being dropped is the reason of a removal whatever came before; being decided
        otherwise explains nothing that is noted already (``new``, ``changed``).
        """
        if reason != DECIDED:
            self._connection.execute(
                "INSERT OR REPLACE INTO pending (id, reason) VALUES (?, ?)", (standing.id, reason)
            )
        self._connection.execute(
            "INSERT OR IGNORE INTO pending (id, reason) SELECT id, ? FROM documents"
            " WHERE number = ? OR (of_number = ? AND kind <> 'story')",
            (DECIDED, standing.number, standing.number),
        )

    # --- statements -------------------------------------------------------------------

    def _among(self, numbers: Iterable[int], condition: str) -> list[Standing]:
        wanted = list(numbers)
        found: list[Standing] = []
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            found += self._select(f"number IN ({marks}) AND {condition}", some)
        return found

    def _select(self, condition: str, values: Sequence[object]) -> list[Standing]:
        rows = self._connection.execute(
            f"SELECT {_STANDING} FROM documents WHERE {condition} ORDER BY arrival",  # noqa: S608 - conditions are this module's
            values,
        )
        priorities = self._priorities
        return [
            Standing(
                number=number,
                id=id_,
                arrival=arrival,
                words=words,
                priority=priorities.get(source, 0),
                created=created,
                story_id=story_id,
                leads=bool(leads),
            )
            for number, id_, arrival, words, source, created, story_id, leads in rows
        ]


def _columns(decision: Decision) -> tuple[int, Kind | str, int | None, str]:
    """State, kind and other document of a decision, and its name among reasons of change."""
    if isinstance(decision, Kept):
        return LEADER, "", None, DECIDED
    if isinstance(decision, Dropped):
        return DROPPED, decision.kind, decision.of, decision.kind
    return MEMBER, decision.kind, decision.of, DECIDED
