"""What `ingest init` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.cli import printing
from ingest.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = """\
# Settings of ingest.  Relative paths are relative to this project's folder.
# `ingest check` tries them without a run; `ingest sources --available` lists readers.

store = "store"

[dedup]
exact = "drop"              # drop, link or ignore
near = "drop"
story = "link"

[[source]]
name = "inputs"
reader = "files"
path = "inputs"             # a file, a folder or a glob
schedule = "every 10m"      # for `ingest daemon`
"""


def scaffold(folder: Path) -> None:
    """Write a new project into ``folder``; raises `UsageError` rather than overwrite anything."""
    settings = folder / "config" / "ingest.toml"
    if settings.exists():
        raise UsageError(f"{settings} is there already", hint="Name another folder.")
    try:
        for name in ("config", "inputs"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        settings.write_text(SETTINGS, encoding="utf-8")
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("/store/\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{error.filename or folder}: {error.strerror}") from error
    printing.line(f"made {settings}")
    printing.line(f"Put files into {folder / 'inputs'}, then: cd {folder} && ingest run")
