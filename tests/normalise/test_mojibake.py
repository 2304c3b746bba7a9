"""Mojibake is mended, and nothing else is touched."""

# text in many scripts is what is tested

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.normalise.mojibake import mend

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ("cafÃ© crÃ¨me", "café crème"),
        ("cafÃ© &eacute; ﬁne", "café &eacute; ﬁne"),
        ("Itâ€™s â€œquotedâ€\x9d", "It’s “quoted”"),
        ("ÐŸÑ€Ð¸Ð²ÐµÑ‚, Ð¼Ð¸Ñ€", "Привет, мир"),
        ("Ð¸ one\nclean “line”\nanother cafÃ©", "и one\nclean “line”\nanother café"),
    ],
)
def test_mojibake_is_mended_line_by_line(broken: str, whole: str) -> None:
    assert mend(broken) == whole


@pytest.mark.parametrize(
    "text",
    [
        "It’s “quoted” – and ‘so’ on… &amp; <b>&eacute;</b> ﬁne ＷＩＤＥ",
        "Die Straße heißt „Große Übergänge“, sagt Jürgen.",
        "São Paulo não é o Rio; à côté, déjà vu, Noël, œuvre.",
        "Съешь же ещё этих мягких французских булок — да выпей чаю. Її є ґанок.",
        "Η γρήγορη καφέ αλεπού πηδάει πάνω από το σκυλί «τεμπέλικο».",
        "我能吞下玻璃而不伤身体。吾輩は猫である。", "اللغة العربية، و«هذا» نص.",
        "Příliš žluťoučký kůň úpěl ďábelské ódy. Zażółć gęślą jaźń.",
        "Tiếng Việt: Ấm ức, Ổn, Ăn Ðặc",
        "3 × 4 ÷ 2 ≤ 6 ° ½ £5 €10 §7 ¶ † ‡ ™ © ®", "│ table │ art │\n├───────┤",
    ],
)  # fmt: skip
def test_good_text_is_left_alone(text: str) -> None:
    assert mend(text) == text


def test_ftfy_cases(data_archive: Callable[[str], Path]) -> None:
    path = next(data_archive("text").rglob("test_cases.json"))
    cases = json.loads(path.read_text(encoding="utf-8"))
    passing = [case for case in cases if case["expect"] == "pass"]
    assert len(passing) > 140
    wrong = [
        case["label"]
        for case in passing
        if mend(case["original"]) != case.get("fixed-encoding", case["fixed"])
    ]
    assert wrong == []


def test_naughty_strings_are_left_alone(data_archive: Callable[[str], Path]) -> None:
    strings = json.loads(next(data_archive("text").rglob("blns.json")).read_text(encoding="utf-8"))
    assert [text for text in strings if mend(text) != text] == []


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_ascii_is_left_alone(text: str) -> None:
    assert mend(text) == text


@given(st.text(alphabet="abÃ©â€™“ \n\x80\x9d√Ð°"))
def test_lines_stay_lines(text: str) -> None:
    assert mend(text).count("\n") == text.count("\n")
