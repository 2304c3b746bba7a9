"""The run ledger: which runs there were, of which sources, and how they ended."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

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

    def begin(self, run_id: str, started: str, pid: int) -> int:
        """Enter a new run; whatever still says ``running`` was killed, since we hold the lock."""
        for table in ("runs", "source_runs"):
            self._connection.execute(
                f"UPDATE {table} SET status = 'killed', ended = ? WHERE status = 'running'",  # noqa: S608 - one of two names above
                (started,),
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
