"""Whether the service is ready: its store opens, and no source is far behind its schedule."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from ingest import reports
from ingest.errors import IngestError
from ingest.schedule import Cron, Every

if TYPE_CHECKING:
    from collections.abc import Collection

    from ingest.console.control import Control
    from ingest.schedule import Timing
    from ingest.settings import Settings

STUCK_SECONDS = 30.0
"""Silence of the scheduler after which the daemon is not alive any more."""


def problems(control: Control, since: datetime, now: datetime) -> list[str]:
    """Why the service is not ready, empty where it is; ``since``: when the daemon started."""
    found: list[str] = []
    behind: Collection[str] = ()
    try:
        behind = late_sources(control, since, now)
    except IngestError as error:
        found.append(f"store: {error}")
    for standing in control.standings():
        if standing.state == "hung":
            found.append(f"source {standing.name}: its run hangs")
        elif standing.name in behind:
            found.append(f"source {standing.name}: its last run is older than twice its interval")
    return found


def late_sources(control: Control, since: datetime, now: datetime) -> Collection[str]:
    """Names of the sources that are far behind their schedule, and should not be.

    One that is paused should, and one that runs at this moment is not: a run that takes too
    long is the time limit's business.  Raises `StoreError` for a store that does not open.
    """
    settings = control.settings
    last = _last_runs(settings) if (settings.store / "catalog.db").exists() else {}
    timings = {each.name: settings.timing(each) for each in settings.source}
    return [
        each.name
        for each in control.standings()
        if not each.paused
        and each.state not in ("running", "stopping")
        and each.name in timings
        and late(timings[each.name], last.get(each.name, since), now)
    ]


def late(timing: Timing, last: datetime, now: datetime) -> bool:
    """Whether a run that began at ``last`` is older than twice the schedule's interval.

    For cron, whose intervals differ: whether two times have passed since.
    """
    schedule = timing.schedule
    if isinstance(schedule, Every):
        return (now - last).total_seconds() > 2 * schedule.seconds + timing.jitter
    if isinstance(schedule, Cron):
        first = schedule.after(last)
        second = schedule.after(first) if first else None
        return second is not None and (now - second).total_seconds() > timing.jitter
    return False


def _last_runs(settings: Settings) -> dict[str, datetime]:
    with reports.opened(settings) as store:
        found = {each.name: store.runs.latest_of(each.name) for each in settings.source}
    return {
        name: datetime.fromisoformat(run.started) for name, run in found.items() if run is not None
    }
