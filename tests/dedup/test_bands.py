from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dedup.bands import SHORTER, Bands, choose, choose_for, keys, least_jaccard
from ingest.dedup.minhash import minhash
from ingest.errors import UsageError


@given(st.floats(0.3, 1.0), st.floats(0.5, 0.999), st.integers(64, 256))
def test_the_choice_reaches_the_recall_and_no_more_selective_one_does(
    threshold: float, recall: float, permutations: int
):
    try:
        bands = choose(threshold, recall, permutations)
    except UsageError:
        assert 1 - (1 - threshold) ** permutations < recall
        return
    assert bands.count * bands.rows <= permutations
    assert bands.recall >= recall - 1e-12
    for rows in range(bands.rows + 1, permutations + 1):
        assert Bands(permutations // rows, rows, threshold).recall < recall
    if bands.count > 1:
        assert Bands(bands.count - 1, bands.rows, threshold).recall < recall


def test_the_default_is_above_99_of_100():
    bands = choose(0.8)
    assert (bands.count, bands.rows) == (18, 6)
    assert bands.guarantee() == (
        "18 bands of 6 rows: a pair at Jaccard 0.8 becomes a candidate with probability "
        "0.9958, one at 0.4 with 0.0712"
    )


@pytest.mark.parametrize(
    ("threshold", "recall"), [(0.0, 0.9), (1.1, 0.9), (0.5, 1.0), (0.01, 0.99)]
)
def test_what_cannot_be_is_refused(threshold: float, recall: float):
    with pytest.raises(UsageError):
        choose(threshold, recall)


def test_signatures_meet_in_a_band_as_often_as_computed():
    random = np.random.default_rng(1)
    a = random.integers(0, 1 << 32, (20_000, 128), dtype=np.uint32)
    b = np.where(random.random(a.shape) < 0.8, a, a + np.uint32(1))
    bands = choose(0.8, 0.9, 64)
    met = (keys(a, bands) == keys(b, bands)).any(axis=1).mean()
    assert met == pytest.approx(bands.recall, abs=0.01)


def test_a_key_hashes_the_whole_band_in_order_and_its_number():
    bands = Bands(2, 3, 0.8)
    signature = np.array([[1, 2, 3, 1, 2, 3]], dtype=np.uint32)
    swapped = np.array([[3, 2, 1, 2, 2, 2]], dtype=np.uint32)
    first, second = keys(signature, bands)[0]
    assert first != second
    assert not np.isin(keys(swapped, bands), [first, second]).any()


def test_keys_use_the_upper_bits_evenly():
    signatures = np.arange(20_000, dtype=np.uint32)[:, None]
    found = keys(signatures, Bands(1, 1, 0.0))[:, 0]
    counts = np.bincount((found >> np.uint64(60)).astype(int), minlength=16)
    assert counts.min() > 1000


def test_keys_are_pinned():
    # A change here makes every stored band index useless: it must be made anew.
    found = keys(np.arange(6, dtype=np.uint32)[None, :], Bands(2, 3, 0.8))
    assert found.tolist() == [[5779937903059728735, 1526173014234441621]]


def test_containment_needs_bands_for_the_jaccard_that_it_implies():
    assert choose_for(0.8, 0.0) == choose(0.8)
    assert least_jaccard(1.0) == SHORTER
    assert choose_for(0.8, 0.9) == choose(least_jaccard(0.9))
    assert choose_for(0.3, 0.9) == choose(0.3)


def test_truncated_copies_down_to_half_the_length_become_candidates():
    random = np.random.default_rng(3)
    bands, found = choose_for(0.8, 0.9), 0
    for _ in range(200):
        text = random.integers(0, 1 << 32, 400, dtype=np.uint32)
        cut = np.concatenate([text[:180], random.integers(0, 1 << 32, 20, dtype=np.uint32)])
        both = keys(np.stack([minhash(text, 128, 1), minhash(cut, 128, 1)]), bands)
        found += bool((both[0] == both[1]).any())
    assert found >= 198  # of 200, each exactly at containment 0.9 and half the length
