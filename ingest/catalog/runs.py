"""The run ledger: which runs there were, of which sources, and how they ended."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Mapping

_EVENTS = ("new", "updated", "removed", "quarantined", "exact", "near", "story")

Status: TypeAlias = Literal["running", "done", "failed", "cancelled", "killed"]


@dataclass(frozen=True, slots=True)
class SourceRun:
    """One source's part in a run; times ISO 8601 in UTC, ``ended`` empty while it runs."""

    source: str
    started: str
    ended: str
    status: Status
    counts: Mapping[str, int]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One run with its parts."""

    number: int
    run_id: str
    started: str
    ended: str
    status: Status
    counts: Mapping[str, int]
    sources: tuple[SourceRun, ...] = field(default=())


class Runs:
    """The ledger over one connection; the writer begins and ends, anyone may look."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def begin(self, run_id: str, started: str, pid: int, alive: Collection[int] = ()) -> int:
        """Enter a new run; others that still say ``running`` were killed, since we hold the lock.

        ``alive``: numbers of runs of this process, which share the lock.
        """
        marks = ",".join("?" * len(alive))
        for table, key in (("runs", "number"), ("source_runs", "run")):
            self._connection.execute(
                f"UPDATE {table} SET status = 'killed', ended = ?"  # noqa: S608 - one of two names above
                f" WHERE status = 'running' AND {key} NOT IN ({marks})",
                (started, *alive),
            )
        row = self._connection.execute(
            "INSERT INTO runs (run_id, started, status, pid) VALUES (?, ?, 'running', ?)"
            " RETURNING number",
            (run_id, started, pid),
        ).fetchone()
        return int(row[0])

    def begin_source(self, run: int, source: str, started: str) -> None:
        """Enter one source's part."""
        self._connection.execute(
            "INSERT OR REPLACE INTO source_runs (run, source, started, status)"
            " VALUES (?, ?, ?, 'running')",
            (run, source, started),
        )

    def end_source(self, run: int, part: SourceRun) -> None:
        """Close one source's part with its counts and error."""
        self._connection.execute(
            "UPDATE source_runs SET ended = ?, status = ?, counts = ?, error = ?"
            " WHERE run = ? AND source = ?",
            (part.ended, part.status, json.dumps(part.counts), part.error, run, part.source),
        )

    def end(self, run: int, ended: str, status: Status, counts: Mapping[str, int]) -> None:
        """Close the run."""
        self._connection.execute(
            "UPDATE runs SET ended = ?, status = ?, counts = ? WHERE number = ?",
            (ended, status, json.dumps(counts), run),
        )

    def prune(self, keep: int) -> int:
        """Drop runs in which nothing happened, but for the newest ``keep``; how many.

        A run that is the newest of one of its sources stays, as does every run that any
        document may name as the one that decided it.
        """
        quiet = " AND ".join(f"coalesce(counts ->> '$.{name}', 0) = 0" for name in _EVENTS)
        numbers = self._connection.execute(
            "SELECT number FROM runs WHERE number <= (SELECT max(number) FROM runs) - ?"  # noqa: S608 - names of this module
            f" AND status IN ('done', 'cancelled', 'killed') AND counts <> '{{}}' AND {quiet}"
            " AND EXISTS (SELECT 1 FROM source_runs WHERE run = number)"
            " AND NOT EXISTS (SELECT 1 FROM source_runs AS part WHERE part.run = number"
            "  AND NOT EXISTS (SELECT 1 FROM source_runs AS later"
            "   WHERE later.source = part.source AND later.run > part.run))",
            (keep,),
        ).fetchall()
        for table, key in (("source_runs", "run"), ("runs", "number")):
            self._connection.executemany(f"DELETE FROM {table} WHERE {key} = ?", numbers)  # noqa: S608 - one of two names above
        return len(numbers)

    def latest(self, limit: int) -> list[Run]:
        """The newest runs, newest first."""
        rows = self._connection.execute(
            "SELECT number, run_id, started, ended, status, counts FROM runs"
            " ORDER BY number DESC LIMIT ?",
            (limit,),
        ).fetchall()
        return [self._run(row) for row in rows]

    def latest_of(self, source: str) -> SourceRun | None:
        """The newest part of a source, None where it never ran."""
        row = self._connection.execute(
            "SELECT source, started, ended, status, counts, error FROM source_runs"
            " WHERE source = ? ORDER BY run DESC LIMIT 1",
            (source,),
        ).fetchone()
        return _source_run(row) if row else None

    def recent_of(self, source: str, limit: int) -> list[SourceRun]:
        """The newest parts of a source, newest first."""
        rows = self._connection.execute(
            "SELECT source, started, ended, status, counts, error FROM source_runs"
            " WHERE source = ? ORDER BY run DESC LIMIT ?",
            (source, limit),
        ).fetchall()
        return [_source_run(row) for row in rows]

    def named(self, run_id: str) -> Run | None:
        """The run of that name, None where there is none."""
        row = self._connection.execute(
            "SELECT number, run_id, started, ended, status, counts FROM runs WHERE run_id = ?",
            (run_id,),
        ).fetchone()
        return self._run(row) if row else None

    def _run(self, row: tuple[int, str, str, str, Status, str]) -> Run:
        number, run_id, started, ended, status, counts = row
        parts = self._connection.execute(
            "SELECT source, started, ended, status, counts, error FROM source_runs"
            " WHERE run = ? ORDER BY started, source",
            (number,),
        ).fetchall()
        sources = tuple(_source_run(part) for part in parts)
        return Run(number, run_id, started, ended, status, json.loads(counts), sources)


def _source_run(row: tuple[str, str, str, Status, str, str]) -> SourceRun:
    source, started, ended, status, counts, error = row
    return SourceRun(source, started, ended, status, json.loads(counts), error)
