from __future__ import annotations

import pytest

from ingest.extract.dates import date_in, span_of_date


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2019-06-03", "2019-06-03"),
        ("Posted on June 3rd, 2019 by nobody", "2019-06-03"),
        ("Mon, 3 Jun 2019", "2019-06-03"),
        ("3. Juni 2019, 12 Uhr", "2019-06-03"),
        ("le 1er août 2019", "2019-08-01"),
        ("5 de mayo de 2018", "2018-05-05"),
        ("3 мая 2017 г. 12:30", "2017-05-03"),
        ("12 Μαΐου 2018", "2018-05-12"),
        ("2019年6月3日 09:30", "2019-06-03"),
        ("2019년 6월 3일", "2019-06-03"),
        ("١٢ مايو 2018", "2018-05-12"),
        ("11.01.2017", "2017-01-11"),
        ("13/04/2017", "2017-04-13"),
        ("04-13-2017", "2017-04-13"),
        ("2017-01-11 09:29Somebody", "2017-01-11"),
    ],
)
def test_full_dates_of_many_languages(line: str, expected: str):
    assert date_in(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "",
        "03/04/2017",  # day and month could be either
        "on January 10th, in the morning",  # no year
        "Copyright 1999-2018",
        "2016-11-31",  # no such day
        "31 April 2016",
        "call 555-2016-1234",
        "in May 2018 the 3 of them",
        "v. 12.2016.3",
    ],
)
def test_what_is_no_full_date_is_empty(line: str):
    assert date_in(line) == ""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2019-06-03T12:00:00Z", "2019-06-03T12:00:00+00:00"),
        ("2019-06-03T12:00:00+08:00", "2019-06-03T12:00:00+08:00"),
        ("June 3, 2019 at 3:30 pm EDT", "2019-06-03T15:30:00-04:00"),
        ("June 3, 2019 at 12:05 a.m. GMT", "2019-06-03T00:05:00+00:00"),
        ("June 3, 2019 at 3:30 pm", "2019-06-03"),  # no zone
        ("June 3, 2019 15:30 XYZ", "2019-06-03"),  # unknown zone
        ("June 3, 2019 13:30 pm UTC", "2019-06-03"),  # no such time
    ],
)
def test_a_time_counts_only_with_a_known_zone(line: str, expected: str):
    assert date_in(line) == expected


def test_the_span_covers_the_date_alone():
    line = "Published 3 June 2019 in Oslo"
    begin, end = span_of_date(line)
    assert line[begin:end] == "3 June 2019"


def test_a_hostile_line_is_searched_in_bounded_time():
    assert date_in("1/" * 500_000) == ""
