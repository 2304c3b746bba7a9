from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dedup.verify import containment, jaccard, overlap

SETS = st.sets(st.one_of(st.integers(0, 12), st.integers(0, (1 << 64) - 1)), max_size=40)


def hashes(values: set[int]) -> np.ndarray:
    return np.array(sorted(values), dtype=np.uint64)


@given(SETS, SETS)
def test_figures_are_those_of_sets(a: set[int], b: set[int]):
    found = overlap(hashes(a), hashes(b))
    if a and b:
        assert found.shared == len(a & b)
        assert found.jaccard == len(a & b) / len(a | b)
        assert found.containment == len(a & b) / min(len(a), len(b))
    else:
        assert (found.shared, found.jaccard, found.containment) == (0, 0.0, 0.0)


def test_a_copy_with_a_header_is_contained():
    copy, original = hashes(set(range(120))), hashes(set(range(20, 120)))
    assert containment(copy, original) == 1.0
    assert jaccard(copy, original) == pytest.approx(100 / 120)
