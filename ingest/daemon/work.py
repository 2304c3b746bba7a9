"""One run of one source under the daemon, from its thread's side."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import TYPE_CHECKING

from ingest import app, reports
from ingest.daemon.engines import Engines
from ingest.daemon.planner import Past, Patience
from ingest.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.outcome import RunReport
    from ingest.settings import Settings
    from ingest.turns import Seat

REMEMBERED = 32
"""Newest runs of a source that are looked at for failures in a row."""


@dataclass(frozen=True, slots=True)
class Work:
    """A run: told to `stop`, it ends after the batch in hand; ``overdue``, it has failed then."""

    source: str
    settings: Settings
    turns: Turns = field(default_factory=Turns)
    engines: Engines = field(default_factory=Engines)
    stop: threading.Event = field(default_factory=threading.Event)
    overdue: threading.Event = field(default_factory=threading.Event)
    seats: list[Seat] = field(default_factory=list)

    def cut_short(self) -> None:
        """Ask it to end because its time limit passed."""
        self.overdue.set()
        self.stop.set()

    def give_up(self) -> None:
        """Take its place among the runs, so that the store's lock does not wait for it."""
        for seat in self.seats:
            seat.give_up()


def thread(work: Callable[[], None], name: str) -> None:
    """Run the work in a thread of its own, which does not keep the process alive."""
    threading.Thread(target=work, name=name, daemon=True).start()


def run_source(work: Work) -> RunReport:
    """Pass over one source; waits as long as another process writes to the store."""
    options = app.RunOptions(
        wait=math.inf,
        cancelled=work.stop.is_set,
        overdue=work.overdue.is_set,
        turns=work.turns,
        seated=work.seats.append,
        engine=lambda settings: work.engines.lend(work.source, settings),
    )
    return app.run(work.settings, only=[work.source], options=options)


def patience_of(settings: Settings) -> Patience:
    """How patient the settings are with failing sources."""
    daemon = settings.daemon
    return Patience(daemon.backoff, daemon.backoff_max, daemon.grace)


def ledger(settings: Settings) -> Callable[[str], Past]:
    """What the run ledger says of a source; nothing where there is no store yet."""

    def past(name: str) -> Past:
        if not (settings.store / "catalog.db").exists():
            return Past()
        with reports.opened(settings) as store:
            recent = store.runs.recent_of(name, REMEMBERED)
        if not recent:
            return Past()
        last = recent[0]
        since_done = takewhile(lambda part: part.status != "done", recent)
        return Past(
            started=datetime.fromisoformat(last.started),
            finished=last.status in ("done", "failed"),
            failures=sum(part.status == "failed" for part in since_done),
            error=last.error,
        )

    return past
