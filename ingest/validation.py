"""What pydantic finds wrong in settings, as lines that a person can act on."""

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
    "tuple_type": "should be a list",
    "model_type": "should be a table",
    "dict_type": "should be a table",
    "bool_parsing": "should be true or false",
    "int_parsing": "should be a whole number",
    "float_parsing": "should be a number",
}
"""Instead of pydantic's own, which speak of Python's types or of parsing."""


def explain(
    error: ValidationError, model: type[BaseModel], known: list[str] | None = None
) -> Iterable[str]:
    """One line for each key that is unknown, missing or wrong; ``known`` are the keys there are."""
    problems = [(_path(each["loc"], model), each) for each in error.errors(include_url=False)]
    told: set[tuple[int | str, ...]] = set()
    for path, problem in problems:
        # A key of several types gives one error for each: that of the first says enough, but
        # for one that got as far as an item of a list.
        deeper = any(len(other) > len(path) == sum(_same(other, path)) for other, _ in problems)
        if path not in told and not deeper:
            told.add(path)
            yield _line(path, problem, model, known)


def _same(one: tuple[int | str, ...], other: tuple[int | str, ...]) -> Iterable[bool]:
    return (a == b for a, b in zip(one, other, strict=False))


def _line(
    path: tuple[int | str, ...],
    problem: ErrorDetails,
    model: type[BaseModel],
    known: list[str] | None,
) -> str:
    where = ".".join(str(part) for part in path) or "settings"
    if problem["type"] == "extra_forbidden":
        names = known or list(_model_at(model, path[:-1]).model_fields)
        return f"{where}: unknown key{suggest(str(path[-1]), names)}"
    if problem["type"] == "missing":
        return f"{where}: this key is required"
    if problem["type"] == "tuple_type" and path[-1] in {"source", "step"}:
        table = ".".join(part for part in path if isinstance(part, str))
        return f"{where}: write [[{table}]], with two brackets: there may be several"
    if problem["type"] == "string_pattern_mismatch":
        message = "should be letters, digits, '.', '_' and '-', beginning with one of the first two"
    else:
        plain = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
        message = _MESSAGES.get(problem["type"], plain)
    return f"{where}: {message}{_instead(problem, message)}"


def _instead(problem: ErrorDetails, message: str) -> str:
    """What was given, where it is short and not named yet; a check of a whole list names it."""
    given = problem["input"]
    whole = isinstance(given, dict | list | tuple) and problem["type"] == "value_error"
    if whole or isinstance(given, dict) or repr(given) in message:
        return ""
    return f", not {given!r}"


def _path(location: tuple[int | str, ...], model: type[BaseModel]) -> tuple[int | str, ...]:
    """The keys that lead to the problem, without the branches of unions that pydantic adds."""
    known = model.model_fields
    if len(location) == 1 or str(location[0]) not in known:
        return location
    rest = (part for part in location[1:] if not _is_branch(part))
    return (location[0], *rest)


def _is_branch(part: int | str) -> bool:
    return isinstance(part, str) and (part in {"str", "int"} or "[" in part or "(" in part)


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
