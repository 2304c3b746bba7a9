"""The daemon as one object: the planner, the runs that are going on, and `tick`.

scheduler -> tick(now) -> planner -> start, stop, give up -> a thread per run -> app.run
                ^                                                     |
                '----------- changes, requests, reload ---------------'
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import structlog

from ingest.daemon import pauses
from ingest.daemon.clock import system_clock
from ingest.daemon.engines import Engines
from ingest.daemon.planner import Planner
from ingest.daemon.work import Work, ledger, patience_of, run_source, thread
from ingest.errors import IngestError
from ingest.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.daemon.clock import Instant
    from ingest.outcome import RunReport
    from ingest.schedule import Standing
    from ingest.settings import Settings

log = structlog.get_logger()


class Daemon:
    """Runs sources when the planner says so.  Every method may be called from any thread.

    ``perform`` does one run and gives its report, ``spawn`` has something done elsewhere;
    ``wake`` is called when there may be something to do, ``finished`` with each report;
    ``warmed`` is set once `warm` has come to an end.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], Instant] = system_clock,
        perform: Callable[[Work], RunReport] = run_source,
        spawn: Callable[[Callable[[], None], str], None] = thread,
    ) -> None:
        self.settings = settings
        self.wake: Callable[[], None] = lambda: None
        self.finished: Callable[[RunReport], None] = lambda _report: None
        self.warmed = threading.Event()
        self._clock = clock
        self._perform = perform
        self._spawn = spawn
        self._turns = Turns()
        self._engines = Engines()
        self._lock = threading.RLock()
        self._quiet = threading.Condition(self._lock)
        self._running: dict[str, Work] = {}
        self._stopping = False
        self._ticked = clock()
        self._planner = Planner(settings.daemon.concurrency)
        self._plan(settings)

    # --- the tick ---------------------------------------------------------------------

    def tick(self, now: Instant | None = None) -> None:
        """Start, stop and give up what is due for it; the only thing the scheduler calls."""
        with self._lock:
            now = now or self._clock()
            self._ticked = now
            if self._stopping:
                return
            actions = self._planner.tick(now)
            for name in actions.stop:
                log.warning("time limit passed", source=name)
                self._running[name].cut_short()
            for name in actions.abandon:
                log.error("source hangs", source=name, hint="It is not started until it ends.")
                self._running[name].give_up()
            for name in actions.start:
                self._start(name)

    def _start(self, name: str) -> None:
        work = Work(name, self.settings, self._turns, self._engines)
        self._running[name] = work
        self._spawn(lambda: self._work(work), f"run-{name}")

    def _work(self, work: Work) -> None:
        report, error = None, "it broke off; the log says why"
        try:
            report = self._perform(work)
            error = "; ".join(part.error for part in report.sources if part.error)
        except IngestError as problem:
            error = "" if work.stop.is_set() and not work.overdue.is_set() else str(problem)
            log.error("run failed", source=work.source, reason=str(problem), hint=problem.hint)  # noqa: TRY400 - the reason is for people
        except Exception:  # a bug in one run must not end the others: logged whole, a failure
            log.exception("run broke off", source=work.source)
        finally:
            self._ended(work, error)
        if report is not None:
            self.finished(report)

    def _ended(self, work: Work, error: str) -> None:
        with self._lock:
            self._running.pop(work.source, None)
            self._planner.ended(work.source, self._clock(), error)
            self._quiet.notify_all()
        self.wake()

    # --- what is told from outside ----------------------------------------------------

    def changed(self, name: str) -> None:
        """Something in a source's folders changed."""
        with self._lock:
            self._planner.changed(name, self._clock())
        self.wake()

    def request(self, name: str) -> bool:
        """Run a source as soon as there is a slot; whether there is such a source."""
        with self._lock:
            known = self._planner.request(name)
        self.wake()
        return known

    def pause(self, name: str, *, paused: bool) -> bool:
        """Pause a source or go on with it, beyond restarts; whether there is such a source."""
        with self._lock:
            known = self._planner.pause(name, paused=paused)
            if known:
                pauses.save(self.settings.store, self._planner.paused())
        self.wake()
        return known

    def reload(self, settings: Settings) -> None:
        """Go on with other settings; runs that are going on end with the old ones."""
        with self._lock:
            self._plan(settings)
            self.settings = settings
        self.wake()

    def warm(self) -> None:
        """Have workers ready for the sources that run often; returns, and wakes, when they are."""
        try:
            self._engines.warm(self.settings)
        finally:
            self.warmed.set()
            self.wake()

    def _plan(self, settings: Settings) -> None:
        self._planner.resize(settings.daemon.concurrency, patience_of(settings))
        timings = [settings.timing(source) for source in settings.source]
        paused = pauses.load(settings.store)
        self._planner.plan(timings, ledger(settings), self._clock(), paused)

    # --- what can be seen -------------------------------------------------------------

    def standings(self) -> list[Standing]:
        """How each source stands."""
        with self._lock:
            return self._planner.standings(self._clock())

    def running(self) -> list[str]:
        """Names of the sources that run now."""
        with self._lock:
            return sorted(self._running)

    def queues(self) -> dict[str, int]:
        """Lengths: sources that wait for a slot, runs, runs that wait for their turn to write."""
        waiting = sum(each.state == "waiting" for each in self.standings())
        return {"slots": waiting, "runs": len(self.running()), "turns": self._turns.waiting}

    def silence(self) -> float:
        """Seconds since the last tick."""
        with self._lock:
            return self._clock().elapsed - self._ticked.elapsed

    # --- the end ----------------------------------------------------------------------

    def stop(self) -> None:
        """Start nothing more, and ask every run to finish the batch in hand."""
        with self._lock:
            self._stopping = True
            for work in self._running.values():
                work.stop.set()
        self._engines.close()

    def drain(self, seconds: float) -> list[str]:
        """Wait until no run is left, or the time is up; the sources that still run."""
        with self._quiet:
            self._quiet.wait_for(lambda: not self._running, seconds)
            return sorted(self._running)
