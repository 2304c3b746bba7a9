"""Which way an item goes, what is refused, and what the source's own word counts for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.documents import Extracted, RawDocument, Rejected
from ingest.extract import ExtractOptions, extract, version
from ingest.extract.dispatch import charset, looks_like_html
from ingest.extract.furniture import FurnitureTable

PROSE = "The committee met on Tuesday to discuss the budget for the coming year. " * 6
PAGE = f"<!DOCTYPE html><html><head><title>Budget</title></head><body><article><p>{PROSE}</p>"
AUTO = ExtractOptions()


def found(raw: RawDocument, options: ExtractOptions = AUTO) -> Extracted:
    result = extract(raw, options)
    assert isinstance(result, Extracted), result
    return result


def refused(content: bytes, media_type: str = "text/plain") -> Rejected:
    result = extract(RawDocument("x", content, media_type), AUTO)
    assert isinstance(result, Rejected), result
    return result


@pytest.mark.parametrize(
    ("media_type", "content", "way"),
    [
        ("text/html; charset=utf-8", PAGE, "trafilatura"),
        ("application/xhtml+xml", PAGE, "trafilatura"),
        ("", PAGE, "trafilatura"),
        ("application/octet-stream", PAGE, "trafilatura"),
        ("application/octet-stream", PROSE, "plain"),
        ("text/plain", PAGE, "plain"),
        ("text/markdown", PROSE, "plain"),
    ],
)
def test_media_type_decides_and_look_where_it_says_nothing(
    media_type: str, content: str, way: str
) -> None:
    assert found(RawDocument("x", content.encode(), media_type)).extractor.startswith(way)


def test_clean_text_is_taken_as_it_is() -> None:
    text = "Sign up\n\nOne line."
    clean = RawDocument("x", text.encode(), clean=True)
    assert found(clean).text == text
    assert found(RawDocument("x", text.encode()), ExtractOptions("none")).text == text
    assert found(clean, ExtractOptions("plain")).extractor.startswith("plain")


def test_a_charset_in_the_media_type_is_used() -> None:
    raw = RawDocument("x", "Größe".encode("latin-1"), "text/plain;charset='ISO-8859-1'", clean=True)
    assert found(raw).text == "Größe"
    assert charset('text/html; a=b; CharSet="utf-8"') == "utf-8"
    assert charset("text/html") == charset("text/html; charset=") == ""


@pytest.mark.parametrize("content", [b"", b"  \n\n ", b"\0" * 500, b"\xef\xbb\xbf", b"\x01\x02"])
def test_nothing_is_no_text(content: bytes) -> None:
    assert refused(content, "text/html").reason == "no text"
    assert refused(content).reason in {"no text", "not text"}
    assert refused(content).stage == "extract"


@pytest.mark.parametrize(
    "content",
    [b"%PDF-1.7\n1 0 obj", b"PK\x03\x04abc", b"\x89PNG\r\n\x1a\n", bytes(range(1, 256)) * 20],
)
def test_binary_data_is_told_from_text(content: bytes) -> None:
    assert refused(content).reason == "not text"
    assert refused(PROSE.encode(), "image/png").reason == "not text"


@pytest.mark.parametrize("control", [*range(9), *range(14, 27), *range(28, 32), 127])
def test_a_tenth_of_control_characters_is_binary(control: int) -> None:
    assert refused((b"words of it" + bytes([control, control])) * 20).reason == "not text"


def test_what_the_source_says_wins() -> None:
    told = {"title": "Told", "author": " A. Writer ", "date": "2020-01-02", "score": "7"}
    raw = RawDocument("x", PAGE.encode(), "text/html", metadata=told, url="https://a.example/b")
    result = found(raw)
    assert (result.title, result.author, result.created) == ("Told", "A. Writer", "2020-01-02")
    assert result.url == "https://a.example/b"
    assert found(RawDocument("x", PAGE.encode(), "text/html")).title == "Budget"


def test_the_url_of_a_record_is_used_where_nothing_better_is_known() -> None:
    raw = RawDocument("x", b"Text.", clean=True, metadata={"url": "https://a.example/1"})
    assert found(raw).url == "https://a.example/1"


@pytest.mark.parametrize(
    ("head", "html"),
    [
        (b"<!doctype html>", True),
        (b"\xef\xbb\xbf\n <HTML lang=en>", True),
        ("\ufeff<html><body>".encode("utf-16"), True),
        (b'<?xml version="1.0"?>\n<html xmlns="x">', True),
        (b"<!-- a --><p>", True),
        (b"<article is what I wanted to write", False),
        (b"<rss version='2.0'>", False),
        (b"a < b", False),
    ],
)
def test_html_is_known_by_its_beginning(head: bytes, html: bool) -> None:
    assert looks_like_html(head) is html


def test_the_version_names_what_the_text_depends_on() -> None:
    assert "trafilatura/" in version(AUTO)
    assert "plain/" in version(AUTO)
    assert "trafilatura" not in version(ExtractOptions("plain"))
    assert "plain/" not in version(ExtractOptions("none"))
    known = ExtractOptions(furniture=FurnitureTable(3, frozenset({"0" * 16})))
    assert version(known) != version(AUTO)
    assert version(AUTO) == version(ExtractOptions("auto"))


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=300), st.sampled_from(["text/html", "text/plain", "", "x/y;charset=\xff"])
)
def test_any_bytes_in_a_value_out(content: bytes, media_type: str) -> None:
    result = extract(RawDocument("x", content, media_type), AUTO)
    assert isinstance(result, Extracted | Rejected)
