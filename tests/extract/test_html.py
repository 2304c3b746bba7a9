"""HTML: the ways that are taken, what is known beside the text, and pages that mean harm."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.documents import Extracted, RawDocument, Rejected
from ingest.extract import ExtractOptions, extract
from ingest.extract.html import extract_page
from ingest.extract.library import trafilatura

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SUBJECTS = ("harbour", "museum", "council", "orchestra", "railway", "library", "stadium", "garden")
PARAGRAPHS = [
    f"The {subject} of the city opened its doors on the {day}th of March, and {day * 37} people "
    f"came to see what the architects had made of the old {subject} in their {day} years of work."
    for day, subject in enumerate(SUBJECTS, start=4)
]
BODY = "".join(f"<p>{paragraph}</p>" for paragraph in PARAGRAPHS)
NAV = "<nav><ul><li><a href=/a>Home</a></li><li><a href=/b>Sport</a></li></ul></nav>"
HEAD = """<!DOCTYPE html><html lang="en-GB"><head><title>Doors open | The Example</title>
<link rel="canonical" href="https://www.example.org/news/doors-open">
<meta property="og:title" content="Doors open"><meta property="og:site_name" content="The Example">
<meta name="description" content="Eight buildings."><meta name="keywords" content="city, doors">
<meta name="author" content="Ada Writer">
<meta property="article:published_time" content="2021-03-04T10:00:00Z"></head>"""
PAGE = f"{HEAD}<body>{NAV}<article><h1>Doors open</h1>{BODY}</article><footer>Imprint</footer>"


def found(page: str, url: str = "") -> Extracted:
    result = extract_page(page, url)
    assert isinstance(result, Extracted), result
    return result


def whole(text: str) -> bool:
    return all(paragraph in text for paragraph in PARAGRAPHS)


def test_main_text_and_metadata() -> None:
    page = found(PAGE, "https://example.org/news/doors-open?utm_source=x")
    assert page.text.splitlines() == PARAGRAPHS
    assert page.title == "Doors open"
    assert page.author == "Ada Writer"
    assert page.created == "2021-03-04"
    assert page.site == "The Example"
    assert page.description == "Eight buildings."
    assert page.tags == "city; doors"
    assert page.language == "en"
    assert page.url == "https://www.example.org/news/doors-open"
    assert re.fullmatch(r"trafilatura/[\d.]+", page.extractor)


def test_the_same_page_gives_the_same_text_every_time() -> None:
    assert len({found(PAGE) for _ in range(5)}) == 1


@pytest.mark.parametrize(
    ("page", "way"),
    [
        (f"<html><body>{'<div>' * 300}{BODY}", r"trafilatura/[\d.]+\+huge-tree"),
        (f"<html><body>{'<b></i>' * 150}{'<div>' * 300}{BODY}", r"trafilatura/[\d.]+\+huge-tree"),
        (f"<html><body><p>Above.</p>{'<div>' * 300}{BODY}", r"trafilatura/[\d.]+\+huge-tree"),
        (f"<html><body>{'<div>' * 3000}{BODY}", r"plain/.+\+html-dump"),
        (f"<html><body>{BODY}{'<div>' * 3000}{BODY}", r"plain/.+\+html-dump"),
        (f"<section><article>{BODY}</article></section>", r"trafilatura/[\d.]+\+repaired"),
        (f"<html><body><!-- never closed {BODY}", r"trafilatura/[\d.]+\+repaired"),
        (f"<html><head><script>let x = 1;</head><body>{BODY}", r"trafilatura/[\d.]+\+repaired"),
        (f"<html><head><title>Doors<body>{BODY}", r"trafilatura/[\d.]+\+repaired"),
    ],
    ids=[
        "deep",
        "deep and faulty",
        "cut",
        "deepest",
        "deepest part",
        "fragment",
        "comment",
        "script",
        "title",
    ],
)
def test_no_page_is_lost_and_the_way_is_named(page: str, way: str) -> None:
    result = found(page)
    assert re.fullmatch(way, result.extractor)
    assert whole(result.text)


@pytest.mark.parametrize(
    "start",
    [
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN" "http://www.w3.org/x.dtd" /><html>',
        '<!DOCTYPE html>\n<html lang="en" />',
        "<html>\x00\x01",
        "<html>\ufffe\uffff",
        '<?xml version="1.0" encoding="iso-8859-1"?><html>',
        "\n\n<html>",
    ],
    ids=["doctype", "empty root", "controls", "noncharacters", "declared", "blank"],
)
def test_what_makes_a_parser_lose_a_page_is_taken_out_first(start: str) -> None:
    page = found(f"{start}<head><title>Doors open</title></head><body>{BODY}Ende ä</body></html>")
    assert re.fullmatch(r"trafilatura/[\d.]+", page.extractor)
    assert whole(page.text)
    assert "Ende ä" in page.text
    assert page.title == "Doors open"


def test_the_metadata_of_a_page_without_a_root_is_found() -> None:
    head = "<head><meta name=author content='Ada Writer'></head>"
    assert found(f"{head}<body>{BODY}</body>").author == "Ada Writer"


def test_pages_share_nothing() -> None:
    cut = f"<html><body>{'<div>' * 300}{BODY}"
    assert found(cut).extractor.endswith("+huge-tree")
    assert not found(PAGE).extractor.endswith("+huge-tree")


def test_an_address_that_is_none_costs_nothing() -> None:
    assert found(PAGE, "http://[").extractor == found(PAGE).extractor


def test_a_fragment_of_one_line() -> None:
    page = found("Just a text with <b>bold</b> words and no element around it.")
    assert page.text == "Just a text with bold words and no element around it."


def test_a_page_without_text_says_so() -> None:
    for page in ("", "<html></html>", "<frameset><frame src=a></frameset>", "\x00" * 100):
        result = extract(RawDocument("x", page.encode(), "text/html"), ExtractOptions())
        assert isinstance(result, Rejected)
        assert (result.stage, result.reason) == ("extract", "no text")


def test_little_text_is_looked_at_again() -> None:
    listing = "".join(f"<div><div><span>{p}</span></div></div>" for p in PARAGRAPHS * 6)
    page = found(f"<html><body><p>{PARAGRAPHS[0]}</p><div class='x'>{listing}</div></body></html>")
    assert whole(page.text)


@pytest.mark.parametrize(
    ("canonical", "url", "expected"),
    [
        ("https://www.example.org/a", "http://example.org/a?x=1", "https://www.example.org/a"),
        ("https://example.org/", "https://example.org/a", "https://example.org/a"),
        ("https://other.example/a", "https://example.org/a", "https://example.org/a"),
        ("https://example.org/a", "", "https://example.org/a"),
        ("", "https://example.org/a", "https://example.org/a"),
        ("https://example.org/a", "http://[", "http://["),
        ("http://[", "https://example.org/a", "https://example.org/a"),
    ],
)
def test_a_canonical_address_counts_only_for_its_own_page(
    canonical: str, url: str, expected: str
) -> None:
    link = f'<link rel="canonical" href="{canonical}">' if canonical else ""
    assert found(f"<html><head>{link}</head><body>{BODY}", url).url == expected


@pytest.mark.parametrize("name", ["https://www.facebook.com/ada", "ada@example.org", "{{author}}"])
def test_what_is_no_name_is_no_author(name: str) -> None:
    page = PAGE.replace("Ada Writer", name)
    assert found(page).author == ""


def test_no_date_is_guessed_from_a_number_on_the_page() -> None:
    page = f"<html><body>{BODY}<footer>© 2017 Example</footer><script src=x.js?v=20160611></script>"
    assert found(page).created == ""


def test_the_title_is_set_aside_but_never_all_of_the_text() -> None:
    assert "Doors open" not in found(PAGE).text.splitlines()
    only = found("<html><head><title>Doors open</title></head><body><p>Doors open</p></body>")
    assert only.text == "Doors open"


NASTY = {
    "50,000 attributes": "<p " + " ".join(f'a{i}="1"' for i in range(50_000)) + f">{BODY}",
    "50,000 bare attributes": "<p " + " ".join(f"a{i}" for i in range(50_000)) + f">{BODY}",
    "10,000 levels": "<div>" * 10_000 + BODY,
    "colspan": f"<table><tr><td colspan=999999999999 rowspan=99999999>x</table>{BODY}",
    "long attribute": f"<p title='{'x y ' * 500_000}'>{BODY}",
    "open comments": BODY + "<!-- " * 50_000,
    "open scripts": "<script>" * 50_000 + BODY,
    "open tags": "<a href=" * 50_000 + BODY,
    "less than": BODY + "<" * 100_000,
    "ampersands": BODY + "&" * 100_000,
    "brackets in JSON-LD": f'<script type="application/ld+json">{"[" * 100_000}</script>{BODY}',
    "a broken JSON-LD": f'<script type="application/ld+json">{{"@type": [{{}}, 7], "author": 1}}'
    f"</script>{BODY}",
    "declared XML": f'<?xml version="1.0" encoding="utf-16"?><html>{BODY}',
    "surrogates and NULs": f"\ud800\x00\x0b{BODY}\udfff",
}


@pytest.mark.parametrize("name", NASTY)
def test_no_page_can_hurt(name: str) -> None:
    start = time.process_time()
    result = extract_page(f"<html><body>{NASTY[name]}")
    assert isinstance(result, Extracted)
    assert PARAGRAPHS[-1] in result.text
    assert time.process_time() - start < 10


SOUP = (
    "<",
    ">",
    "</p>",
    "<p>",
    "<div>",
    "<table><td colspan=0>",
    "<script>",
    "<!--",
    "-->",
    "\x00",
)
SOUP += (
    "\ud800",
    "<svg>",
    "<math>",
    '<base href="http://[">',
    '<link rel=canonical href="http://[">',
)
SOUP += ('<time datetime="9999-99-99">', "<html lang>", "<body>", "<head>", "<template>", "&#0;")
SOUP += ('<script type="application/ld+json">{"@graph":[null,{"author":[{"name":{}}]}]}</script>',)
SOUP += ("some words of text, and more of them. ", '<meta property="og:url" content="http://[">')


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(SOUP), max_size=40),
    st.sampled_from(["", "https://a.example/", "http://["]),
)
def test_any_markup_gives_a_value(parts: list[str], url: str) -> None:
    assert isinstance(extract_page("".join(parts), url), Extracted | Rejected)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["<table><tr><td>cell " * 300_000, "<p>" + "a word. " * 4_000_000])
def test_pages_of_many_megabytes_come_through(page: str) -> None:
    result = extract_page(f"<html><body>{page}")
    assert isinstance(result, Extracted)
    assert len(result.text) > len(page) / 5


# --- against gold, beside bare trafilatura on the same bytes ----------------------------


def _grams(text: str) -> Counter[tuple[str, ...]]:
    """Word 4-grams; fewer than four words are one gram, so that a tiny page counts too."""
    words = re.findall(r"\w+", text.lower())
    return Counter(tuple(words[i : i + 4]) for i in range(max(1, len(words) - 3)))


def _f1(pairs: list[tuple[str, str]]) -> float:
    """F1 of mean precision and mean recall over pages; multisets of word 4-grams."""
    precision = recall = 0.0
    for text, gold in pairs:
        ours, theirs = _grams(text), _grams(gold)
        shared = (ours & theirs).total()
        precision += shared / max(1, ours.total())
        recall += shared / max(1, theirs.total())
    precision, recall = precision / len(pairs), recall / len(pairs)
    return 2 * precision * recall / (precision + recall)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("archive", "target"), [("pages-scrapinghub", 0.965), ("pages-readability", 0.935)]
)
def test_f1_beside_bare_trafilatura(
    data_archive: Callable[[str], Path], archive: str, target: float
) -> None:
    bare_extraction = trafilatura().bare_extraction
    gold = next(data_archive(archive).rglob("gold.jsonl"))
    ours, bare = [], []
    fuller = 0
    for line in gold.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        content = (gold.parent / "html" / f"{row['id']}.html").read_bytes()
        raw = RawDocument(row["id"], content, "text/html", url=row.get("url", ""))
        result = extract(raw, ExtractOptions())
        assert isinstance(result, Extracted), (row["id"], result)
        ours.append((result.text, row["text"]))
        fuller += result.extractor.endswith("+full")
        theirs = bare_extraction(content, fast=True, include_comments=False, with_metadata=True)
        bare.append(((theirs.text if theirs else "") or "", row["text"]))
    assert _f1(ours) >= target
    assert _f1(ours) > _f1(bare)
    assert fuller or archive != "pages-readability"  # the second look is taken somewhere
