"""The compiled kernel as a signing engine: tables at hand, code cached on disk.

Importing this module imports numba; `signatures` does so only when a signature is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ingest.compiling import ready
from ingest.dedup import kernel, kernel_terms, kernel_tokens
from ingest.dedup.minhash import permutations
from ingest.dedup.rarity import Rarity
from ingest.dedup.rarity import load as load_rarity
from ingest.dedup.shingles import unique
from ingest.dedup.story import ROWS
from ingest.documents import Signature

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Signable: TypeAlias = tuple[str, str, str]
"""Text, title, language."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """Signs by the kernels, each compiled, or read from ``folder``, when it is first used.

    ``NUMBA_CACHE_DIR`` goes before ``folder``; with neither, or where what was chosen cannot
    be written or read, they are compiled for this process alone.
    """

    folder: str

    def near(self, text: str, rows: int, seed: int) -> NDArray[np.uint32]:
        """Near signature, shape (rows,)."""
        return _near_kernel(self.folder)(_utf8(text), _alphabet(), _permutations(rows, seed))

    def shingles(self, text: str) -> NDArray[np.uint64]:
        """See `shingles.shingles`."""
        return unique(_shingle_kernel(self.folder)(_utf8(text), _alphabet()))

    def sign(self, document: Signable, rows: int, seed: int) -> Signature:
        """Both signatures, the term vector and the shingles, in one go."""
        text, title, language = document
        title = "" if text.startswith(title) else title
        near, story, terms, hashes = _sign_kernel(self.folder)(
            _utf8(text),
            _utf8(title),
            _first_line(text, title),
            _alphabet(),
            _table(language, self.folder),
            (_permutations(rows, seed), _permutations(ROWS, seed)),
        )
        return Signature(near, story, terms.tobytes(), hashes.tobytes())


@cache
def _sign_kernel(
    folder: str,
) -> Callable[
    ..., tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint8], NDArray[np.uint64]]
]:
    """The kernel of both signatures: read in 0.3 s, compiled in 14."""
    few = _permutations(1, 1)
    table = _of(Rarity("", np.zeros(1, np.uint64), np.zeros(1, np.float32)), folder)
    return ready(kernel_terms.sign, folder, (b"a", b"a", 1, _alphabet(), table, (few, few)))


@cache
def _near_kernel(folder: str) -> Callable[..., NDArray[np.uint32]]:
    """The kernel of near signatures alone; compiled only where they are wanted alone."""
    return ready(kernel.near, folder, (b"a", _alphabet(), _permutations(1, 1)))


@cache
def _shingle_kernel(folder: str) -> Callable[..., NDArray[np.uint64]]:
    """The kernel of shingle hashes."""
    return ready(kernel.shingled, folder, (b"a", _alphabet()))


@cache
def _fill_kernel(folder: str) -> Callable[..., None]:
    """What makes a rarity table's directory."""
    example = (np.zeros(4, np.uint64), np.zeros(1, np.uint64), np.zeros(1, np.float32))
    return ready(kernel_terms.fill, folder, example)


def _first_line(text: str, title: str) -> int:
    """Where the first line of title and text ends, in code points."""
    end = title.find("\n")
    if title:
        return end if end >= 0 else len(title)
    end = text.find("\n")
    return end if end >= 0 else len(text)


@lru_cache(maxsize=4)
def _table(language: str, folder: str) -> kernel_terms.Table:
    """Rarity table of a language with its directory, kept as long as `rarity.load` keeps it."""
    return _of(load_rarity(language, Path(folder) if folder else None), folder)


def _of(rarity: Rarity, folder: str) -> kernel_terms.Table:
    entries = rarity.hashes.size
    slots = np.zeros(1 << (2 * entries).bit_length(), dtype=np.uint64)
    order = np.argsort(rarity.rarity)  # so that common words are found in their first slot
    _fill_kernel(folder)(slots, rarity.hashes[order], rarity.rarity[order])
    units = round(rarity.per_character * kernel_terms.UNITS)
    return slots, units, rarity.run, int(entries > 0)


def _utf8(text: str) -> bytes:
    """UTF-8 bytes; lone surrogates pass."""
    return text.encode("utf-8", "surrogatepass")


@cache
def _alphabet() -> NDArray[np.uint32]:
    return kernel_tokens.alphabet()


@cache
def _permutations(rows: int, seed: int) -> NDArray[np.uint32]:
    return np.stack(permutations(rows, seed))
