"""What a page says of itself: names that are names, titles that are this page's, tags."""

from __future__ import annotations

import pytest

from ingest.extract import byline, markup
from ingest.extract.declared import declared

PROSE = "<p>The council met on Tuesday and voted to repair the bridge.</p>"
DATES = {"original_date": True, "extensive_search": False}


def page(body: str, head: str = "") -> str:
    return f"<!DOCTYPE html><html><head>{head}</head><body>{body}{PROSE}</body></html>"


def tree(body: str, head: str = ""):  # type: ignore[no-untyped-def]  # lxml has no types
    found = markup.parse(page(body, head)).tree
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<a rel=author href=/a>Ada Writer</a>", "Ada Writer"),
        ("<p class=byline>By Ada Writer</p>", "Ada Writer"),
        ("<p class=byline>By Ada Writer and Bob Penman</p>", "Ada Writer; Bob Penman"),
        ("<p class=byline>Por Laura Jordán</p>", "Laura Jordán"),
        ("<p class=byline>View all posts by Daniel Lemire</p>", "Daniel Lemire"),
        ("<p class=byline>Laura June Topolsky July</p>", "Laura June Topolsky"),
        ("<p class=byline>Justus von Daniels</p>", "Justus von Daniels"),
        ("<span class=author>Name</span><p class=byline>Ada Writer</p>", "Ada Writer"),
        ("<div class=byline><span>Ada Writer</span><time>March</time></div>", "Ada Writer"),
        ("<div class=x-writer-box>Ada Writer</div><p class=byline>Bob Penman</p>", "Bob Penman"),
    ],
)
def test_the_byline_names_the_author(body: str, expected: str) -> None:
    assert byline.author(tree(body)) == expected


@pytest.mark.parametrize(
    "body",
    [
        "<span class=author>Admin</span>",
        "<span class=author>About the Author</span>",
        "<span class=author>Last Updated January 7</span>",
        "<div class=comment-list><p class=author>Ann Onymous</p></div>",
        "<p class=comment-author>Ann Onymous</p>",
        "<div class=sidebar><p class=author>Ann Onymous</p></div>",
        f"<div class=author-box>{'Ada Writer wrote this and that. ' * 20}</div>",
        "<p class=byline>Daniel Lemire A computer science professor</p>",
        "<p class=byline>",
        "<p>By Ada Writer</p>",
    ],
)
def test_what_is_no_byline_names_nobody(body: str) -> None:
    assert byline.author(tree(body)) is None


def test_the_tags_of_the_article_come_from_the_nearest_box() -> None:
    body = (
        "<div class=meta><a href=/tag/far>far</a></div>"
        "<div class=tags><a href=/tag/city>City</a><a href=/tags/doors/>Doors</a>"
        "<a href=/tag/city>City</a><a href=/about>About</a></div>"
        "<ul><li><a href=/tag/cloud>cloud</a></ul>"
    )
    assert byline.tags(tree(body)) == ["City", "Doors"]
    nested = "<div class=tags><div class=meta><a href=/tag/city>City</a></div></div>"
    assert byline.tags(tree(f"<div class=meta><a href=/tag/far>far</a></div>{nested}")) == ["City"]
    assert byline.tags(tree("<ul><li><a href=/tag/cloud>cloud</a></ul>")) == []


@pytest.mark.parametrize(
    ("title", "heading", "expected"),
    [
        ("Doors open in the old harbour | Example", "Doors open", "Doors open"),
        ("Doors open in the old harbour | Example", "Newsletter", "Doors open in the old harbour"),
        ("The Example", "Doors open", "Doors open"),
        ("", "Doors open", "Doors open"),
    ],
)
def test_a_heading_is_the_title_unless_it_is_that_of_a_box(
    title: str, heading: str, expected: str
) -> None:
    found = declared(tree(f"<h1>{heading}</h1>", f"<title>{title}</title>"), "", DATES)
    assert found.title == expected


def test_a_site_is_not_its_own_author() -> None:
    head = (
        '<meta name="author" content="The Furche">'
        '<meta property="og:site_name" content="the furche">'
    )
    assert declared(tree("", head), "", DATES).author is None
    named = declared(tree("<p class=byline>Ursula Baatz</p>", head), "", DATES)
    assert named.author == "Ursula Baatz"


def test_the_site_is_named_by_itself_or_by_its_host() -> None:
    head = '<meta property="og:site_name" content="the example">'
    assert declared(tree("", head), "https://www.example.org/a", DATES).sitename == "The Example"
    assert declared(tree(""), "https://www.example.org/a", DATES).sitename == "example.org"


def test_broken_json_leaves_what_stands_elsewhere() -> None:
    head = (
        '<script type="application/ld+json">{"@context": "https://schema.org", "@graph": [7]}'
        '</script><meta name="author" content="Ada Writer">'
    )
    assert declared(tree("", head), "", DATES).author == "Ada Writer"


def test_thousands_of_bylines_cost_little() -> None:
    deep = "<div class=author>" * 200 + "x" + "</div>" * 200
    assert byline.author(tree(deep * 100)) is None
