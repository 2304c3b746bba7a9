r"""Counting is quick for common texts, and the same as by the expression for all."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from ingest.normalise.words import _UNSPACED, count_words

# What a word is, spelt out: a run of \w, or one character of a script without spaces.
DEFINITION = re.compile(rf"(?:(?![{_UNSPACED}])\w)+|[{_UNSPACED}]")


@given(st.text() | st.text("ab_1 .-?é’—ъ中かไ\n\x00\xa0", max_size=40))
def test_as_defined(text: str) -> None:
    assert count_words(text) == len(DEFINITION.findall(text))


@given(st.text(st.characters(min_codepoint=0x80, max_codepoint=0x2AF), min_size=20))
def test_many_letters_of_other_alphabets(text: str) -> None:
    assert count_words(text) == len(re.findall(r"\w+", text))
