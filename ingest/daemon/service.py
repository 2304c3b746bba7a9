"""The daemon as one object: the planner, the runs that are going on, and `tick`.

scheduler -> tick(now) -> planner -> start, stop, give up -> a thread per run -> app.run
                ^                                                     |
                '----------- changes, requests, reload ---------------'
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from ingest import app, reports
from ingest.daemon.clock import system_clock
from ingest.daemon.planner import Past, Patience, Planner
from ingest.errors import IngestError, StoreLocked

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.app import RunReport
    from ingest.daemon.clock import Instant
    from ingest.settings import Settings

log = structlog.get_logger()

LOCK_SLICE = 1.0
"""Seconds of waiting for the store's lock after which it is asked whether to go on."""


@dataclass(frozen=True, slots=True)
class Work:
    """One run of one source, as its thread sees it."""

    source: str
    settings: Settings
    stop: threading.Event = field(default_factory=threading.Event)


def thread(work: Callable[[], None], name: str) -> None:
    """Run the work in a thread of its own, which does not keep the process alive."""
    threading.Thread(target=work, name=name, daemon=True).start()


class Daemon:
    """Runs sources when the planner says so.  Every method may be called from any thread."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], Instant] = system_clock,
        perform: Callable[[Work], RunReport] | None = None,
        spawn: Callable[[Callable[[], None], str], None] = thread,
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._perform = perform or run_source
        self._spawn = spawn
        self._lock = threading.RLock()
        self._quiet = threading.Condition(self._lock)
        self._running: dict[str, Work] = {}
        self._stopping = False
        self._planner = Planner(settings.daemon.concurrency, patience_of(settings))
        self._plan(settings)

    # --- the tick ---------------------------------------------------------------------

    def tick(self, now: Instant | None = None) -> None:
        """Start, stop and give up what is due for it; the only thing the scheduler calls."""
        with self._lock:
            if self._stopping:
                return
            actions = self._planner.tick(now or self._clock())
            for name in actions.stop:
                log.warning("time limit passed", source=name)
                self._running[name].stop.set()
            for name in actions.abandon:
                log.error(
                    "source hangs", source=name, hint="It is not started again until it ends."
                )
            for name in actions.start:
                self._start(name)

    def _start(self, name: str) -> None:
        work = Work(name, self.settings)
        self._running[name] = work
        self._spawn(lambda: self._work(work), f"run-{name}")

    def _work(self, work: Work) -> None:
        error = "broke off; see the log"
        try:
            report = self._perform(work)
            error = report.sources[0].error if report.sources else ""
        except IngestError as problem:
            error = str(problem)
            log.error("run failed", source=work.source, reason=error, hint=problem.hint)  # noqa: TRY400 - the reason is for people
        except (
            Exception
        ) as problem:  # a bug of one run must not end the daemon; logged whole, counted as failure
            error = f"{type(problem).__name__}: {problem}"
            log.exception("run broke off", source=work.source)
        finally:
            with self._lock:
                self._running.pop(work.source, None)
                self._planner.ended(work.source, self._clock(), error)
                self._quiet.notify_all()

    # --- what is told from outside ----------------------------------------------------

    def changed(self, name: str) -> None:
        """Something in a source's folders changed."""
        with self._lock:
            self._planner.changed(name, self._clock())

    def reload(self, settings: Settings) -> None:
        """Go on with other settings; runs that are going on end with the old ones."""
        with self._lock:
            self._plan(settings)
            self.settings = settings

    def _plan(self, settings: Settings) -> None:
        self._planner.resize(settings.daemon.concurrency, patience_of(settings))
        timings = [settings.timing(source) for source in settings.source]
        self._planner.plan(timings, ledger(settings), self._clock())

    def running(self) -> list[str]:
        """Names of the sources that run now."""
        with self._lock:
            return sorted(self._running)

    # --- the end ----------------------------------------------------------------------

    def stop(self) -> None:
        """Start nothing more, and ask every run to finish the batch in hand."""
        with self._lock:
            self._stopping = True
            for work in self._running.values():
                work.stop.set()

    def drain(self, seconds: float) -> list[str]:
        """Wait until no run is left, or the time is up; the sources that still run."""
        with self._quiet:
            self._quiet.wait_for(lambda: not self._running, seconds)
            return sorted(self._running)


# --- joins ----------------------------------------------------------------------------


def run_source(work: Work) -> RunReport:
    """Pass over one source; waits for the store where another process writes to it."""
    told = False
    while True:
        options = app.RunOptions(wait=LOCK_SLICE, cancelled=work.stop.is_set)
        try:
            return app.run(work.settings, only=[work.source], options=options)
        except StoreLocked as error:
            if work.stop.is_set():
                raise
            if not told:
                log.info("waiting for the store", source=work.source, reason=str(error))
                told = True


def patience_of(settings: Settings) -> Patience:
    """How patient the settings are with failing sources."""
    return Patience(settings.daemon.backoff, settings.daemon.backoff_max)


def ledger(settings: Settings) -> Callable[[str], Past]:
    """What the run ledger says of a source; nothing where there is no store yet."""
    if not (settings.store / "catalog.db").exists():
        return lambda _: Past()

    def past(name: str) -> Past:
        with reports.opened(settings) as store:
            last = store.runs.latest_of(name)
        if last is None:
            return Past()
        finished = last.status in ("done", "failed")
        started = datetime.fromisoformat(last.started)
        return Past(started, finished, int(last.status == "failed"), last.error)

    return past
