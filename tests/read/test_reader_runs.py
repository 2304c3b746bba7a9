"""Readers in whole runs: inputs find their reader, and a second run has nothing to do."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import socket
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from loopback import Site, answer, marked
from support import NOW

from ingest.app import RunOptions, run
from ingest.documents import RawDocument
from ingest.read.feed import Feed
from ingest.read.warc import Warc
from ingest.settings import Dedup, Source, build
from ingest.testing import FakeContext
from ingest.wiring import Part, sources_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from support import Project

STORIES = (
    "The council opened the new bridge over the river on Monday after four years of work.",
    "A bakery on the market square has won the prize for the best rye bread of the region.",
    "Researchers counted more storks in the wetlands this spring than in any year before.",
)


def page(text: str) -> bytes:
    body = "".join(f"<p>{text} It was seen by {n} people, among them the mayor.</p>" for n in "ab")
    return f"<html><head><title>News</title></head><body><article>{body}</article></body>".encode()


def archive(*texts: str) -> bytes:
    out = b""
    for number, text in enumerate(texts):
        block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + page(text)
        head = (
            f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:{number}>\r\n"
            f"WARC-Target-URI: https://example.org/{number}\r\nWARC-Date: 2024-05-06T07:08:09Z\r\n"
            f"Content-Length: {len(block)}\r\n\r\n"
        )
        out += gzip.compress(head.encode() + block + b"\r\n\r\n")
    return out


def feed(*texts: str) -> bytes:
    items = [
        {
            "id": str(number),
            "url": f"https://example.org/{number}",
            "content_html": page(text).decode(),
        }
        for number, text in enumerate(texts)
    ]
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items}).encode()


def test_inputs_of_several_forms_go_each_to_its_reader(project: Project) -> None:
    (project.folder / "x.warc.gz").write_bytes(archive(*STORIES[:2]))
    (project.folder / "a.txt").write_text(f"{STORIES[2]}\n\nIt was the warmest spring.\n" * 2)
    inputs = [str(project.folder / name) for name in ("x.warc.gz", "a.txt")]
    counts = project.run(*inputs).counts
    assert (counts["new"], counts["quarantined"]) == (3, 0)
    urls = {record["url"] for record in project.records()}
    assert {"https://example.org/0", "https://example.org/1"} <= urls
    again = project.run(*inputs).counts
    assert (again["new"], again["updated"], again["removed"], again["unchanged"]) == (0, 0, 0, 3)


def test_each_kind_of_input_has_its_own_cursor(site: Site, tmp_path: Path) -> None:
    site.pages["/feed"] = marked(feed(*STORIES))
    (tmp_path / "x.warc.gz").write_bytes(archive(*STORIES))
    feeds = Feed(url=site.url("/feed"), allow_private=True, delay=0)
    readers = (Warc(path="x.warc.gz"), feeds)
    part = Part(Source(name="cli", reader="several"), readers, inputs=True)
    context: Any = FakeContext(base=tmp_path)
    for event in part.read(None, context, 0):
        context.remember(event)
    assert set(context.cursor) == {"Warc", "Feed"}
    assert list(context.cursor["Feed"]) == [site.url("/feed")]
    assert not [e for e in part.read(context.cursor, context, 0) if isinstance(e, RawDocument)]
    assert "if-none-match" in site.requests[-1][1]


def test_a_feed_in_the_settings(project: Project, site: Site) -> None:
    site.pages["/feed"] = marked(feed(*STORIES))
    source = {
        "name": "paper",
        "reader": "feed",
        "url": site.url("/feed"),
        "allow_private": True,
        "delay": 0,
    }
    settings = build({"workers": 0, "source": [source]}, base=project.folder)
    assert run(settings).counts["new"] == 3
    again = run(settings).counts
    assert (again["read"], again["removed"]) == (0, 0)
    assert "if-none-match" in site.requests[-1][1]
    assert len(project.records()) == 3


# --- what is wrong with a site, in quarantine ------------------------------------------


def quarantined(project: Project) -> dict[str, str]:
    """Reasons by item, as `ingest status` counts them."""
    with closing(sqlite3.connect(project.store / "catalog.db")) as base:
        return dict(base.execute("SELECT source_id, reason FROM quarantine"))


def site_settings(project: Project, site: Site, **source: Any) -> Any:
    fetch = {"delay": 0, "retries": 0, "allow_private": True, "total_seconds": 1.0}
    fetch["max_wait"] = 1.0
    fetch["max_bytes"] = 1 << 20
    depth = {} if "reader" in source else {"depth": 3}
    table = {"name": "site", "reader": "web", "url": site.url("/"), **depth, **source}
    return build({"workers": 0, "fetch": fetch, "source": [table]}, base=project.folder)


async def _drip(_: object) -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n"
    while True:
        yield b"x"
        await asyncio.sleep(0.05)


async def _endless(_: object) -> AsyncIterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n"
    while True:
        yield b"x" * 65_536


async def _huge_head(_: object) -> AsyncIterator[bytes]:
    """A header of 1 GB, or as much of it as is taken."""
    yield b"HTTP/1.1 200 OK\r\nx-long: "
    for _piece in range(1 << 14):
        yield b"1" * 65_536


async def _nothing(_: object) -> AsyncIterator[bytes]:
    for piece in ():
        yield piece


HOSTILE: dict[str, tuple[Any, str]] = {
    "/missing": (answer(404, b""), "http 404"),
    "/gone": (answer(410, b""), "http 410"),
    "/error": (answer(500, b""), "http 500"),
    "/busy": (answer(429, b"", retry_after="1"), "http 429"),
    "/loop": (answer(302, b"", location="/loop"), "redirect loop"),
    "/drip": (_drip, "timeout"),
    "/endless": (_endless, "too large"),
    "/announced": (b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", "too large"),
    "/bomb": (answer(200, gzip.compress(bytes(2 << 20)), content_encoding="gzip"), "too large"),
    "/brotli": (answer(200, b"x", content_encoding="br"), "content encoding"),
    "/film": (answer(200, b"x", content_type="video/mp4"), "content type"),
    "/head": (_huge_head, "protocol"),
    "/broken": (_nothing, "broken connection"),
    "/noai": (answer(200, b"x", x_robots_tag="noai"), "opted out"),
    "/private/x": (answer(200, b"x"), "robots"),
    "/empty": (answer(200, b""), "empty"),
    "/file": (answer(302, b"", location="file:///etc/passwd"), "bad URL"),
    "/inside": (answer(302, b"", location="http://169.254.169.254/latest"), "no contact"),
}


def test_each_thing_wrong_with_a_site_has_its_reason(project: Project, site: Site) -> None:
    links = "".join(f"<a href='{path}'>x</a>" for path in [*HOSTILE, "/good", "/hops0"])
    site.pages["/"] = marked(page(STORIES[0]) + links.encode())
    site.pages["/good"] = marked(page(STORIES[1]))
    site.pages["/robots.txt"] = answer(200, b"User-agent: *\nDisallow: /private\n")
    for path, (reply, _) in HOSTILE.items():
        site.pages[path] = reply
    for n in range(30):
        site.pages[f"/hops{n}"] = answer(302, b"", location=f"/hops{n + 1}")
    settings = site_settings(project, site)
    assert run(settings).counts["new"] == 2
    found = {key.partition(site.url(""))[2]: why for key, why in quarantined(project).items()}
    expected = {path: reason for path, (_, reason) in HOSTILE.items()}
    assert found == {**expected, "/hops0": "too many redirects"}
    first = len(site.requests)
    lasting = {"http 404", "http 410", "redirect loop", "too large", "content type", "robots"}
    again = run(settings)
    assert again.counts["new"] == again.counts["updated"] == 0
    assert again.counts["quarantined"] == sum(
        reason not in {*lasting, "opted out", "empty", "bad URL"} for reason in expected.values()
    )
    assert len(site.requests) <= 2 * first
    for path in HOSTILE:
        site.pages[path] = marked(page(f"{STORIES[2]} It was at {path}."))
    site.pages["/robots.txt"] = answer(404, b"")
    assert run(settings).counts["quarantined"] == 0
    assert list(quarantined(project).values()) == ["too many redirects"]


def test_a_private_address_behind_a_redirect_or_a_name_is_refused(
    project: Project, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source may not connect to private addresses; the name leads to one after a check."""
    addresses = itertools.chain(["93.184.216.34"], itertools.repeat("127.0.0.1"))

    def resolve(host: str, port: int, **_: object) -> list[Any]:
        address = next(addresses) if host == "rebind.example" else "10.0.0.7"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", _refuse)
    urls = [f"http://rebind.example:{site.port}/a", "http://intranet.example/"]
    source = {"name": "site", "reader": "web", "url": urls, "obey_robots": False, "retries": 1}
    fetch = {"contact": "me@example.org", "delay": 0, "max_wait": 0.1}
    run(build({"workers": 0, "fetch": fetch, "source": [source]}, base=project.folder))
    assert set(quarantined(project).values()) == {"address refused"}
    assert site.connections == 0


def _refuse(*_: object, **__: object) -> socket.socket:
    raise ConnectionRefusedError


def test_pages_in_any_charset_come_out_as_text(project: Project, site: Site) -> None:
    text = f"{STORIES[0]} Ærøskøbing købte smør på Fanø, sagde borgmesteren."
    html = page(text).decode()
    replies = {
        "/told": answer(200, html.encode("latin-1"), content_type="text/html; charset=latin-1"),
        "/wrong": answer(200, html.encode(), content_type="text/html; charset=x-nonsense"),
        "/untold": answer(200, html.encode("utf-16"), content_type="text/html"),
        "/lying": answer(200, html.encode(), content_type="text/html; charset=us-ascii"),
    }
    site.pages.update(replies)
    urls = [site.url(path) for path in replies]
    settings = site_settings(project, site, url=urls, depth=0)
    run(settings.model_copy(update={"dedup": Dedup(exact="ignore", near="ignore")}))
    texts = [record["text"] for record in project.records()]
    assert len(texts) == 4
    assert all("Ærøskøbing købte smør på Fanø" in text for text in texts), texts


def test_a_feed_that_recovers_leaves_quarantine(project: Project, site: Site) -> None:
    good = marked(feed(*STORIES))
    site.pages["/feed"] = [answer(500, b""), answer(200, b"no feed"), good]
    settings = site_settings(project, site, reader="feed", url=site.url("/feed"))
    days = [NOW + timedelta(days=n) for n in range(4)]
    for day, expected in zip(days, ["http 500", "not a feed", "", ""], strict=True):
        run(settings, options=RunOptions(clock=lambda day=day: day))
        assert "".join(quarantined(project).values()) == expected
    assert len(project.records()) == 3


def test_a_sitemap_in_whole_runs(project: Project, site: Site) -> None:
    locs = "".join(f"<url><loc>{site.url(f'/{n}')}</loc></url>" for n in range(3))
    for n, text in enumerate(STORIES):
        site.pages[f"/{n}"] = marked(page(text))
    site.pages["/s.xml"] = [answer(503, b""), marked(f"<urlset>{locs}</urlset>".encode())]
    source = {"reader": "sitemap", "url": site.url("/s.xml")}
    settings = site_settings(project, site, on_missing="remove", **source)
    assert run(settings).counts["new"] == 0
    assert list(quarantined(project).values()) == ["http 503"]
    assert run(settings).counts["new"] == 3
    assert quarantined(project) == {}
    site.requests.clear()
    again = run(settings).counts
    assert (again["unchanged"], again["read"]) == (3, 3)
    asked = [headers for path, headers in site.requests if path != "/robots.txt"]
    assert all("if-none-match" in headers for headers in asked)
    site.pages["/s.xml"] = marked(f"<urlset>{locs.split('</url>')[0]}</url></urlset>".encode())
    assert run(settings).counts["removed"] == 2
    assert [record["source_id"] for record in project.records()] == [site.url("/0")]


def test_a_crawl_with_removal_follows_its_site(project: Project, site: Site) -> None:
    for name, text in zip("abc", STORIES, strict=True):
        site.pages[f"/{name}"] = marked(page(text))
    for links, new, removed in (("abc", 4, 0), ("abc", 0, 0), ("ac", 0, 1), ("abc", 1, 0)):
        text = "The town has news every day of the week, the editors of this page say."
        anchors = "".join(f"<a href='/{name}'>x</a>" for name in links)
        site.pages["/"] = marked(page(text) + anchors.encode())
        counts = run(site_settings(project, site, on_missing="remove")).counts
        assert (counts["new"], counts["removed"], counts["quarantined"]) == (new, removed, 0)


# --- on the command line --------------------------------------------------------------


def test_addresses_on_the_command_line(project: Project, site: Site) -> None:
    site.pages["/feed"] = marked(feed(STORIES[0]))
    site.pages["/page"] = marked(page(STORIES[1]))
    site.pages["/other"] = marked(page(STORIES[2]))
    site.pages["/s.txt"] = answer(200, site.url("/other").encode())
    inputs = [f"feed:{site.url('/feed')}", f"sitemap:{site.url('/s.txt')}", site.url("/page")]
    fetch = {"allow_private": True, "delay": 0}
    counts = project.run(*inputs, fetch=fetch).counts
    assert (counts["new"], counts["quarantined"]) == (3, 0)
    counts = project.run(*inputs, fetch=fetch).counts
    assert (counts["new"], counts["unchanged"]) == (0, 2)


@pytest.mark.parametrize("form", ["{}", "feed:{}", "sitemap:{}"])
def test_without_a_contact_it_is_said_what_to_do(project: Project, form: str) -> None:
    done = project.cli("run", form.format("https://example.invalid/x"))
    assert done.returncode == 2
    assert "example.invalid needs a contact address" in done.stderr
    assert 'contact = "you@example.org"' in done.stderr
    assert "[fetch]" in done.stderr
    assert "INGEST_FETCH__CONTACT=you@example.org" in done.stderr


def test_what_the_message_says_works(project: Project) -> None:
    url = "http://address.invalid/x"
    environment = {"INGEST_FETCH__CONTACT": "me@example.org", "INGEST_FETCH__RETRIES": "0"}
    done = project.cli("run", "--json", url, env=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"]["quarantined"] == 1
    project.configure('[fetch]\ncontact = "me@example.org"\nretries = 0\n')
    assert project.cli("run", f"feed:{url}").returncode == 0


def test_a_source_has_its_own_settings_before_those_for_all(project: Project) -> None:
    source = {"name": "x", "reader": "web", "url": "https://example.org/", "delay": 7}
    fetch = {"contact": "me@example.org", "delay": 3, "retries": 1}
    settings = build({"fetch": fetch, "source": [source]}, base=project.folder)
    ((reader,),) = [part.readers for part in sources_of(settings, (), name="", only=())]
    made: Any = reader
    assert (made.contact, made.delay, made.retries, made.max_wait) == ("me@example.org", 7, 1, 60)
