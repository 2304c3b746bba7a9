"""Full dates stated in a line of text; never a guess.

A date needs a day, a month and a year of four digits.  Where the order of day and month
cannot be told (``03/04/2017``), there is no date.  Month names are dateparser's.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from importlib import import_module
from unicodedata import decimal

_LANGUAGES = [
    "en",
    "de",
    "fr",
    "es",
    "it",
    "pt",
    "nl",
    "ru",
    "uk",
    "be",
    "bg",
    "pl",
    "cs",
    "sk",
    "sl",
    "hr",
    "sr",
    "el",
    "tr",
    "sv",
    "da",
    "nb",
    "fi",
    "et",
    "lv",
    "lt",
    "hu",
    "ro",
    "ca",
    "id",
    "vi",
    "ar",
    "fa",
    "he",
    "hi",
    "bn",
    "ja",
    "zh",
    "ko",
]
_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]

_YEAR = r"(?P<year>(?:19|20)\d\d)"
_DAY = r"(?P<day>[0-3]?\d)"
_WORD = r"(?P<word>[^\W\d_]{3,}|[^\W\d_]{2,}(?=\.))"
_LONG_WORD = rf"{_WORD}\.?,?[\s-]+(?:del?\s+)?{_YEAR}"  # month and year
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?<!\d){_YEAR}(?P<sep>[-/.])(?P<month>[01]?\d)(?P=sep){_DAY}(?=T\d|\b|(?!\d))(?!\d)",
        rf"(?<!\d){_YEAR}\s?[年년]\s?(?P<month>[01]?\d)\s?[月월]\s?{_DAY}\s?[日일号]",
        rf"(?<![\d./-])(?P<first>[0-3]?\d)(?P<sep>[-/.])(?P<second>[0-3]?\d)(?P=sep){_YEAR}(?![\d/-])",
        rf"(?<!\d){_DAY}(?:st|nd|rd|th|º|er|\.)?[\s-]+(?:d[eo]\s+|of\s+)?{_LONG_WORD}(?!\d)",
        rf"(?<!\w){_WORD}\.?\s+{_DAY}(?:st|nd|rd|th)?(?:\s*,\s*|\s+){_YEAR}(?!\d)",
        rf"(?<!\d){_YEAR}[.,]?\s+{_WORD}\.?\s+{_DAY}\b",
    )
)
_CLOCK = re.compile(
    r"(?<!\d)(?P<hour>[0-2]?\d):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d)(?:\.\d+)?)?"
    r"\s?(?P<half>[AaPp]\.?[Mm]\.?(?![^\W\d_]))?\s?\(?(?P<zone>Z\b|[A-Z]{3,4}\b|[+-]\d\d:?\d\d\b)?"
)
# Zone names that mean one offset everywhere; CST or BST do not.
_ZONES = {
    "Z": 0,
    "UTC": 0,
    "GMT": 0,
    "CET": 60,
    "CEST": 120,
    "EET": 120,
    "EEST": 180,
    "MSK": 180,
    "EST": -300,
    "EDT": -240,
    "CDT": -300,
    "MDT": -360,
    "PST": -480,
    "PDT": -420,
    "JST": 540,
}
_FOUR_DIGITS = re.compile(r"\d\d\d\d")  # of any script; counting them takes three times as long
_LONGEST = 4096  # a line longer than this is not searched: no date line is


@cache
def _months() -> dict[str, int]:
    """Name or abbreviation, casefolded, to month; names that languages disagree on left out."""
    numbers: dict[str, set[int]] = {}
    for language in _LANGUAGES:
        info = import_module(f"dateparser.data.date_translation_data.{language}").info
        for number, month in enumerate(_MONTHS, 1):
            for name in info.get(month, ()):
                numbers.setdefault(name.casefold().rstrip("."), set()).add(number)
    return {name: found.pop() for name, found in numbers.items() if len(found) == 1}


def is_month(word: str) -> bool:
    """Whether a word is the name of a month, or short for one, in some language."""
    return word.casefold().rstrip(".") in _months()


def _ascii(line: str) -> str:
    """The searched part of a line, with the digits of every script as ASCII ones."""
    line = line[:_LONGEST]
    if line.isascii():
        return line
    return "".join(str(decimal(c)) if c.isdecimal() else c for c in line)


def date_in(line: str) -> str:
    """First full date of a line, or ``""``.

    ``YYYY-MM-DD``, or ISO 8601 with time and offset where the line states both.
    """
    line = _ascii(line)
    found = _first(line)
    if found is None:
        return ""
    day, end = found
    return _with_time(day, line[end:]) or day.isoformat()


def span_of_date(line: str) -> tuple[int, int]:
    """Where the first full date of a line begins and ends; ``(0, 0)`` where there is none."""
    if not _FOUR_DIGITS.search(line, 0, _LONGEST):
        return (0, 0)
    best = min(_matches(_ascii(line)), key=lambda found: found[0].start(), default=None)
    return best[0].span() if best else (0, 0)


def _first(line: str) -> tuple[date, int] | None:
    best = min(_matches(line), key=lambda found: found[0].start(), default=None)
    return (best[1], best[0].end()) if best else None


def _matches(line: str) -> list[tuple[re.Match[str], date]]:
    if not re.search(r"(?:19|20)\d\d", line):
        return []
    found = []
    for pattern in _PATTERNS:
        for match in pattern.finditer(line):
            day = _as_date(match.groupdict())
            if day:
                found.append((match, day))
                break
    return found


def _as_date(parts: dict[str, str | None]) -> date | None:
    day, month = parts.get("day"), parts.get("month")
    if parts.get("word"):
        named = _months().get(str(parts["word"]).casefold(), 0)
        month = str(named)
    if parts.get("first"):
        day, month = _order(int(parts["first"] or 0), int(parts["second"] or 0), parts["sep"] or "")
    try:
        return date(int(parts["year"] or 0), int(month or 0), int(day or 0))
    except ValueError:
        return None


def _order(first: int, second: int, separator: str) -> tuple[str, str]:
    """Day and month of two numbers; zeros where either order could be meant."""
    months = 12
    if separator == "." or first > months or first == second:
        return str(first), str(second)
    if second > months:
        return str(second), str(first)
    return "0", "0"


def _with_time(day: date, rest: str) -> str:
    """The date with the time that follows it, where the line states a known zone; else ``""``."""
    near = 24
    clock = _CLOCK.search(rest[: near + 24])
    if not clock or clock.start() > near or not clock["zone"]:
        return ""
    zone = _offset(clock["zone"])
    hour = _hour(int(clock["hour"]), clock["half"] or "")
    if zone is None or hour is None:
        return ""
    moment = datetime(
        day.year,
        day.month,
        day.day,
        hour,
        int(clock["minute"]),
        int(clock["second"] or 0),
        tzinfo=zone,
    )
    return moment.isoformat()


def _hour(hour: int, half: str) -> int | None:
    noon, midnight = 12, 24
    if half:
        if not 1 <= hour <= noon:
            return None
        return hour % noon + (noon if half[0] in "Pp" else 0)
    return hour if hour < midnight else None


def _offset(zone: str) -> timezone | None:
    if zone[0] in "+-":
        minutes = int(zone[1:3]) * 60 + int(zone[-2:])
        day = 24 * 60
        if minutes >= day:
            return None
        return timezone(timedelta(minutes=-minutes if zone[0] == "-" else minutes))
    if zone not in _ZONES:
        return None
    return timezone(timedelta(minutes=_ZONES[zone])) if _ZONES[zone] else UTC
