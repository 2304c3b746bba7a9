"""The daemon as a process: its scheduler, its signals, what it tells systemd, and its end."""

from __future__ import annotations

from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

import structlog

from ingest.catalog.lock import writer_lock
from ingest.console import serving as console
from ingest.daemon.clock import elapsed
from ingest.daemon.heart import LATE_SECONDS, TICK_SECONDS, Heart
from ingest.daemon.notify import Notifier
from ingest.daemon.service import Daemon
from ingest.daemon.signals import Signals
from ingest.daemon.watch import Watcher
from ingest.daemon.work import thread
from ingest.errors import IngestError, StoreLocked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ingest.settings import Settings

log = structlog.get_logger()

WARM_SECONDS = 30.0
"""How long the daemon waits for workers before it says that it is ready without them."""


def serve(load: Callable[[], Settings]) -> int:
    """Run sources on their schedules until SIGTERM; the exit code.

    ``load`` reads the settings, now and on SIGHUP.  Raises `SettingsError` for bad
    settings or an address that cannot be served, and `StoreLocked` where another daemon
    serves the same store.
    """
    settings = load()
    with ExitStack() as stack:
        stack.enter_context(alone(settings))
        daemon = Daemon(settings)
        thread(daemon.warm, "warm")  # beside what serving HTTP loads
        stack.enter_context(console.serving(daemon, settings.daemon))
        signals = stack.enter_context(Signals())
        daemon.wake = signals.wake
        watcher = stack.enter_context(closing(Watcher(daemon.changed)))
        watcher.follow(settings)
        notifier = Notifier()
        with Heart(daemon.tick) as heart:
            greet(daemon, heart, signals, notifier)
            supervise(daemon, heart, signals, notifier, lambda: reload(daemon, watcher, load))
            log.info("stopping", signal=signals.stop, running=daemon.running())
            notifier.stopping()
            watcher.close()
            daemon.stop()
        return finish(daemon)


def greet(daemon: Daemon, heart: Heart, signals: Signals, notifier: Notifier) -> None:
    """Say that the daemon is ready once its workers stand: a dropped file need not wait then.

    Schedules are kept meanwhile.  Where workers take too long, it is ready without them.
    """
    until = elapsed() + WARM_SECONDS
    while not (daemon.warmed.is_set() or signals.stop or elapsed() > until):
        if signals.sleep(TICK_SECONDS):
            heart.soon()
    if not signals.stop:
        settings = daemon.settings
        log.info("daemon started", sources=len(settings.source), store=str(settings.store))
        notifier.ready()


def supervise(
    daemon: Daemon,
    heart: Heart,
    signals: Signals,
    notifier: Notifier,
    load_again: Callable[[], None],
) -> None:
    """What the main thread does until a signal ends it."""
    pause = min(TICK_SECONDS, notifier.watchdog / 4 or TICK_SECONDS)
    while not signals.stop:
        if signals.sleep(pause):
            heart.soon()
        heart.mind()
        if heart.age < LATE_SECONDS:
            notifier.alive()
        queues = daemon.queues()
        notifier.status(f"{queues['runs']} running, {queues['slots']} waiting")
        if signals.take_reload():
            notifier.reloading()
            load_again()
            notifier.ready()


def finish(daemon: Daemon) -> int:
    """Wait for the runs to finish their batch, as long as the settings say; the exit code."""
    left = daemon.drain(daemon.settings.daemon.shutdown)
    if left:
        log.warning("stopped without waiting longer", running=left)
    log.info("daemon stopped")
    return 0


def reload(daemon: Daemon, watcher: Watcher, load: Callable[[], Settings]) -> None:
    """Take on new settings; where they are bad the old ones stay, and the log says why."""
    try:
        settings = load()
        for name in ("listen", "token"):
            if getattr(settings.daemon, name) != getattr(daemon.settings.daemon, name):
                log.warning("needs a restart", setting=f"daemon.{name}")
        if settings.store != daemon.settings.store:
            log.error("settings refused", reason="the store cannot change while the daemon runs")
            return
        daemon.reload(settings)
    except IngestError as error:
        log.error("settings refused", reason=str(error), hint=error.hint)  # noqa: TRY400 - the reason is for people
    else:
        watcher.follow(settings)
        thread(daemon.warm, "warm")
        log.info("settings reloaded", sources=len(settings.source))


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Be the only daemon of the store; the lock of its runs is another one."""
    with ExitStack() as stack:
        try:
            stack.enter_context(writer_lock(settings.store / "daemon", label="daemon"))
        except StoreLocked as error:
            message = f"{settings.store}: another daemon{_holder(settings)} serves this store"
            raise StoreLocked(message, hint="Stop it first, or name another store.") from error
        yield


def _holder(settings: Settings) -> str:
    """Which process holds the lock, for people: it may have changed hands since."""
    number = (settings.store / "daemon" / "lock").read_text("utf-8").partition(" ")[0]
    return f" (process {number})" if number.isdigit() else ""
