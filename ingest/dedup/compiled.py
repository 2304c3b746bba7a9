"""The compiled kernel as a signing engine: tables at hand, code cached on disk.

Importing this module imports numba; `signatures` does so only when a signature is needed.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from ingest.dedup import kernel
from ingest.dedup.characters import CLASS_SHIFT, FOLD_MASK, characters
from ingest.dedup.minhash import permutations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

ASCII = 128

# What reading a damaged or vanishing cache raises: numba lets all of it through.
_CACHE_ERRORS = (OSError, EOFError, pickle.PickleError, ValueError, IndexError, AttributeError)


@dataclass(frozen=True, slots=True)
class Compiled:
    """Signs by the kernel; made once a process (`load`)."""

    near_kernel: Callable[..., NDArray[np.uint32]]
    alphabet: kernel.Alphabet

    def near(self, text: str, rows: int, seed: int) -> NDArray[np.uint32]:
        """Near signature, shape (rows,)."""
        return self.near_kernel(*_utf8(text), self.alphabet, permutations(rows, seed))


@cache
def load(folder: str) -> Compiled:
    """Compile the kernel, or read it from ``folder`` (0.3 s instead of 4).

    ``NUMBA_CACHE_DIR`` goes before ``folder``; with neither, or where what was chosen cannot
    be written or read, it is compiled for this process alone.
    """
    alphabet = _alphabet()
    tables = (alphabet, permutations(1, 1))
    return Compiled(_ready(kernel.near, folder, (*_utf8("a"), *tables)), alphabet)


def _utf8(text: str) -> tuple[NDArray[np.uint8], int]:
    """UTF-8 bytes, and whether they are ASCII alone; lone surrogates pass."""
    raw = np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8)
    return raw, int(text.isascii())


def _alphabet() -> kernel.Alphabet:
    table = characters()
    letters = np.arange(ASCII, dtype=np.uint32)
    entries = table[letters]
    folded = (letters + entries) & np.uint32(FOLD_MASK)
    fold = np.where(entries >> np.uint32(CLASS_SHIFT), folded, 0).astype(np.uint8)
    return fold, table.index, table.pages


def _ready(
    function: Callable[..., NDArray[np.uint32]], folder: str, example: tuple[object, ...]
) -> Callable[..., NDArray[np.uint32]]:
    """Compile ``function`` for the types of ``example``, by way of the disk cache if possible."""
    chosen = os.environ.get("NUMBA_CACHE_DIR") or folder
    if chosen and _writable(Path(chosen)):
        try:
            with _cache_in(chosen):
                made: Callable[..., NDArray[np.uint32]] = numba.njit(cache=True)(function)
            made(*example)
        except _CACHE_ERRORS:  # a full disk, a damaged file: the cache is a convenience only
            pass
        else:
            return made
    bare: Callable[..., NDArray[np.uint32]] = numba.njit(function)
    bare(*example)
    return bare


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@contextmanager
def _cache_in(folder: str) -> Iterator[None]:
    """Point numba at a cache folder while a function is decorated; it keeps what it saw then."""
    settings: Any = numba.config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = folder
    try:
        yield
    finally:
        settings.CACHE_DIR = before
