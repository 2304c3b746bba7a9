"""What a spider may yield, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
import scrapy
from hypothesis import given
from hypothesis import strategies as st
from scrapy.http import HtmlResponse, Response

from ingest.documents import Failed, RawDocument
from ingest.read.records import Fields
from ingest.scrapy.items import HTML, Items

NOW = datetime(2024, 5, 6, tzinfo=UTC)
URL = "https://example.org/a"


class Story(scrapy.Item):
    url = scrapy.Field()
    text = scrapy.Field()


@dataclass
class Plain:
    url: str
    text: str


@attrs.define
class Attrs:
    url: str
    text: str


def items(limit: int = 1000, **fields: Any) -> Items:
    return Items(Fields(**{"html": HTML, **fields}), limit)


def good(item: object, **fields: Any) -> RawDocument:
    event = items(**fields).event(item, NOW)
    assert isinstance(event, RawDocument), event
    return event


def bad(item: object) -> Failed:
    event = items().event(item, NOW)
    assert isinstance(event, Failed), event
    return event


@pytest.mark.parametrize(
    "item",
    [
        {"url": URL, "text": "News."},
        Story(url=URL, text="News."),
        Plain(URL, "News."),
        Attrs(URL, "News."),
    ],
    ids=lambda item: type(item).__name__,
)
def test_every_kind_of_item(item: object) -> None:
    document = good(item)
    assert (document.source_id, document.url, document.content) == (URL, URL, b"News.")
    assert document.clean
    assert document.fetched == NOW


def test_fields_by_their_names_and_the_rest_as_metadata() -> None:
    told = {"title": "T", "author": ["A", "B"], "created": datetime(2024, 1, 2, tzinfo=UTC)}
    document = good({"url": URL, "text": ["One.", "Two."], **told, "price": 3, "empty": None})
    assert document.content == b"One.\n\nTwo."
    assert document.metadata == {
        "title": "T",
        "author": "A, B",
        "date": "2024-01-02T00:00:00+00:00",
        "price": "3",
    }


def test_other_names_for_fields() -> None:
    item = {"link": URL, "article": {"words": "News."}, "key": 7}
    document = good(item, text="article.words", url="link", id="key")
    assert (document.source_id, document.url, document.content) == ("7", URL, b"News.")


@pytest.mark.parametrize("name", ["html", "body"])
def test_a_page_as_text_or_bytes(name: str) -> None:
    text = good({"url": URL, name: "<p>café</p>"})
    assert (text.content.decode(), text.media_type) == ("<p>café</p>", "text/html; charset=utf-8")
    raw = good({"url": URL, name: "<p>café</p>".encode("latin-1")})
    assert (raw.content, raw.media_type, raw.clean) == (b"<p>caf\xe9</p>", "text/html", False)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_response_with_its_own_media_type(wrapped: bool) -> None:
    headers = {"Content-Type": "text/html; charset=latin-1", "Set-Cookie": "secret=1"}
    response = HtmlResponse(URL, body=b"<p>caf\xe9</p>", headers=headers)
    document = good({"response": response, "tags": ["x", "y"]} if wrapped else response)
    assert (document.content, document.url, document.source_id) == (b"<p>caf\xe9</p>", URL, URL)
    assert document.media_type == "text/html; charset=latin-1"
    assert document.metadata == ({"tags": "x, y"} if wrapped else {})


def test_text_comes_before_pages_and_pages_before_responses() -> None:
    response = Response(URL, body=b"<p>three</p>")
    assert good({"text": "one", "html": "two", "response": response}).content == b"one"
    assert good({"text": " ", "html": "two", "response": response}).content == b"two"
    for blank in ("", " ", b"\n"):
        page = good({"html": blank, "response": response})
        assert (page.content, page.media_type) == (b"<p>three</p>", "text/html")


def test_what_names_an_item() -> None:
    assert good({"id": "a1", "url": URL, "text": "x"}).source_id == "a1"
    assert good({"url": "HTTPS://Example.org:443/a?utm_source=b", "text": "x"}).source_id == URL
    nameless = good({"text": "x"}).source_id
    assert nameless == good({"text": "x"}).source_id != good({"text": "y"}).source_id


def test_items_of_one_crawl_are_told_apart_by_their_names() -> None:
    crawl = items()
    events = [crawl.event({"id": name, "text": "x"}, NOW) for name in ("a", "b", "a")]
    assert [type(event) for event in events] == [RawDocument, RawDocument, Failed]


def test_a_change_of_anything_is_a_change() -> None:
    told = {"url": URL, "text": "x", "title": "t", "price": "1"}
    assert good(told).fingerprint == good(dict(reversed(told.items()))).fingerprint
    for key in told:
        assert good(told).fingerprint != good({**told, key: "z"}).fingerprint
    kinds = [Response(URL, body=b"x", headers={"Content-Type": f"text/{kind}"}) for kind in "ab"]
    assert len({good(response).fingerprint for response in kinds}) == 2


class TestBad:
    def test_the_second_of_an_id_names_the_way_out(self) -> None:
        crawl = items()
        assert isinstance(crawl.event({"url": URL, "text": "x"}, NOW), RawDocument)
        event = crawl.event({"url": URL, "text": "y"}, NOW)
        assert isinstance(event, Failed)
        assert event.reason == "duplicate id"
        assert "need an id each" in event.detail
        assert b'"y"' in event.raw

    def test_no_text(self) -> None:
        event = bad({"url": URL, "price": 3})
        assert event.reason == "no text"
        assert "url, price" in event.detail
        assert event.raw == b'{"url":"https://example.org/a","price":3}'
        assert bad(Response(URL, body=b" ")).reason == "no text"

    def test_too_large(self) -> None:
        assert isinstance(items(12).event({"text": "twelve bytes"}, NOW), RawDocument)
        event = items(11).event({"text": "twelve bytes"}, NOW)
        assert isinstance(event, Failed)
        assert event.reason == "too large"

    def test_no_item(self) -> None:
        assert bad(7).reason == "not an item"

    def test_an_item_that_raises(self) -> None:
        class Broken:
            def __str__(self) -> str:
                raise RuntimeError("no such luck")

        event = bad({"text": "x", "odd": Broken()})
        assert event.reason == "bad item"
        assert "RuntimeError: no such luck" in event.detail

    def test_the_same_bad_item_has_the_same_name(self) -> None:
        assert bad({"a": 1}).source_id == bad({"a": 1}).source_id != bad({"a": 2}).source_id


ANY = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(["text", "html", "body", "url", "id", "tags", "response", "title", "x"])


@given(st.dictionaries(NAMES, ANY) | ANY)
def test_nothing_that_is_yielded_raises(item: Any) -> None:
    event = items().event(item, NOW)
    assert event.source_id
    event.source_id.encode()
    if isinstance(event, RawDocument):
        assert event.content.strip()
        assert all(isinstance(each, str) for each in event.metadata.values())
    else:
        assert event.reason
        assert event.detail
