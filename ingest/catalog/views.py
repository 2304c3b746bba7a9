"""Questions that people and consumers ask of the catalog; nothing here changes anything."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ingest.errors import UsageError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

    from ingest.documents import Kind

_STATES = ("undecided", "kept", "dropped", "linked", "undecided")


@dataclass(frozen=True, slots=True)
class View:
    """One document as the catalog knows it; ``of`` and ``kind`` are ``""`` for one kept alone.

    ``story_id`` is the survivor's for a copy.  ``figures`` holds the evidence by name.
    """

    number: int
    id: str
    source: str
    source_id: str
    title: str
    url: str
    author: str
    language: str
    created: str
    added: str
    words: int
    extractor: str
    metadata: Mapping[str, str]
    state: str
    kind: Kind | str
    of: str
    of_number: int | None
    story_id: str
    rule: str
    figures: Mapping[str, float]
    run_id: str


_VIEW = """
SELECT d.number, d.id, d.source, d.source_id, d.title, d.url, d.author, d.language, d.created,
    d.added, d.words, d.extractor, d.metadata, d.state, d.kind, coalesce(s.id, ''), d.of_number,
    iif(d.kind IN ('', 'story'), d.story_id, s.story_id), d.rule, coalesce(r.run_id, ''),
    d.similarity, d.jaccard, d.containment, d.story_similarity, d.estimated_jaccard, d.shared_bands
FROM documents AS d
LEFT JOIN documents AS s ON s.number = d.of_number
LEFT JOIN runs AS r ON r.number = d.decided
"""
_COLUMNS = (
    "number", "id", "source", "source_id", "title", "url", "author", "language", "created",
    "added", "words", "extractor", "metadata", "state", "kind", "of", "of_number", "story_id",
    "rule", "run_id",
)  # fmt: skip
_FIGURES = (
    "similarity", "jaccard", "containment", "story_similarity", "estimated_jaccard", "shared_bands",
)  # fmt: skip


class Views:
    """Read-only questions over one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def named(self, name: str) -> View:
        """The document that ``name`` means: an id, the beginning of one, or a source_id.

        Raises `UsageError` where none or several are meant.
        """
        found = self._select(
            "WHERE (length(?1) >= 4 AND d.id >= lower(?1) AND d.id < lower(?1) || 'g')"
            " OR d.source_id = ?1 ORDER BY d.arrival LIMIT 6",
            name,
        )
        if not found:
            raise UsageError(
                f"no document is called {name!r}",
                hint="Give an id, its first 4 or more digits, or a source_id; see `ingest dups`.",
            )
        if len(found) > 1:
            listed = "\n".join(f"  {view.id}  {view.source} {view.source_id}" for view in found)
            raise UsageError(f"{name!r} may mean several documents:\n{listed}")
        return found[0]

    def numbered(self, number: int) -> View:
        """The document of a number that exists."""
        return self._select("WHERE d.number = ?", number)[0]

    def decided_against(self, number: int) -> list[View]:
        """Documents that were decided against this one."""
        return self._select("WHERE d.of_number = ? ORDER BY d.arrival", number)

    def linked(self, kind: str = "") -> Iterator[View]:
        """Every document that was dropped or linked, of one kind where given, as they arrived."""
        return self._iterate(
            "WHERE d.of_number IS NOT NULL AND ? IN ('', d.kind) ORDER BY d.arrival", kind
        )

    def group_leaders(self, limit: int) -> list[View]:
        """Documents that others were decided against, the newest story first."""
        return self._select(
            "WHERE d.state = 1 AND EXISTS"
            " (SELECT 1 FROM documents AS m WHERE m.of_number = d.number)"
            " ORDER BY d.arrival DESC LIMIT ?",
            limit,
        )

    def alone(self, limit: int) -> list[View]:
        """Documents in no group, in order of arrival; at most ``limit``."""
        return self._select(
            "WHERE d.state = 1 AND NOT EXISTS"
            " (SELECT 1 FROM documents AS m WHERE m.of_number = d.number)"
            " ORDER BY d.arrival LIMIT ?",
            limit,
        )

    def counts(self) -> dict[str, int]:
        """How many documents there are by what was decided."""
        rows = self._connection.execute(
            "SELECT iif(kind = '', 'kept', kind), count(*) FROM documents GROUP BY 1"
        ).fetchall()
        return dict(sorted(rows))

    def sources(self) -> dict[str, int]:
        """How many documents each source has in the catalog."""
        rows = self._connection.execute(
            "SELECT source, count(*) FROM documents GROUP BY source ORDER BY source"
        )
        return dict(rows.fetchall())

    def corpus_size(self) -> int:
        """How many documents the corpus has, as decided."""
        (count,) = self._connection.execute(
            "SELECT count(*) FROM documents WHERE state IN (1, 3)"
        ).fetchone()
        return int(count)

    def _select(self, condition: str, *values: object) -> list[View]:
        return list(self._iterate(condition, *values))

    def _iterate(self, condition: str, *values: object) -> Iterator[View]:
        for row in self._connection.execute(_VIEW + condition, values):
            yield _view(row)


def _view(row: tuple[Any, ...]) -> View:
    known, figures = row[:20], row[20:]
    values = dict(zip(_COLUMNS, known, strict=True))
    values["metadata"] = json.loads(values["metadata"])
    values["state"] = _STATES[values["state"]]
    return View(**values, figures=dict(zip(_FIGURES, figures, strict=True)))
