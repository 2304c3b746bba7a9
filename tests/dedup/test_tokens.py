from __future__ import annotations

import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dedup.characters import UNICODE, build, characters
from ingest.dedup.tokens import BASE, FMIX64, token_hash, token_words, tokenise

MASK = (1 << 64) - 1


def plain_hash(word: str) -> int:
    """The token hash in Python's integers."""
    first, multiply, second, again, third = FMIX64
    h = 0
    for character in word:
        h = (h * BASE + ord(character)) & MASK
    h = (h ^ (h >> first)) * multiply & MASK
    h = (h ^ (h >> second)) * again & MASK
    return h ^ (h >> third)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, World_2!", ["hello", "world_2"]),
        ("don't", ["don", "t"]),
        ("北京 大学", ["北", "京", "大", "学"]),
        ("abc北d", ["abc", "北", "d"]),
        ("ไทย", ["ไ", "ท", "ย"]),
        ("カタカナ", ["カ", "タ", "カ", "ナ"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("naïve STRASSE straße", ["naïve", "strasse", "straße"]),
        ("İstanbul", ["istanbul"]),
        ("ΣΊΣΥΦΟΣ σίσυφος", ["σίσυφοσ", "σίσυφοσ"]),
        ("  ", ["  "]),
        ("!?", ["!?"]),
        ("", []),
    ],
)
def test_tokens_of_scripts(text: str, words: list[str]):
    assert token_words(text) == words
    assert tokenise(text).hashes.tolist() == [plain_hash(word) for word in words]


@given(st.text(alphabet=st.characters(codec="ascii")))
def test_ascii_tokens_are_those_of_re(text: str):
    expected = re.findall(r"\w+", text.lower())
    if expected:
        assert token_words(text) == expected


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_spans_and_words_agree_for_any_text(text: str):
    tokens = tokenise(text)
    words = token_words(text)
    assert len(tokens.hashes) == len(words) > 0 or not text
    assert tokens.hashes.tolist() == [plain_hash(word) for word in words]
    assert [b - a for a, b in zip(tokens.starts, tokens.ends, strict=True)] == list(map(len, words))
    assert (tokens.starts[1:] >= tokens.ends[:-1]).all()


@given(st.text(alphabet="aZé北 -ß", min_size=1))
def test_case_does_not_matter(text: str):
    assert (
        tokenise(text.upper().replace("SS", "ß")).hashes.tolist() == tokenise(text).hashes.tolist()
    )


def test_token_hash_is_pinned():
    # A change here changes every stored signature: raise `signatures.TOKENS` with it.
    assert token_hash("Hello") == plain_hash("hello") == 0xCA481F4E46898B8E


def test_the_table_is_what_this_python_says_where_versions_agree():
    if unicodedata.unidata_version != UNICODE:
        pytest.skip(f"the table is of Unicode {UNICODE}")
    stored, made = characters(), build()
    everything = np.arange(0x110000, dtype=np.uint32)
    assert (stored[everything] == made[everything]).all()
