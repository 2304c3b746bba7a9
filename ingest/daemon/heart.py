"""APScheduler, whose only part is to wake `tick`; and a watch on whether it does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from ingest.daemon.clock import elapsed

if TYPE_CHECKING:
    from collections.abc import Callable

TICK_SECONDS = 0.5
LATE_SECONDS = 5.0
"""A scheduler that has not ticked for so long was misled by a clock set back."""


class Heart:
    """Calls ``tick`` twice a second, in one thread, until the block is left.

    The scheduler goes by the wall clock: one that is set back by an hour would silence it
    for an hour.  `mind`, called by the main thread, sees by the elapsed clock that ticks
    are missing.
    """

    def __init__(self, tick: Callable[[], None]) -> None:
        from apscheduler.executors.pool import ThreadPoolExecutor  # noqa: PLC0415 - heavy
        from apscheduler.schedulers.background import BackgroundScheduler  # noqa: PLC0415 - heavy

        self._tick = tick
        self._beat = elapsed()
        self._scheduler: Any = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )

    def __enter__(self) -> Self:
        self._scheduler.add_job(
            self._beats,
            "interval",
            seconds=TICK_SECONDS,
            id="tick",
            next_run_time=datetime.now(UTC),
        )
        self._scheduler.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._scheduler.shutdown(wait=True)

    @property
    def age(self) -> float:
        """Seconds since the last tick that came to its end."""
        return elapsed() - self._beat

    def _beats(self) -> None:
        self._tick()
        self._beat = elapsed()

    def soon(self) -> None:
        """Tick as soon as possible."""
        self._scheduler.modify_job("tick", next_run_time=datetime.now(UTC))

    def mind(self) -> None:
        """Wake the scheduler where the wall clock has misled it."""
        if self.age > LATE_SECONDS:
            self.soon()
