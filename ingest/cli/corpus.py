"""The commands of the published corpus: `ingest corpus …` and `ingest export`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ingest.cli.options import (
    AlwaysJson,
    Config,
    Json,
    StoreDir,
    Wait,
    examples,
    load_settings,
)
from ingest.cli.upkeep import ready

if TYPE_CHECKING:
    from ingest.publish.export import Splits

_STDOUT = Path("-")

app = typer.Typer(help="Look after the published corpus.", no_args_is_help=True)


@app.command(epilog=examples("ingest corpus verify", "ingest corpus verify --repair"))
def verify(
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what can be derived, then look again.")
    ] = False,
    config: Config = None,
    store: StoreDir = None,
    wait: Wait = 0.0,
    json: Json = False,
) -> None:
    """Check every hash, count, line, id, link and change; exit 3 where the corpus is damaged."""
    from ingest.cli import checking  # noqa: PLC0415 - heavy

    settings = ready(config, store)
    if repair:
        checking.mend(settings, wait, as_json=json)
    raise typer.Exit(checking.verify(settings, as_json=json))


@app.command(epilog=examples("ingest corpus since 41 | jq -r 'select(.op == \"remove\").id'"))
def since(
    sequence: Annotated[int, typer.Argument(metavar="N", min=0, help="The last number seen.")],
    config: Config = None,
    store: StoreDir = None,
    json: AlwaysJson = True,
) -> None:
    """Print every change after sequence number N, one JSON object a line."""
    from ingest.cli import printing  # noqa: PLC0415 - heavy
    from ingest.publish.corpus import open_corpus  # noqa: PLC0415 - heavy

    del json
    with open_corpus(load_settings(config, store).store) as opened:
        for change in opened.changes(sequence):
            printing.json(change._asdict())


@app.command(epilog=examples("ingest corpus compact"))
def compact(
    config: Config = None, store: StoreDir = None, wait: Wait = 0.0, json: Json = False
) -> None:
    """Merge the shards as far as they fit together; documents and revisions stay the same."""
    from ingest import upkeep  # noqa: PLC0415 - heavy
    from ingest.app import RunOptions  # noqa: PLC0415 - heavy
    from ingest.cli import printing  # noqa: PLC0415 - heavy

    done = upkeep.compact(ready(config, store), RunOptions(wait=wait))
    if json:
        printing.json({"published": done is not None, "seq": done.sequence if done else None})
    else:
        said = f"published as sequence {done.sequence}" if done else "nothing to merge"
        printing.line(said)


@app.command(epilog=examples("ingest corpus stats", "ingest corpus stats --json | jq .languages"))
def stats(config: Config = None, store: StoreDir = None, json: Json = False) -> None:
    """Count the corpus by source, language, year and kind of link."""
    from ingest.cli import printing  # noqa: PLC0415 - heavy
    from ingest.publish.corpus import open_corpus  # noqa: PLC0415 - heavy
    from ingest.publish.stats import stats as count  # noqa: PLC0415 - heavy

    with open_corpus(load_settings(config, store).store) as opened:
        counted = dataclasses.asdict(count(opened))
    counted["generations"] = list(counted["generations"])
    if json:
        printing.json(counted)
    else:
        printing.record(counted)


_Target = Annotated[
    Path,
    typer.Argument(metavar="OUT", help="File to write, `-` for stdout; a folder with --splits."),
]
_Form = Annotated[Literal["jsonl", "parquet"], typer.Option("--format", help="Form of the output.")]
_Canonical = Annotated[
    bool, typer.Option("--canonical", help="Sorted by id, without run_id and added.")
]
_Sources = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Only this source; repeatable.")
]
_Languages = Annotated[
    list[str] | None, typer.Option(metavar="CODE", help="Only this language; repeatable.")
]
_From = Annotated[str, typer.Option("--from", metavar="DATE", help="Created on this day or later.")]
_To = Annotated[str, typer.Option("--to", metavar="DATE", help="Created before this day.")]
_OnePerStory = Annotated[
    bool, typer.Option("--one-per-story", help="Only the first document of each story.")
]
_Shares = Annotated[
    str, typer.Option(metavar="T,V,T", help="Shares of train, valid, test: 0.9,0.05,0.05.")
]


def export(
    target: _Target,
    form: _Form = "jsonl",
    canonical: _Canonical = False,
    source: _Sources = None,
    language: _Languages = None,
    since_date: _From = "",
    until_date: _To = "",
    one_per_story: _OnePerStory = False,
    splits: _Shares = "",
    config: Config = None,
    store: StoreDir = None,
    json: Json = False,
) -> None:
    """Write the corpus, or a part of it, to files elsewhere."""
    from ingest.cli import printing  # noqa: PLC0415 - heavy
    from ingest.errors import UsageError  # noqa: PLC0415 - heavy
    from ingest.publish import export as module  # noqa: PLC0415 - heavy
    from ingest.publish.corpus import open_corpus  # noqa: PLC0415 - heavy

    filters = module.Filters(
        frozenset(source or ()),
        frozenset(language or ()),
        since_date,
        until_date,
        one_per_story,
    )
    options = module.ExportOptions(form, canonical, filters, _shares(splits))
    if target == _STDOUT and (options.splits or options.format != "jsonl"):
        raise UsageError("`-` takes one stream of JSON Lines: no --splits, no --format")
    settings = load_settings(config, store)
    with open_corpus(settings.store) as opened:
        module.check_sources(
            opened, filters.sources, frozenset(each.name for each in settings.source)
        )
        if target == _STDOUT:
            printing.raw(module.export_lines(opened, options))
            return
        module.refuse_within(settings.store, target)
        done = module.export(opened, target, options)
    if json:
        printing.json({"documents": done.documents, "files": dict(done.files)})
        return
    for path, count in done.files.items():
        printing.line(f"{printing.plural(count, 'document')}  {path}")


def _shares(text: str) -> Splits | None:
    """``0.9,0.05,0.05`` as shares; None for an empty text."""
    from ingest.errors import UsageError  # noqa: PLC0415 - heavy
    from ingest.publish.export import Splits  # noqa: PLC0415 - heavy

    if not text:
        return None
    try:
        train, valid, test = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--splits takes three shares, such as 0.9,0.05,0.05; not {text!r}") from (
            None
        )
    return Splits(train, valid, test)
