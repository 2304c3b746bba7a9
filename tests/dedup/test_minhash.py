from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.dedup.minhash import EMPTY, estimate, minhash, narrow, permutations, to_datasketch

HASHES = st.lists(st.integers(0, (1 << 32) - 1), max_size=50)


def datasketch_values(hashes: list[int], rows: int, seed: int) -> list[int]:
    datasketch = pytest.importorskip("datasketch")
    theirs = datasketch.MinHash(num_perm=rows, seed=seed, hashfunc=int)
    theirs.update_batch(hashes)
    return theirs.hashvalues.tolist()


@settings(deadline=None)  # the first example imports datasketch
@given(HASHES, st.sampled_from([(128, 1), (96, 7), (5, 42)]))
def test_values_are_those_of_datasketch(hashes: list[int], parameters: tuple[int, int]):
    mine = minhash(np.array(hashes, dtype=np.uint32), *parameters)
    assert mine.tolist() == datasketch_values(hashes, *parameters)


def test_long_sets_are_taken_in_blocks():
    hashes = np.random.default_rng(1).integers(0, 1 << 32, 10_000, dtype=np.uint32)
    assert minhash(hashes, 64, 1).tolist() == datasketch_values(hashes.tolist(), 64, 1)


def test_the_bridge_gives_a_minhash_that_datasketch_can_compare_and_merge():
    datasketch = pytest.importorskip("datasketch")
    one = to_datasketch(minhash(np.arange(100, dtype=np.uint32), 128, 1), 1)
    other = datasketch.MinHash(hashfunc=int)
    other.update_batch(range(50, 150))
    assert one.jaccard(other) == pytest.approx(1 / 3, abs=0.15)
    other.merge(one)
    assert other.hashvalues.tolist() == datasketch_values(list(range(150)), 128, 1)


def test_the_estimate_nears_the_similarity():
    a = minhash(np.arange(0, 1000, dtype=np.uint32), 1024, 1)
    b = minhash(np.arange(200, 1200, dtype=np.uint32), 1024, 1)
    assert estimate(a, b) == pytest.approx(800 / 1200, abs=0.06)
    assert estimate(a, a) == 1.0


def test_nothing_gives_the_largest_values():
    assert (minhash(np.empty(0, dtype=np.uint32), 8, 1) == EMPTY).all()


def test_multipliers_are_odd_and_the_upper_half_is_seen():
    assert (permutations(128, 1)[0] % 2 == 1).all()
    assert narrow(np.array([0x123456789ABCDEF0], dtype=np.uint64)).tolist() == [0x12345678]
