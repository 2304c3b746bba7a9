"""From canonical text to both signatures, by the compiled kernel or by numpy.

    text -> tokens -> shingle hashes -> MinHash              near
    text + title -> tokens -> weightiest terms -> MinHash    story

The kernel gives the same values as the numpy reference, which takes over where numba is
not installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ingest.compiling import SkiRental, Worth, kept
from ingest.dedup import minhash, shingles
from ingest.dedup.characters import UNICODE
from ingest.dedup.tokens import HASH, tokenise
from ingest.documents import UNKNOWN, Signature

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TOKENS = 1
"""Version of the definition of a token (`ingest.dedup.tokens`)."""

KERNEL = "kernel"
"""What a process claims that compiles the signing kernel, or loads it, and counts without."""


class Engine(Protocol):
    """What computes signatures: `compiled.Compiled` or `Reference`."""

    def sign(self, document: tuple[str, str, str], rows: int, seed: int) -> Signature:
        """Sign (text, title, language) for near copies, with ``rows`` rows, and for stories."""
        ...

    def near(self, text: str, rows: int, seed: int) -> NDArray[np.uint32]:
        """Sign for near copies; shape (rows,)."""
        ...

    def shingles(self, text: str) -> NDArray[np.uint64]:
        """Sorted, unique shingle hashes, as `shingles.shingles` gives them."""
        ...


@dataclass(frozen=True, slots=True)
class Reference:
    """Signs in numpy: 13 times slower than the kernel, and what it is tested against."""

    folder: str = ""

    def sign(self, document: tuple[str, str, str], rows: int, seed: int) -> Signature:
        """Sign (text, title, language) for near copies and for stories."""
        from ingest.dedup import rarity, story, terms  # noqa: PLC0415 - heavy, late

        text, title, language = document
        table = rarity.load(language, Path(self.folder) if self.folder else None)
        tokens = tokenise(text)
        vector = terms.terms(text, title, table, tokens)
        hashes = shingles.shingle_hashes(tokens.hashes)
        return Signature(
            minhash.minhash(minhash.narrow(hashes), rows, seed),
            story.story_signature(vector, seed),
            story.pack(vector),
            hashes.tobytes(),
        )

    def near(self, text: str, rows: int, seed: int) -> NDArray[np.uint32]:
        """Sign for near copies; shape (rows,)."""
        hashes = shingles.shingle_hashes(tokenise(text).hashes)
        return minhash.minhash(minhash.narrow(hashes), rows, seed)

    def shingles(self, text: str) -> NDArray[np.uint64]:
        """Sorted, unique shingle hashes."""
        return shingles.shingles(text)


class Patient:
    """Works in numpy until there is so much to do that the kernel earns the time to load it.

    Reading the kernel from disk takes as long as numpy does for some hundred documents,
    compiling it as for `COMPILING` units of text (`SkiRental`).
    """

    READING = 32
    """Documents signed before the kernel is read: it may have been imported already."""
    FEW = 256
    """Documents signed before it is compiled, whatever earlier runs have signed."""
    AGAIN = 64
    """Documents between two looks whether another process is done."""
    UNIT = 1_000_000
    """Characters: numpy signs them in 0.25 s, or 0.4 beside other work."""
    COMPILING = 24
    """Units signed in numpy before the kernel is compiled, which takes some 10 s."""
    LARGE = 8
    """Units of a single document that is worth it alone: numpy would use up its time limit."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._engine: Engine = Reference(folder)
        worth = Worth(self.READING, self.FEW, self.AGAIN, self.UNIT, self.COMPILING, self.LARGE)
        self._rental = SkiRental(KERNEL, folder, worth)

    def sign(self, document: tuple[str, str, str], rows: int, seed: int) -> Signature:
        """Sign (text, title, language) for near copies and for stories."""
        if isinstance(self._engine, Reference):
            self._rental.rent(len(document[0]), self._is_kept, self._go_over)
        return self._engine.sign(document, rows, seed)

    def near(self, text: str, rows: int, seed: int) -> NDArray[np.uint32]:
        """Sign for near copies; shape (rows,)."""
        return self._engine.near(text, rows, seed)

    def shingles(self, text: str) -> NDArray[np.uint64]:
        """Sorted, unique shingle hashes."""
        return self._engine.shingles(text)

    def _is_kept(self) -> bool:
        return kernel_kept(self._folder)

    def _go_over(self) -> None:
        """Load the kernel, or compile it; where another process does so just now, wait for it.

        Whoever compiles it and can keep it leaves the one that verifying wants too: 1 s here,
        where most of it has been compiled just now, 4 to 6 in the process that decides.
        """
        was_kept = self._is_kept()
        self._engine = best(self._folder)
        self._engine.sign(("a", "", UNKNOWN), 1, 1)
        if not was_kept and self._is_kept():
            self._engine.shingles("a")


class Shingler:
    """Shingles texts for verification: the first few in numpy, the others by the kernel.

    Where documents are signed in other processes, the kernel is loaded here for
    verification alone; numpy takes as long for so many texts.
    """

    READING = 1000
    """Texts between two looks whether it can be read: 0.5 s, numba's import for the most part."""
    COMPILING = 12_000
    """Texts before it is compiled, where it is not on disk: 4 to 6 s, and 0.4 ms each."""

    def __init__(self, cache: str = "") -> None:
        self._cache = cache
        self._texts = 0
        self._engine: Engine = Reference(cache)

    def hasten(self) -> None:
        """Go over to the kernel, if it was kept."""
        if kept("shingled", __file__, self._cache):
            self._engine = best(self._cache)
            self._engine.shingles("a")  # reads it

    def shingles(self, text: str) -> NDArray[np.uint64]:
        """Sorted, unique shingle hashes, as `shingles.shingles` gives them."""
        if isinstance(self._engine, Reference):
            self._texts += 1
            if self._texts == self.COMPILING:
                self._engine = best(self._cache)
            elif not self._texts % self.READING:
                self.hasten()
        return self._engine.shingles(text)


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs documents; small to pickle, since what is heavy is loaded once in each process.

    ``permutations`` and ``seed`` are datasketch's.  ``cache`` is a folder for compiled code,
    used where ``NUMBA_CACHE_DIR`` is not set.
    """

    permutations: int = 128
    seed: int = 1
    cache: str = ""

    @property
    def version(self) -> str:
        """Everything that a signature depends on beside the text: compare, never parse."""
        from ingest.dedup import story  # noqa: PLC0415 - reads the rarity table's version

        return (
            f"tokens={TOKENS} unicode={UNICODE} hash={HASH} shingle={shingles.SIZE} "
            f"minhash={minhash.SCHEME}/{self.permutations}/{self.seed} story={story.VERSION}"
        )

    def sign(self, text: str, title: str = "", language: str = UNKNOWN) -> Signature:
        """Both signatures of one document, and its term vector."""
        document = (text, title, language)
        return engine(self.cache).sign(document, self.permutations, self.seed)

    def near(self, text: str) -> NDArray[np.uint32]:
        """Sign for near copies alone; shape (permutations,)."""
        return engine(self.cache).near(text, self.permutations, self.seed)


def kernel_kept(folder: str) -> bool:
    """Whether the kernel was compiled before, and can be read."""
    return kept("sign", __file__, folder)


@cache
def engine(folder: str) -> Engine:
    """What signs in this process."""
    return Patient(folder)


@cache
def best(folder: str) -> Engine:
    """The fastest way to sign that is installed; it is compiled when it is first used."""
    try:
        from ingest.dedup import compiled  # noqa: PLC0415 - imports numba: half a second
    except ImportError:
        return Reference(folder)
    return compiled.Compiled(folder)
