"""The commands that write: `run` and `reindex`."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from ingest import app, reports, upkeep
from ingest.cli import logs, printing
from ingest.cli.stopping import stop_on_signals
from ingest.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ingest.cli.stopping import Stop
    from ingest.outcome import RunReport
    from ingest.settings import Settings

SHOWN_GROUPS = 10
SHOWN_ALONE = 12


@dataclass(frozen=True, slots=True)
class RunArguments:
    """What `ingest run` was asked for, beside the settings."""

    inputs: tuple[str, ...] = ()
    name: str = ""
    only: tuple[str, ...] = ()
    full: bool = False
    limit: int = 0
    dry_run: bool = False
    wait: float = 0.0


def run_command(
    settings: Settings,
    arguments: RunArguments,
    *,
    as_json: bool,
    log_format: Literal["human", "json"],
) -> int:
    """`ingest run`; the exit code."""
    logs.configure(log_format)
    with stop_on_signals() as stop, _progress_bar(enabled=not as_json) as progress:
        report = app.run(
            settings,
            arguments.inputs,
            name=arguments.name,
            only=arguments.only,
            options=_options(arguments, stop, progress),
        )
    if as_json:
        printing.json(report.as_json())
    else:
        _print_report(settings, report, dry_run=arguments.dry_run)
    return _exit_code(report, stop)


def reindex_command(
    settings: Settings, *, wait: float, as_json: bool, log_format: Literal["human", "json"]
) -> int:
    """`ingest reindex`; the exit code."""
    logs.configure(log_format)
    with _progress_bar(enabled=not as_json) as progress:
        options = replace(_fixed(), wait=wait, progress=progress)
        report = app.reindex(settings, options)
    if as_json:
        printing.json(report.as_json())
    else:
        _print_report(settings, report, dry_run=False)
    return 0


def retry_command(
    settings: Settings,
    chosen: tuple[str, str],
    *,
    wait: float,
    as_json: bool,
    log_format: Literal["human", "json"],
) -> int:
    """`ingest retry`; ``chosen`` is source and reason, ``""`` for all; the exit code."""
    source, reason = chosen
    with _begun(wait, log_format, as_json=as_json) as (options, stop):
        report, later = upkeep.retry(settings, source=source, reason=reason, options=options)
    if as_json:
        printing.json({**report.as_json(), "read_again_by_the_next_run": later})
    elif later or report.counts["read"]:
        printing.run_report(report, settings.store, dry_run=False)
        if later:
            printing.line(f"{printing.plural(later, 'item')} will be read again by the next run")
    else:
        printing.line("nothing of that kind in quarantine")
    return _exit_code(report, stop)


def drop_command(
    settings: Settings,
    name: str,
    *,
    wait: float,
    as_json: bool,
    log_format: Literal["human", "json"],
) -> int:
    """`ingest drop`; the exit code."""
    with _begun(wait, log_format, as_json=as_json) as (options, stop):
        report = upkeep.drop(settings, name, options)
    if as_json:
        printing.json(report.as_json())
    else:
        printing.run_report(report, settings.store, dry_run=False)
    return _exit_code(report, stop)


@contextmanager
def _begun(
    wait: float, log_format: Literal["human", "json"], *, as_json: bool
) -> Iterator[tuple[app.RunOptions, Stop]]:
    """How a run of another command than `ingest run` goes, and whether it was told to stop."""
    logs.configure(log_format)
    with stop_on_signals() as stop, _progress_bar(enabled=not as_json) as progress:
        yield replace(_fixed(), wait=wait, progress=progress, cancelled=stop), stop


def _exit_code(report: RunReport, stop: Stop) -> int:
    if stop():
        return stop.exit_code
    return 1 if report.status == "failed" else 0


def _options(
    arguments: RunArguments, stop: Stop, progress: Callable[[str, Mapping[str, int]], None]
) -> app.RunOptions:
    return replace(
        _fixed(),
        full=arguments.full,
        limit=arguments.limit,
        dry_run=arguments.dry_run,
        wait=arguments.wait,
        cancelled=stop,
        progress=progress,
    )


def _fixed() -> app.RunOptions:
    """Clock and run id fixed by the environment, for whoever wants the same bytes twice."""
    options = app.RunOptions(run_id=os.environ.get("INGEST_RUN_ID", ""))
    if now := os.environ.get("INGEST_NOW"):
        try:
            moment = datetime.fromisoformat(now)
        except ValueError:
            said = f"INGEST_NOW takes a time such as 2024-05-06T07:08:09Z, not {now!r}"
            raise UsageError(said) from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        options = replace(options, clock=lambda: moment)
    return options


@contextmanager
def _progress_bar(*, enabled: bool) -> Iterator[Callable[[str, Mapping[str, int]], None]]:
    """A bar on a terminal; elsewhere nothing, since logs are read by programs there."""
    if not (enabled and sys.stderr.isatty()):
        yield lambda _source, _counts: None
        return
    from rich.console import Console  # noqa: PLC0415 - only on a terminal
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - as above

    console = Console(stderr=True)
    if console.is_dumb_terminal:  # nothing could be drawn over, and log lines would be folded
        yield lambda _source, _counts: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("starting", total=None)

        def show(source: str, counts: Mapping[str, int]) -> None:
            shown = "  ".join(f"{count:,} {name}" for name, count in counts.items() if count)
            progress.update(task, description=f"{source}: {shown}")

        yield show


def _print_report(settings: Settings, report: RunReport, *, dry_run: bool) -> None:
    printing.run_report(report, settings.store, dry_run=dry_run)
    if dry_run:
        return
    with reports.opened(settings) as store:
        printing.groups(reports.groups(store, SHOWN_GROUPS + 1), SHOWN_GROUPS)
        printing.alone(reports.alone(store, SHOWN_ALONE + 1), SHOWN_ALONE)
