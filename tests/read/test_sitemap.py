"""Sitemaps: their forms, what is asked for again, and what is wrong with them."""

from __future__ import annotations

import gzip
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
from loopback import Site, answer, marked
from served import NOWHERE, QUICK, Served

from ingest.documents import Complete, Failed, Gone, RawDocument, Unchanged
from ingest.errors import SettingsError
from ingest.read import sitemapfile
from ingest.read.sitemap import Sitemap
from ingest.read.sitemapfile import Entry
from ingest.read.streams import ReadError
from ingest.testing import FakeContext, run

if TYPE_CHECKING:
    from pathlib import Path

SPACE = "xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'"


def dated(loc: str, lastmod: str = "", tag: str = "url") -> str:
    date = f"<lastmod>{lastmod}</lastmod>" if lastmod else ""
    return f"<{tag}><loc>{loc}</loc>{date}</{tag}>"


def pages(*entries: str, head: str = "") -> bytes:
    return f"<?xml version='1.0'?>{head}<urlset {SPACE}>{''.join(entries)}</urlset>".encode()


def index(*entries: str) -> bytes:
    return f"<sitemapindex {SPACE}>{''.join(entries)}</sitemapindex>".encode()


def make(site: Site, *paths: str, **settings: Any) -> Sitemap:
    urls = tuple(site.url(path) for path in paths or ("/s.xml",))
    return Sitemap(url=urls, **{**QUICK, **settings})


def serve(site: Site, *names: str) -> list[str]:
    """Pages with marks; their addresses."""
    for name in names:
        site.pages[name] = marked(f"<html><p>The page {name}.</p></html>".encode())
    return [site.url(name) for name in names]


def told(site: Site, events: list[Any]) -> list[tuple[str, str]]:
    kinds = (RawDocument, Unchanged, Failed, Gone)
    named = [(type(e).__name__, e.source_id) for e in events if isinstance(e, kinds)]
    return [(kind, name.removeprefix(site.url(""))) for kind, name in named]


def docs(site: Site, events: list[Any]) -> list[str]:
    return [name for kind, name in told(site, events) if kind == "RawDocument"]


@pytest.fixture
def context() -> FakeContext:
    return FakeContext()


class TestConformance(Served):
    def make(self, folder: Path) -> Sitemap:
        del folder
        one, two, three = serve(self.site, "/1", "/2", "/3")
        inner = pages(dated(one, "2024-01-01"), dated(two))
        self.site.pages["/a.xml.gz"] = marked(gzip.compress(inner, mtime=0))
        self.site.pages["/b.txt"] = marked(f"{two}\n{three}\n".encode())
        listed = [dated(self.site.url(path), "", "sitemap") for path in ("/a.xml.gz", "/b.txt")]
        self.site.pages["/s.xml"] = marked(index(*listed))
        return make(self.site)

    def make_bad(self, folder: Path) -> Sitemap:
        reader = self.make(folder)
        listed = ["/bad.xml", "/gone.xml", "/a.xml.gz", "/b.txt"]
        entries = [dated(self.site.url(path), "", "sitemap") for path in listed]
        self.site.pages["/s.xml"] = marked(index(*entries))
        self.site.pages["/bad.xml"] = marked(pages(dated(self.site.url("/missing"))) + b"<")
        return reader

    def make_missing(self, folder: Path) -> Sitemap:
        del folder
        return Sitemap(url=NOWHERE, **QUICK)


# --- forms ----------------------------------------------------------------------------


RSS = (
    b"<rss version='2.0'><channel><item><link>http://x.org/a</link>"
    b"<pubDate>Mon, 01 Jan 2024</pubDate></item></channel></rss>"
)
ATOM = (
    b"<feed xmlns='http://www.w3.org/2005/Atom'><entry><link href='http://x.org/a'/>"
    b"<updated>2024-01-01</updated></entry></feed>"
)


def parsed(data: bytes) -> sitemapfile.Listing:
    return sitemapfile.parse(data, "application/xml", "http://x.org/s")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (pages(dated("\n http://x.org/a ", "2024-01-01")), [("http://x.org/a", "2024-01-01")]),
        (gzip.compress(pages(dated("http://x.org/a"))), [("http://x.org/a", "")]),
        (b"\xef\xbb\xbfhttp://x.org/a\r\n\r\nnonsense\nhttps://x.org/b", ["a", "b"]),
        (pages(dated("http://x.org/a")).decode().encode("utf-16"), [("http://x.org/a", "")]),
        (b"<urlset><url><loc>http://x.org/a</loc></url></urlset>", [("http://x.org/a", "")]),
        (
            RSS,
            [("http://x.org/a", "Mon, 01 Jan 2024")],
        ),
        (
            ATOM,
            [("http://x.org/a", "2024-01-01")],
        ),
        (
            pages(
                "<url><image:image xmlns:image='i'><image:loc>http://x.org/i.png</image:loc>"
                "</image:image><loc>http://x.org/a</loc></url><url><priority>1</priority></url>"
            ),
            [("http://x.org/a", "")],
        ),
    ],
    ids=["xml", "gzip", "text", "UTF-16", "no namespace", "RSS", "Atom", "images"],
)
def test_forms(data: bytes, expected: list[Any]) -> None:
    found = [(entry.url, entry.lastmod) for entry in parsed(data).pages]
    if expected == ["a", "b"]:
        expected = [("http://x.org/a", ""), ("https://x.org/b", "")]
    assert found == expected


def test_an_index_lists_sitemaps() -> None:
    listing = parsed(index(dated("http://x.org/1.xml", "2024-01-01", "sitemap")))
    assert listing == sitemapfile.Listing((), (Entry("http://x.org/1.xml", "2024-01-01"),))


def entity_bomb() -> bytes:
    declared = "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 10))
    doctype = f"<!DOCTYPE urlset [<!ENTITY a0 'http://x.org/a'>{declared}]>"
    return pages(dated("&a9;"), head=doctype)


XXE = pages(
    dated("http://x.org/&f;"), head="<!DOCTYPE urlset [<!ENTITY f SYSTEM 'file:///etc/hostname'>]>"
)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (entity_bomb(), "xml entities"),
        (XXE, "xml entities"),
        (XXE.replace(b"<!ENTITY f SYSTEM", b"<!ENTITY % f SYSTEM"), "xml entities"),
        (XXE.decode().encode("utf-16"), "xml entities"),
        (b"<!doctype html><html><body>no sitemap", "not a sitemap"),
        (b"", "not a sitemap"),
        (b"just words", "not a sitemap"),
        (b"{}", "not a sitemap"),
        (b"<urlset><url><loc>http://x.org", "damaged"),
        (b"<" * 100, "not a sitemap"),
        (gzip.compress(bytes(sitemapfile.MOST_BYTES + 1)), "too large"),
        (gzip.compress(pages(dated("http://x.org/a")))[:-9], "damaged"),
        (b"<a>" * 300, "not a sitemap"),
        (b"<urlset>" + b"<a>" * 300, "damaged"),
    ],
)
def test_what_is_wrong_with_a_sitemap_is_told(data: bytes, reason: str) -> None:
    with pytest.raises(ReadError) as error:
        parsed(data)
    assert error.value.reason == reason


def test_a_doctype_that_declares_nothing_is_no_harm() -> None:
    head = "<!DOCTYPE urlset SYSTEM 'http://127.0.0.1:1/s.dtd'>"
    assert len(parsed(pages(dated("http://x.org/a"), head=head)).pages) == 1


def test_what_stands_before_the_damage_is_read() -> None:
    listing = parsed(pages(dated("http://x.org/a"), dated("http://x.org/b"))[:-20])
    assert [entry.url for entry in listing.pages] == ["http://x.org/a"]
    assert listing.damage.startswith("XML: ")


def test_a_sitemap_has_as_many_entries_as_the_protocol_allows() -> None:
    data = b"<urlset>" + b"<url><loc>http://x.org/a</loc></url>" * 50_001 + b"</urlset>"
    listing = parsed(data)
    assert len(listing.pages) == 50_000
    assert listing.damage == "more than 50,000 entries"


def test_the_sitemaps_of_the_shared_data(data_archive: Any) -> None:
    found = {
        path.name: parsed(path.read_bytes())
        for path in sorted((data_archive("feeds") / "feeds" / "sitemaps").iterdir())
    }
    counts = {name: (len(one.pages), len(one.files), one.damage) for name, one in found.items()}
    assert counts["sitemap.xml"] == counts["sitemap.xml.gz"]
    assert all(pages or files for pages, files, _ in counts.values()), counts
    assert not [damage for *_, damage in counts.values() if damage], counts


# --- what is asked for ----------------------------------------------------------------


def test_pages_whose_date_is_as_it_was_are_not_asked_for(site: Site, context: FakeContext) -> None:
    one, two, three = serve(site, "/1", "/2", "/3")
    listed = [dated(one, "2024-01-01"), dated(two, "2024-01-01"), dated(three)]
    site.pages["/s.xml"] = marked(pages(*listed))
    assert docs(site, run(make(site), context)) == ["/1", "/2", "/3"]
    site.requests.clear()
    events = run(make(site), context)
    assert told(site, events)[1:] == [("Unchanged", "/1"), ("Unchanged", "/2"), ("Unchanged", "/3")]
    assert isinstance(events[-1], Complete)
    assert site.paths == ["/s.xml", "/3"]
    asked = [headers for path, headers in site.requests if path != "/robots.txt"]
    assert all("if-none-match" in headers for headers in asked)


def test_a_page_with_another_date_is_asked_for(site: Site, context: FakeContext) -> None:
    one, two = serve(site, "/1", "/2")
    site.pages["/s.xml"] = answer(200, pages(dated(one, "2024-01-02"), dated(two, "2024-01-02")))
    run(make(site), context)
    site.pages["/1"] = marked(b"<p>Other words.")
    site.pages["/s.xml"] = answer(200, pages(dated(one, "2024-01-03"), dated(two, "2024-01-01")))
    assert docs(site, run(make(site), context)) == ["/1"]
    assert site.paths.count("/2") == 2  # an older date is another date
    run(make(site), context)
    assert site.paths.count("/1") == 2


def test_a_sitemap_whose_date_in_the_index_is_as_it_was_is_not_asked_for(
    site: Site, context: FakeContext
) -> None:
    (one,) = serve(site, "/1")
    site.pages["/a.xml"] = answer(200, pages(dated(one, "2024-01-01")))
    entry = dated(site.url("/a.xml"), "2024-02-02", "sitemap")
    site.pages["/s.xml"] = answer(200, index(entry))
    run(make(site), context)
    site.requests.clear()
    events = run(make(site), context)
    assert site.paths == ["/s.xml"]
    assert ("Unchanged", "/1") in told(site, events)
    assert isinstance(events[-1], Complete)
    site.pages["/s.xml"] = answer(200, index(entry.replace("-02-02", "-03-03")))
    run(make(site), context)
    assert site.paths == ["/s.xml"] * 2 + ["/a.xml"]


def test_a_sitemap_that_answers_304_is_remembered_with_its_new_date(
    site: Site, context: FakeContext
) -> None:
    (one,) = serve(site, "/1")
    site.pages["/a.xml"] = marked(pages(dated(one, "2024-01-01")))
    entry = dated(site.url("/a.xml"), "2024-02-02", "sitemap")
    for date in ("-02-02", "-03-03", "-03-03"):
        site.requests.clear()
        site.pages["/s.xml"] = answer(200, index(entry.replace("-02-02", date)))
        events = run(make(site), context)
        assert ("Unchanged" if date == "-03-03" else "RawDocument", "/1") in told(site, events)
    assert site.paths == ["/s.xml"]


def test_a_sitemap_may_be_larger_than_a_page_up_to_the_protocols_limit(
    site: Site, context: FakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sitemapfile.MOST_BYTES == 50 * 1024 * 1024
    body = pages(*map(dated, serve(site, *(f"/{n}" for n in range(20)))))
    site.pages["/s.xml"] = answer(200, body)
    assert len(docs(site, run(make(site, max_bytes=200), context))) == 20
    monkeypatch.setattr(sitemapfile, "MOST_BYTES", len(body) - 1)
    failed = [e.reason for e in run(make(site), FakeContext()) if isinstance(e, Failed)]
    assert failed == ["too large"]


def test_a_page_that_failed_is_asked_for_again_though_its_date_is_as_it_was(
    site: Site, context: FakeContext
) -> None:
    one, two = serve(site, "/1", "/2")
    site.pages["/s.xml"] = answer(200, pages(dated(one, "2024-01-01"), dated(two, "2024-01-01")))
    site.pages["/1"] = [answer(404, b""), answer(404, b""), answer()]
    site.pages["/2"] = [answer(503, b""), answer()]
    failed = [e.reason for e in run(make(site), context) if isinstance(e, Failed)]
    assert failed == ["http 404", "http 503"]
    assert docs(site, run(make(site), context)) == ["/2"]
    assert docs(site, run(make(site), context)) == ["/1"]


def test_a_page_that_is_gone(site: Site, context: FakeContext) -> None:
    site.pages["/s.xml"] = answer(200, pages(*map(dated, serve(site, "/1"))))
    run(make(site), context)
    site.pages["/1"] = answer(404, b"")
    assert told(site, run(make(site), context))[1:] == [("Gone", "/1")]


def test_a_page_keeps_its_name_when_it_redirects(site: Site, context: FakeContext) -> None:
    site.pages["/s.xml"] = answer(200, pages(dated(site.url("/old?utm_source=x#p"))))
    site.pages["/old"] = answer(301, b"", location="/new")
    serve(site, "/new")
    assert docs(site, run(make(site), context)) == ["/old"]


def test_a_killed_round_goes_on(site: Site, context: FakeContext) -> None:
    names = [f"/{n}" for n in range(10)]
    site.pages["/s.xml"] = marked(pages(*map(dated, serve(site, *names))))
    for event in islice(make(site).read(None, context), 6):
        context.remember(event)
    site.requests.clear()
    events = run(make(site), context)
    assert site.paths == ["/s.xml", *names[4:]]
    assert isinstance(events[-1], Complete)


def test_a_host_that_asks_to_be_left_alone_is_and_the_next_run_goes_on(
    site: Site, context: FakeContext
) -> None:
    site.pages["/s.xml"] = marked(pages(*map(dated, serve(site, "/1", "/2", "/3"))))
    good, site.pages["/2"] = site.pages["/2"], answer(429, b"", retry_after="3600")
    events = run(make(site), context)
    assert told(site, events) == [("RawDocument", "/1"), ("Failed", "/2")]
    assert site.paths == ["/s.xml", "/1", "/2"]
    assert not any(isinstance(event, Complete) for event in events)
    site.pages["/2"] = good
    events = run(make(site), context)
    assert docs(site, events) == ["/2", "/3"]
    assert site.paths[3:] == ["/s.xml", "/2", "/3"]


def test_a_third_round_asks_on_condition_too(site: Site, context: FakeContext) -> None:
    site.pages["/s.xml"] = marked(pages(*map(dated, serve(site, "/1"))))
    for _ in range(3):
        site.requests.clear()
        run(make(site), context)
    asked = [headers for path, headers in site.requests if path != "/robots.txt"]
    assert ["if-none-match" in headers for headers in asked] == [True, True]


def test_a_damaged_sitemap_is_told_and_read_as_far_as_it_goes(
    site: Site, context: FakeContext
) -> None:
    (one,) = serve(site, "/1")
    site.pages["/s.xml"] = marked(pages(dated(one)) + b"<")
    events = run(make(site), context)
    assert [event.reason for event in events if isinstance(event, Failed)] == ["damaged"]
    assert docs(site, events) == ["/1"]
    assert not any(isinstance(event, Complete) for event in events)


# --- bounds ---------------------------------------------------------------------------


def test_pages_on_other_hosts_are_left_out_and_told_once(site: Site, context: FakeContext) -> None:
    (one,) = serve(site, "/1")
    other = site.url("/1", "localhost")
    site.pages["/s.xml"] = answer(200, pages(dated(one), dated(other), dated("ftp://x.org/a")))
    events = run(make(site), context)
    (failed,) = [event for event in events if isinstance(event, Failed)]
    assert (failed.reason, docs(site, events)) == ("other host", ["/1"])
    assert other in failed.detail
    assert not [event for event in run(make(site), context) if isinstance(event, Failed)]
    more = run(make(site, hosts=(f"localhost:{site.port}",)), FakeContext())
    assert docs(site, more) == ["/1", other]


def test_patterns_choose_the_pages(site: Site, context: FakeContext) -> None:
    site.pages["/s.xml"] = answer(200, pages(*map(dated, serve(site, "/n/1", "/n/2", "/x"))))
    chosen = make(site, include=("/n/*",), exclude=("*/2",))
    assert docs(site, run(chosen, context)) == ["/n/1"]


def test_a_page_in_two_sitemaps_is_one(site: Site, context: FakeContext) -> None:
    site.pages["/s.xml"] = site.pages["/t.xml"] = answer(200, pages(*map(dated, serve(site, "/1"))))
    assert docs(site, run(make(site, "/s.xml", "/t.xml"), context)) == ["/1"]
    assert site.paths.count("/1") == 1


def test_limits_end_a_round_that_is_then_not_complete(site: Site, context: FakeContext) -> None:
    site.pages["/s.xml"] = answer(200, pages(*map(dated, serve(site, "/1", "/2", "/3"))))
    events = run(make(site, max_pages=2), context)
    assert docs(site, events) == ["/1", "/2"]
    assert not any(isinstance(event, Complete) for event in events)
    listed = [dated(site.url(f"/{name}.xml"), "", "sitemap") for name in "stu"]
    site.pages["/i.xml"] = answer(200, index(*listed))
    site.pages["/t.xml"] = site.pages["/u.xml"] = site.pages["/s.xml"]
    site.requests.clear()
    events = run(make(site, "/i.xml", max_files=2), FakeContext())
    assert [path for path in site.paths if "xml" in path] == ["/i.xml", "/s.xml"]
    assert not any(isinstance(event, Complete) for event in events)


def test_indexes_that_hold_each_other_end(site: Site, context: FakeContext) -> None:
    for n in range(8):
        inner = [dated(site.url(f"/{m}.xml"), "", "sitemap") for m in (n, n + 1, 0)]
        site.pages[f"/{n}.xml"] = answer(200, index(*inner))
    run(make(site, "/0.xml"), context)
    assert site.paths == ["/0.xml", "/1.xml", "/2.xml", "/3.xml"]


def test_a_sitemap_that_cannot_be_read_makes_the_round_incomplete(
    site: Site, context: FakeContext
) -> None:
    site.pages["/bad.xml"] = [answer(503, b""), answer(200, b"words"), answer(200, b"words")]
    site.pages["/s.xml"] = answer(200, pages(*map(dated, serve(site, "/1"))))
    for expected in (["http 503"], ["not a sitemap"], []):
        events = run(make(site, "/bad.xml", "/s.xml"), context)
        assert [event.reason for event in events if isinstance(event, Failed)] == expected
        assert not any(isinstance(event, Complete) for event in events)
        assert ("Unchanged", "/1") in told(site, events) or docs(site, events) == ["/1"]


def test_settings() -> None:
    assert Sitemap.for_inputs(["sitemap:https://x.org/s.xml"]).url == ("https://x.org/s.xml",)
    with pytest.raises(SettingsError, match="contact"):
        Sitemap(url="https://example.org/s.xml").check(FakeContext())
