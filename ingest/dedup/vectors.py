"""Term vectors of the documents that a batch compares, and how similar they are.

Two ways with the same values: `story.similarities` in numpy, some 70 us a call, and the kernel,
some 5 us, once so much was compared that it has earned the time of its loading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingest.compiling import kept
from ingest.dedup.story import similarities, unpack
from ingest.dedup.terms import TERMS, TermVector

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

_FIRST = 1024  # vectors that there is room for at first: 0.5 MB


class Vectors:
    """Vectors by number of document.  ``cache``: folder for compiled code; None: numpy alone."""

    READING = 4000
    """Comparisons in numpy before the kernel is read from disk: 0.3 s either way."""
    COMPILING = 20_000
    """Comparisons before it is compiled, where it is not on disk: 1.4 s."""

    def __init__(self, cache: str | None = None) -> None:
        self._cache = cache
        self._compared = 0
        self._kernel: Callable[..., NDArray[np.float64]] | None = None
        self._places: dict[int, int] = {}
        self._hashes = np.empty((_FIRST, TERMS), np.uint32)
        self._weights = np.empty((_FIRST, TERMS), np.uint8)
        self._sizes = np.empty(_FIRST, np.int64)

    def __len__(self) -> int:
        """How many vectors are here."""
        return len(self._places)

    def __contains__(self, number: int) -> bool:
        """Whether the vector of a document is here."""
        return number in self._places

    def clear(self) -> None:
        """Let go of all vectors."""
        self._places.clear()

    def add(self, number: int, terms: bytes) -> None:
        """Take in a vector, packed (`story.pack`); raises ValueError where it is none."""
        vector = unpack(terms)
        place = self._places.get(number, len(self._places))
        if place == len(self._sizes):
            self._grow()
        size = vector.hashes.size
        self._hashes[place, :size] = vector.hashes
        self._weights[place, :size] = vector.weights
        self._sizes[place] = size
        self._places[number] = place

    def similarities(self, number: int, others: Sequence[int]) -> list[float]:
        """Give what `story.similarities` gives; raises KeyError for one that is not here."""
        if not others:
            return []
        places = [self._places[other] for other in others]
        self._compared += 1
        kernel = self._kernel or self._hastened()
        if kernel is None:
            mine = self._vector(self._places[number])
            found = similarities(mine, [self._vector(place) for place in places])
        else:
            arrays = self._hashes, self._weights, self._sizes
            found = kernel(*arrays, self._places[number], np.array(places))
        figures: list[float] = found.tolist()
        return figures

    def hasten(self) -> None:
        """Compare by the kernel from now on, if it was kept."""
        if self._cache is not None and self._kernel is None and kept("similar", self._cache):
            self._load(self._cache)

    def _grow(self) -> None:
        """Double the room; what is added is written before it is read."""
        self._hashes = np.concatenate([self._hashes, self._hashes])
        self._weights = np.concatenate([self._weights, self._weights])
        self._sizes = np.concatenate([self._sizes, self._sizes])

    def _vector(self, place: int) -> TermVector:
        size = self._sizes[place]
        return TermVector(self._hashes[place, :size], self._weights[place, :size])

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
