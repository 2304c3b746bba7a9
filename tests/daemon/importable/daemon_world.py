"""A clock that is moved by hand, and a planner that lives by it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ingest.daemon.clock import Instant
from ingest.daemon.planner import Past, Patience, Planner
from ingest.schedule import Timing, parse

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 5, 4, tzinfo=UTC)


def timing(
    name: str, text: str, *, zone: str = "UTC", jitter: float = 0, limit: float = 0
) -> Timing:
    return Timing(name, parse(text, zone), jitter, limit)


@dataclass
class World:
    """Time, and runs that take ``seconds[name]`` (inf: hang) and end with ``errors[name]``."""

    timings: list[Timing]
    slots: int = 4
    patience: Patience = field(default_factory=Patience)
    now: Instant = field(default_factory=lambda: Instant(START, 1000.0))
    seconds: dict[str, float] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    obeys: Callable[[str], bool] = lambda _name: True
    past: dict[str, Past] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.started: dict[str, list[datetime]] = defaultdict(list)
        self.abandoned: list[str] = []
        self.stopped: list[str] = []
        self.most = 0
        self._ends: dict[str, float] = {}
        self.planner = Planner(self.slots, self.patience)
        self.restart()

    def restart(self) -> None:
        """Make the planner anew, as after a restart of the daemon."""
        self._ends.clear()
        self.planner = Planner(self.slots, self.patience)
        self.planner.plan(self.timings, lambda name: self.past.get(name, Past()), self.now)

    def jump(self, delta: timedelta) -> None:
        """Set the wall clock; no time passes."""
        self.now = replace(self.now, wall=self.now.wall + delta)

    def step(self, seconds: float) -> None:
        """Let time pass, then tick."""
        self.now = Instant(self.now.wall + timedelta(seconds=seconds), self.now.elapsed + seconds)
        for name in [name for name, end in self._ends.items() if end <= self.now.elapsed]:
            del self._ends[name]
            self.planner.ended(name, self.now, self.errors.get(name, ""))
        actions = self.planner.tick(self.now)
        for name in actions.start:
            assert name not in self._ends, f"{name} runs already"
            self.started[name].append(self.now.wall)
            self._ends[name] = self.now.elapsed + self.seconds.get(name, 0.0)
        for name in actions.stop:
            self.stopped.append(name)
            if self.obeys(name):
                self._ends[name] = self.now.elapsed
        self.abandoned += actions.abandon
        self.most = max(self.most, len(self._ends) - len(set(self.abandoned) & set(self._ends)))

    def run(self, hours: float, step: float = 1.0) -> None:
        for _ in range(round(hours * 3600 / step)):
            self.step(step)

    def state(self, name: str) -> str:
        return next(each.state for each in self.planner.standings(self.now) if each.name == name)
