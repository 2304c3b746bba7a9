"""Canonical text: one spelling, nothing of the text lost, the same when done twice."""

# text in many scripts is what is tested

from __future__ import annotations

import json
import timeit
import unicodedata
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.normalise.canonical import canonical, one_line
from ingest.normalise.words import count_words

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Every character that some rule is about, so that they meet often.
TROUBLE = (
    "ab .\n\r\t\x00\x0b\x0c\x1b\x1c\x7f\x85\x9f\xa0\xad\u0301\u0344\u037e\u0627\u06a9\u0915\u094d"
    "\u0e01\u1100\u1161\u1fef\u2000\u2001\u200b\u200c\u200d\u2028\u2029\u202f\u2060\u2126\u212b"
    "\u3000\ud83d\ude00\ufeff\ufffe\ufe0f\u2764\U0001f469\U0001f4bb"
)


@given(
    st.text()
    | st.text(alphabet=TROUBLE)
    | st.text(alphabet=st.characters())
    | st.text("ab \n")  # nothing that sends it the long way but its spaces and lines
)
def test_canonical_text_keeps_its_promises(text: str) -> None:
    form = canonical(text)
    assert canonical(form) == form
    assert unicodedata.is_normalized("NFC", form)
    assert form == form.strip()
    form.encode()
    assert not any(unicodedata.category(c) == "Cc" for c in form if c not in "\n\t")
    assert "\n\n\n" not in form
    assert all(line == line.rstrip() for line in form.split("\n"))
    assert all("  " not in line.strip() for line in form.split("\n"))


@given(st.text(alphabet=TROUBLE))
def test_the_short_way_and_the_long_way_agree(text: str) -> None:
    # A soft hyphen always takes the long way, and leaves nothing behind.
    form = canonical(text)
    assert canonical("\xad" + form) == form


@given(st.text(alphabet=st.characters(categories=("L", "N", "P", "Sc", "Sm"))))
def test_letters_digits_and_punctuation_stay(text: str) -> None:
    assert canonical(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("a\r\nb\rc\x0bd\x0ce\x85f\u2028g\u2029h", "a\nb\nc\nd\ne\nf\ng\nh"),
        ("a\n\n\n \n\nb  \n\n", "a\n\nb"),
        ("a\n\n\nb", "a\n\nb"),
        ("a \nb", "a\nb"),
        ("one \xa0 two\u3000three\u202f%", "one two three %"),
        ("a\t\tb", "a\tb"),
        ("a\n b", "a\nb"),
        ("x:\n    code\n\tdeep\n chance\n\u3000\u3000段落", "x:\n    code\n\tdeep\nchance\n段落"),
        ("bell\x07 esc\x1b[31m nul\x00 del\x7f c1\x9f", "bell esc[31m nul del c1"),
        ("e\u0301 \u212b", "é Å"),
        ("co\xadop\u200berate\ufeff\u2060", "cooperate"),
        ("\u0e20\u0e32\u200b\u0e29\u0e32", "\u0e20\u0e32\u200b\u0e29\u0e32"),  # Thai word break
        ("می\u200cخواهم", "می\u200cخواهم"),  # Persian non-joiner
        ("क्\u200dष", "क्\u200dष"),  # half form in Devanagari
        ("👩\u200d💻", "👩\u200d💻"),
        ("in\u200cvis\u200dible\u200d", "invisible"),
        ("\ud83d\ude00 \ud800 \udfff", "😀 \ufffd \ufffd"),
        ("", ""),
        (" \n\t\x00\u200b", ""),
    ],
)  # fmt: skip
def test_examples(text: str, form: str) -> None:
    assert canonical(text) == form


def test_one_line() -> None:
    assert one_line("  A title\r\n over\ttwo\u2028lines ") == "A title over two lines"


def test_naughty_strings_stay_as_they_are(data_archive: Callable[[str], Path]) -> None:
    strings = json.loads(next(data_archive("text").rglob("blns.json")).read_text(encoding="utf-8"))
    assert len(strings) > 450
    changed = [s for s in strings if canonical(s) != unicodedata.normalize("NFC", s)]
    for text in changed:  # spaces, and characters that nobody sees, are all that went
        assert seen(canonical(text)) == seen(unicodedata.normalize("NFC", text)), ascii(text)
    assert len(changed) < 40


def seen(text: str) -> str:
    return "".join(c for c in text if unicodedata.category(c) not in {"Cc", "Cf", "Zs", "Zl", "Zp"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("One two, three.", 3),
        ("don't stop", 3),
        ("naïve café", 2),
        ("我喜欢 Python 编程", 6),
        ("カタカナ and ひらがな", 9),
        ("안녕하세요 세계", 2),
        ("снег идёт", 2),
    ],
)
def test_words(text: str, words: int) -> None:
    assert count_words(text) == words


def test_hostile_white_space_takes_linear_time() -> None:
    for text in (" " * 300_000 + "x", "a" + " \t" * 150_000, "\n " * 150_000, "\u200d" * 300_000):
        assert len(canonical(text)) < 10


def test_canonical_text_is_recognised_quickly() -> None:
    text = "The quick brown fox jumps over the lazy dog and runs.\n" * 27 + "The end."
    assert len(text.split()) > 290
    seconds = min(timeit.repeat(lambda: canonical(text), number=100, repeat=5)) / 100
    assert seconds < 100e-6  # 5 µs on an idle machine
