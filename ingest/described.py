"""Settings in TOML's words, for `ingest sources --available` and the page of settings."""

from __future__ import annotations

import re
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import orjson
from pydantic import BaseModel, SecretStr

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_NAMES = {
    str: "string",
    int: "integer",
    float: "float",
    bool: "boolean",
    dict: "table",
    Path: "path",
    SecretStr: "string",
    re.Pattern: "regular expression",
}


def toml_type(annotation: Any) -> str:
    """``string``, ``array of string``, ``"first" or "longest"``; None is a key left out."""
    kind, parts = get_origin(annotation) or annotation, get_args(annotation)
    if kind is Annotated:
        return toml_type(parts[0])
    if kind is Literal:
        return " or ".join(f'"{part}"' for part in parts)
    if kind in (Union, UnionType):
        told = (toml_type(part) for part in parts if part is not NoneType)
        return " or ".join(dict.fromkeys(told))
    if kind in (tuple, frozenset):
        return f"array of {toml_type(parts[0])}"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "table"
    return _NAMES.get(kind, str(getattr(kind, "__name__", kind)))


def toml_default(field: FieldInfo) -> str:
    """The default as it would be written; ``""`` where the key is required or unset."""
    if field.is_required() or field.default_factory is not None:
        return ""
    return _value(field.default)


def _value(value: Any) -> str:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, BaseModel):
        return ", ".join(f"{name} = {_value(each)}" for name, each in value)
    if value in (None, "", (), {}):
        return ""
    if isinstance(value, Path):
        return f'"{value}"'
    return orjson.dumps(value).decode().replace('","', '", "')
