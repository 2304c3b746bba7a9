# ruff: noqa: E501 - other scripts, and sentences that are one line each
from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.extract import plain_model
from ingest.extract.heading import author_in
from ingest.extract.lines import split
from ingest.extract.plain import VERSION, Cut, _blocks, cut

MENU = ["Home", "News", "Sport", "Weather", "Shop", "Log in", "Contact"]
FOOTER = ["Privacy", "Terms of use", "Imprint", "© 2019 The Harbour Gazette"]

ENGLISH = [
    "The old ferry will leave the harbour for the last time on Sunday, after sixty years at sea.",
    "Its captain, who has steered it for half of that time, said that he would not miss the fog.",
    "A museum has offered to take the ship, but the town has not yet found the money for its upkeep.",
]
GERMAN = [
    "Die alte Fähre wird den Hafen am Sonntag zum letzten Mal verlassen, nach sechzig Jahren auf See.",
    "Ihr Kapitän, der sie die halbe Zeit gesteuert hat, sagte, den Nebel werde er nicht vermissen.",
    "Ein Museum will das Schiff nehmen, aber die Stadt hat das Geld für den Unterhalt noch nicht.",
]
FRENCH = [
    "Le vieux ferry quittera le port dimanche pour la dernière fois, après soixante ans en mer.",
    "Son capitaine, qui l'a conduit pendant la moitié de ce temps, dit que la brume ne lui manquera pas.",
    "Un musée veut bien prendre le navire, mais la ville n'a pas encore trouvé l'argent nécessaire.",
]
RUSSIAN = [
    "Старый паром в воскресенье в последний раз выйдет из гавани, после шестидесяти лет на море.",
    "Его капитан, который водил его половину этого времени, сказал, что не будет скучать по туману.",
    "Музей готов взять корабль, но город пока не нашёл денег на то, чтобы его содержать.",
]
GREEK = [
    "Το παλιό πλοίο θα φύγει από το λιμάνι για τελευταία φορά την Κυριακή, μετά από εξήντα χρόνια.",
    "Ο καπετάνιος του, που το οδηγούσε τα μισά από αυτά, είπε ότι δεν θα του λείψει η ομίχλη.",
    "Ένα μουσείο θέλει να πάρει το πλοίο, αλλά η πόλη δεν έχει βρει ακόμα τα χρήματα γι' αυτό.",
]
CHINESE = [
    "这艘老渡轮将在星期天最后一次离开港口，它已经在海上工作了六十年，很多居民都是坐着它去上学的。",
    "船长驾驶它三十年了，他对来送行的人说，他不会想念这里的大雾，但是会想念每天早上的乘客和他们的故事。",
    "一家博物馆愿意收藏这艘船，可是市政府还没有找到维护它所需要的钱，所以现在谁也不知道它会去哪里。",
]
JAPANESE = [
    "古いフェリーは日曜日に最後の航海に出ます。六十年ものあいだ、島の人々を毎日運んできた船です。",
    "三十年にわたって舵を取ってきた船長は、霧を懐かしく思うことはないだろうと笑いながら話しました。",
    "博物館がこの船を引き取りたいと申し出ていますが、町はまだ維持のための費用を用意できていません。",
]
ARABIC = [
    "ستغادر العبارة القديمة الميناء للمرة الأخيرة يوم الأحد، بعد ستين عاما قضتها في البحر بين الجزر.",
    "وقال قبطانها الذي قادها نصف هذه المدة إنه لن يشتاق إلى الضباب، لكنه سيشتاق إلى الركاب كل صباح.",
    "وعرض متحف أن يأخذ السفينة، غير أن المدينة لم تجد بعد المال الذي تحتاج إليه من أجل صيانتها.",
]
MENUS = {
    "English": (ENGLISH, MENU),
    "German": (GERMAN, ["Startseite", "Politik", "Sport", "Wetter", "Anmelden", "Kontakt"]),
    "French": (FRENCH, ["Accueil", "Politique", "Sport", "Météo", "Connexion", "Contact"]),
    "Russian": (RUSSIAN, ["Главная", "Политика", "Спорт", "Погода", "Войти", "Контакты"]),
    "Greek": (GREEK, ["Αρχική", "Πολιτική", "Αθλητικά", "Καιρός", "Σύνδεση", "Επικοινωνία"]),
    "Chinese": (CHINESE, ["首页", "新闻", "体育", "天气", "登录", "联系我们"]),
    "Japanese": (JAPANESE, ["ホーム", "ニュース", "スポーツ", "天気", "ログイン", "お問い合わせ"]),
    "Arabic": (ARABIC, ["الرئيسية", "سياسة", "رياضة", "طقس", "تسجيل الدخول", "اتصل بنا"]),
}


@pytest.mark.parametrize("language", sorted(MENUS))
@pytest.mark.parametrize("between", ["\n", "\n\n"])
def test_the_menu_goes_and_the_article_stays_in_every_language(language: str, between: str):
    body, menu = MENUS[language]
    found = cut(between.join([*menu, *body, *menu[::-1]])).text.split("\n")
    assert [line for line in body if line not in found] == []
    # the one beside the text may be a caption, for all that so short a page tells
    assert [line for line in menu[:-1] if line in found] == []


def test_title_author_and_date_are_set_aside():
    heading = ["Old ferry leaves harbour for the last time", "By Ada Winter", "3 June 2019, 12:00"]
    found = cut("\n\n".join([*MENU, *heading, *ENGLISH, *FOOTER]))
    assert found == Cut("\n".join(ENGLISH), heading[0], "Ada Winter", "2019-06-03", VERSION)


def test_a_date_in_the_text_is_no_date_of_the_page():
    body = [*ENGLISH, "The ship was built in Bremen, where it was named on 3 June 1959 by a mayor."]
    assert cut("\n\n".join(["Old ferry leaves harbour for the last time", *body])).created == ""


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("By Ada Winter June 3, 2019", "Ada Winter"),
        ("By Ada Winter on December 24, 2019", "Ada Winter"),
        ("Von Ada Winter, 3. Juni 2019", "Ada Winter"),
        ("By April June", "April June"),
        ("By the sea", ""),
        ("By Ada Winter, who was there.", ""),
    ],
)
def test_a_byline_gives_the_name_alone(line: str, name: str):
    assert author_in(line) == name


VERSE = [
    "I saw the ferry leave the land",
    "And carry off the rain,",
    "The captain waved his cap at us",
    "And turned to sea again;",
    "",
    "The fog came in, the bells rang out,",
    "The pier was cold and bare,",
    "And nobody who stood on it",
    "Knew what was still out there.",
]
NOTE = ["Buy rope and two tins of paint", "Call the harbour about Sunday"]
MANUAL = """\
FERRY(1)

   ferry - carry files from one harbour to another

1.  Introduction

   This document describes how files are carried.  It is meant for people
   who have to keep a harbour running, and it says nothing about the fog.

2.  Use

   ferry [options] FROM TO

   -n   show what would be carried, and carry nothing
   -v   say what is being done

   The program ends with status 0 if every file has arrived, and with 1 if
   any was lost on the way.  Lost files are named on the standard error
   output, one a line.
"""


MINUTES = """\
Minutes of the harbour board, 4 March

Present: A. Winter (chair), B. Storm, C. Gale
Apologies: D. Frost

1. Minutes of the last meeting were approved.
2. Ferry
   - The ferry stops on Sunday.
   - B. Storm asks who will take the ship. Nobody knows.
3. Next meeting: 8 April, 18:00
"""
SOURCE = '''\
"""Count the boats that leave the harbour, and those that come back."""

import re

BOAT = re.compile(r"boat (\\d+)")


def count(lines):
    """Number of boats by name."""
    boats = {}
    for line in lines:
        match = BOAT.search(line)
        if match:
            boats[match[1]] = boats.get(match[1], 0) + 1
    return boats
'''


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(VERSE),
        MINUTES,
        SOURCE,
        "\n\n".join(CHINESE),
        "\n\n".join(JAPANESE * 3),
        "\n\n".join(ARABIC),
        "\n\n".join(GREEK + RUSSIAN),
        "\n".join(NOTE),
        MANUAL,
        "\n\n".join(ENGLISH),
        "Ahoy",
        " ".join(ENGLISH * 20),
    ],
    ids=[
        "verse",
        "minutes",
        "source",
        "Chinese",
        "Japanese",
        "Arabic",
        "two scripts",
        "note",
        "manual",
        "prose",
        "one word",
        "one line",
    ],
)
def test_a_text_that_is_all_article_comes_through_whole(text: str):
    found = cut(text)
    assert sorted(f"{found.title} {found.text}".split()) == sorted(text.split())


@pytest.mark.parametrize("text", ["", " \n\t\n", "\ufeff\u200b\n\xa0"])
def test_of_nothing_nothing_is_left(text: str):
    assert cut(text) == Cut("")


def test_line_ends_and_odd_spaces_do_not_matter():
    lines = [*MENU, *ENGLISH, *FOOTER]
    plain = cut("\n".join(lines)).text
    assert cut("\r\n".join(lines)).text == plain
    assert (
        cut("\r".join(f"  {line}\t" for line in lines)).text.split("\n")[-1]
        == plain.split("\n")[-1]
    )
    assert cut("\ufeff" + "\n".join(lines).replace(" ", "\xa0")).text == plain


def test_a_hard_wrapped_paragraph_is_judged_as_one():
    wrapped = split(
        "A paragraph that a mail program has broken into lines of seventy\n"
        "columns, more or less, so that no line of it ends as a sentence does\n"
        "but the last.\n\nAnother line."
    )
    assert wrapped.unit_of == (0, 0, 0, 1)
    assert wrapped.unit_sizes == (3, 1)


LINE = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(LINE, st.sampled_from([*MENU, *ENGLISH, *CHINESE, *ARABIC])), max_size=40)
)
def test_what_is_kept_are_lines_of_the_text_in_their_order(lines: list[str]):
    text = "\n".join(lines)
    every = iter(split(text).texts)
    kept = cut(text).text
    assert all(line in every for line in (kept.split("\n") if kept else []))


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=300))
def test_the_same_text_is_cut_the_same_way(text: str):
    assert cut(text) == cut(text)


@pytest.mark.parametrize("text", ["Subscribe to our newsletter", " ".join(ENGLISH)])
def test_a_text_of_one_line_needs_no_model(text: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(plain_model, "load", None)
    assert cut(text) == Cut(text)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_a_text_of_more_lines_than_any_page_has_is_taken_whole(ends: str):
    lines = [f"line  {number}" for number in range(100_001)]
    found = cut(ends.join(lines))
    assert found.extractor == f"{VERSION}+whole"
    assert found.text.split("\n") == [" ".join(line.split()) for line in lines]


def test_a_long_text_is_judged_in_blocks_that_are_bounded():
    lines = split("\n".join(["x" * 99] * 25_000 + ["y" * 900_000] * 7))
    blocks = list(_blocks(lines))
    assert [unit for block in blocks for unit in block.units] == list(lines.units)
    assert max(len(block.units) for block in blocks) <= 10_000
    assert max(sum(map(len, block.units)) for block in blocks) < 4_000_000
    assert [gap for block in blocks for gap in block.unit_gaps] == list(lines.unit_gaps)


@pytest.mark.slow
@pytest.mark.parametrize(
    "line", ["word " * 12 + "end.\n", "a\n", "\n", "x" * 99 + "\n", "1/2/2019 "]
)
def test_ten_megabytes_take_linear_time(line: str):
    start = time.process_time()
    cut(line * (10_000_000 // len(line)))
    assert time.process_time() - start < 8


@pytest.mark.slow
def test_a_text_node_of_30_megabytes_takes_a_few_seconds():
    start = time.process_time()
    assert len(cut("a word. " * 3_750_000).text) > 29_000_000
    assert time.process_time() - start < 8


@pytest.mark.parametrize("block", range(1, 8))
def test_a_text_that_is_judged_in_blocks_may_begin_at_the_end_of_one(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr("ingest.extract.plain._BLOCK", block)
    for menu in range(len(MENU)):
        made = cut("\n".join([*MENU[:menu], *ENGLISH * 2, *FOOTER]))
        assert ENGLISH[1] in made.text
