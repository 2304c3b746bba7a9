from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.extract.characters import BEYOND, code_points
from ingest.extract.words import Tokens, tokens, words_of

LETTERS = st.characters(whitelist_categories=["Ll", "Nd"], max_codepoint=0x24F) | st.sampled_from(
    "\u03b1\u03b2\u0431\u0436_"
)
WORD = st.text(LETTERS, min_size=1, max_size=70)


def of(*lines: str) -> Tokens:
    codes = np.minimum(code_points("".join(f"{line}\n" for line in lines)), BEYOND)
    return tokens(codes, np.flatnonzero(codes == ord("\n")))


@given(st.lists(st.lists(WORD, max_size=5), min_size=1, max_size=5))
def test_words_are_found_with_their_lines_and_lengths(lines: list[list[str]]):
    found = of(*(" ".join(words) for words in lines))
    every = [(at, word) for at, words in enumerate(lines) for word in words]
    assert found.line.tolist() == [at for at, _ in every]
    assert found.lengths.tolist() == [len(word) for _, word in every]
    numbers: dict[str, int] = {}
    for (_, word), number in zip(every, found.hashes.tolist(), strict=True):
        assert numbers.setdefault(word, number) == number
    assert len(set(numbers.values())) == len(numbers)


def test_case_does_not_matter_and_the_order_of_letters_does():
    left, right, turned = of("\u00c4rger", "\u00e4RGER", "regr\u00e4").hashes
    assert left == right != turned


def test_signs_are_no_words():
    assert not len(of("", "\u2014 !? \U0001f600", "...").hashes)
    assert len(of("it's").hashes) == len(re.findall(r"\w+", "it's"))


def test_in_scripts_without_spaces_a_word_is_a_character():
    found = of("\u6e21\u8f6e x\u6e21y")
    assert found.lengths.tolist() == [1, 1, 1, 1, 1]
    assert found.hashes[0] == found.hashes[3] != found.hashes[1]


def test_function_words_are_those_of_the_language_of_the_text():
    languages = {"en": "the and man", "de": "und der man"}
    known = words_of(languages, "", {"impressum": -2.0}, {"hund": 1.0})
    function, (leaning, short) = known.look_up(of("der Hund und the man, Impressum").hashes)
    assert function.tolist() == [True, False, True, False, True, False]
    assert leaning.tolist() == [0, 0, 0, 0, 0, pytest.approx(-2.0)]
    assert short.tolist() == [0, 1, 0, 0, 0, 0]


def test_each_language_has_its_bit_and_there_is_no_33rd():
    languages = {str(n): f"word{n} other{n}" for n in range(32)}
    known = words_of(languages, "", {}, {})
    for n in range(32):
        found = known.look_up(of(f"word{n} other{n} word{(n + 1) % 32}").hashes)[0]
        assert found.tolist() == [True, True, False]
    with pytest.raises(ValueError, match="33 languages"):
        words_of({**languages, "32": "word"}, "", {}, {})


def test_of_words_that_share_a_drawer_each_is_found_and_no_other_is():
    known = [f"{number:x}" for number in range(0, 8000, 2)]
    table = words_of({"en": " ".join(known)}, "", {}, {})
    assert table.most > 1
    assert table.look_up(of(" ".join(known)).hashes)[0].all()
    other = [f"{number:x}" for number in range(1, 8000, 2)]
    assert table.look_up(of(" ".join([*other, known[0]])).hashes)[0].tolist() == [False] * 4000 + [
        True
    ]
