"""Dates: many spellings, one form; no guess."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.normalise.dates import stamp, timestamp

MIDNIGHT = "2017-01-11T00:00:00.000Z"


@pytest.mark.parametrize(
    "written",
    ["2017-01-11", "20170111", "2017/01/11", "2017/1/11", "11.01.2017", "2017-01-11T09:30:00",
     "2017-01-11 09:30", "January 11, 2017", "Jan. 11, 2017", "11 January 2017", "11th Jan 2017",
     "Wed, 11 January 2017", "Wednesday, January 11, 2017", "2017-01-11T09:30:00 EST",
     "Wed, 11 Jan 2017 09:30:00 -0000", " 2017-01-11\n"],
)  # fmt: skip
def test_a_date_without_a_zone_is_midnight(written: str) -> None:
    assert timestamp(written) == MIDNIGHT


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2017-01-11T09:30:00Z", "2017-01-11T09:30:00.000Z"),
        ("2017-01-11T01:30:00+02:00", "2017-01-10T23:30:00.000Z"),
        ("2017-01-11 01:30:00 +0200", "2017-01-10T23:30:00.000Z"),
        ("2017-01-11 09:30:00 UTC", "2017-01-11T09:30:00.000Z"),
        ("2017-01-11T09:30:00.1234567Z", "2017-01-11T09:30:00.123Z"),
        ("Wed, 11 Jan 2017 09:30:00 GMT", "2017-01-11T09:30:00.000Z"),
        ("Wed, 11 Jan 2017 09:30:00 -0500", "2017-01-11T14:30:00.000Z"),
        ("1484127000", "2017-01-11T09:30:00.000Z"),
        ("1484127000.5", "2017-01-11T09:30:00.500Z"),
        ("1484127000123", "2017-01-11T09:30:00.123Z"),
        ("1666-09-02", "1666-09-02T00:00:00.000Z"),
    ],
)
def test_a_time_with_a_zone_is_utc(written: str, expected: str) -> None:
    assert timestamp(written) == expected


@pytest.mark.parametrize(
    "written",
    ["", "yesterday", "2017", "2017-01", "03/04/2017", "2017-13-01", "2017-02-30", "31 June 2017",
     "0000-00-00", "0001-01-01", "1970-01-01T00:00:00Z", "9999-12-31", "0", "-1", "12",
     "32 Maybe 2017",
     "99999999999999999999", "Wed, 99 Jan 2017 09:30:00 GMT", "9999-12-31T23:59:59-12:00",
     "0001-01-01T00:00:00+12:00"],
)  # fmt: skip
def test_what_is_unclear_or_cannot_be_is_empty(written: str) -> None:
    assert timestamp(written) == ""


def test_nothing_is_published_after_it_was_fetched() -> None:
    fetched = datetime(2017, 1, 10, tzinfo=UTC)
    assert timestamp("2017-01-11", fetched) == MIDNIGHT
    assert timestamp("2017-02-11", fetched) == ""


def test_a_stamp_is_utc_and_of_fixed_width() -> None:
    moment = datetime(987, 1, 2, 3, 4, 5, 6789, tzinfo=timezone(timedelta(hours=1)))
    assert stamp(moment) == "0987-01-02T02:04:05.006Z"


@given(st.text() | st.from_regex(r"[0-9TZ:+./, -]{1,30}") | st.dates().map(str))
def test_any_text_gives_the_form_or_nothing(written: str) -> None:
    found = timestamp(written)
    assert found == "" or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found)
    assert timestamp(found) == found
