"""Readers in whole runs: inputs find their reader, and a second run has nothing to do."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

from loopback import Site, marked

from ingest.app import run
from ingest.documents import RawDocument
from ingest.read.feed import Feed
from ingest.read.warc import Warc
from ingest.settings import Source, build
from ingest.testing import FakeContext
from ingest.wiring import Part

if TYPE_CHECKING:
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
