"""The commands.  Each loads the settings, calls one function, and prints what it gives."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from ingest.cli import corpus, upkeep
from ingest.cli.options import (
    AlwaysJson,
    Config,
    Document,
    Json,
    LogFormat,
    StoreDir,
    Wait,
    examples,
    load_settings,
)

app = typer.Typer(
    name="ingest",
    help="Text in, a clean, deduplicated JSONL corpus out that stays right.",
    epilog="Begin with `ingest run FILE…`, or `ingest run` in a project folder.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - only for this option

        typer.echo(f"ingest {version('ingest')}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Text in, a clean, deduplicated JSONL corpus out that stays right."""


@app.command(
    epilog=examples(
        "ingest run                              the sources of config/ingest.toml",
        "ingest run notes/ 'saved/*.html'        these inputs alone, no settings file needed",
        "zcat dump.jsonl.gz | ingest run - --json | jq .counts",
        "ingest run --source seeds --dry-run",
    )
)
def run(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT",
            help="Files, folders, globs, or `-` for stdin; without any, the configured sources.",
        ),
    ] = None,
    config: Config = None,
    store: StoreDir = None,
    name: Annotated[
        str, typer.Option(metavar="NAME", help="Source name for the inputs [default: cli].")
    ] = "",
    source: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this configured source; may be repeated."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Read unchanged items again too.")] = False,
    limit: Annotated[
        int, typer.Option(metavar="N", min=0, help="At most so many documents a source; 0: all.")
    ] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Decide, report, and change nothing.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Worker processes [default: one per core]."),
    ] = None,
    wait: Wait = 0.0,
    json: Json = False,
    log_format: LogFormat = "human",
) -> None:
    """Pass once over the configured sources, or over INPUTs alone, and publish the corpus."""
    from ingest.cli.running import RunArguments, run_command  # noqa: PLC0415 - heavy

    settings = load_settings(config, store, file_needed=not inputs, workers=workers)
    arguments = RunArguments(
        inputs=tuple(inputs or ()),
        name=name,
        only=tuple(source or ()),
        full=full,
        limit=limit,
        dry_run=dry_run,
        wait=wait,
    )
    raise typer.Exit(run_command(settings, arguments, as_json=json, log_format=log_format))


@app.command(epilog=examples("ingest dups", "ingest dups --kind near --json | jq .similarity"))
def dups(
    kind: Annotated[
        Literal["exact", "near", "story"] | None, typer.Option(help="Only links of this kind.")
    ] = None,
    config: Config = None,
    store: StoreDir = None,
    json: Json = False,
) -> None:
    """List every duplicate and story link, with titles and figures."""
    from ingest.cli import looking  # noqa: PLC0415 - heavy

    looking.dups(load_settings(config, store), kind or "", as_json=json)


@app.command(
    epilog=examples(
        "ingest explain 9a41c0          why this one was kept, dropped or linked",
        "ingest explain a.txt b.txt     how two compare",
    )
)
def explain(
    first: Document,
    second: Annotated[
        str | None, typer.Argument(metavar="ID", help="Another, to compare with.")
    ] = None,
    config: Config = None,
    store: StoreDir = None,
    json: Json = False,
) -> None:
    """Tell why a document was kept, dropped or linked; or how two compare."""
    from ingest.cli import looking  # noqa: PLC0415 - heavy

    looking.explain(load_settings(config, store), first, second, as_json=json)


@app.command(epilog=examples("ingest show 9a41c0", "ingest show a.txt --json | jq -r .text"))
def show(
    first: Document, config: Config = None, store: StoreDir = None, json: Json = False
) -> None:
    """Show a document with its text."""
    from ingest.cli import looking  # noqa: PLC0415 - heavy

    looking.show(load_settings(config, store), first, as_json=json)


@app.command(epilog=examples("ingest status", "ingest status --json | jq .corpus.documents"))
def status(config: Config = None, store: StoreDir = None, json: Json = False) -> None:
    """Show the store at a glance."""
    from ingest.cli import looking  # noqa: PLC0415 - heavy

    looking.status(load_settings(config, store), as_json=json)


@app.command(epilog=examples("ingest runs", "ingest runs --limit 1 --json | jq .counts"))
def runs(
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="How many.")] = 20,
    config: Config = None,
    store: StoreDir = None,
    json: Json = False,
) -> None:
    """List the newest runs."""
    from ingest.cli import looking  # noqa: PLC0415 - heavy

    looking.runs(load_settings(config, store), limit, as_json=json)


@app.command(epilog=examples("ingest sources", "ingest sources --available"))
def sources(
    available: Annotated[
        bool, typer.Option("--available", help="List the readers and steps that are installed.")
    ] = False,
    config: Config = None,
    store: StoreDir = None,
    json: Json = False,
) -> None:
    """List the configured sources, or the readers and steps to configure them with."""
    from ingest.cli import looking  # noqa: PLC0415 - heavy

    if available:
        looking.available(as_json=json)
    else:
        looking.sources(load_settings(config, store, file_needed=True), as_json=json)


@app.command(epilog=examples("ingest check", "ingest check --deep --json"))
def check(
    deep: Annotated[
        bool, typer.Option("--deep", help="Fetch one document from each source too.")
    ] = False,
    config: Config = None,
    store: StoreDir = None,
    json: Json = False,
) -> None:
    """Check settings, sources, store and disk, without changing anything."""
    from ingest.cli import checking  # noqa: PLC0415 - heavy

    settings = load_settings(config, store, file_needed=True)
    raise typer.Exit(checking.check(settings, deep=deep, as_json=json))


@app.command(epilog=examples("ingest schema > record.schema.json", "ingest schema link"))
def schema(
    table: Annotated[
        Literal["record", "link"],
        typer.Argument(metavar="record|link", help="Which lines: documents or links."),
    ] = "record",
    json: AlwaysJson = True,
) -> None:
    """Print the JSON Schema of the corpus's lines."""
    from ingest.cli import looking  # noqa: PLC0415 - heavy

    del json
    looking.schema(table)


@app.command(epilog=examples("ingest reindex"))
def reindex(
    config: Config = None,
    store: StoreDir = None,
    wait: Wait = 0.0,
    json: Json = False,
    log_format: LogFormat = "human",
) -> None:
    """Sign and decide every document again (after changed [dedup] settings)."""
    from ingest.cli.running import reindex_command  # noqa: PLC0415 - heavy

    settings = load_settings(config, store)
    raise typer.Exit(reindex_command(settings, wait=wait, as_json=json, log_format=log_format))


@app.command(
    epilog=examples("ingest daemon", "ingest daemon --listen 127.0.0.1:8460 --log-format json")
)
def daemon(
    config: Config = None,
    store: StoreDir = None,
    listen: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Serve HTTP here; `off`: nowhere [see settings]."),
    ] = None,
    log_format: LogFormat = "human",
) -> None:
    """Run each source on its schedule until SIGTERM; SIGHUP loads the settings again."""
    from ingest.cli import logs  # noqa: PLC0415 - heavy
    from ingest.daemon import serve  # noqa: PLC0415 - heavy

    logs.configure(log_format)
    overrides = {"daemon": {"listen": listen}} if listen else {}
    raise typer.Exit(serve(lambda: load_settings(config, store, file_needed=True, **overrides)))


app.command(
    epilog=examples(
        "ingest export all.jsonl",
        "ingest export --language en --from 2024-01-01 --format parquet english.parquet",
        "ingest export --splits 0.9,0.05,0.05 sets/",
    )
)(corpus.export)
app.add_typer(corpus.app, name="corpus")
for command, lines in (
    (upkeep.forget, ("ingest forget 9a41c0", "ingest forget notes/a.txt --copies")),
    (upkeep.retry, ("ingest retry", "ingest retry --source news --reason timeout")),
    (upkeep.quarantine, ("ingest quarantine", "ingest quarantine notes/a.txt > a.txt")),
    (upkeep.drop, ("ingest drop old-news",)),
    (upkeep.backup, ("ingest backup /backups/$(date +%F)",)),
    (upkeep.restore, ("ingest restore /backups/2024-05-06",)),
    (upkeep.init, ("ingest init news && cd news && ingest run",)),
    (upkeep.learn, ("ingest learn news && ingest run --source news",)),
):
    app.command(epilog=examples(*lines))(command)
