"""The ledger of runs: how each ended, that the killed are known, and what may be dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ingest.catalog.database import open_database
from ingest.catalog.runs import Run, Runs, SourceRun

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ingest.catalog.runs import Status


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    connection = open_database(tmp_path / "catalog.db", write=True)
    yield Runs(connection)
    connection.close()


def once(
    runs: Runs,
    source: str = "s",
    *,
    status: Status = "done",
    counts: dict[str, int] | None = None,
) -> int:
    """A run from its beginning to its end, of one source."""
    number = runs.begin(f"run-{source}-{len(runs.latest(1000))}", "t0", 1)
    counts = {"read": 1} if counts is None else counts
    runs.begin_source(number, source, "t0")
    runs.end_source(number, SourceRun(source, "t0", "t1", status, counts, "why"))
    runs.end(number, "t1", status, counts)
    return number


def test_a_run_is_found_as_it_was(runs: Runs) -> None:
    number = runs.begin("one", "t0", 7)
    runs.begin_source(number, "s", "t0")
    part = SourceRun("s", "t0", "", "running", {})
    assert runs.named("one") == Run(number, "one", "t0", "", "running", {}, (part,))
    ended = SourceRun("s", "t0", "t1", "failed", {"new": 2}, "no such file")
    runs.end_source(number, ended)
    runs.end(number, "t2", "failed", {"new": 2})
    assert runs.named("one") == Run(number, "one", "t0", "t2", "failed", {"new": 2}, (ended,))
    assert runs.latest_of("s") == ended
    assert runs.named("other") is None
    assert runs.latest_of("other") is None


def test_the_newest_come_first(runs: Runs) -> None:
    numbers = [once(runs, source) for source in "abab"]
    assert [run.number for run in runs.latest(3)] == numbers[:0:-1]
    assert [part.source for part in runs.recent_of("a", 5)] == ["a", "a"]


def test_a_run_that_never_ended_was_killed(runs: Runs) -> None:
    killed = runs.begin("killed", "t0", 1)
    runs.begin_source(killed, "s", "t0")
    colleague = runs.begin("colleague", "t1", 1, alive=[killed])
    assert runs.named("killed").status == "running"  # type: ignore[union-attr]
    runs.begin("next", "t2", 2, alive=[colleague])
    found = runs.named("killed")
    assert found is not None
    assert (found.status, found.ended) == ("killed", "t2")
    assert found.sources[0].status == "killed"
    assert runs.named("colleague").status == "running"  # type: ignore[union-attr]


def test_quiet_runs_are_dropped_but_for_the_newest(runs: Runs) -> None:
    numbers = [once(runs) for _ in range(10)]
    assert runs.prune(4) == 6
    assert [run.number for run in runs.latest(100)] == numbers[:5:-1]
    assert runs.prune(4) == 0


@pytest.mark.parametrize("count", ["new", "updated", "removed", "quarantined", "exact", "story"])
def test_a_run_in_which_something_happened_stays(runs: Runs, count: str) -> None:
    kept = once(runs, counts={"read": 1, count: 1})
    for _ in range(5):
        once(runs)
    runs.prune(1)
    assert kept in {run.number for run in runs.latest(100)}


def test_failures_and_the_newest_of_a_source_stay(runs: Runs) -> None:
    failed = once(runs, status="failed")
    rare = once(runs, "rare")
    for _ in range(5):
        once(runs)
    assert runs.prune(1) == 4
    assert {failed, rare} <= {run.number for run in runs.latest(100)}
