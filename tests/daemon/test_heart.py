"""The scheduler that wakes `tick`, and what happens when its clock misleads it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ingest.daemon import heart
from ingest.daemon.heart import Heart

if TYPE_CHECKING:
    import pytest


class Ticks:
    """Counts ticks, and lets a test wait for some."""

    def __init__(self) -> None:
        self.count = 0
        self._change = threading.Condition()

    def __call__(self) -> None:
        with self._change:
            self.count += 1
            self._change.notify_all()

    def wait_for(self, count: int) -> None:
        with self._change:
            assert self._change.wait_for(lambda: self.count >= count, 60)


def mislead(made: Heart) -> None:
    """Have the scheduler wait for an hour, as one does whose wall clock was set back."""
    made._scheduler.modify_job("tick", next_run_time=datetime.now(UTC) + timedelta(hours=1))


def test_it_ticks_and_ends() -> None:
    ticks = Ticks()
    with Heart(ticks) as made:
        ticks.wait_for(2)
        assert made.age < 60
    ended = ticks.count
    assert not made._scheduler.running
    assert ticks.count == ended


def test_it_can_be_asked_to_tick_at_once() -> None:
    ticks = Ticks()
    with Heart(ticks) as made:
        ticks.wait_for(1)
        mislead(made)
        before = ticks.count
        made.soon()
        ticks.wait_for(before + 1)


def test_a_clock_set_back_silences_it_no_longer_than_some_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks, now = Ticks(), [1000.0]
    monkeypatch.setattr(heart, "elapsed", lambda: now[0])
    with Heart(ticks) as made:
        ticks.wait_for(1)
        mislead(made)
        before = ticks.count
        made.mind()  # not late yet
        assert made._scheduler.get_job("tick").next_run_time > datetime.now(UTC) + timedelta(0, 99)
        now[0] += heart.LATE_SECONDS + 1
        assert made.age > heart.LATE_SECONDS
        made.mind()
        ticks.wait_for(before + 1)


def test_a_tick_that_fails_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    ticks = Ticks()

    def tick() -> None:
        ticks()
        raise ZeroDivisionError

    with Heart(tick) as made:
        ticks.wait_for(2)
        beat = made._beat
        ticks.wait_for(3)
        assert made._beat == beat  # the watchdog sees that none comes to its end
    assert "ZeroDivisionError" in caplog.text
