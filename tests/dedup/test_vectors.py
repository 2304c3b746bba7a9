"""Term vectors of a batch: both ways of comparing give the same, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.dedup import kernel_similar, story
from ingest.dedup.terms import TERMS, TermVector
from ingest.dedup.vectors import Vectors

VECTORS = st.dictionaries(
    st.integers(0, 2**32 - 1) | st.integers(0, 99), st.integers(1, 255), max_size=TERMS
).map(
    lambda weights: TermVector(
        np.array(sorted(weights), np.uint32),
        np.array([weights[hashed] for hashed in sorted(weights)], np.uint8),
    )
)


def vectors_of(given_vectors: list[TermVector], *, compiled: bool) -> Vectors:
    vectors = Vectors("")
    if compiled:
        vectors._kernel = kernel_similar.load("")
    for number, vector in enumerate(given_vectors):
        vectors.add(number + 7, story.pack(vector))
    return vectors


@settings(deadline=None)  # the first example compiles
@given(st.lists(VECTORS, min_size=1, max_size=6))
def test_both_ways_give_the_same(some: list[TermVector]):
    expected = story.similarities(some[0], some).tolist()
    numbers = [number + 7 for number in range(len(some))]
    for compiled in (False, True):
        vectors = vectors_of(some, compiled=compiled)
        assert vectors.similarities(7, numbers) == expected
        assert vectors.similarities(7, numbers[::-1]) == expected[::-1]


def test_what_was_cleared_is_not_here():
    vectors = Vectors()
    vectors.add(1, b"")
    vectors.clear()
    assert 1 not in vectors
    with pytest.raises(KeyError):
        vectors.similarities(1, [1])


def test_the_newest_half_stays():
    vectors = Vectors()
    for number in range(5):
        vectors.add(number, b"")
    vectors.halve()
    assert [number for number in range(5) if number in vectors] == [2, 3, 4]


def test_what_is_no_vector_is_refused():
    for size in (3, 5 * TERMS + 5):
        with pytest.raises(ValueError, match="no term vector"):
            Vectors().add(1, bytes(size))


def test_the_kernel_takes_over(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Vectors, "READING", 2)
    monkeypatch.setattr(Vectors, "COMPILING", 4)
    monkeypatch.setattr("ingest.dedup.vectors.kept", lambda *_: False)
    vectors = Vectors("")
    vectors.add(1, story.pack(TermVector(np.array([5], np.uint32), np.array([3], np.uint8))))
    taken = []
    for _ in range(5):
        vectors.similarities(1, [1])
        taken.append(vectors._kernel is not None)
    assert taken == [False, False, False, True, True]
