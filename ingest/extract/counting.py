"""What counts characters and words and asks the forests: numpy, or compiled loops.

Both give the same to the last bit, so that no text depends on which of them was at hand.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ingest.compiling import SkiRental, Worth, kept
from ingest.extract.characters import BEYOND, code_points, count_characters
from ingest.extract.words import count_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ingest.extract.characters import Characters
    from ingest.extract.plain_model import Forest
    from ingest.extract.words import Counts, Words

    Floats = NDArray[np.float32]
    Prose = Callable[[Characters], NDArray[np.bool_]]

KERNEL = "plain-kernel"
"""What a process claims that compiles the loops, or loads them, and counts without them."""
WORTH = Worth(reading=384, few=512, again=64, unit=1_000_000, compiling=80)
"""A page of 9 kB takes 0.9 ms more in numpy; to read the loops takes 0.3 s (0.4 more where
numba was not imported yet), to compile them 8 s."""


class Engine(Protocol):
    """What counts: `Reference`, `compiled.Compiled`, or one after the other (`Patient`)."""

    def count(self, text: str, prose: Prose, known: Words) -> tuple[Characters, Counts]:
        """Count characters and words of units, each of which ends in a line feed.

        ``prose`` says by their characters which units are prose.
        """
        ...

    def logits(self, forest: Forest, x: Floats) -> Floats:
        """Log-odds of each row of ``x`` (n, features); shape (n,)."""
        ...


class Reference:
    """Counts in numpy: what the compiled loops are tested against, and what there is without."""

    def count(self, text: str, prose: Prose, known: Words) -> tuple[Characters, Counts]:
        """Count characters and words of units, each of which ends in a line feed."""
        codes = np.minimum(code_points(text), BEYOND).astype(np.intp)
        breaks = np.flatnonzero(codes == ord("\n"))
        chars = count_characters(codes, breaks, known.characters)
        return chars, count_words(codes, breaks, prose(chars), known)

    def logits(self, forest: Forest, x: Floats) -> Floats:
        """Log-odds of each row of ``x`` (n, features); shape (n,)."""
        return forest.logits(x)


class Patient:
    """Works in numpy until there is so much to do that the compiled loops earn their time."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._engine: Engine = Reference()
        self._rental = SkiRental(KERNEL, folder, WORTH)

    def count(self, text: str, prose: Prose, known: Words) -> tuple[Characters, Counts]:
        """Count characters and words of units, each of which ends in a line feed."""
        if isinstance(self._engine, Reference):
            self._rental.rent(len(text), self._is_kept, self._go_over)
        return self._engine.count(text, prose, known)

    def logits(self, forest: Forest, x: Floats) -> Floats:
        """Log-odds of each row of ``x`` (n, features); shape (n,)."""
        return self._engine.logits(forest, x)

    def _is_kept(self) -> bool:
        return kernel_kept(self._folder)

    def _go_over(self) -> None:
        self._engine = best(self._folder)


def kernel_kept(folder: str) -> bool:
    """Whether the loops were compiled before, and can be read."""
    return kept("logits", __file__, folder)


@cache
def counting(folder: str) -> Engine:
    """What counts in this process."""
    return Patient(folder)


@cache
def best(folder: str) -> Engine:
    """The fastest way to count that is installed, ready to be used."""
    try:
        from ingest.extract import compiled  # noqa: PLC0415 - imports numba: half a second
    except ImportError:
        return Reference()
    return compiled.load(folder)
