"""Which readers are installed, found through the entry-point group ``ingest.readers``.

A reader's module is imported only when that reader is asked for, so that a reader
whose extra is not installed harms nobody who does not use it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ingest.errors import SettingsError
from ingest.plugins import entry_points
from ingest.read.base import ReaderSettings
from ingest.validation import suggest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "ingest.readers"

_FORMS = (
    (re.compile(r"-"), "stdin"),
    (re.compile(r"feed:.*", re.DOTALL), "feed"),
    (re.compile(r"sitemap:.*", re.DOTALL), "sitemap"),
    (re.compile(r"raw:.*", re.DOTALL), "raw"),
    (
        re.compile(r".*\.(?:warc|arc|wet|wat)(?:\.gz|\.lz4|\.zst)?", re.IGNORECASE | re.DOTALL),
        "warc",
    ),
    (re.compile(r"https?://.*", re.IGNORECASE | re.DOTALL), "web"),
)


def available() -> dict[str, EntryPoint]:
    """Every installed reader by name, in order of name; nothing is imported yet."""
    found = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return {point.name: point for point in found}


def load(name: str) -> type[ReaderSettings]:
    """The settings class of the reader ``name``.

    Raises `SettingsError` where there is no such reader, or where it cannot be
    imported or is no reader; the message says which package is missing.
    """
    points = available()
    if name not in points:
        raise _unknown(name, list(points))
    try:
        found = points[name].load()
    except (ImportError, AttributeError) as error:
        raise _broken(points[name], error) from error
    if not (isinstance(found, type) and issubclass(found, ReaderSettings)):
        message = f"reader {name!r}: {points[name].value} is not a subclass of ReaderSettings"
        raise SettingsError(message, hint="docs/writing-a-reader.md shows what a reader is")
    missing = [method for method in ("check", "read") if not callable(getattr(found, method, None))]
    if missing:
        message = f"reader {name!r}: {points[name].value} has no method {' and no '.join(missing)}"
        raise SettingsError(message, hint="docs/writing-a-reader.md shows what a reader is")
    return found


def for_input(text: str) -> str:
    """Name of the reader that fits an input of the command line, by its form alone.

    ``-`` is standard input, ``feed:``, ``sitemap:`` and ``raw:`` say what follows them, names
    of web archives go to ``warc``, web addresses to ``web``; all else is a file, a
    folder, a glob or an fsspec address, and goes to ``files``.
    """
    for form, name in _FORMS:
        if form.fullmatch(text):
            return name
    return "files"


def _unknown(name: str, known: list[str]) -> SettingsError:
    guess = suggest(name, known) or "."
    message = f"there is no reader {name!r}{guess} Installed: {', '.join(known) or 'none'}"
    return SettingsError(message, hint="`ingest sources --available` lists the installed readers")


def _broken(point: EntryPoint, error: Exception) -> SettingsError:
    missing = getattr(error, "name", None) if isinstance(error, ModuleNotFoundError) else None
    if not missing or missing.split(".")[0] == "ingest":
        return SettingsError(f"reader {point.name!r} ({point.value}) cannot be loaded: {error}")
    extra = _extra_for(point, missing.split(".")[0])
    package = point.dist.name if point.dist else "ingest"
    hint = f"pip install '{package}[{extra}]'" if extra else f"pip install {missing.split('.')[0]}"
    message = f"reader {point.name!r} needs the Python module {missing!r}, which is not installed"
    return SettingsError(message, hint=hint)


def _extra_for(point: EntryPoint, module: str) -> str:
    """The extra of the reader's own distribution that brings ``module``; ``""`` if none does."""
    wanted = module.replace("_", "-").lower()
    for line in (point.dist.requires or []) if point.dist else []:
        requirement, _, marker = line.partition(";")
        extra = re.search(r"""extra\s*==\s*['"]([^'"]+)""", marker)
        package = re.split(r"[\s\[<>=!~(]", requirement.strip(), maxsplit=1)[0]
        if extra and package.replace("_", "-").lower() == wanted:
            return extra[1]
    return ""
