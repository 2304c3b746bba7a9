"""Pages of the web: lists and crawls, identity, conditional requests, rounds taken up again."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
from loopback import Site, answer, marked
from served import NOWHERE, QUICK, Served

from ingest.documents import Checkpoint, Complete, Failed, Gone, RawDocument, Unchanged
from ingest.errors import SettingsError
from ingest.read.web import Web
from ingest.testing import FakeContext, run

if TYPE_CHECKING:
    from pathlib import Path


def html(*links: str, text: str = "The bridge is open.", head: str = "") -> bytes:
    anchors = "".join(f'<a href="{link}">more</a>' for link in links)
    return f"<html><head>{head}</head><body><p>{text}</p>{anchors}</body></html>".encode()


def make(site: Site, *paths: str, **settings: Any) -> Web:
    urls = tuple(site.url(path) for path in paths or ("/",))
    return Web(url=urls, **{**QUICK, "depth": 5, **settings})


def serve(site: Site, **pages: bytes) -> None:
    """Pages with marks, at the paths that the names say (``root`` is ``/``)."""
    for name, body in pages.items():
        site.pages["/" if name == "root" else f"/{name}"] = marked(body)


def told(site: Site, events: list[Any]) -> list[tuple[str, str]]:
    """Kind and path of what is said of documents, and of failures."""
    kinds = (RawDocument, Unchanged, Failed, Gone)
    return [
        (type(event).__name__, event.source_id.removeprefix(site.url("")))
        for event in events
        if isinstance(event, kinds)
        and (isinstance(event, Failed) or not event.source_id.startswith("GET"))
    ]


def docs(site: Site, events: list[Any]) -> list[str]:
    return [name for kind, name in told(site, events) if kind == "RawDocument"]


@pytest.fixture
def context() -> FakeContext:
    return FakeContext()


class TestCrawlConformance(Served):
    def make(self, folder: Path) -> Web:
        del folder
        serve(self.site, root=html("/a", "/b"), a=html("/c", text="a"), b=html("/a", text="b"))
        self.site.pages["/c"] = answer(301, b"", location="/d")
        self.site.pages["/d"] = answer(200, html("/", text="d"))
        return make(self.site)

    def make_bad(self, folder: Path) -> Web:
        reader = self.make(folder)
        serve(self.site, root=html("/missing", "/empty", "/down", "/a", "/b"))
        self.site.pages["/empty"] = answer(200, b"")
        self.site.pages["/down"] = answer(503, b"")
        return reader

    def make_missing(self, folder: Path) -> Web:
        del folder
        return Web(url=NOWHERE, depth=5, **QUICK)


class TestListConformance(Served):
    def make(self, folder: Path) -> Web:
        del folder
        serve(self.site, a=html(text="a"), b=html(text="b"), c=html(text="c"))
        return make(self.site, "/a", "/b", "/c", depth=0)

    def make_bad(self, folder: Path) -> Web:
        self.make(folder)
        return make(self.site, "/missing", "/a", "/b", depth=0)

    def make_missing(self, folder: Path) -> Web:
        del folder
        return Web(url=NOWHERE, **QUICK)


# --- where a crawl goes ---------------------------------------------------------------


def test_a_list_of_pages_is_those_pages(site: Site, context: FakeContext) -> None:
    serve(site, a=html("/b"), c=html())
    events = run(make(site, "/a", "/c", depth=0), context)
    assert docs(site, events) == ["/a", "/c"]
    assert isinstance(events[-1], Complete)
    assert site.paths == ["/a", "/c"]


def test_a_crawl_is_breadth_first_and_as_deep_as_it_may_be(
    site: Site, context: FakeContext
) -> None:
    serve(site, root=html("/a", "/b"), a=html("/c"), b=html("/a"), c=html("/d"), d=html())
    assert docs(site, run(make(site, depth=2), context)) == ["/", "/a", "/b", "/c"]


def test_a_crawl_stays_on_its_site(site: Site, context: FakeContext) -> None:
    other = site.url("/x", "localhost")
    serve(site, root=html(other, "mailto:me@x.org", "javascript:x()", "/a", "//[bad"), a=html())
    serve(site, x=html())
    assert docs(site, run(make(site), context)) == ["/", "/a"]
    more = run(make(site, hosts=(f"localhost:{site.port}",)), context)
    assert other in docs(site, more)


def test_a_page_that_redirects_off_the_site_is_no_document(
    site: Site, context: FakeContext
) -> None:
    serve(site, root=html("/a"), x=html(text="elsewhere"))
    site.pages["/a"] = answer(302, b"", location=site.url("/x", "localhost"))
    events = run(make(site), context)
    assert docs(site, events) == ["/"]
    assert isinstance(events[-1], Complete)


def test_the_site_is_where_a_start_page_redirects_to(site: Site, context: FakeContext) -> None:
    serve(site, home=html("/a"), a=html(text="a"))
    site.pages["/"] = answer(301, b"", location=site.url("/home", "localhost"))
    expected = [site.url("/home", "localhost"), site.url("/a", "localhost")]
    assert docs(site, run(make(site), context)) == expected


def test_patterns_choose_the_links(site: Site, context: FakeContext) -> None:
    serve(site, root=html("/news/1", "/news/tag/x", "/about", "/news/2?p=1"))
    serve(site, **{"news/1": html(), "news/2?p=1": html(), "about": html(), "news/tag/x": html()})
    chosen = make(site, include=("/news/*",), exclude=("*/tag/*",))
    assert docs(site, run(chosen, context)) == ["/", "/news/1", "/news/2?p=1"]


def test_new_patterns_find_the_links_of_pages_that_did_not_change(
    site: Site, context: FakeContext
) -> None:
    serve(site, root=html("/a", "/b"), a=html(text="a"), b=html(text="b"))
    run(make(site, exclude=("/b",)), context)
    assert docs(site, run(make(site), context)) == ["/b"]
    assert docs(site, run(make(site, depth=0), FakeContext())) == ["/"]


def test_a_crawl_has_a_limit_and_is_then_not_complete(site: Site, context: FakeContext) -> None:
    serve(site, root=html("/a", "/b", "/c"), a=html(), b=html(), c=html())
    events = run(make(site, max_pages=3), context)
    assert docs(site, events) == ["/", "/a", "/b"]
    assert not any(isinstance(event, Complete) for event in events)
    assert isinstance(run(make(site, max_pages=4), FakeContext())[-1], Complete)


def test_a_cycle_and_links_in_many_spellings_are_one_page_each(
    site: Site, context: FakeContext
) -> None:
    other = f"//127.0.0.1:{site.port}/a"
    serve(site, root=html("/a", "/a#part", "/a?utm_source=x", other, "/"))
    serve(site, a=html("/", "/a"))
    run(make(site), context)
    assert site.paths == ["/", "/a"]


def test_links_that_ask_not_to_be_followed_are_not(site: Site, context: FakeContext) -> None:
    body = html("/a") + b"<a rel='ugc nofollow' href=/b>x</a><a href=/c.pdf>x</a>"
    serve(site, root=body, a=html("/d", head="<meta name=robots content=nofollow>"))
    run(make(site), context)
    assert site.paths == ["/", "/a"]
    site.requests.clear()
    run(make(site, obey_opt_outs=False), FakeContext())
    assert site.paths == ["/", "/a", "/d"]


def test_the_base_of_a_page_holds_for_its_links(site: Site, context: FakeContext) -> None:
    serve(site, root=html("one", head="<base href='/deep/'><base href='/wrong/'>"))
    serve(site, **{"deep/one": html(text="1")})
    assert docs(site, run(make(site), context)) == ["/", "/deep/one"]


# --- identity -------------------------------------------------------------------------


def test_a_canonical_link_names_the_page(site: Site, context: FakeContext) -> None:
    one = html(text="one", head="<link rel=canonical href='/one'>")
    serve(site, root=html("/print/one", "/one"), **{"print/one": one, "one": one})
    assert docs(site, run(make(site), context)) == ["/", "/one"]
    (first, *_) = [e for e in run(make(site), FakeContext()) if getattr(e, "url", "")][1:]
    assert first.url == site.url("/print/one")
    again = told(site, run(make(site), context))
    assert again == [("Unchanged", "/"), ("Unchanged", "/one")]


@pytest.mark.parametrize("named", ["/", "https://elsewhere.example/one", "", "//[bad", "data:,x"])
def test_canonical_links_that_are_not_believed(
    site: Site, context: FakeContext, named: str
) -> None:
    serve(site, one=html(head=f"<link rel=canonical href='{named}'>"))
    assert docs(site, run(make(site, "/one"), context)) == ["/one"]


@pytest.mark.parametrize(("status", "name"), [(301, "/new"), (308, "/new"), (302, "/old")])
def test_a_redirect_for_good_names_the_page(
    site: Site, context: FakeContext, status: int, name: str
) -> None:
    site.pages["/old"] = answer(status, b"", location="/new")
    serve(site, new=html())
    assert docs(site, run(make(site, "/old"), context)) == [name]


def test_what_a_redirect_leads_to_is_not_asked_for_again(site: Site, context: FakeContext) -> None:
    serve(site, root=html("/old", "/new"), new=html())
    site.pages["/old"] = answer(301, b"", location="/new")
    for _ in range(2):
        run(make(site), context)
    assert site.paths == ["/", "/old", "/new"] * 2


def test_a_page_that_moves_stays_the_same_document(site: Site, context: FakeContext) -> None:
    serve(site, root=html("/old"), old=html(text="x"))
    run(make(site), context)
    site.pages["/old"] = answer(301, b"", location="/new")
    serve(site, new=html(text="x, moved"))
    assert told(site, run(make(site), context)) == [("Unchanged", "/"), ("RawDocument", "/old")]
    serve(site, root=html("/new"))  # now even the link is another
    assert told(site, run(make(site), context)) == [("RawDocument", "/"), ("Unchanged", "/old")]
    context.fingerprints.clear()  # other software: everything is read again, under its name
    assert docs(site, run(make(site), context)) == ["/", "/old"]


def test_a_page_that_names_itself_differently_stays_the_same_document(
    site: Site, context: FakeContext
) -> None:
    serve(site, root=html("/one"), one=html())
    run(make(site), context)
    renamed = html(head="<link rel=canonical href='/two'>")
    serve(site, root=html("/one", "/two"), one=renamed, two=renamed)
    assert docs(site, run(make(site), context)) == ["/", "/one"]


def test_what_moved_is_kept_before_the_round_ends(site: Site, context: FakeContext) -> None:
    serve(site, root=html("/old", "/z"), old=html(text="x"), z=html(text="z"))
    run(make(site), context)
    site.pages["/old"] = answer(301, b"", location="/new")
    serve(site, new=html(text="x"))
    cursors: list[Any] = [e.cursor for e in run(make(site), context) if isinstance(e, Checkpoint)]
    moved = {site.url("/new"): site.url("/old")}
    assert [(bool(each["open"]), each["moved"]) for each in cursors] == [
        (True, {}),
        (True, moved),
        (False, moved),
    ]


def test_one_address_of_a_page_that_fails_says_nothing_of_the_page(
    site: Site, context: FakeContext
) -> None:
    one = html(text="one", head="<link rel=canonical href='/one'>")
    serve(site, root=html("/one", "/print/one"), **{"print/one": one, "one": one})
    run(make(site), context)
    site.pages["/print/one"] = answer(404, b"")
    assert told(site, run(make(site), context)) == [("Unchanged", "/"), ("Unchanged", "/one")]


def test_two_pages_that_became_one_are_one(site: Site, context: FakeContext) -> None:
    serve(site, root=html("/a", "/b"), a=html(text="a"), b=html(text="b"))
    run(make(site), context)
    site.pages["/a"] = answer(301, b"", location="/b")
    events = told(site, run(make(site), context))
    assert events == [("Unchanged", "/"), ("Unchanged", "/b")]


# --- the second round -----------------------------------------------------------------


def test_a_second_round_asks_on_condition_only_and_still_knows_the_links(
    site: Site, context: FakeContext
) -> None:
    serve(site, root=html("/a"), a=html("/b", text="a"), b=html(text="b"))
    run(make(site), context)
    site.requests.clear()
    events = run(make(site), context)
    assert [kind for kind, _ in told(site, events)] == ["Unchanged"] * 3
    assert isinstance(events[-1], Complete)
    assert site.paths == ["/", "/a", "/b"]
    pages = [headers for path, headers in site.requests if path != "/robots.txt"]
    assert all("if-none-match" in headers for headers in pages)


def test_a_page_without_marks_is_known_by_its_bytes(site: Site, context: FakeContext) -> None:
    site.pages["/"] = answer(200, html("/a"))
    site.pages["/a"] = [answer(200, html()), answer(200, html()), answer(200, html(text="new"))]
    run(make(site), context)
    assert docs(site, run(make(site), context)) == []
    assert docs(site, run(make(site), context)) == ["/a"]


def test_a_link_that_is_gone_leaves_its_page_out_of_a_complete_round(
    site: Site, context: FakeContext
) -> None:
    serve(site, root=html("/a", "/b"), a=html(text="a"), b=html(text="b"))
    run(make(site), context)
    serve(site, root=html("/a"))
    events = run(make(site), context)
    assert told(site, events) == [("RawDocument", "/"), ("Unchanged", "/a")]
    assert isinstance(events[-1], Complete)


def test_a_page_that_is_gone(site: Site, context: FakeContext) -> None:
    serve(site, root=html("/a"), a=html(text="a"))
    run(make(site), context)
    site.pages["/a"] = answer(410, b"")
    assert told(site, run(make(site), context)) == [("Unchanged", "/"), ("Gone", "/a")]
    assert told(site, run(make(site), context)) == [("Unchanged", "/"), ("Failed", "/a")]
    assert told(site, run(make(site), context)) == [("Unchanged", "/"), ("Unchanged", "/a")]
    serve(site, a=html(text="back"))
    assert told(site, run(make(site), context)) == [("Unchanged", "/"), ("RawDocument", "/a")]


def test_a_page_that_fails_for_now_keeps_its_links_and_is_asked_again(
    site: Site, context: FakeContext
) -> None:
    serve(site, root=html("/a"), a=html("/b", text="a"), b=html(text="b"))
    run(make(site), context)
    site.pages["/a"] = answer(503, b"")
    events = run(make(site), context)
    assert told(site, events) == [("Unchanged", "/"), ("Failed", "/a"), ("Unchanged", "/b")]
    assert Unchanged(f"GET {site.url('/a')}") in events  # or its links were forgotten
    assert isinstance(events[-1], Complete)
    serve(site, a=html("/b", text="a"))
    context.fingerprints[site.url("/a")] = ""  # as the catalog has it of what failed for now
    assert docs(site, run(make(site), context)) == ["/a"]


def test_what_hides_behind_a_page_never_seen_is_not_counted_as_gone(
    site: Site, context: FakeContext
) -> None:
    serve(site, root=html("/a"))
    site.pages["/a"] = answer(503, b"")
    events = run(make(site), context)
    assert [e.source_id for e in events if isinstance(e, Failed)] == [f"GET {site.url('/a')}"]
    assert not any(isinstance(event, Complete) for event in events)


def test_a_document_that_must_be_read_again_is_not_asked_for_on_condition(
    site: Site, context: FakeContext
) -> None:
    serve(site, root=html("/a"), a=html(text="a"))
    run(make(site), context)
    context.fingerprints.pop(site.url("/a"))  # as `ingest retry` does
    assert docs(site, run(make(site), context)) == ["/a"]


# --- rounds ---------------------------------------------------------------------------


def test_a_round_that_was_killed_asks_only_for_what_it_had_not(
    site: Site, context: FakeContext
) -> None:
    names = [f"p{n}" for n in range(20)]
    serve(site, root=html(*names), **{name: html("/", text=name) for name in names})
    for event in islice(make(site).read(None, context), 21):
        context.remember(event)
    first = list(site.paths)
    site.requests.clear()
    events = run(make(site), context)
    assert len(first) < 21
    assert set(first[:-1]).isdisjoint(site.paths)  # the last may not have been committed
    assert {*first, *site.paths} == {"/", *(f"/{name}" for name in names)}
    assert isinstance(events[-1], Complete)
    site.requests.clear()
    run(make(site), context)
    assert len(site.paths) == 21


@pytest.mark.parametrize(
    "path", ["/a", "/robots.txt"], ids=["a page says when", "robots.txt cannot be read"]
)
def test_a_host_that_asks_to_be_left_alone_is_and_the_next_run_goes_on(
    site: Site, context: FakeContext, path: str
) -> None:
    serve(site, root=html("/a", "/b", "/c"), a=html(text="a"), b=html(text="b"), c=html(text="c"))
    good, site.pages[path] = site.pages[path], answer(503, b"", retry_after="3600")
    events = run(make(site), context)
    assert len([event for event in events if isinstance(event, Failed)]) == 1
    assert not any(isinstance(event, Complete) for event in events)
    assert site.paths == (["/", "/a"] if path == "/a" else [])
    site.pages[path] = good
    site.requests.clear()
    events = run(make(site), context)
    assert docs(site, events) == (["/a", "/b", "/c"] if path == "/a" else ["/", "/a", "/b", "/c"])
    assert "/" not in site.paths or path != "/a"
    assert isinstance(events[-1], Complete)


def test_a_host_that_rests_for_ever_does_not_keep_the_others_waiting(
    site: Site, context: FakeContext
) -> None:
    other = site.url("/b", "localhost")
    serve(site, b=html(text="b"))
    site.pages["/a"] = answer(503, b"", retry_after="3600")
    reader = Web(url=(site.url("/a"), other), delay=0, retries=0, allow_private=True)
    for _ in range(3):
        run(reader, context)
    assert site.paths == ["/a", "/b", "/a", "/a", "/b"]


def test_a_round_over_other_pages_is_another_round(site: Site, context: FakeContext) -> None:
    serve(site, a=html(text="a"), b=html(text="b"))
    next(iter(make(site, "/a").read(None, context)))
    reader = make(site, "/a", depth=0)
    for event in islice(reader.read(None, context), 3):
        context.remember(event)
    run(make(site, "/a", "/b", depth=0), context)
    assert site.paths == ["/a", "/a", "/b"]


def test_the_cursor_does_not_grow_with_the_crawl(site: Site, context: FakeContext) -> None:
    names = [f"p{n}" for n in range(60)]
    serve(site, root=html(*names), **{name: html(text=name) for name in names})
    events = run(make(site), context)
    sizes = [len(json.dumps(e.cursor)) for e in events if isinstance(e, Checkpoint)]
    assert max(sizes) < 100


def test_what_moved_is_forgotten_from_its_start_beyond_48_kib(context: FakeContext) -> None:
    from ingest.read.rounds import Round  # noqa: PLC0415

    moved = {f"https://example.org/new/{n:04}": "https://example.org/old" for n in range(2000)}
    kept: Any = Round(1, "x", moved).checkpoint(is_open=True).cursor
    assert 46 << 10 < len(json.dumps(kept)) < 64 << 10
    assert list(kept["moved"])[-1].endswith("1999")


# --- settings -------------------------------------------------------------------------


def test_settings_that_cannot_be_used() -> None:
    with pytest.raises(SettingsError, match="contact"):
        Web(url="https://example.org/").check(FakeContext())
    with pytest.raises(SettingsError, match="neither"):
        Web(url="file:///etc/passwd").check(FakeContext())
    with pytest.raises(SettingsError, match="no host name"):
        Web(url="http://localhost/", hosts=("https://example.org/",)).check(FakeContext())


def test_the_pages_of_inputs() -> None:
    reader = Web.for_inputs(["https://x.org/a", "https://x.org/b"])
    assert reader.urls() == ("https://x.org/a", "https://x.org/b")
    assert reader.depth == 0
