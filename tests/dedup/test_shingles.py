from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest.dedup.shingles import SIZE, shingles
from ingest.dedup.tokens import token_words


def grams(text: str) -> set[tuple[str, ...]]:
    words = token_words(text)
    size = min(SIZE, len(words))
    return {tuple(words[i : i + size]) for i in range(len(words) - size + 1)} if words else set()


@given(st.lists(st.sampled_from(["a", "b", "北", "!"]), max_size=40).map(" ".join))
def test_one_hash_for_each_gram(text: str):
    found = shingles(text)
    assert found.dtype == np.uint64
    assert found.size == len(grams(text))
    assert (found[1:] > found[:-1]).all()


def test_texts_shorter_than_a_shingle_are_one():
    assert shingles("a b c d").size == 1
    assert shingles("a b c d").tolist() != shingles("a b c e").tolist()
    assert shingles("").size == 0
    assert shingles("!!!").tolist() != shingles("???").tolist()


def test_order_counts_within_a_shingle():
    assert shingles("a b c d e").tolist() != shingles("b a c d e").tolist()


def test_hashes_are_pinned():
    # A change here changes every stored signature and verification.
    assert shingles("a b c d e f").tolist() == [7174825719765608452, 9359726976088266896]
