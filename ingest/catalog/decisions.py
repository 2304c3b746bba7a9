"""What was decided about each document, and the questions that the rules ask of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from ingest.catalog.rows import OPEN
from ingest.documents import Dropped, Kept, Standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ingest.catalog.rows import Row, Rows
    from ingest.documents import Decision, Kind

REPRESENTS: Final = "represents = 1"
"""Condition of the documents that later ones are compared with for stories."""

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

SURVIVES: Final = "(state IN (1, 4) OR state = 3 AND kind = 'story')"
"""Condition of the documents that later ones are compared with for copies."""


class Decisions:
    """Decisions over the rows of a batch.  ``priorities``: rank of each source, larger is better.

    Answers are in order of arrival; what is changed is written with the rows.
    """

    def __init__(self, rows: Rows, *, priorities: Mapping[str, int], run: int) -> None:
        self._rows = rows
        self._priorities = priorities
        self._run = run

    # --- questions --------------------------------------------------------------------

    def standing(self, number: int) -> Standing:
        """How a document stands now."""
        return self._standing(self._rows.numbered(number))

    def twins(self, number: int) -> list[Standing]:
        """Other survivors with the same canonical text."""
        rows = self._rows.with_text(self._rows.numbered(number).content_hash)
        return self._standings([row for row in rows if row.number != number and _survives(row)])

    def survivors(self, numbers: Iterable[int]) -> list[Standing]:
        """Those of the documents that are survivors among their copies."""
        return self._standings([row for row in self._rows.among(numbers) if _survives(row)])

    def representing(self, numbers: Iterable[int]) -> list[Standing]:
        """Those of the documents that stand for a story."""
        return self._standings([row for row in self._rows.among(numbers) if row.represents])

    def representatives(self, story_id: str) -> list[Standing]:
        """The documents that stand for a story."""
        return self._standings([row for row in self._rows.heads(story_id) if row.represents])

    def copies(self, number: int) -> list[Standing]:
        """Documents dropped or linked against this one as exact or near."""
        return self._standings(self._rows.copies(number))

    def members(self, number: int) -> list[Standing]:
        """The other documents of the story that this one represents; none if it does not."""
        row = self._rows.numbered(number)
        story = self._rows.story(row.story_id) if row.represents else ()
        return self._standings(
            [
                other
                for other in story
                if other.number != number and other.state in {LEADER, DROPPED, MEMBER}
            ]
        )

    def kind(self, number: int) -> Kind | Literal[""]:
        """What a document was decided as; ``""`` for one that leads its story."""
        return self._rows.numbered(number).kind

    def led(self, story_id: str) -> bool:
        """Whether a document leads this story now."""
        return any(row.state == LEADER for row in self._rows.heads(story_id))

    # --- changes of mind --------------------------------------------------------------

    def reopen(self, standing: Standing) -> None:
        """Undo what was decided; the story that the document had is remembered."""
        row = self._rows.numbered(standing.number)
        self._rows.change(row, OPEN, row.story_id)

    def survive(self, standing: Standing, story_id: str) -> None:
        """Keep as survivor, its story still to be decided."""
        self._rows.change(self._rows.numbered(standing.number), SURVIVOR, story_id)

    def decide(
        self,
        standing: Standing,
        decision: Decision,
        story_id: str = "",
        *,
        represents: bool = False,
    ) -> None:
        """Keep a decision, and note what it changes in the corpus."""
        row = self._rows.numbered(standing.number)
        if isinstance(decision, Kept):
            self._rows.change(row, LEADER, story_id)
            self._rows.judged(row, None, self._run)
        else:
            state = DROPPED if isinstance(decision, Dropped) else MEMBER
            self._rows.change(row, state, story_id, decision.kind, decision.of)
            self._rows.judged(row, decision.evidence, self._run)
        row.represents = represents
        self._touch(row, decision)

    def _touch(self, row: Row, decision: Decision) -> None:
        """A document's line may have changed, and with its story those of its copies.

        Being dropped is the reason of a removal whatever came before; being decided
        otherwise explains nothing that is noted already (``new``, ``changed``).
        """
        if isinstance(decision, Dropped):
            self._rows.touch(row.id, decision.kind)
        for other in (row, *self._rows.copies(row.number)):
            self._rows.follow(other.id, DECIDED)

    # --- rows -------------------------------------------------------------------------

    def _standings(self, rows: list[Row]) -> list[Standing]:
        rows.sort(key=lambda row: row.arrival)
        return [self._standing(row) for row in rows]

    def _standing(self, row: Row) -> Standing:
        if row.standing is None:
            row.standing = Standing(
                number=row.number,
                id=row.id,
                arrival=row.arrival,
                words=row.words,
                priority=self._priorities.get(row.source, 0),
                created=row.created,
                story_id=row.story_id,
                leads=row.state == LEADER,
            )
        return row.standing


def _survives(row: Row) -> bool:
    """`SURVIVES`, of a row in memory."""
    return row.state in {LEADER, SURVIVOR} or (row.state == MEMBER and row.kind == "story")
