"""Who runs when: the daemon's decisions, with the clock given and nothing else touched.

    schedule, change, request -> wanted -> slot free? -> running -> ended
                                   |                        |
                          paused, backing off       over its limit: stopped, then given up

A source is wanted or it is not: ticks that pass while it runs, waits or is paused count
once.  A failing source waits 2, 4, 8… times as long, beside its schedule, never less
than the schedule says.  One that does not end when it is told to is given up: its slot
is free again, but it is not started until what hangs has ended.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias

from ingest.schedule import Cron, Every, OnChange, Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ingest.daemon.clock import Instant
    from ingest.schedule import Timing

Phase: TypeAlias = Literal["idle", "running", "stopping", "hung"]

CORRECTED = timedelta(hours=3)
"""A wall clock that goes back by more was wrong before, and schedules start anew from what
it says now; by less, and no time that was served is served again.  As in Vixie's cron."""


@dataclass(frozen=True, slots=True)
class Past:
    """What the run ledger says of a source: its newest run, and failures in a row."""

    started: datetime | None = None
    finished: bool = True
    failures: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: ``backoff`` after the first failure, ``most`` after many, ``grace`` to stop."""

    backoff: float = 60.0
    most: float = 3600.0
    grace: float = 30.0

    def after(self, failures: int) -> float:
        """How long a source waits that has failed so many times in a row."""
        return min(self.most, self.backoff * 2.0 ** min(failures - 1, 30)) if failures else 0.0


@dataclass(frozen=True, slots=True)
class Actions:
    """What a tick asks for: sources to start, to stop, and to give up."""

    start: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    abandon: tuple[str, ...] = ()


@dataclass(slots=True)
class _Line:
    """One source.  ``due``: seconds on the elapsed clock, ``at``: on the wall clock."""

    timing: Timing
    due: float | None = None
    at: datetime | None = None
    delay: float = 0.0
    wanted: bool = False
    asked: bool = False
    since: float = 0.0
    began: float = 0.0
    phase: Phase = "idle"
    paused: bool = False
    failures: int = 0
    resting: float = 0.0
    error: str = ""
    dropped: bool = field(default=False)


class Planner:
    """Decides with `tick`; is told by the other methods.  Not for several threads at once."""

    def __init__(self, slots: int, patience: Patience = Patience()) -> None:
        self._slots = slots
        self._patience = patience
        self._lines: dict[str, _Line] = {}
        self._last: Instant | None = None

    # --- what there is ----------------------------------------------------------------

    def plan(
        self,
        timings: Iterable[Timing],
        past: Callable[[str], Past],
        now: Instant,
        paused: Iterable[str] = (),
    ) -> None:
        """Take these sources on instead of those before; what was missed is wanted once.

        A source whose timing is as it was goes on as if nothing had happened.
        """
        before, self._lines = self._lines, {}
        still = set(paused)
        for timing in timings:
            old = before.pop(timing.name, None)
            if old is None:
                old = _Line(timing, paused=timing.name in still)
                _recall(old, past(timing.name), now, self._patience)
            elif old.dropped or old.timing.when != timing.when:
                old.timing = timing
                old.due = old.at = None
                _recall(old, past(timing.name), now, self._patience)
            old.timing, old.dropped = timing, False
            self._lines[timing.name] = old
        for name, line in before.items():
            if line.phase != "idle":  # goes on to its end, and is forgotten then
                line.dropped, line.wanted, line.asked = True, False, False
                line.due = line.at = None
                self._lines[name] = line

    def resize(self, slots: int, patience: Patience) -> None:
        """Change how many may run at once, and how patient we are."""
        self._slots, self._patience = slots, patience

    # --- what happened ----------------------------------------------------------------

    def request(self, name: str) -> bool:
        """Ask for a run now, paused or failing or not; whether there is such a source."""
        line = self._lines.get(name)
        if line is None or line.dropped:
            return False
        line.asked = True
        return True

    def changed(self, name: str, now: Instant) -> None:
        """Something in the source's folders changed."""
        line = self._lines.get(name)
        if line is not None and isinstance(line.timing.schedule, OnChange):
            _want(line, now.elapsed)

    def pause(self, name: str, *, paused: bool) -> bool:
        """Pause or resume a source; whether there is such a source."""
        line = self._lines.get(name)
        if line is None or line.dropped:
            return False
        line.paused = paused
        return True

    def ended(self, name: str, now: Instant, error: str = "") -> None:
        """A run has ended; ``error`` says why it failed, if it did."""
        line = self._lines.get(name)
        if line is None:
            return
        if line.dropped:
            del self._lines[name]
            return
        if line.phase in ("stopping", "hung") and not error:
            error = "its time limit passed"
        line.phase = "idle"
        line.error = error
        line.failures = line.failures + 1 if error else 0
        line.resting = now.elapsed + self._patience.after(line.failures) if error else 0.0
        if error and isinstance(line.timing.schedule, OnChange):
            _want(line, now.elapsed)  # nothing else would bring it back

    # --- what to do -------------------------------------------------------------------

    def tick(self, now: Instant) -> Actions:
        """Decide what is to be done now; the same moments give the same decisions."""
        self._mind_the_clock(now)
        for line in self._lines.values():
            _fire(line, now)
        overdue = [line for line in self._lines.values() if _overdue(line, now, 0.0)]
        stop = [line for line in overdue if line.phase == "running"]
        give_up = [line for line in overdue if _overdue(line, now, self._patience.grace)]
        for line in stop:
            line.phase = "stopping"
        abandon = [line for line in give_up if line.phase == "stopping" and line not in stop]
        for line in abandon:
            line.phase = "hung"
        start = self._startable(now)
        for line in start:
            line.phase, line.began = "running", now.elapsed
            line.wanted = line.asked = False
        return Actions(_names(start), _names(stop), _names(abandon))

    def _startable(self, now: Instant) -> list[_Line]:
        busy = sum(line.phase in ("running", "stopping") for line in self._lines.values())
        ready = [line for line in self._lines.values() if _ready(line, now)]
        ready.sort(key=lambda line: (not line.asked, line.since, line.timing.name))
        return ready[: max(0, self._slots - busy)]

    def _mind_the_clock(self, now: Instant) -> None:
        last, self._last = self._last, now
        if last is None:
            return
        jump = now.wall - last.wall_at(now.elapsed)
        if jump < -CORRECTED:
            for line in self._lines.values():
                if line.at is not None and isinstance(line.timing.schedule, Cron):
                    _set_at(line, line.timing.schedule.after(now.wall))

    # --- what to show -----------------------------------------------------------------

    def standings(self, now: Instant) -> list[Standing]:
        """How each source stands."""
        return [
            Standing(
                line.timing.name,
                _state(line, now),
                line.paused,
                line.failures,
                line.error,
                _next(line, now),
            )
            for line in self._lines.values()
            if not line.dropped
        ]

    def paused(self) -> list[str]:
        """Names of the sources that are paused."""
        return sorted(name for name, line in self._lines.items() if line.paused)


# --- one line -------------------------------------------------------------------------


def _recall(line: _Line, past: Past, now: Instant, patience: Patience) -> None:
    """Go on from what the ledger says: what was missed, or cut short, is wanted once."""
    line.failures, line.error = past.failures, past.error
    started = min(past.started, now.wall) if past.started else None
    if past.failures and started:
        rest = patience.after(past.failures) - (now.wall - started).total_seconds()
        line.resting = now.elapsed + max(0.0, rest)
    schedule = line.timing.schedule
    cut_short = not past.finished and line.phase == "idle"
    if isinstance(schedule, OnChange) or cut_short:
        _want(line, now.elapsed)
    if isinstance(schedule, Every):
        ago = (now.wall - started).total_seconds() if started else schedule.seconds
        _set_due(line, now, now.elapsed + max(0.0, schedule.seconds - ago))
    elif isinstance(schedule, Cron):
        _set_at(line, schedule.after(started or now.wall))


def _fire(line: _Line, now: Instant) -> None:
    """Take note of a time that has come, and look for the next."""
    schedule = line.timing.schedule
    if isinstance(schedule, Every) and line.due is not None:
        if now.elapsed >= line.due + line.delay:
            _want(line, line.due + line.delay)
            missed = (now.elapsed - line.due) // schedule.seconds
            _set_due(line, now, line.due + (missed + 1) * schedule.seconds)
    elif isinstance(schedule, Cron) and line.at is not None:
        late = (now.wall - line.at).total_seconds() - line.delay
        if late >= 0:
            _want(line, now.elapsed - late)
            _set_at(line, schedule.after(max(now.wall, line.at)))


def _set_due(line: _Line, now: Instant, due: float) -> None:
    line.due = due
    line.delay = line.timing.delay(now.wall_at(due))


def _set_at(line: _Line, at: datetime | None) -> None:
    line.at = at
    line.delay = line.timing.delay(at) if at else 0.0


def _want(line: _Line, since: float) -> None:
    if not line.wanted:
        line.wanted, line.since = True, since


def _ready(line: _Line, now: Instant) -> bool:
    if line.phase != "idle":
        return False
    return line.asked or (line.wanted and not line.paused and now.elapsed >= line.resting)


def _state(
    line: _Line, now: Instant
) -> Literal["idle", "waiting", "resting", "running", "stopping", "hung"]:
    if line.phase != "idle":
        return line.phase
    if line.failures and now.elapsed < line.resting and not line.asked:
        return "resting"
    return "waiting" if _ready(line, now) else "idle"


def _overdue(line: _Line, now: Instant, grace: float) -> bool:
    running = line.phase in ("running", "stopping")
    limit = line.timing.limit
    return running and limit > 0 and now.elapsed - line.began >= limit + grace


def _next(line: _Line, now: Instant) -> datetime | None:
    """When the source will run next, as far as that can be told."""
    if line.asked and line.phase == "idle":
        return now.wall
    if line.paused:
        return None
    if line.wanted:
        found: datetime | None = now.wall
    elif line.due is not None:
        found = now.wall_at(line.due + line.delay)
    else:
        found = line.at + timedelta(seconds=line.delay) if line.at else None
    if found is None:
        return None
    return max(found, now.wall_at(line.resting)).astimezone(UTC)


def _names(lines: Sequence[_Line]) -> tuple[str, ...]:
    return tuple(line.timing.name for line in lines)
