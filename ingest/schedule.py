"""Schedules as pure functions: text in, the next time out.  No clock is read here.

    every 15m            elapsed time, whatever clocks on walls do
    30 6 * * mon-fri     five cron fields in a time zone; days of the week by name
    on change            whenever something in the source's folders changes

Both days of a cron line given mean either of them, as in cron.  When clocks go back, a
line that names its hours fires in the first of the two; one for every hour in both.
When they go forward, what falls into the gap fires right after it (APScheduler's rule).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_LEAST = 1.0  # second: the daemon looks at its schedules that often

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FIELDS = ("minute", "hour", "day", "month", "day_of_week")
_EXPECTED = "expected `every 15m`, five cron fields with day names, or `on change`"


@dataclass(frozen=True)
class Every:
    """Each ``seconds`` of elapsed time."""

    seconds: float


@dataclass(frozen=True)
class Cron:
    """Five fields, in a time zone."""

    text: str
    zone: str = "UTC"

    @cached_property
    def _triggers(self) -> Sequence[Any]:
        """One trigger; two where day of month and day of week are both given: either counts."""
        minute, hour, day, month, weekday = self.text.split()
        if "*" not in (day, weekday):
            return (
                self._trigger(minute, hour, day, month, "*"),
                self._trigger(minute, hour, "*", month, weekday),
            )
        return (self._trigger(minute, hour, day, month, weekday),)

    def _trigger(self, *fields: str) -> Any:
        from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415 - for this form only

        given = dict(zip(_FIELDS, fields, strict=True))
        return CronTrigger(**given, timezone=ZoneInfo(self.zone))

    def after(self, moment: datetime) -> datetime | None:
        """The first time after ``moment``, UTC; None where there is none any more."""
        times = [self._first(trigger, moment) for trigger in self._triggers]
        return min((time for time in times if time is not None), default=None)

    def _first(self, trigger: Any, moment: datetime) -> datetime | None:
        named_hours = not self.text.split()[1].startswith("*")
        while True:
            moment = moment.astimezone(UTC) + timedelta(microseconds=1)
            found: datetime | None = trigger.get_next_fire_time(None, moment)
            if found is None or not (found.fold and named_hours):
                return found.astimezone(UTC) if found else None
            moment = found


@dataclass(frozen=True)
class OnChange:
    """Whenever the source's folders change."""


@dataclass(frozen=True)
class Never:
    """Only when asked for."""


Schedule: TypeAlias = Every | Cron | OnChange | Never


@dataclass(frozen=True)
class Timing:
    """When a source runs: its schedule, how far runs are spread, how long one may take.

    ``jitter`` and ``limit`` are seconds; a ``limit`` of 0 is none.
    """

    name: str
    schedule: Schedule
    jitter: float = 0.0
    limit: float = field(default=0.0)

    @property
    def when(self) -> tuple[Schedule, float]:
        """All that the times of its runs depend on."""
        return self.schedule, self.jitter

    def delay(self, due: datetime) -> float:
        """Seconds from 0 to ``jitter`` by which the run due then is put off; always the same."""
        digest = hashlib.blake2b(f"{self.name} {due.timestamp():.3f}".encode(), digest_size=4)
        return self.jitter * int.from_bytes(digest.digest(), "big") / 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Standing:
    """How a source stands with the daemon: ``next_run`` None where nothing tells when.

    ``waiting`` is for a slot, ``resting`` after failures; what is ``hung`` was told to stop.
    """

    name: str
    state: Literal["idle", "waiting", "resting", "running", "stopping", "hung"]
    paused: bool
    failures: int
    error: str
    next_run: datetime | None


def parse(text: str, zone: str = "UTC") -> Schedule:
    """Read a schedule; raises `ValueError` that says what was expected."""
    words = " ".join(text.split()).lower()
    if not words:
        return Never()
    if words == "on change":
        return OnChange()
    if words.startswith("every "):
        seconds = duration(words.removeprefix("every "))
        if seconds < _LEAST:
            raise ValueError("once a second is the most")
        return Every(seconds)
    return _cron(words, zone)


def duration(value: object) -> float:
    """Seconds of ``90``, ``"90s"``, ``"15m"``, ``"1h30m"``, ``"2d"``; raises `ValueError`."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    text = str(value).replace(" ", "").lower()
    if not _DURATION.fullmatch(text):
        raise ValueError("expected a duration such as 30s, 15m, 6h or 2d")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def check_zone(name: str) -> str:
    """Accept the name of a time zone; raises `ValueError` for one that is not known."""
    try:
        ZoneInfo(name)
    except (OSError, ValueError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ValueError(f"no time zone is called {name!r}") from error
    except KeyError:
        raise ValueError(
            f"no time zone is called {name!r}; expected one such as Europe/Berlin"
        ) from None
    return name


def _cron(words: str, zone: str) -> Cron:
    fields = words.split(" ")
    if len(fields) != len(_FIELDS):
        raise ValueError(_EXPECTED)
    days = re.sub(r"\*/\d+", "", fields[4])
    if re.search(r"\d", days):
        names = ", ".join(_DAYS)
        raise ValueError(f"days of the week are given by name ({names}): numbers mean two things")
    cron = Cron(words, zone)
    try:
        first = cron.after(datetime(2001, 1, 1, tzinfo=UTC))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{_EXPECTED}: {error}") from error
    if first is None:
        raise ValueError(f"expected a day that there is: {words!r} never comes")
    return cron
