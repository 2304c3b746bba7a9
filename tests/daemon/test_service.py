"""The daemon as an object: runs in threads that the test holds in its hand."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ingest.daemon import pauses
from ingest.daemon.clock import Instant
from ingest.daemon.service import Daemon
from ingest.errors import StoreError
from ingest.outcome import RunReport, SourceReport
from ingest.settings import build
from ingest.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest.daemon.work import Work
    from ingest.settings import Settings


class Hand:
    """A clock and runs: each waits until it is let go, or fails at once."""

    def __init__(self) -> None:
        self.now = Instant(datetime(2026, 5, 4, tzinfo=UTC), 0.0)
        self.works: list[Work] = []
        self.jobs: list[Callable[[], None]] = []
        self.error: Exception | None = None

    def clock(self) -> Instant:
        return self.now

    def pass_time(self, seconds: float) -> None:
        wall = datetime.fromtimestamp(self.now.wall.timestamp() + seconds, UTC)
        self.now = Instant(wall, self.now.elapsed + seconds)

    def spawn(self, job: Callable[[], None], _name: str) -> None:
        self.jobs.append(job)

    def perform(self, work: Work) -> RunReport:
        self.works.append(work)
        if self.error:
            raise self.error
        part = SourceReport(work.source, "done", {})
        return RunReport("r", "done", 0.0, {}, 0, 0, (part,))

    def finish(self) -> None:
        """Do everything that was spawned."""
        jobs, self.jobs = self.jobs, []
        for job in jobs:
            job()


@pytest.fixture
def hand() -> Hand:
    return Hand()


def make_settings(folder: Path, *names: str, **daemon: object) -> Settings:
    sources = [{"name": name, "path": name, "schedule": "every 1m"} for name in names]
    return build({"source": sources, "daemon": daemon}, base=folder)


def make_daemon(hand: Hand, settings: Settings) -> Daemon:
    return Daemon(settings, clock=hand.clock, perform=hand.perform, spawn=hand.spawn)


def test_a_tick_starts_what_is_due_and_nothing_twice(tmp_path: Path, hand: Hand) -> None:
    daemon = make_daemon(hand, make_settings(tmp_path, "a", "b"))
    daemon.tick()
    daemon.tick()
    assert daemon.running() == ["a", "b"]
    assert daemon.queues()["runs"] == 2
    hand.finish()
    assert daemon.running() == []
    daemon.tick()
    assert hand.jobs == []
    hand.pass_time(61)
    daemon.tick()
    assert daemon.running() == ["a", "b"]


def test_a_report_is_passed_on_and_an_end_wakes_the_daemon(tmp_path: Path, hand: Hand) -> None:
    daemon = make_daemon(hand, make_settings(tmp_path, "a"))
    told: list[object] = []
    daemon.finished = told.append
    daemon.wake = lambda: told.append("wake")
    daemon.tick()
    hand.finish()
    assert told[0] == "wake"
    assert isinstance(told[1], RunReport)


@pytest.mark.parametrize("error", [StoreError("disk is full"), ZeroDivisionError("a bug")])
def test_a_run_that_breaks_off_counts_as_failed(
    tmp_path: Path, hand: Hand, error: Exception
) -> None:
    daemon = make_daemon(hand, make_settings(tmp_path, "a"))
    hand.error = error
    daemon.tick()
    hand.finish()
    (standing,) = daemon.standings()
    assert standing.failures == 1
    assert standing.error


def test_a_run_is_cut_short_then_given_up(tmp_path: Path, hand: Hand) -> None:
    daemon = make_daemon(hand, make_settings(tmp_path, "a", time_limit="10s"))
    daemon.tick()
    (job,) = hand.jobs
    begun, go_on = threading.Event(), threading.Event()
    works = []

    def hang(work: Work) -> RunReport:
        works.append(work)
        begun.set()
        go_on.wait(60)
        raise StoreError("given up")

    daemon._perform = hang
    thread = threading.Thread(target=job)
    thread.start()
    assert begun.wait(60)
    hand.pass_time(11)
    daemon.tick()
    assert works[0].stop.is_set()
    assert works[0].overdue.is_set()
    with Turns().seat(tmp_path) as seat:
        works[0].seats.append(seat)
        hand.pass_time(60)
        daemon.tick()
        with pytest.raises(StoreError, match="given up"), seat.turn():
            pass
    assert daemon.standings()[0].state == "hung"
    go_on.set()
    thread.join()
    assert daemon.standings()[0].state == "resting"
    assert daemon.standings()[0].failures == 1


def test_stopping_starts_nothing_more_and_waits_no_longer_than_told(
    tmp_path: Path, hand: Hand
) -> None:
    daemon = make_daemon(hand, make_settings(tmp_path, "a", "b", concurrency=1))
    daemon.tick()
    daemon.stop()
    assert daemon.drain(0.01) == ["a"]
    hand.finish()
    assert daemon.drain(60) == []
    daemon.tick()
    assert hand.jobs == []
    assert hand.works[0].stop.is_set()


def test_pauses_outlive_the_daemon(tmp_path: Path, hand: Hand) -> None:
    settings = make_settings(tmp_path, "a", "b")
    assert make_daemon(hand, settings).pause("a", paused=True)
    assert not make_daemon(hand, settings).pause("c", paused=True)
    daemon = make_daemon(hand, settings)
    daemon.tick()
    assert daemon.running() == ["b"]
    daemon.pause("a", paused=False)
    assert pauses.load(settings.store) == []


def test_a_damaged_list_of_pauses_is_no_list(tmp_path: Path) -> None:
    pauses.save(tmp_path, ["a"])
    assert pauses.load(tmp_path) == ["a"]
    (tmp_path / pauses.FILE).write_text("{broken")
    assert pauses.load(tmp_path) == []


def test_a_reload_takes_on_sources_and_their_number(tmp_path: Path, hand: Hand) -> None:
    daemon = make_daemon(hand, make_settings(tmp_path, "a", concurrency=1))
    daemon.tick()
    new = make_settings(tmp_path, "b", "c", concurrency=3)
    daemon.reload(new)
    assert daemon.settings is new
    daemon.tick()
    assert daemon.running() == ["a", "b", "c"]
    hand.finish()
    assert [each.name for each in daemon.standings()] == ["b", "c"]


def test_a_run_that_a_stop_keeps_from_starting_has_not_failed(tmp_path: Path, hand: Hand) -> None:
    """It was waiting for another process to let go of the store, say."""
    daemon = make_daemon(hand, make_settings(tmp_path, "a"))
    hand.error = StoreError("the store is locked")
    daemon.tick()
    daemon.stop()
    hand.finish()
    assert daemon.standings()[0].failures == 0


def test_the_end_of_the_last_run_ends_the_wait_for_it(tmp_path: Path, hand: Hand) -> None:
    daemon = make_daemon(hand, make_settings(tmp_path, "a"))
    daemon.tick()
    daemon.stop()
    left: list[list[str]] = []
    waiter = threading.Thread(target=lambda: left.append(daemon.drain(100)), daemon=True)
    waiter.start()
    while not daemon._quiet._waiters:  # type: ignore[attr-defined]
        pass
    hand.finish()
    waiter.join(50)
    assert left == [[]]


def test_workers_that_cannot_be_started_do_not_keep_the_daemon_from_being_ready(
    tmp_path: Path, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = make_daemon(hand, make_settings(tmp_path, "a"))
    woken: list[bool] = []
    daemon.wake = lambda: woken.append(daemon.warmed.is_set())

    def fail(_: Settings) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(daemon._engines, "warm", fail)
    with pytest.raises(OSError, match="no more processes"):
        daemon.warm()
    assert woken == [True]
