from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest.dedup.passages import longest_shared
from ingest.dedup.tokens import token_words

A = "one two three four five six seven"
B = "red blue green white black grey pink brown violet"


def test_passages_come_longest_first_as_the_first_text_writes_them():
    first = f"{A.title()}. Some words between. {B}, the end."
    second = f"Begin: {B.upper()}; {A}"
    found = longest_shared(first, second)
    assert [passage.text for passage in found] == [B, A.title()]
    assert [passage.tokens for passage in found] == [9, 7]
    assert second[found[0].other_start : found[0].other_end] == B.upper()
    assert first[found[1].start : found[1].end] == A.title()


def test_a_passage_is_not_shown_twice():
    assert len(longest_shared(A, f"{A}. {A}. {A}")) == 1


def test_less_than_a_shingle_is_nothing():
    assert longest_shared("one two three four", "one two three four") == []
    assert longest_shared(A, B) == []
    assert longest_shared("", A) == []


def test_the_limit_holds():
    text = ". ".join(f"{i} {A} {i}{i}" for i in range(9))
    other = ". ".join(f"{A} x{i}" for i in range(9))
    assert len(longest_shared(text, other, limit=3)) == 3


WORDS = st.lists(st.sampled_from("abc"), max_size=40).map(" ".join)


@given(WORDS, WORDS)
def test_every_passage_is_in_both_texts(first: str, second: str):
    for passage in longest_shared(first, second):
        words = token_words(passage.text)
        assert len(words) == passage.tokens >= 5
        assert first[passage.start : passage.end] == passage.text
        assert token_words(second[passage.other_start : passage.other_end]) == words


@given(WORDS, WORDS)
def test_the_longest_common_passage_is_found(first: str, second: str):
    a, b = first.split(), second.split()
    grams = [
        length
        for length in range(5, min(len(a), len(b)) + 1)
        if {tuple(a[i : i + length]) for i in range(len(a) - length + 1)}
        & {tuple(b[i : i + length]) for i in range(len(b) - length + 1)}
    ]
    found = longest_shared(first, second)
    # repeats beyond the eighth are not followed, so that a long one may be cut short
    assert (found[0].tokens if found else 0) <= max(grams, default=0)
    assert bool(found) == bool(grams)
