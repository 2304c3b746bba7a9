from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.dedup import rarity, terms
from ingest.dedup.minhash import narrow
from ingest.dedup.tokens import token_hash

GOLDEN_HASHES = [
    45982811,
    640225623,
    1088106273,
    1158440816,
    1454726594,
    1556546568,
    2198736662,
    2589036148,
    2908929832,
    2927350971,
    4082805602,
    4141770842,
]
GOLDEN_WEIGHTS = [255, 23, 163, 105, 23, 116, 210, 70, 255, 116, 255, 255]


@pytest.fixture(scope="module")
def english() -> rarity.Rarity:
    return rarity.load("en")


def key(word: str) -> int:
    return int(narrow(np.array([token_hash(word)], dtype=np.uint64))[0])


def weight(vector: terms.TermVector, word: str) -> int:
    found = vector.weights[vector.hashes == key(word)]
    return int(found[0]) if found.size else 0


def test_rare_words_weigh_more_and_stop_words_nothing(english: rarity.Rarity):
    vector = terms.terms("the police met alibaba", "", english)
    assert weight(vector, "the") == 0
    assert 0 < weight(vector, "police") < weight(vector, "alibaba") == 255


def test_the_title_counts_more_than_the_lead_and_the_lead_more_than_the_rest(
    english: rarity.Rarity,
):
    filler = " ".join(f"w{i}x" for i in range(terms.LEAD))
    vector = terms.terms(f"earthquake {filler} volcano", "tsunami", english)
    found = terms.occurrences(f"earthquake {filler} volcano", "tsunami", english)
    counts = dict(zip(found.hashes.tolist(), found.counts.tolist(), strict=True))
    assert counts[key("tsunami")] == terms.TITLE_WEIGHT
    assert counts[key("earthquake")] == terms.LEAD_WEIGHT
    assert counts[key("volcano")] == 1
    assert vector.hashes.size == min(terms.TERMS, terms.LEAD + 3)


def test_a_title_that_the_text_begins_with_counts_once(english: rarity.Rarity):
    text = "Quake hits island\nA quake hit the island of Qeshm."
    assert_same(terms.terms(text, "Quake hits island", english), terms.terms(text, "", english))


def test_without_title_the_first_line_is_the_title(english: rarity.Rarity):
    split = terms.terms("Twelve died in Qeshm.", "Quake hits island", english)
    assert_same(split, terms.terms("Quake hits island\nTwelve died in Qeshm.", "", english))


def test_two_capitalised_words_are_a_term_of_their_own(english: rarity.Rarity):
    assert count("met Jack Ma there", english) == count("met jack ma there", english) + 1
    assert count("met Jack, Ma there", english) == count("met jack, ma there", english)


def count(text: str, table: rarity.Rarity) -> int:
    return terms.occurrences(text, "", table).hashes.size


def test_scripts_without_spaces_give_runs_of_characters():
    chinese = terms.occurrences("地震袭击", "", rarity.load("zh"))
    assert [chinese.text[a:b] for a, b in zip(chinese.starts, chinese.ends, strict=True)] == [
        "地震",
        "震袭",
        "袭击",
    ]
    thai = terms.occurrences("แผ่นดินไหว", "", rarity.load("th"))
    assert (thai.ends - thai.starts == rarity.UNLISTED_RUN).all()
    assert thai.hashes.size == len("แผ่นดินไหว") - rarity.UNLISTED_RUN + 1


def test_no_term_dominates(english: rarity.Rarity):
    words = " ".join(f"zq{i}" for i in range(90))
    vector = terms.terms(f"{words} {'Arafat ' * 50}", "", english)
    squares = np.square(vector.weights.astype(float))
    assert squares.max() / squares.sum() < terms.SHARE * 1.1


def test_at_most_terms_are_kept_the_weightiest(english: rarity.Rarity):
    common = " ".join(["report", "people", "market", "city", "house"] * 3)
    vector = terms.terms(f"{common} {' '.join(f'zq{i}' for i in range(500))}", "", english)
    assert vector.hashes.size == terms.TERMS
    assert weight(vector, "people") == 0


@pytest.mark.parametrize("text", ["", "the", "!!!", "the of and", "\n"])
def test_texts_without_a_rare_word(text: str, english: rarity.Rarity):
    vector = terms.terms(text, "", english)
    assert vector.hashes.dtype == np.uint32
    assert vector.weights.dtype == np.uint8
    assert vector.hashes.size == vector.weights.size <= 1


TEXTS = st.text(st.one_of(st.characters(), st.sampled_from("aB Zé\n中国の한글กขค2.")), max_size=400)


@settings(deadline=None, max_examples=150)
@given(TEXTS, TEXTS, st.sampled_from(["en", "zh", "und"]))
def test_vectors_are_sorted_bounded_and_positive(text: str, title: str, language: str):
    vector = terms.terms(text, title, rarity.load(language))
    assert vector.hashes.size == vector.weights.size <= terms.TERMS
    assert (np.diff(vector.hashes.astype(np.int64)) > 0).all()
    if vector.weights.size:
        assert vector.weights.min() >= 1
        assert vector.weights.max() == 255


def assert_same(one: terms.TermVector, other: terms.TermVector) -> None:
    assert one.hashes.tolist() == other.hashes.tolist()
    assert one.weights.tolist() == other.weights.tolist()


def test_vectors_of_this_version():
    """A change here needs another `story.VERSION`: stored vectors would no longer compare."""
    text = "Jack Ma met Donald Trump on 9 January 2017."
    vector = terms.terms(text, "Alibaba", rarity.load("und"))
    assert vector.hashes.tolist() == GOLDEN_HASHES
    assert vector.weights.tolist() == GOLDEN_WEIGHTS


def test_tables_of_numbers_are_not_alike(english: rarity.Rarity):
    text = " ".join(str(number) for number in range(10, 70))
    assert terms.terms(text, "", english).hashes.size == terms.NUMBERS
