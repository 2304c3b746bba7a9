"""Writes docs/commands.md and docs/settings.md from the code; `make docs` runs it.

`tests/test_docs.py` fails where the pages and the code differ.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ingest import settings
from ingest.cli.commands import app
from ingest.described import toml_default, toml_type
from ingest.read.http_settings import FetchSettings
from ingest.reports import available

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

DOCS = Path(__file__).parent.parent / "docs"

COMMANDS_HEAD = """# Commands

Generated from the program's own help (`make docs`). Exit codes: 0 done (quarantined
documents included, counted), 1 a source failed, 2 usage or settings, 3 the store is locked
or broken, 130 and 143 stopped by Ctrl-C or SIGTERM, 141 whoever read the output has gone.
"""
SETTINGS_HEAD = """# Settings

Generated from the code (`make docs`). One TOML file, `config/ingest.toml` by default.
Command line > environment > file > default. Environment: `INGEST_STORE=/data`,
`INGEST_DEDUP__NEAR=link` (two underscores part table and key). Relative paths are
relative to the project folder, the parent of `config/`. Unknown or bad keys are all
reported at once.
"""
TABLES = {"": "Top level", "dedup": "[dedup]", "corpus": "[corpus]", "limits": "[limits]"}


def commands_page() -> str:
    group: Any = typer.main.get_command(app)
    return COMMANDS_HEAD + "".join(_command(group, ["ingest"]))


def _command(command: Any, path: list[str]) -> Iterator[str]:
    context = command.make_context(" ".join(path), [], resilient_parsing=True)
    context.terminal_width = context.max_content_width = 100
    name = " ".join(path)
    yield f"\n{'#' * (len(path) + 1)} {name}\n\n```text\n{command.get_help(context)}\n```\n"
    for child_name, child in getattr(command, "commands", {}).items():
        yield from _command(child, [*path, child_name])


def settings_page() -> str:
    tables = _tables(settings.Settings)
    return SETTINGS_HEAD + "".join([*tables, *_entry_points()])


def _tables(top: type[BaseModel]) -> Iterator[str]:
    inner: dict[str, type[BaseModel]] = {
        name: type(field.default)
        for name, field in top.model_fields.items()
        if hasattr(type(field.default), "model_fields")
    }
    hidden = {"base", "source", "step", *inner}
    yield _table("Top level", top, hidden)
    for name, model in inner.items():
        yield _table(f"`[{name}]`", model, set())
    yield _table("`[[source]]`", settings.Source, set())
    yield _table("`[[step]]` and `[[source.step]]`", settings.Step, set())


def _table(title: str, model: type[BaseModel], hidden: set[str]) -> str:
    rows = [
        f"| `{name}` | {_type(field)} | {_default(field)} | {_words(field.description)} |"
        for name, field in model.model_fields.items()
        if name not in hidden
    ]
    doc = "\n\n".join(_words(part) for part in (model.__doc__ or "").split("\n\n"))
    return f"\n## {title}\n\n{doc}\n\n" + _HEADER + "\n".join(rows) + "\n"


_HEADER = "| key | type | default | meaning |\n|---|---|---|---|\n"


def _entry_points() -> Iterator[str]:
    shared = set(FetchSettings.model_fields)
    for each in available():
        own = [setting for setting in each["settings"] if setting["name"] not in shared]
        if not own:
            continue
        fetches = len(own) < len(each["settings"])
        also = " Beside these it takes every key of `[fetch]`." if fetches else ""
        yield f"\n## {each['type']} `{each['name']}`\n\n{each['summary']}{also}\n\n" + _HEADER
        for setting in own:
            default = f"`{setting['default']}`" if setting["default"] else "unset"
            cells = (
                f"`{setting['name']}`",
                setting["type"],
                "required" if setting["required"] else default,
                _words(setting["meaning"]),
            )
            yield f"| {' | '.join(cells)} |\n"


def _type(field: Any) -> str:
    return toml_type(field.annotation)


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return "one per core"
    default = toml_default(field)
    return f"`{default}`" if default else "unset"


def _words(text: str | None) -> str:
    return " ".join((text or "").replace("``", "`").split())


if __name__ == "__main__":
    (DOCS / "commands.md").write_text(commands_page())
    (DOCS / "settings.md").write_text(settings_page())
