"""What is said of a setting, in the words of the file that it is written in."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, SecretStr

from ingest.described import toml_default, toml_type
from ingest.read.files import Files
from ingest.reports import available
from ingest.settings import Settings


@pytest.mark.parametrize(
    ("annotation", "told"),
    [
        (str, "string"),
        (SecretStr, "string"),
        (str | SecretStr, "string"),
        (Path, "path"),
        (bool, "boolean"),
        (int | None, "integer"),
        (str | tuple[str, ...], "string or array of string"),
        (tuple[re.Pattern[str], ...], "array of regular expression"),
        (Annotated[float, "seconds"], "float"),
        (Annotated[float, "seconds"] | None, "float"),
        (frozenset[str], "array of string"),
        (dict[str, Any], "table"),
        (Files, "table"),
        (Literal["first", "longest"], '"first" or "longest"'),
    ],
)
def test_types(annotation: Any, told: str) -> None:
    assert toml_type(annotation) == told


class _Inner(BaseModel):
    words: tuple[str, ...] = ("a", "b")


class _Keys(BaseModel):
    yes: bool = True
    number: float = 1.0
    text: str = "a"
    folder: Path = Path("store")
    token: SecretStr = SecretStr("")
    many: tuple[str, ...] = ("a", "b")
    inner: _Inner = _Inner()
    nothing: int | None = None
    none: tuple[str, ...] = ()
    needed: int
    made: int = Field(default_factory=int)


def test_defaults_are_written_as_in_the_file() -> None:
    told = {name: toml_default(field) for name, field in _Keys.model_fields.items()}
    silent = {name for name, text in told.items() if not text}
    assert silent == {"token", "nothing", "none", "needed", "made"}
    assert told["inner"] == 'words = ["a", "b"]'
    lines = "\n".join(
        f"{name} = {told[name]}" for name in ("yes", "number", "text", "folder", "many")
    )
    expected = {"yes": True, "number": 1.0, "text": "a", "folder": "store", "many": ["a", "b"]}
    assert tomllib.loads(lines) == expected


def test_every_default_that_is_shown_is_one_that_can_be_set() -> None:
    dedup = type(Settings().dedup)
    lines = [f"{name} = {toml_default(field)}" for name, field in dedup.model_fields.items()]
    values = tomllib.loads("\n".join(line for line in lines if not line.endswith("= ")))
    assert dedup.model_validate(values) == dedup()


def test_a_readers_own_keys_come_before_those_that_it_shares() -> None:
    feed = next(each for each in available() if each["name"] == "feed")
    assert [setting["name"] for setting in feed["settings"]][:2] == ["url", "pages"]
    required = {setting["name"]: setting["required"] for setting in feed["settings"]}
    assert (required["url"], required["contact"]) == (True, False)
