"""The daemon as a process: its scheduler, its signals, and its end."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import structlog

from ingest.catalog.lock import writer_lock
from ingest.daemon.clock import elapsed
from ingest.daemon.service import Daemon
from ingest.daemon.signals import Signals
from ingest.errors import IngestError, StoreLocked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ingest.settings import Settings

log = structlog.get_logger()

TICK_SECONDS = 0.5
LATE_SECONDS = 5.0
"""A scheduler that has not ticked for so long was misled by a clock set back."""


def serve(load: Callable[[], Settings]) -> int:
    """Run sources on their schedules until SIGTERM; the exit code.

    ``load`` reads the settings, now and on SIGHUP.  Raises `SettingsError`, and
    `StoreLocked` where another daemon serves the same store.
    """
    settings = load()
    with alone(settings), Signals() as signals:
        daemon = Daemon(settings)
        with Heart(daemon.tick) as heart:
            log.info("daemon started", sources=len(settings.source), store=str(settings.store))
            while not signals.stop:
                signals.sleep(TICK_SECONDS)
                heart.mind()
                if signals.take_reload():
                    reload(daemon, load)
            log.info("stopping", signal=signals.stop, running=len(daemon.running()))
            daemon.stop()
        return finish(daemon)


def finish(daemon: Daemon) -> int:
    """Wait for the runs to finish their batch, as long as the settings say; the exit code."""
    left = daemon.drain(daemon.settings.daemon.shutdown)
    if left:
        log.warning("stopped without waiting longer", running=left)
    log.info("daemon stopped")
    return 0


def reload(daemon: Daemon, load: Callable[[], Settings]) -> None:
    """Take on new settings; where they are bad the old ones stay, and the log says why."""
    try:
        settings = load()
        if settings.store != daemon.settings.store:
            log.error("settings refused", reason="the store cannot change while the daemon runs")
            return
        daemon.reload(settings)
    except IngestError as error:
        log.error("settings refused", reason=str(error), hint=error.hint)  # noqa: TRY400 - the reason is for people
    else:
        log.info("settings reloaded", sources=len(settings.source))


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Be the only daemon of the store; the lock of its runs is another one."""
    try:
        with writer_lock(settings.store / "daemon", label="daemon"):
            yield
    except StoreLocked as error:
        message = f"{settings.store}: another daemon serves this store"
        raise StoreLocked(message, hint="Stop it first, or name another store.") from error


class Heart:
    """APScheduler, which only wakes ``tick``; its clock is the wall's, so it is minded.

    A wall clock that is set back by an hour would silence it for an hour: `mind`, called
    by the main thread, sees by the elapsed clock that ticks are missing.
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
        """Seconds since the last tick."""
        return elapsed() - self._beat

    def _beats(self) -> None:
        self._tick()
        self._beat = elapsed()

    def mind(self) -> None:
        """Wake the scheduler where the wall clock has misled it."""
        if self.age > LATE_SECONDS:
            self._scheduler.modify_job("tick", next_run_time=datetime.now(UTC))
