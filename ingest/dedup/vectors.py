"""Term vectors of the documents that are compared, and how similar they are.

Two ways with the same values: `story.similarities` in numpy, some 70 us a call, and the kernel,
some 5 us, once so much was compared that it has earned the time of its loading.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from ingest.compiling import kept
from ingest.dedup.story import similarities, size_of, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray


class Vectors:
    """Vectors by number of document, packed as the catalog has them (`story.pack`).

    ``cache``: folder for compiled code; None: numpy alone.
    """

    READING = 4000
    """Comparisons in numpy before the kernel is read from disk: 0.3 s either way."""
    COMPILING = 20_000
    """Comparisons before it is compiled, where it is not on disk: 1.4 s."""

    def __init__(self, cache: str | None = None) -> None:
        self._cache = cache
        self._compared = 0
        self._kernel: Callable[..., NDArray[np.float64]] | None = None
        self._packed: dict[int, bytes] = {}

    def __len__(self) -> int:
        """How many vectors are here."""
        return len(self._packed)

    def __contains__(self, number: int) -> bool:
        """Whether the vector of a document is here."""
        return number in self._packed

    def clear(self) -> None:
        """Let go of all vectors."""
        self._packed.clear()

    def halve(self) -> None:
        """Let go of those that came first."""
        for number in list(islice(self._packed, len(self._packed) // 2)):
            del self._packed[number]

    def add(self, number: int, terms: bytes) -> None:
        """Take in a vector; raises ValueError where it is none."""
        size_of(terms)
        self._packed[number] = terms

    def similarities(self, number: int, others: Sequence[int]) -> list[float]:
        """Give what `story.similarities` gives; raises KeyError for one that is not here."""
        if not others:
            return []
        packed = self._packed
        mine, theirs = packed[number], [packed[other] for other in others]
        self._compared += 1
        kernel = self._kernel or self._hastened()
        if kernel is None:
            found = similarities(unpack(mine), [unpack(terms) for terms in theirs])
        else:
            sizes = np.array([size_of(terms) for terms in theirs])
            found = kernel(mine, b"".join(theirs), sizes)
        figures: list[float] = found.tolist()
        return figures

    def hasten(self) -> None:
        """Compare by the kernel from now on, if it was kept."""
        cache = self._cache
        if cache is not None and self._kernel is None and kept("similar", __file__, cache):
            self._load(cache)

    def _hastened(self) -> Callable[..., NDArray[np.float64]] | None:
        """Go over to the kernel if it is time."""
        if self._compared == self.READING:
            self.hasten()
        elif self._compared == self.COMPILING and self._cache is not None:
            self._load(self._cache)
        return self._kernel

    def _load(self, cache: str) -> None:
        try:
            from ingest.dedup import kernel_similar  # noqa: PLC0415 - imports numba
        except ImportError:
            self._cache = None
        else:
            self._kernel = kernel_similar.load(cache)
