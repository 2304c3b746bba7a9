"""What pydantic finds wrong in a settings file, as lines that a person can act on."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_MESSAGES = {
    "path_type": "should be a path",
    "bool_parsing": "should be true or false",
    "int_parsing": "should be a whole number",
    "float_parsing": "should be a number",
}
"""Instead of pydantic's own, which speak of Python's types or of parsing."""


def explain(
    error: ValidationError, model: type[BaseModel], known: list[str] | None = None
) -> Iterable[str]:
    """One line for each key that is unknown, missing or wrong; ``known`` are the keys there are."""
    told = set()
    for problem in error.errors(include_url=False):
        line = _line(problem, model, known)
        # A key of several types gives one error for each; that of the first says enough.
        if (place := line.split(":")[0]) not in told:
            told.add(place)
            yield line


def _line(problem: ErrorDetails, model: type[BaseModel], known: list[str] | None) -> str:
    path = _path(problem["loc"], model)
    where = ".".join(str(part) for part in path) or "settings"
    if problem["type"] == "extra_forbidden":
        names = known or list(_model_at(model, path[:-1]).model_fields)
        return f"{where}: unknown key{suggest(str(path[-1]), names)}"
    if problem["type"] == "missing":
        return f"{where}: this key is required"
    if path in {("source",), ("step",)}:
        return f"{where}: write [[{where}]], with two brackets: there may be several"
    if problem["type"] == "string_pattern_mismatch":
        message = "should be letters, digits, '.', '_' and '-', beginning with one of the first two"
    else:
        plain = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
        message = _MESSAGES.get(problem["type"], plain)
    given = "" if isinstance(problem["input"], dict) else f", not {problem['input']!r}"
    return f"{where}: {message}{given}"


def _path(location: tuple[int | str, ...], model: type[BaseModel]) -> tuple[int | str, ...]:
    """The keys that lead to the problem, without the branch of a union that pydantic adds."""
    known = model.model_fields
    if len(location) > 1 and str(location[0]) in known:
        union = any(mark in str(location[-1]) for mark in "[(") or location[-1] in {"str", "int"}
        return location[:-1] if union else location
    return location


def _model_at(model: type[BaseModel], path: Iterable[int | str]) -> type[BaseModel]:
    """The model that a path of keys leads to, as far as it leads."""
    for key in path:
        field = model.model_fields.get(str(key))
        if field is None or not isinstance(field.annotation, type):
            continue
        if issubclass(field.annotation, BaseModel):
            model = field.annotation
    return model


def suggest(name: str, names: Iterable[str]) -> str:
    """``; did you mean 'near'?`` where one of the names is like this one, else nothing."""
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""
