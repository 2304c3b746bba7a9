"""Schedules: what is written, and the next time that it means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.schedule import Cron, Every, Never, OnChange, Timing, duration, parse


def fires(text: str, zone: str, start: datetime, hours: float) -> list[str]:
    cron = parse(text, zone)
    assert isinstance(cron, Cron)
    found, moment = [], start
    while (following := cron.after(moment)) and following <= start + timedelta(hours=hours):
        found.append(f"{following:%d %H:%M}")
        moment = following
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("every 15m", Every(900)),
        ("Every  1h30m", Every(5400)),
        ("every 2 d", Every(172_800)),
        ("on change", OnChange()),
        ("", Never()),
        ("30 6 * * mon-fri", Cron("30 6 * * mon-fri", "UTC")),
    ],
)
def test_each_form_is_read(text: str, expected: object) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "every", "every 0s", "every 15", "sometimes", "* * * *", "* * * * * *", "61 * * * *",
        "0 6 * * 1", "0 6 * * 1-5", "0 6 * * mon-7", "0 24 * * *",
        "0 0 30 feb *", "0 6 * * xyz", "every -5m",
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|by name|most"):
        parse(text)


def test_days_of_month_and_week_mean_either_as_in_cron() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday
    assert fires("0 0 10 * sun", "UTC", start, 24 * 12) == ["04 00:00", "10 00:00", "11 00:00"]


def test_weekdays_by_name() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert fires("0 9 * * mon", "UTC", start, 24 * 12) == ["05 09:00", "12 09:00"]


BERLIN_SPRING = datetime(2026, 3, 28, 12, tzinfo=UTC)
BERLIN_AUTUMN = datetime(2026, 10, 24, 12, tzinfo=UTC)


def test_a_time_in_the_gap_of_spring_is_not_left_out() -> None:
    assert fires("30 2 * * *", "Europe/Berlin", BERLIN_SPRING, 48) == ["29 01:30", "30 00:30"]


def test_a_time_that_autumn_has_twice_is_used_once() -> None:
    assert fires("30 2 * * *", "Europe/Berlin", BERLIN_AUTUMN, 48) == ["25 00:30", "26 01:30"]


@pytest.mark.parametrize("start", [BERLIN_SPRING, BERLIN_AUTUMN])
def test_every_hour_is_every_hour_when_clocks_change(start: datetime) -> None:
    assert len(fires("0 * * * *", "Europe/Berlin", start, 24)) == 24
    assert len(fires("*/15 * * * *", "Europe/Berlin", start, 24)) == 96


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds are naive
def test_the_next_time_comes_after_and_is_the_same_from_anywhere_before_it(at: datetime) -> None:
    cron = Cron("*/20 1-3 * * *", "America/New_York")
    following = cron.after(at)
    assert following
    assert following > at
    assert cron.after(at + (following - at) / 2) == following


@given(st.integers(0, 10**7))
def test_durations_of_all_forms_agree(seconds: int) -> None:
    days, rest = divmod(seconds, 86_400)
    assert duration(f"{days}d{rest}s") == duration(seconds) == duration(f"{seconds}s") == seconds


@pytest.mark.parametrize("value", ["", "x", "5", "-5s", -5, True, None, "1h 30"])
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        duration(value)


@given(st.text(min_size=1, max_size=20), st.floats(0, 3600))
def test_jitter_stays_within_its_bounds_and_is_always_the_same(name: str, jitter: float) -> None:
    timing = Timing(name, Every(60), jitter)
    delay = timing.delay(BERLIN_SPRING)
    assert 0 <= delay <= jitter
    assert delay == timing.delay(BERLIN_SPRING)


def test_jitter_spreads_sources() -> None:
    delays = {round(Timing(f"s{n}", Every(60), 100.0).delay(BERLIN_SPRING)) for n in range(50)}
    assert len(delays) > 30
