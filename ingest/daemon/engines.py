"""Worker processes that stay for the next run, of the sources that run often.

Starting workers and loading what extraction needs takes seconds; a file dropped into a
folder would wait for that. Only sources that are ``on change`` or run every minute keep
theirs, at most `KEPT` of them, for `LINGER` seconds: each holds some 300 MB.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.daemon.clock import elapsed
from ingest.schedule import Every, OnChange
from ingest.wiring import make_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.engine.base import Engine
    from ingest.settings import Settings

KEPT = 2
LINGER = 900.0
OFTEN = 60.0


@dataclass(frozen=True, slots=True)
class _Idle:
    source: str
    settings: Settings
    engine: Engine
    since: float


class Engines:
    """Lends engines to runs; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Idle] = []

    @contextmanager
    def lend(self, source: str, settings: Settings) -> Iterator[Engine]:
        """Give the engine that the source had last, or a new one; kept afterwards or closed.

        One whose run failed is closed: what it was doing is not known.
        """
        engine = self._take(source, settings)
        try:
            yield engine
        except BaseException:
            engine.close()
            raise
        if runs_often(source, settings):
            self._keep(_Idle(source, settings, engine, elapsed()))
        else:
            engine.close()

    def _take(self, source: str, settings: Settings) -> Engine:
        with self._lock:
            for idle in self._idle:
                if idle.source == source and idle.settings is settings:
                    self._idle.remove(idle)
                    return idle.engine
        return make_engine(settings)

    def _keep(self, idle: _Idle) -> None:
        with self._lock:
            self._idle.append(idle)
            old, self._idle = self._idle[:-KEPT], self._idle[-KEPT:]
        for each in old:
            each.engine.close()

    def expire(self) -> None:
        """Close those that nobody has used for long."""
        with self._lock:
            old = [each for each in self._idle if elapsed() - each.since > LINGER]
            self._idle = [each for each in self._idle if each not in old]
        for each in old:
            each.engine.close()

    def close(self) -> None:
        """Close all that nobody uses."""
        with self._lock:
            old, self._idle = self._idle, []
        for each in old:
            each.engine.close()


def runs_often(source: str, settings: Settings) -> bool:
    """Whether a source's next run is likely to come soon."""
    schedule = settings.timing(settings.source_named(source)).schedule
    often = isinstance(schedule, Every) and schedule.seconds <= OFTEN
    return often or isinstance(schedule, OnChange)
