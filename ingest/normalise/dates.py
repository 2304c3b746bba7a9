"""Dates as sources write them, to ``YYYY-MM-DDTHH:MM:SS.mmmZ``.

A bare date is midnight UTC.  A time in an unknown zone keeps its date only.  What cannot
be read without guessing (``03/04/2017``), or cannot be true, is ``""``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_FIRST_YEAR = 1400  # before printing, nothing was published
_LAST_YEAR = 2100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # what software writes for no date at all
_LEEWAY = timedelta(days=2)  # clocks and time zones differ
_ISO = re.compile(r"\d{4}-?\d\d-?\d\d")
_ZONE_AFTER_SPACE = re.compile(r"\s+(?=[+-]\d\d:?\d\d$|Z$|UTC$|GMT$)")
_SECONDS = re.compile(r"-?\d{9,10}(?:\.\d+)?$")
_MILLISECONDS = re.compile(r"-?\d{12,13}$")
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("jan", "january"),
            ("feb", "february"),
            ("mar", "march"),
            ("apr", "april"),
            ("may",),
            ("jun", "june"),
            ("jul", "july"),
            ("aug", "august"),
            ("sep", "sept", "september"),
            ("oct", "october"),
            ("nov", "november"),
            ("dec", "december"),
        ),
        start=1,
    )
    for name in names
}
_WEEKDAY = r"(?:[A-Za-z]{3,9}\.?,?\s+)?"
_DAY_FIRST = re.compile(_WEEKDAY + r"(\d{1,2})(?:st|nd|rd|th)?\s+([A-Za-z]{3,9})\.?,?\s+(\d{4})")
_MONTH_FIRST = re.compile(_WEEKDAY + r"([A-Za-z]{3,9})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})")
_YEAR_FIRST = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})(?!\d)")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?!\d)")


def timestamp(written: str, not_after: datetime | None = None) -> str:
    """Normalise a date or time; ``""`` where it is unreadable or implausible.

    ``not_after`` (aware) is when the item was fetched: nothing is published later.
    """
    written = written.strip()
    if not written:
        return ""
    moment = _from_number(written) or _from_iso(written) or _from_mail(written) or _named(written)
    return "" if moment is None or not _is_plausible(moment, not_after) else stamp(moment)


def stamp(moment: datetime) -> str:
    """Write a moment; one without a zone keeps its date only."""
    if moment.tzinfo is None:
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z".rjust(24, "0")


def _is_plausible(moment: datetime, not_after: datetime | None) -> bool:
    known = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not _FIRST_YEAR <= known.year <= _LAST_YEAR or known == _EPOCH:
        return False
    return not_after is None or known <= not_after + _LEEWAY


def _from_number(written: str) -> datetime | None:
    """Seconds or milliseconds since 1970."""
    if _SECONDS.match(written):
        return _EPOCH + timedelta(seconds=float(written))
    if _MILLISECONDS.match(written):
        return _EPOCH + timedelta(milliseconds=int(written))
    return None


def _from_iso(written: str) -> datetime | None:
    """ISO 8601 and what is written like it; a date before other text counts as a date."""
    match = _ISO.match(written)
    if match is None:
        return None
    tidy = _ZONE_AFTER_SPACE.sub("", written)
    for form in (tidy, re.sub(r"(?:UTC|GMT)$", "Z", tidy), match[0]):
        try:
            return datetime.fromisoformat(form)
        except ValueError:
            continue
    return None


def _from_mail(written: str) -> datetime | None:
    """RFC 5322, the dates of RSS; ``-0000`` says that the zone is unknown."""
    if ":" not in written:
        return None
    try:
        return parsedate_to_datetime(written)
    except (ValueError, IndexError, TypeError):
        return None


def _named(written: str) -> datetime | None:
    """A date with its month in English or its year first, or with dots (day first)."""
    if match := _DAY_FIRST.match(written):
        return _date(match[3], str(_MONTHS.get(match[2].lower(), 0)), match[1])
    if match := _MONTH_FIRST.match(written):
        return _date(match[3], str(_MONTHS.get(match[1].lower(), 0)), match[2])
    if match := _YEAR_FIRST.match(written):
        return _date(match[1], match[2], match[3])
    if match := _DOTTED.match(written):
        return _date(match[3], match[2], match[1])
    return None


def _date(year: str, month: str, day: str) -> datetime | None:
    try:
        return datetime(int(year), int(month), int(day))  # noqa: DTZ001  # the zone is unknown
    except ValueError:
        return None
