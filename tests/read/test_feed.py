"""Feeds: what an entry is, when a feed is visited again, and what becomes of one that fails."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from loopback import Site, answer, marked
from served import NOWHERE, QUICK, Served

from ingest.documents import Checkpoint, Complete, ContainerRead, Failed, RawDocument, Unchanged
from ingest.errors import SettingsError
from ingest.read import feedfile
from ingest.read.feed import Feed
from ingest.read.streams import ReadError
from ingest.testing import FakeContext, ids, run

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "The bridge is open."


def item(guid: str, content: str = TEXT, link: str = "", title: str = "News") -> str:
    body = f"<content:encoded><![CDATA[<p>{content}</p>]]></content:encoded>" if content else ""
    at = f"<link>{link}</link>" if link else ""
    return f"<item><guid isPermaLink='false'>{guid}</guid><title>{title}</title>{at}{body}</item>"


def rss(*items: str, channel: str = "") -> bytes:
    space = "xmlns:content='http://purl.org/rss/1.0/modules/content/'"
    head = f"<?xml version='1.0'?><rss version='2.0' {space}><channel><title>Paper</title>"
    return f"{head}{channel}{''.join(items)}</channel></rss>".encode()


def make(site: Site, *paths: str, **settings: Any) -> Feed:
    urls = tuple(site.url(path) for path in paths or ("/feed",))
    return Feed(url=urls, **{**QUICK, **settings})


def docs(events: list[Any]) -> list[RawDocument]:
    return [event for event in events if isinstance(event, RawDocument)]


def later(context: FakeContext, **time: float) -> None:
    context.clock += timedelta(**time)


@pytest.fixture
def context() -> FakeContext:
    return FakeContext()


class TestConformance(Served):
    def make(self, folder: Path) -> Feed:
        del folder
        self.site.pages["/p"] = answer()
        self.site.pages["/feed"] = answer(
            200, rss(item("1"), item("2", "", self.site.url("/p")), item("3"))
        )
        self.site.pages["/other"] = answer(200, rss(item("1"), item("2")))
        return make(self.site, "/feed", "/other")

    def make_bad(self, folder: Path) -> Feed:
        reader = self.make(folder)
        bad = [item("1"), item("2", "", self.site.url("/missing")), item("x", ""), item("3")]
        self.site.pages["/feed"] = answer(200, rss(*bad))
        return reader

    def make_missing(self, folder: Path) -> Feed:
        del folder
        return Feed(url=NOWHERE, **QUICK)


# --- entries --------------------------------------------------------------------------


def test_full_content_is_the_document_and_nothing_else_is_fetched(
    site: Site, context: FakeContext
) -> None:
    site.pages["/feed"] = answer(200, rss(item("g1", link=site.url("/p?utm_source=rss"))))
    (event,) = docs(run(make(site), context))
    assert event.source_id == site.url("/feed") + "#g1"
    assert event.url == site.url("/p")
    assert TEXT.encode() in event.content
    assert event.metadata["title"] == "News"
    assert event.metadata["site"] == "Paper"
    assert site.paths == ["/feed"]


def test_a_linked_page_is_fetched_once(site: Site, context: FakeContext) -> None:
    site.pages["/feed"] = answer(200, rss(item("g1", "", site.url("/p"))))
    site.pages["/p"] = answer()
    (event,) = docs(run(make(site), context))
    assert event.content == b"<html><body>The bridge is open.</body></html>"
    assert event.url == site.url("/p")
    assert event.metadata["title"] == "News"
    assert run(make(site), context)[0] == Unchanged(event.source_id)
    assert site.paths == ["/feed", "/p", "/feed"]


def test_an_entry_that_changed_is_sent_again(site: Site, context: FakeContext) -> None:
    site.pages["/feed"] = [
        answer(200, rss(item("1"), item("2"))),
        answer(200, rss(item("1", "x"), item("2"))),
    ]
    run(make(site), context)
    first, second, *_ = run(make(site), context)
    assert isinstance(first, RawDocument)
    assert isinstance(second, Unchanged)


def test_what_a_feed_drops_is_not_gone(site: Site, context: FakeContext) -> None:
    site.pages["/feed"] = [answer(200, rss(item("1"), item("2"))), answer(200, rss(item("2")))]
    run(make(site), context)
    events = run(make(site), context)
    assert [type(event) for event in events] == [Unchanged, Checkpoint]
    assert not any(isinstance(event, Complete) for event in events)


def test_an_entry_without_guid_is_named_by_its_link_or_text(
    site: Site, context: FakeContext
) -> None:
    bare = "<item><title>One</title><description>Some words</description></item>"
    linked = f"<item><link>{site.url('/p')}</link><title>Two</title></item>"
    site.pages["/feed"] = answer(200, rss(bare, linked))
    site.pages["/p"] = answer()
    first, second = ids(run(make(site), context))
    assert "#sha256:" in first
    assert second.endswith("#" + site.url("/p"))


def test_two_entries_of_one_guid(site: Site, context: FakeContext) -> None:
    site.pages["/feed"] = answer(200, rss(item("1"), item("1", "other"), item("1")))
    events = run(make(site), context)
    assert [type(e) for e in events][:2] == [RawDocument, Failed]
    assert events[1].reason == "duplicate id"
    assert not [e for e in run(make(site), context) if isinstance(e, Failed)]


def test_json_feed() -> None:
    items = [
        {"id": 1, "url": "/a", "content_html": "<p>x", "tags": ["a", "b"]},
        {"id": "2", "url": "/b", "summary": "s", "authors": [{"name": "Ann"}]},
        {"id": "3", "content_text": "plain"},
    ]
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": "P", "items": items}
    entries = feedfile.parse(json.dumps(feed).encode(), "", "http://x.org/f").entries
    assert [entry.guid for entry in entries] == ["1", "2", "3"]
    assert [entry.link for entry in entries] == ["http://x.org/a", "http://x.org/b", ""]
    assert [entry.content for entry in entries] == ["<p>x", "", "plain"]
    assert entries[2].media_type == "text/plain; charset=utf-8"
    assert entries[0].metadata == {"site": "P", "tags": "a, b"}
    assert entries[1].metadata == {"author": "Ann", "site": "P"}


@pytest.mark.parametrize(
    "what", [b"<html><body>no feed</body></html>", b"{}", b'{"items": 1', b"[]", b"", b"\x00\xff"]
)
def test_what_is_no_feed_is_told(what: bytes) -> None:
    with pytest.raises(ReadError, match="not a feed"):
        feedfile.parse(what, "", "http://x.org/f")


BOMB = "<!ENTITY a0 'ha'>" + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 9))


@pytest.mark.parametrize(
    "declared",
    [
        BOMB,
        "<!ENTITY x SYSTEM 'file:///etc/passwd'>",
        '<!ENTITY % x PUBLIC "x" "http://127.0.0.1/">',
        "<!ENTITY % p 'x'><!ENTITY q '%p;'>",
    ],
)
def test_entities_that_explode_or_read_files_are_refused(declared: str) -> None:
    data = rss(item("1"), channel="<description>&a8;&x;</description>")
    data = data.replace(b"<rss", f"<!DOCTYPE rss [{declared}]><rss".encode(), 1)
    with pytest.raises(ReadError) as error:
        feedfile.parse(data, "", "http://x.org/f")
    assert error.value.reason == "xml entities"
    # What is written so that it is not seen here does nothing in the parser.
    told, hidden = "", data.decode().replace("'1.0'", "'1.0' encoding='utf-16'").encode("utf-16")
    with contextlib.suppress(ReadError):
        told = repr(feedfile.parse(hidden, "", "http://x.org/f"))
    assert "root:" not in told
    assert len(told) < 100_000


def test_names_of_characters_are_no_harm() -> None:
    declared = b"<!DOCTYPE rss [<!ENTITY nbsp '&#160;'><!ENTITY eacute \"&#233;\">]><rss"
    data = rss(item("1", title="Caf&eacute;")).replace(b"<rss", declared, 1)
    (entry,) = feedfile.parse(data, "", "http://x.org/f").entries
    assert entry.metadata["title"] == "Café"


# --- visits ---------------------------------------------------------------------------


def test_a_second_visit_is_conditional_and_a_304_says_nothing(
    site: Site, context: FakeContext
) -> None:
    site.pages["/feed"] = marked(rss(item("1")))
    run(make(site), context)
    events = run(make(site), context)
    assert [type(event) for event in events] == [Checkpoint]
    assert "if-none-match" in site.requests[-1][1]


def test_other_software_sees_every_entry_again(site: Site, context: FakeContext) -> None:
    site.pages["/feed"] = marked(rss(item("1")))
    run(make(site), context)
    context.fingerprints.clear()
    assert len(docs(run(make(site), context))) == 1


def test_an_entry_that_failed_for_now_is_tried_again_though_the_feed_is_the_same(
    site: Site, context: FakeContext
) -> None:
    site.pages["/feed"] = marked(rss(item("1"), item("2", "", site.url("/p"))))
    site.pages["/p"] = [answer(503, b""), answer()]
    assert [e.reason for e in run(make(site), context) if isinstance(e, Failed)] == ["http 503"]
    assert [e.source_id[-2:] for e in docs(run(make(site), context))] == ["#2"]


@pytest.mark.parametrize(
    ("headers", "channel", "seconds"),
    [
        ({"cache_control": "public, max-age=3600"}, "", 3600),
        ({"cache_control": "s-max-age=5"}, "", 0),
        ({}, "<ttl>30</ttl>", 1800),
        ({"cache_control": "max-age=60"}, "<ttl>30</ttl>", 1800),
        ({"cache_control": "max-age=999999999"}, "", 86_400),
        ({}, "<ttl>often</ttl>", 0),
    ],
)
def test_the_next_visit_is_when_the_feed_says(
    site: Site, context: FakeContext, headers: dict[str, str], channel: str, seconds: int
) -> None:
    site.pages["/feed"] = answer(200, rss(item("1"), channel=channel), **headers)
    run(make(site), context)
    if seconds:
        later(context, seconds=seconds - 1)
        assert run(make(site), context) == []
        later(context, seconds=1)
    assert run(make(site), context)
    assert site.paths == ["/feed", "/feed"]


def test_failures_back_off_with_a_cap_and_never_end_it(site: Site, context: FakeContext) -> None:
    site.pages["/feed"] = answer(500, b"")
    pauses = []
    for _ in range(14):
        (failed, _) = run(make(site), context)
        assert failed.reason == "http 500"
        after = datetime.fromisoformat(context.cursor[make(site).url[0]]["next"])
        pauses.append((after - context.clock).total_seconds())
        context.clock = after - timedelta(seconds=1)
        assert run(make(site), context) == []
        context.clock = after
    assert 150 <= pauses[0] <= 300
    assert max(pauses) <= 86_400
    assert pauses[-1] >= 43_200
    site.pages["/feed"] = answer(200, rss(item("1")))
    assert len(docs(run(make(site), context))) == 1
    assert "failures" not in context.cursor[make(site).url[0]]


@pytest.mark.parametrize("broken", [answer(500, b""), answer(200, b"no feed")])
def test_failures_are_counted_until_a_visit_succeeds(
    site: Site, context: FakeContext, broken: bytes
) -> None:
    site.pages["/feed"] = [broken, broken, broken, answer(200, rss(item("1")))]
    for count in (1, 2, 3):
        run(make(site), context)
        assert context.cursor[make(site).url[0]]["failures"] == count
        later(context, days=1)
    assert ContainerRead(site.url("/feed"), "visited") in run(make(site), context)
    assert not [e for e in run(make(site), context) if isinstance(e, ContainerRead)]


def test_retry_after_is_kept(site: Site, context: FakeContext) -> None:
    site.pages["/feed"] = answer(429, b"", retry_after="7200")
    run(make(site), context)
    later(context, seconds=7199)
    assert run(make(site), context) == []
    later(context, seconds=1)
    assert run(make(site), context)


@pytest.mark.parametrize(("status", "remembered"), [(301, True), (308, True), (302, False)])
def test_a_feed_that_moved_for_good_is_asked_at_its_new_place(
    site: Site, context: FakeContext, status: int, remembered: bool
) -> None:
    site.pages["/feed"] = answer(status, b"", location="/new")
    site.pages["/new"] = answer(200, rss(item("1")))
    first = ids(run(make(site), context))
    assert ids(run(make(site), context)) == first == [site.url("/feed") + "#1"]
    assert site.paths == ["/feed", "/new", *([] if remembered else ["/feed"]), "/new"]


def test_410_ends_a_feed_with_a_warning(site: Site, context: FakeContext) -> None:
    site.pages["/feed"] = answer(410, b"")
    site.pages["/other"] = answer(200, rss(item("1")))
    events = run(make(site, "/feed", "/other"), context)
    assert (events[0].source_id, events[0].reason) == (site.url("/feed"), "feed gone")
    assert len(docs(events)) == 1
    later(context, days=100)
    run(make(site, "/feed", "/other"), context)
    assert site.paths == ["/feed", "/other", "/other"]


def test_a_contact_is_needed_for_other_hosts() -> None:
    with pytest.raises(SettingsError, match="contact"):
        Feed(url="https://example.org/feed").check(FakeContext())
    Feed(url="https://example.org/feed", contact="me@example.org").check(FakeContext())
    with pytest.raises(SettingsError, match="neither"):
        Feed(url="file:///etc/passwd").check(FakeContext())


def test_the_feed_of_an_input() -> None:
    assert Feed.for_inputs(["feed:https://x.org/f"]).url == ("https://x.org/f",)


def test_every_feed_of_the_shared_data_goes_through(data_archive: Any) -> None:
    parsed, refused = [], []
    root = data_archive("feeds")
    for path in sorted(p for p in root.rglob("*") if p.is_file() and "sitemaps" not in p.parts):
        try:
            feed = feedfile.parse(path.read_bytes(), "", "http://x.org/f")
        except ReadError as error:
            refused.append((path.name, error.reason))
            continue
        for entry in feed.entries:
            assert entry.guid
            entry.content.encode()
        parsed.append(path.name)
    assert {"full.json", "full.atom", "full.rss", "utf-32le-bom.xml", "big5.xml"} <= set(parsed)
    assert ("rss_empty_document.xml", "not a feed") in refused
    assert len(parsed) > 300, refused
