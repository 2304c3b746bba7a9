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
from ingest.dedup.kept import kept, mapped
from ingest.dedup.minhash import permutations
from ingest.dedup.rarity import LANGUAGES, file_of, load
from ingest.dedup.shingles import unique
from ingest.dedup.story import ROWS
from ingest.documents import Signature

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ingest.dedup.rarity import Rarity

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
    """The kernel of both signatures: read in 0.3 s, compiled in 10."""
    few = _permutations(1, 1)
    table = _with_list(np.zeros(1, np.uint64))
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


@lru_cache(maxsize=LANGUAGES)
def _table(language: str, folder: str) -> kernel_terms.Table:
    """Rarity table of a language as the kernel reads it; kept as `rarity.load` keeps its own."""
    within = Path(folder) if folder else None
    path = file_of(f"slots{kernel_terms.SLOTS}", language, within)
    slots = mapped(path) if path else None
    if slots is not None:
        return _with_list(slots)
    table = load(language, within)
    if not table.hashes.size:
        return np.zeros(1, np.uint64), round(table.per_character * kernel_terms.UNITS), table.run, 0
    if path is None:
        return _with_list(_slots(table, folder))
    return _with_list(kept(path, lambda: _slots(table, folder)))


def _with_list(slots: NDArray[np.uint64]) -> kernel_terms.Table:
    return slots, kernel_terms.RAREST, 2, 1


def _slots(table: Rarity, folder: str) -> NDArray[np.uint64]:
    """Directory of a rarity table (`kernel_terms.fill`), at most half full."""
    slots = np.zeros(1 << (2 * table.hashes.size).bit_length(), dtype=np.uint64)
    order = np.argsort(table.rarity)  # so that common words are found in their first slot
    _fill_kernel(folder)(slots, table.hashes[order], table.rarity[order])
    return slots


def _utf8(text: str) -> bytes:
    """UTF-8 bytes; lone surrogates pass."""
    return text.encode("utf-8", "surrogatepass")


@cache
def _alphabet() -> NDArray[np.uint32]:
    return kernel_tokens.alphabet()


@cache
def _permutations(rows: int, seed: int) -> NDArray[np.uint32]:
    return np.stack(permutations(rows, seed))
