"""Language: right on a paragraph, silent on too little, the page's claim a hint only."""

# text in many scripts is what is tested

from __future__ import annotations

import pytest

from ingest.normalise.language import code, detect

SAMPLES = {
    "en": "The council met on Tuesday evening to discuss the budget for the coming year.",
    "de": "Der Stadtrat trat am Dienstagabend zusammen, um über den Haushalt zu beraten.",
    "fr": "Le conseil municipal s'est réuni mardi soir pour examiner le budget de la ville.",
    "es": "El ayuntamiento se reunió el martes por la tarde para debatir el presupuesto.",
    "ru": "Городской совет собрался во вторник вечером, чтобы обсудить бюджет на год.",
    "el": "Το δημοτικό συμβούλιο συνεδρίασε την Τρίτη το βράδυ για τον προϋπολογισμό.",
    "ar": "اجتمع مجلس المدينة مساء الثلاثاء لمناقشة ميزانية العام المقبل.",
    "zh": "市议会星期二晚上开会讨论明年的预算。",
    "ja": "市議会は火曜日の夜に開かれ、来年の予算について話し合った。",
    "ko": "시의회는 화요일 저녁에 모여 내년 예산을 논의했다.",
}


@pytest.mark.parametrize("language", SAMPLES)
def test_a_sentence_is_enough(language: str) -> None:
    assert detect(SAMPLES[language]) == language
    assert detect(SAMPLES[language], hint="pt") == language


@pytest.mark.parametrize("text", ["", "ok", "12345 67890 12.5 % 2021", "---\n***", "A1 B2"])
def test_too_little_is_undetermined(text: str) -> None:
    assert detect(text) == "und"
    assert detect(text, hint="en") == "und"


def test_figures_before_a_sentence_do_not_hide_its_language() -> None:
    assert detect("12:30 - 14:45; " * 4 + SAMPLES["en"]) == "en"


def test_the_body_counts_and_not_the_heading() -> None:
    body = SAMPLES["de"] * 20
    assert detect("Breaking news: read the latest stories here\n" + body) == "de"


def test_a_hint_tips_the_scales_between_near_languages_in_short_texts() -> None:
    text = "Det er en fin dag i dag, og vi er her med en bog."
    assert detect(text, "da") == "da"
    assert detect(text, "no") == "no"
    assert detect(text, "fr") == "da"
    assert detect(text * 5, "no") == "da"


def test_a_wrong_hint_does_nothing_to_a_paragraph() -> None:
    text = (
        "Městská rada se sešla v úterý večer, aby projednala rozpočet na příští rok, a rozhodla,"
        " že školy a silnice ve městě dostanou více peněz než loni."
    )
    assert detect(text, "sk") == "cs"


def test_noncharacters_do_not_hide_the_language() -> None:
    assert detect("\ufdd0" + SAMPLES["fr"] + "\U0001fffe") == "fr"


def test_part_in_another_language_leaves_the_larger_part() -> None:
    assert detect(SAMPLES["de"] * 3 + SAMPLES["ru"]) == "de"


@pytest.mark.parametrize(
    ("tag", "expected"),
    [("en-GB", "en"), ("pt_BR", "pt"), ("ZH-Hans", "zh"), ("nb", "no"), ("iw", "he"),
     ("english", ""), ("x", ""), ("", ""), ("deu", "")],
)  # fmt: skip
def test_codes(tag: str, expected: str) -> None:
    assert code(tag) == expected
