"""Who runs when, by a clock that is moved by hand."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime, timedelta

import pytest
from daemon_world import START, World, timing

from ingest.daemon.clock import Instant
from ingest.daemon.planner import Past, Patience
from ingest.schedule import Every, Timing


def times(world: World, name: str) -> list[str]:
    return [f"{moment:%H:%M:%S}" for moment in world.started[name]]


# --- schedules ------------------------------------------------------------------------


def test_every_is_elapsed_time_from_the_start_on() -> None:
    world = World([timing("a", "every 15m")])
    world.run(1.0)
    assert times(world, "a") == ["00:00:01", "00:15:00", "00:30:00", "00:45:00", "01:00:00"]


def test_every_does_not_drift_with_late_ticks() -> None:
    world = World([timing("a", "every 1m")])
    for _ in range(100):
        world.step(7)
    assert len(world.started["a"]) == 1 + 700 // 60


def test_ticks_that_did_not_come_are_made_up_for_once() -> None:
    """A machine that slept for ten minutes, say."""
    world = World([timing("a", "every 1m")])
    world.step(1)
    world.step(600)
    for _ in range(8):
        world.step(5)
    assert times(world, "a") == ["00:00:01", "00:10:01"]


def test_cron_runs_at_its_times_and_not_at_the_start() -> None:
    world = World([timing("a", "30 6 * * mon-fri", zone="Europe/Berlin")])
    world.run(24 * 6, step=60)
    assert [f"{moment:%a %H:%M}" for moment in world.started["a"]] == [
        "Mon 04:30", "Tue 04:30", "Wed 04:30", "Thu 04:30", "Fri 04:30",
    ]  # fmt: skip


def test_jitter_puts_runs_off_but_loses_none() -> None:
    world = World([timing("a", "0 * * * *", jitter=600), timing("b", "every 1h", jitter=600)])
    world.run(24)
    assert len(world.started["a"]) in (23, 24)  # that of midnight may be put off
    assert len(world.started["b"]) in (24, 25)
    assert any(moment.minute for moment in world.started["a"])
    assert all(moment.minute < 11 for moment in world.started["a"])


def test_a_run_longer_than_its_interval_is_followed_by_one_not_by_all_that_it_missed() -> None:
    world = World([timing("a", "every 1m")], seconds={"a": 150.0})
    world.run(1)
    assert len(world.started["a"]) == 24  # one after another, each 2.5 minutes


def test_never_runs_when_asked_only() -> None:
    world = World([timing("a", "")])
    world.run(1)
    assert not world.started["a"]
    assert world.planner.request("a")
    world.step(1)
    assert len(world.started["a"]) == 1


# --- restarts -------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["every 1h", "30 * * * *"])
def test_what_was_missed_while_down_is_caught_up_with_once(text: str) -> None:
    world = World([timing("a", text)], past={"a": Past(START - timedelta(hours=7))})
    world.run(0.25)
    assert times(world, "a") == ["00:00:01"]


def test_nothing_is_caught_up_with_where_nothing_was_missed() -> None:
    past = {"a": Past(START - timedelta(minutes=20)), "b": Past(START - timedelta(minutes=20))}
    world = World([timing("a", "every 1h"), timing("b", "0 */6 * * *")], past=past)
    world.past["b"] = Past(START + timedelta(seconds=1))
    world.restart()
    world.run(0.75)
    assert times(world, "a") == ["00:40:00"]
    assert not world.started["b"]


def test_a_run_that_was_cut_short_is_done_again() -> None:
    past = {"a": Past(START - timedelta(minutes=1), finished=False)}
    world = World([timing("a", "every 1h")], past=past)
    world.step(1)
    assert len(world.started["a"]) == 1


def test_failures_are_remembered_over_a_restart() -> None:
    past = {"a": Past(START - timedelta(minutes=1), failures=3, error="down")}
    world = World([timing("a", "every 10s")], past=past)
    world.run(0.1)
    assert times(world, "a")[0] == "00:03:00"  # four minutes after the last failure began


def test_on_change_scans_at_the_start_and_when_told() -> None:
    world = World([timing("a", "on change")], seconds={"a": 60.0})
    world.step(1)
    for _ in range(5):  # during the run
        world.planner.changed("a", world.now)
        world.step(1)
    world.run(0.5)
    assert len(world.started["a"]) == 2


# --- pauses and requests --------------------------------------------------------------


def test_a_paused_source_runs_when_asked_and_catches_up_once_when_resumed() -> None:
    world = World([timing("a", "every 1m")])
    world.step(1)
    assert world.planner.pause("a", paused=True)
    world.run(0.5)
    assert len(world.started["a"]) == 1
    world.planner.pause("a", paused=False)
    world.step(1)
    world.step(1)
    assert len(world.started["a"]) == 2
    world.planner.pause("a", paused=True)
    world.planner.request("a")
    world.step(1)
    assert len(world.started["a"]) == 3


def test_unknown_names_are_told() -> None:
    world = World([timing("a", "every 1m")])
    assert not world.planner.request("b")
    assert not world.planner.pause("b", paused=True)


# --- trouble --------------------------------------------------------------------------


def test_a_source_that_always_fails_rests_longer_and_longer_and_others_do_not() -> None:
    world = World(
        [timing("bad", "every 1m"), timing("good", "every 1m")],
        errors={"bad": "host is down"},
        patience=Patience(backoff=60, most=3600),
    )
    world.run(12)
    gaps = [
        round((later - earlier).total_seconds() / 60)
        for earlier, later in zip(world.started["bad"], world.started["bad"][1:], strict=False)
    ]
    assert gaps[:7] == [1, 2, 4, 8, 16, 32, 60]
    assert set(gaps[6:]) == {60}
    assert len(world.started["good"]) == 12 * 60 + 1
    (bad, _) = world.planner.standings(world.now)
    assert (bad.error, bad.failures) == ("host is down", len(world.started["bad"]))


def test_a_source_that_recovers_is_back_on_its_schedule() -> None:
    world = World([timing("a", "every 1m")], errors={"a": "down"})
    world.run(1)
    world.errors.clear()
    world.run(2)
    (standing,) = world.planner.standings(world.now)
    assert (standing.failures, standing.error) == (0, "")
    assert world.started["a"][-1] - world.started["a"][-2] == timedelta(minutes=1)


def test_a_failing_folder_is_tried_again_though_nothing_changes() -> None:
    world = World([timing("a", "on change")], errors={"a": "no such folder"})
    world.run(1)
    assert 5 <= len(world.started["a"]) <= 7


def test_a_run_over_its_limit_is_stopped() -> None:
    world = World([timing("a", "every 1h", limit=600)], seconds={"a": math.inf})
    world.run(0.5)
    assert world.stopped == ["a"]
    assert not world.abandoned
    (standing,) = world.planner.standings(world.now)
    assert standing.error == "its time limit passed"


def test_a_run_that_hangs_is_given_up_and_does_not_hold_others_up() -> None:
    world = World(
        [timing("a", "every 10m", limit=60), timing("b", "every 1m")],
        slots=1,
        seconds={"a": math.inf},
        obeys=lambda _: False,
        patience=Patience(grace=30),
    )
    world.run(1)
    assert world.abandoned == ["a"]
    assert world.state("a") == "hung"
    assert len(world.started["a"]) == 1
    assert len(world.started["b"]) > 55
    world.planner.ended("a", world.now)
    assert world.state("a") != "hung"


def test_a_run_has_its_grace_to_end_in() -> None:
    world = World(
        [timing("a", "every 1h", limit=60)],
        seconds={"a": math.inf},
        obeys=lambda _: False,
        patience=Patience(grace=30),
    )
    for _ in range(1 + 60 + 29):
        world.step(1)
    assert (world.stopped, world.abandoned) == (["a"], [])
    assert world.state("a") == "stopping"
    world.step(1)
    assert world.abandoned == ["a"]


# --- clocks ---------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [timedelta(hours=5), timedelta(hours=-5), timedelta(minutes=-50)])
def test_a_clock_that_jumps_does_not_touch_elapsed_time(jump: timedelta) -> None:
    world = World([timing("a", "every 10m")])
    world.run(1)
    world.jump(jump)
    world.run(1)
    assert len(world.started["a"]) == 13


def test_a_clock_set_forward_brings_one_cron_run_for_all_that_it_passed() -> None:
    world = World([timing("a", "0 * * * *")])
    world.run(1.5)
    world.jump(timedelta(hours=5))
    world.step(1)
    world.step(1)
    assert times(world, "a") == ["01:00:00", "06:30:01"]


def test_a_clock_set_back_a_little_repeats_nothing() -> None:
    world = World([timing("a", "0 * * * *")])
    world.run(2.1)
    world.jump(timedelta(minutes=-30))
    world.run(1)
    assert times(world, "a") == ["01:00:00", "02:00:00"]  # 02:00 came twice


def test_a_clock_that_was_days_ahead_does_not_silence_cron() -> None:
    world = World([timing("a", "0 * * * *")], now=Instant(START + timedelta(days=9), 0.0))
    world.run(1.1)
    world.jump(-timedelta(days=9))
    world.run(1)
    assert [moment.day for moment in world.started["a"]] == [13, 4]


@pytest.mark.parametrize(
    ("day", "hours"),
    [(datetime(2026, 3, 28, 23, tzinfo=UTC), 23), (datetime(2026, 10, 24, 22, tzinfo=UTC), 25)],
)
def test_days_of_23_and_25_hours(day: datetime, hours: int) -> None:
    zone = "Europe/Berlin"
    world = World(
        [
            timing("daily", "30 2 * * *", zone=zone),
            timing("hourly", "0 * * * *", zone=zone),
            timing("every", "every 1h"),
        ],
        now=Instant(day, 0.0),
    )
    world.run(hours, step=30)
    assert len(world.started["daily"]) == 1
    assert len(world.started["hourly"]) == hours
    assert len(world.started["every"]) == hours + 1


# --- reload ---------------------------------------------------------------------------


def test_a_reload_keeps_what_is_the_same_and_lets_runs_end() -> None:
    world = World([timing("a", "every 1h"), timing("gone", "every 1h")], seconds={"gone": 120.0})
    world.run(0.01)
    new = [timing("a", "every 1h", limit=9), timing("b", "every 1h")]
    world.planner.plan(new, lambda _: Past(), world.now)
    world.run(1)
    assert len(world.started["a"]) == 2
    assert len(world.started["b"]) == 2
    assert len(world.started["gone"]) == 1
    assert world.stopped == []
    assert [each.name for each in world.planner.standings(world.now)] == ["a", "b"]
    assert not world.planner.request("gone")


@pytest.mark.parametrize("minutes", [1, 90])
def test_a_source_that_comes_back_is_on_its_schedule_again(minutes: int) -> None:
    """Brought back while the run that it was dropped in goes on, or after."""
    ledger = {"a": Past()}
    world = World([timing("a", "every 1h")], seconds={"a": 3600.0})
    world.run(0.01)
    ledger["a"] = Past(world.started["a"][0], finished=False)
    world.planner.plan([], ledger.__getitem__, world.now)
    world.run(minutes / 60)
    ledger["a"] = Past(world.started["a"][0], finished=minutes > 60)
    world.planner.plan([timing("a", "every 1h")], ledger.__getitem__, world.now)
    world.seconds.clear()
    world.run(1.5)
    assert len(world.started["a"]) == {1: 2, 90: 3}[minutes]


# --- a day ----------------------------------------------------------------------------


def test_a_day_with_fifty_sources_some_of_which_hang_or_fail() -> None:
    """No run missed, none twice, in seconds of real time."""
    minutes = [5, 10, 15, 20, 30, 60]
    good = [timing(f"every{n}", f"every {minutes[n % 6]}m") for n in range(30)]
    cron = [timing(f"cron{n}", f"{n} */2 * * *", zone="Asia/Tokyo") for n in range(10)]
    hanging = [timing(f"hang{n}", "every 30m", limit=120) for n in range(5)]
    failing = [timing(f"fail{n}", "every 15m") for n in range(5)]
    world = World(
        [*good, *cron, *hanging, *failing],
        slots=8,
        seconds={**{each.name: 3.0 for each in good}, **{each.name: math.inf for each in hanging}},
        errors={each.name: "down" for each in failing},
        obeys=lambda name: int(name[-1]) % 2 == 0,
    )
    began = time.process_time()
    world.run(24, step=3)
    world.run(1 / 60)
    assert time.process_time() - began < 10
    for each in good:
        assert isinstance(each.schedule, Every)
        starts = world.started[each.name]
        assert len(starts) == 86_400 / each.schedule.seconds + 1, each.name
        _on_time(starts, each)
    for each in cron:
        assert [moment.hour for moment in world.started[each.name]] == [
            hour for hour in range(24) if (hour + 9) % 2 == 0
        ]
    assert sorted(set(world.abandoned)) == ["hang1", "hang3"]
    assert [len(world.started[name]) for name in ("hang1", "hang3")] == [1, 1]
    assert all(len(world.started[each.name]) > 20 for each in hanging if each.name[-1] in "024")
    assert all(20 < len(world.started[each.name]) < 50 for each in failing)
    assert world.most <= 8


def _on_time(starts: list[datetime], each: Timing) -> None:
    """Each run began in its own interval, a minute after its beginning at the most."""
    assert isinstance(each.schedule, Every)
    for number, moment in enumerate(starts):
        late = (moment - START).total_seconds() - number * each.schedule.seconds
        assert -1 <= late <= 60, (each.name, number, late)
