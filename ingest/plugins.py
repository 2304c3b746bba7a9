"""What the installed packages offer by entry point: readers, steps.

    >>> [point.name for point in entry_points(group="ingest.readers")]

A look takes some 12 ms where a hundred packages are installed, and a service would look
before each of its runs; so what was found is kept for as long as no package comes or goes.
"""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from importlib import metadata


def entry_points(*, group: str) -> tuple[metadata.EntryPoint, ...]:
    """The entry points of a group, in the order in which they are found."""
    return _found(group, _places())


def _places() -> tuple[tuple[str, int], ...]:
    """Where packages are looked for, each with the moment (ns) of its last change.

    Installing and removing a package change the folder that it lies in.
    """
    return tuple((place, _changed(place)) for place in sys.path)


def _changed(place: str) -> int:
    try:
        return os.stat(place or ".").st_mtime_ns  # noqa: PTH116 - as `sys.path` has it
    except OSError:
        return 0


@lru_cache(maxsize=4)
def _found(group: str, _places: tuple[tuple[str, int], ...]) -> tuple[metadata.EntryPoint, ...]:
    return tuple(metadata.entry_points(group=group))
