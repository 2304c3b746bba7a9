"""The two clocks of the daemon: one tells the time, the other how much of it has passed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment on both clocks: ``wall`` may jump, ``elapsed`` (seconds) never does."""

    wall: datetime
    elapsed: float

    def wall_at(self, elapsed: float) -> datetime:
        """What the wall clock will say when the other one says ``elapsed``."""
        return datetime.fromtimestamp(self.wall.timestamp() + elapsed - self.elapsed, UTC)


def system_clock() -> Instant:
    """The moment now; sleep of the machine counts as elapsed where the system can tell."""
    return Instant(datetime.now(UTC), elapsed())


def elapsed() -> float:
    """Seconds that passed since some moment; never set back."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)
