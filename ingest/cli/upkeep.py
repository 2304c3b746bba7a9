"""The commands that repair and remove: forget, retry, quarantine, backup, restore, init."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.cli.options import (
    Config,
    Json,
    LogFormat,
    Reason,
    SourceName,
    StoreDir,
    Wait,
    load_settings,
)

if TYPE_CHECKING:
    from ingest.settings import Settings


def ready(config: Path | None, store: Path | None) -> Settings:
    """The settings, with the log on stderr: these commands say what they do on stdout."""
    from ingest.cli import logs  # noqa: PLC0415 - heavy

    logs.configure("human", logging.WARNING)
    return load_settings(config, store)


def forget(
    names: Annotated[
        list[str], typer.Argument(metavar="ID", help="Ids, their first digits, or source_ids.")
    ],
    copies: Annotated[
        bool, typer.Option("--copies", help="Their exact and near copies too.")
    ] = False,
    config: Config = None,
    store: StoreDir = None,
    wait: Wait = 0.0,
    json: Json = False,
) -> None:
    """Remove documents for good: text, signatures, links, shards; no run brings them back."""
    from ingest import reports, upkeep  # noqa: PLC0415 - heavy
    from ingest.app import RunOptions  # noqa: PLC0415 - heavy
    from ingest.cli import looking, printing  # noqa: PLC0415 - heavy

    settings = ready(config, store)
    with reports.opened(settings) as opened:
        names = [looking.known_id(opened, name) for name in names]
    done = upkeep.forget(settings, names, copies=copies, options=RunOptions(wait=wait))
    if json:
        printing.json(upkeep.as_json(done))
        return
    for id_ in done.forgotten:
        printing.line(f"forgotten  {id_}")
    if done.raw:
        printing.line(f"{printing.plural(done.raw, 'kept response')} went with it")
    for id_ in done.copies:
        printing.line(f"copy left  {id_}")
    if done.copies:
        printing.line("These hold the same text, or nearly; --copies forgets them too.")


def retry(
    source: SourceName = "",
    reason: Reason = "",
    config: Config = None,
    store: StoreDir = None,
    wait: Wait = 0.0,
    json: Json = False,
    log_format: LogFormat = "human",
) -> None:
    """Try quarantined items again, all or by source and reason."""
    from ingest.cli.running import retry_command  # noqa: PLC0415 - heavy

    settings = load_settings(config, store)
    raise typer.Exit(
        retry_command(settings, (source, reason), wait=wait, as_json=json, log_format=log_format)
    )


def quarantine(
    name: Annotated[
        str, typer.Argument(metavar="SOURCE_ID", help="Print the kept bytes of this item.")
    ] = "",
    source: SourceName = "",
    reason: Reason = "",
    config: Config = None,
    store: StoreDir = None,
    json: Json = False,
) -> None:
    """List the items that could not be processed, and why."""
    from ingest.cli import looking  # noqa: PLC0415 - heavy

    settings = load_settings(config, store)
    if name:
        looking.raw_bytes(settings, name, source)
    else:
        looking.quarantine(settings, source, reason, as_json=json)


def drop(
    name: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A source that has left the settings.")
    ],
    config: Config = None,
    store: StoreDir = None,
    wait: Wait = 0.0,
    json: Json = False,
    log_format: LogFormat = "human",
) -> None:
    """Take everything out that came from a source which is not configured any more.

    Responses that it kept (keep_raw) stay in raw/SOURCE in the store, for a run to read again;
    delete the folder to be rid of them.
    """
    from ingest.cli.running import drop_command  # noqa: PLC0415 - heavy

    settings = load_settings(config, store)
    raise typer.Exit(drop_command(settings, name, wait=wait, as_json=json, log_format=log_format))


def backup(
    target: Annotated[Path, typer.Argument(metavar="TO", help="New folder for the copy.")],
    config: Config = None,
    store: StoreDir = None,
    wait: Wait = 60.0,
    json: Json = False,
) -> None:
    """Copy catalog and corpus to a new folder; consistent, also while the daemon runs."""
    from ingest import backups  # noqa: PLC0415 - heavy
    from ingest.app import RunOptions  # noqa: PLC0415 - heavy
    from ingest.cli import printing  # noqa: PLC0415 - heavy

    made = backups.backup(ready(config, store), target, RunOptions(wait=wait))
    if json:
        printing.json({"backup": str(made)})
    else:
        printing.line(f"backed up to {made}")


def restore(
    origin: Annotated[Path, typer.Argument(metavar="FROM", help="Folder that `backup` made.")],
    config: Config = None,
    store: StoreDir = None,
    wait: Wait = 0.0,
    json: Json = False,
) -> None:
    """Put a backup in the store's place; what was there is moved aside, not deleted."""
    from ingest import backups  # noqa: PLC0415 - heavy
    from ingest.app import RunOptions  # noqa: PLC0415 - heavy
    from ingest.cli import printing  # noqa: PLC0415 - heavy

    settings = ready(config, store)
    aside = backups.restore(settings, origin, RunOptions(wait=wait))
    if json:
        printing.json({"store": str(settings.store), "aside": str(aside or "")})
        return
    printing.line(f"restored {settings.store} from {origin}")
    if aside:
        printing.line(f"what was there is now {aside}")


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the new project.")],
) -> None:
    """Make a project: settings, a folder for inputs, and what git should leave out."""
    from ingest.cli.scaffold import scaffold  # noqa: PLC0415 - not for --help

    scaffold(folder)


def learn(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Name of a configured source.")],
    config: Config = None,
    store: StoreDir = None,
    wait: Wait = 0.0,
    json: Json = False,
) -> None:
    """Find the lines that recur across a source's plain texts, and leave them out from now on."""
    from ingest.app import RunOptions  # noqa: PLC0415 - heavy
    from ingest.cli import printing  # noqa: PLC0415 - heavy
    from ingest.learning import learn_source  # noqa: PLC0415 - heavy

    table = learn_source(ready(config, store), source, RunOptions(wait=wait))
    if json:
        found = {"documents": table.documents, "lines": len(table.hashes)}
        printing.json({"source": source, "version": table.version, **found})
        return
    documents = printing.plural(table.documents, "document")
    recurring = printing.plural(len(table.hashes), "recurring line")
    printing.line(f"{source}: {recurring} in {documents}")
    printing.line("The next run extracts its texts anew.")
