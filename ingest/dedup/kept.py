"""Arrays that take long to make and never change: kept in files, and mapped by all processes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from ingest.compiling import one_makes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray


def mapped(path: Path) -> NDArray[np.uint64] | None:
    """Map an array that was kept; None where there is none, or it is damaged.

    A process that writes to it changes a copy of its own (compiled code takes a read-only
    array for another type, for which it would be compiled again).
    """
    try:
        array = np.asarray(np.load(path, mmap_mode="c"))
    except (OSError, ValueError, EOFError):
        return None
    return array if array.dtype == np.uint64 and array.ndim == 1 and array.size else None


def kept(path: Path, make: Callable[[], NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """Map the array in a file, which one process makes (one dimension) while others wait.

    A folder that cannot be written, or is full, is done without.
    """
    found, made = mapped(path), None
    if found is not None:
        return found
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with one_makes(path.stem, path.parent):
            if mapped(path) is None:
                made = make()
                _write(path, made)
    except OSError:
        return make() if made is None else made
    found = mapped(path)
    return make() if found is None else found


def _write(path: Path, array: NDArray[np.uint64]) -> None:
    """Write by rename, synced: noughts after a loss of power would be taken for the array."""
    draft = path.with_suffix(f".{os.getpid()}")
    with draft.open("wb") as file:
        np.save(file, array)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
