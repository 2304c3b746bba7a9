"""Options that several commands share, and the settings that they lead to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from ingest.settings import Settings


def _folder(name: str) -> Path:
    if not name:  # `--store "$UNSET"`: as a path that would be this folder
        raise typer.BadParameter("names no folder")
    return Path(name)


Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings file [default: config/ingest.toml]."),
]
StoreDir = Annotated[
    Path | None,
    typer.Option(
        "--store", metavar="DIR", parser=_folder, help="Folder of the state and the corpus."
    ),
]
Wait = Annotated[
    float, typer.Option("--wait", metavar="S", min=0, help="Seconds to wait for another writer.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
AlwaysJson = Annotated[
    bool, typer.Option("--json", help="As with other commands; it prints nothing else.")
]
LogFormat = Annotated[
    Literal["human", "json"],
    typer.Option("--log-format", envvar="INGEST_LOG_FORMAT", help="Form of the log on stderr."),
]
Document = Annotated[
    str,
    typer.Argument(metavar="ID", help="An id, its first 4 or more digits, a source_id, or a path."),
]


SourceName = Annotated[
    str, typer.Option("--source", metavar="NAME", help="Only items of this source.")
]
Reason = Annotated[
    str, typer.Option(metavar="TEXT", help="Only items quarantined for this reason.")
]


def examples(*lines: str) -> str:
    """What stands at the end of a command's help; the backspace keeps its lines as they are."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def load_settings(
    config: Path | None,
    store: Path | None,
    *,
    file_needed: bool = False,
    **overrides: Any,
) -> Settings:
    """The settings of a command; without a file the defaults, unless one is needed."""
    from ingest import settings as module  # noqa: PLC0415 - heavy, and not for --help

    values = {"store": str(store.absolute()) if store else None, **overrides}
    if config is None and not file_needed and not module.has_file():
        return module.from_defaults(values)
    return module.load(config, values)
