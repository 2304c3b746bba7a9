"""Encodings: the order of evidence, the html5lib tests, and any bytes at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.extract.encoding import DEFAULT, canonical_name, decode, detect, prescan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RUSSIAN = "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 3
GERMAN = "Die Bürger der großen Städte wählen Ämter für Übergänge. " * 3
JAPANESE = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。" * 3


@pytest.mark.parametrize("declared", ["", "koi8-r", "windows-1252"])
def test_a_byte_order_mark_comes_first(declared: str) -> None:
    for mark, codec, name in (
        (b"\xef\xbb\xbf", "utf-8", "utf-8"),
        (b"\xff\xfe", "utf-16-le", "utf-16le"),
        (b"\xfe\xff", "utf-16-be", "utf-16be"),
    ):
        found = decode(mark + RUSSIAN.encode(codec), declared)
        assert (found.text, found.encoding) == (RUSSIAN, name)


def test_the_header_comes_before_meta_and_meta_before_detection() -> None:
    page = f'<meta charset="koi8-r"><p>{RUSSIAN}'
    told = decode(page.encode("windows-1251"), "windows-1251", html=True)
    assert (told.text, told.encoding) == (page, "windows-1251")
    meta = decode(page.encode("koi8-r"), html=True)
    assert (meta.text, meta.encoding) == (page, "koi8-r")
    plain = decode(page.encode("windows-1251"), html=False)
    assert (plain.text, plain.encoding) == (page, "windows-1251")


def test_a_late_meta_is_obeyed_as_browsers_do() -> None:
    page = "<!-- " + "x" * 5000 + ' --><meta charset="iso-8859-2"><p>Only one letter: ł'
    assert decode(page.encode("iso-8859-2"), html=True).text == page


def test_the_first_of_two_attributes_counts() -> None:
    assert prescan(b"<meta charset=koi8-r charset=utf-8>") == "koi8-r"


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("latin-1", ""),
        ("latin1", "windows-1252"),
        (" ISO-8859-1\n", "windows-1252"),
        ("ascii", "windows-1252"),
        ("gb2312", "gbk"),
        ("ks_c_5601-1987", "euc-kr"),
        ("UTF8", "utf-8"),
        ("hz-gb-2312", ""),
        ("no such thing", ""),
        ("Ü", ""),
    ],
)
def test_labels_are_those_of_the_encoding_standard(label: str, name: str) -> None:
    assert canonical_name(label) == name


def test_windows_1252_has_no_gaps() -> None:
    assert decode(b"\x80\x81\x9d", "windows-1252").text == "\u20ac\x81\x9d"


def test_bad_bytes_become_replacement_characters() -> None:
    found = decode("naïve café\n".encode() * 5 + b"\xff\xfeoops", "utf-8")
    assert found.text.endswith("\ufffd\ufffdoops")
    assert found.text.startswith("naïve café")


def test_a_little_damage_does_not_make_utf8_another_encoding() -> None:
    content = RUSSIAN.encode() + b"\xd0 and then " + RUSSIAN.encode()
    assert decode(content).encoding == "utf-8"
    assert decode(content).text.count("\ufffd") == 1


def test_a_declaration_that_the_bytes_contradict_gives_way() -> None:
    assert decode(RUSSIAN.encode("windows-1251"), "utf-8").text == RUSSIAN
    assert decode(RUSSIAN.encode(), "shift_jis").text == RUSSIAN


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (RUSSIAN, "windows-1251"),
        (RUSSIAN, "koi8-r"),
        (RUSSIAN, "iso-8859-5"),
        (GERMAN, "windows-1252"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc-jp"),
        (JAPANESE, "iso-2022-jp"),
        ("道可道非常道。名可名非常名。" * 5, "big5"),
        ("今天天气很好。我们去公园玩吧。" * 5, "gb18030"),
    ],
)
def test_undeclared_text_is_detected(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)).text == text


def test_markup_does_not_hide_the_language_from_the_detector() -> None:
    page = "<div class='menu'><a href='/x'>x</a></div>\n" * 500 + f"<p>{RUSSIAN}</p>"
    assert decode(page.encode("windows-1251"), html=True).text == page


def test_utf16_without_a_mark_is_seen_by_its_nuls() -> None:
    for codec in ("utf-16-le", "utf-16-be"):
        assert decode(GERMAN.encode(codec)).text == GERMAN


def test_a_file_of_nuls_is_a_text_of_nuls() -> None:
    assert decode(b"\0" * 1000).text == "\0" * 1000


def _cases(path: Path) -> list[tuple[bytes, str]]:
    cases = []
    for part in path.read_bytes().split(b"#data\n")[1:]:
        data, _, rest = part.partition(b"\n#encoding\n")
        cases.append((data, rest.split(b"\n")[0].decode().lower()))
    return cases


@pytest.mark.parametrize(("name", "count"), [("tests1", 59), ("tests2", 22), ("test-yahoo-jp", 1)])
def test_html5lib_encodings(data_archive: Callable[[str], Path], name: str, count: int) -> None:
    cases = _cases(next(data_archive("text").rglob(f"{name}.dat")))
    assert len(cases) == count
    marked = [case for case in cases if case[0].startswith(b"\xef\xbb\xbf")]
    assert {decode(data, html=True).encoding for data, _ in marked} <= {"utf-8"}
    # The tests' fallback is windows-1252; `decode` detects instead, so the prescan is asked.
    wrong = [
        (data, expected, prescan(data))
        for data, expected in cases
        if (data, expected) not in marked and (prescan(data) or DEFAULT) != expected
    ]
    assert wrong == []


def test_html5lib_detection(data_archive: Callable[[str], Path]) -> None:
    content = next(data_archive("text").rglob("test_big5.txt")).read_bytes()
    assert detect(content) == "big5"
    assert decode(content).text.startswith("老子《道德經》")


@given(st.binary(max_size=200), st.text(max_size=20), st.booleans())
def test_any_bytes_under_any_declaration_give_text(content: bytes, label: str, html: bool) -> None:
    found = decode(content, label, html=html)
    found.text.encode("utf-16", "surrogatepass")
    assert canonical_name(found.encoding) == found.encoding


PIECES = (
    b"<",
    b"meta ",
    b"charset=",
    b"'",
    b'"',
    b">",
    b"<!--",
    b"-->",
    b"utf-8",
    b"/",
    b"=",
    b" ",
)


@given(st.lists(st.sampled_from([*PIECES, b"http-equiv=content-type content="])))
def test_the_prescan_survives_any_markup(parts: list[bytes]) -> None:
    assert prescan(b"".join(parts)) in {"", "utf-8", "windows-1252"}


def test_a_hostile_page_is_prescanned_in_linear_time() -> None:
    for piece in (b"<", b"<a ", b"<a b='", b"<!--", b"<meta ", b"</", b"<?"):
        assert decode(piece * 200_000 + b"\xff", html=True).text
