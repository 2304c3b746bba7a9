"""Whether the service is ready: its store opens, and no source is far behind its schedule."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from ingest import reports
from ingest.errors import IngestError
from ingest.schedule import Cron, Every

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingest.console.control import Control
    from ingest.schedule import Schedule, Standing
    from ingest.settings import Settings

STUCK_SECONDS = 30.0
"""Silence of the scheduler after which the daemon is not alive any more."""


def problems(control: Control, since: datetime, now: datetime) -> list[str]:
    """Why the service is not ready, empty where it is; ``since``: when the daemon started."""
    settings, found = control.settings, []
    last: dict[str, datetime] = {}
    try:
        if (settings.store / "catalog.db").exists():
            last = _last_runs(settings)
    except IngestError as error:
        found.append(f"store: {error}")
    schedules = {each.name: settings.timing(each).schedule for each in settings.source}
    jitters = {each.name: each.jitter for each in settings.source}
    for standing in control.standings():
        name = standing.name
        found += _standing_problems(standing)
        begins = last.get(name, since)
        if not standing.paused and late(schedules[name], begins, now, jitters[name]):
            found.append(f"source {name}: its last run is older than twice its interval")
    return found


def _standing_problems(standing: Standing) -> Iterable[str]:
    if standing.state == "hung":
        yield f"source {standing.name}: its run hangs"


def late(schedule: Schedule, last: datetime, now: datetime, jitter: float = 0.0) -> bool:
    """Whether a run that began at ``last`` is older than twice the schedule's interval.

    For cron, whose intervals differ: whether two times have passed since.
    """
    if isinstance(schedule, Every):
        return (now - last).total_seconds() > 2 * schedule.seconds + jitter
    if isinstance(schedule, Cron):
        first = schedule.after(last)
        second = schedule.after(first) if first else None
        return second is not None and (now - second).total_seconds() > jitter
    return False


def _last_runs(settings: Settings) -> dict[str, datetime]:
    with reports.opened(settings) as store:
        found = {each.name: store.runs.latest_of(each.name) for each in settings.source}
    return {
        name: datetime.fromisoformat(run.started) for name, run in found.items() if run is not None
    }
