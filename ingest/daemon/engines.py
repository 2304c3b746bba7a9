"""Worker processes that stay for the next run, of the sources that run often.

Starting the first worker loads what extraction needs and takes seconds; a file dropped
into a folder would wait for that.  Sources that are ``on change`` or run every minute get
theirs when the daemon starts (`Engines.warm`) and keep them between runs, `KEPT` sources
at most: the memory that a worker has to itself is some 100 MB.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from ingest import reports
from ingest.documents import RawDocument
from ingest.preload import EVERY
from ingest.schedule import Every, OnChange
from ingest.wiring import furniture_key, make_engine, make_recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.engine.base import Engine
    from ingest.settings import Settings

log = structlog.get_logger()

KEPT = 2
OFTEN = 60.0

_NOTHING = RawDocument("", b"", "text/plain")
"""What workers are warmed up with: it is refused before any step of the chain sees it."""


@dataclass(frozen=True, slots=True, eq=False)
class _Idle:
    source: str
    settings: Settings
    engine: Engine


class Engines:
    """Lends engines to runs; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Idle] = []
        self._current: Settings | None = None
        self._closed = False

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
            self._keep(_Idle(source, settings, engine))
        else:
            engine.close()

    def warm(self, settings: Settings) -> None:
        """Start workers for the sources that run often, and close those of other settings.

        Returns when they have started.  A run that comes meanwhile starts its own.
        """
        with self._lock:
            self._current = settings
            old = [each for each in self._idle if each.settings is not settings]
            self._idle = [each for each in self._idle if each.settings is settings]
        for each in old:
            each.engine.close()
        often = [each.name for each in settings.source if runs_often(each.name, settings)]
        for name in often[:KEPT]:
            if self._wanted(settings):
                self._warm(name, settings)

    def _warm(self, name: str, settings: Settings) -> None:
        engine = self._take(name, settings)
        try:
            source = settings.source_named(name)
            recipe = make_recipe(settings, source, _furniture(settings, name))
            for _ in engine.map(recipe.make, [_NOTHING], lambda _: True):
                log.info("workers ready", source=name)
        except Exception as error:  # noqa: BLE001 - the run that needs them meets the same, and fails with it
            engine.close()
            log.warning("workers not ready", source=name, reason=f"{type(error).__name__}: {error}")
        else:
            self._keep(_Idle(name, settings, engine), warm=True)

    def _wanted(self, settings: Settings) -> bool:
        return not self._closed and self._current in (None, settings)

    def _take(self, source: str, settings: Settings) -> Engine:
        with self._lock:
            for idle in self._idle:
                if idle.source == source and idle.settings is settings:
                    self._idle.remove(idle)
                    return idle.engine
        return make_engine(settings, lambda _: EVERY)

    def _keep(self, idle: _Idle, *, warm: bool = False) -> None:
        """Keep one engine a source, and those of the newest `KEPT`; close the others.

        Of two, one that was warmed up is kept: a run in which nothing changed started none.
        """
        with self._lock:
            twins = [each for each in self._idle if each.source == idle.source]
            if not self._wanted(idle.settings) or (twins and not warm):
                old = [idle]
            else:
                rest = [each for each in self._idle if each not in twins]
                kept = [*rest, idle]
                old, self._idle = [*twins, *kept[:-KEPT]], kept[-KEPT:]
        for each in old:
            each.engine.close()

    def close(self) -> None:
        """Close all that nobody uses, and keep none any more."""
        with self._lock:
            old, self._idle, self._closed = self._idle, [], True
        for each in old:
            each.engine.close()


def runs_often(source: str, settings: Settings) -> bool:
    """Whether a source's next run is likely to come soon."""
    schedule = settings.timing(settings.source_named(source)).schedule
    often = isinstance(schedule, Every) and schedule.seconds <= OFTEN
    return often or isinstance(schedule, OnChange)


def _furniture(settings: Settings, source: str) -> str:
    """What was learnt of a source: a run's workers know it, and other workers are others."""
    if not (settings.store / "catalog.db").exists():
        return ""
    with reports.opened(settings) as store:
        return store.meta(furniture_key(source))
