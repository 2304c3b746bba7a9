"""Real crawls: `scrapy crawl` as a process, on a project as docs/scrapy.md has it."""

from __future__ import annotations

import asyncio
import io
import json
import os
import pickle
import queue
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from loopback import Site, answer
from scrapy.settings import Settings
from support import Project

from ingest.catalog.lock import contended, writer_lock
from ingest.documents import Failed, RawDocument
from ingest.engine.inline import Inline
from ingest.errors import SettingsError
from ingest.scrapy import StorePipeline
from ingest.scrapy.writer import Order, Writer, receive
from ingest.settings import build

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

PAGE = (Path(__file__).parents[2] / "docs" / "scrapy.md").read_text()
FILES = re.findall(r"^```python\n# (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
TOPICS = ("bridge", "bakery", "wetlands", "railway")
MORE_SPIDERS = """
import scrapy

class Odd(scrapy.Spider):
    name = "odd"
    start_urls = ["START"]

    def parse(self, response):
        yield response
        yield {"url": "https://example.org/1", "text": "The council has opened a new bridge."}
        yield {"url": "https://example.org/2"}
        yield 7

class Chain(scrapy.Spider):
    name = "chain"
    start_urls = ["START0"]

    def parse(self, response):
        yield {"url": response.url, "text": response.css("p::text").get()}
        yield from response.follow_all(css="a")
"""


def story(topic: str) -> bytes:
    body = "".join(
        f"<p>The {topic} of the town was seen by {n} people on Monday, says the {topic} office. "
        f"Nobody had thought that a {topic} could draw so many of them in one week.</p>"
        for n in ("ten", "twenty")
    )
    html = f"<html><head><title>The {topic}</title></head><body><article>{body}</article>"
    return answer(200, f'{html}<i class="tag">{topic}</i></body></html>'.encode())


@dataclass
class Crawl:
    process: subprocess.Popen[str]

    def end(self) -> tuple[int, str]:
        """Exit code and log, once Scrapy and the writing process have ended."""
        _, log = self.process.communicate(timeout=100)
        return self.process.returncode, log


def stat(log: str, name: str) -> int:
    found = re.search(rf"'{re.escape(name)}': (\d+)", log)
    return int(found[1]) if found else 0


class News(Project):
    """The project of the page, with the site's address, and more spiders."""

    def write(self, site: Site) -> None:
        for name, text in FILES:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("https://paper.example/", site.url("/")))
        (self.folder / "scrapy.cfg").write_text("[settings]\ndefault = news.settings\n")
        (self.folder / "news" / "__init__.py").touch()
        (self.folder / "news" / "spiders" / "__init__.py").touch()
        text = MORE_SPIDERS.replace("START", site.url("/"))
        (self.folder / "news" / "spiders" / "more.py").write_text(text)

    def start(self, spider: str, **settings: Any) -> Crawl:
        given = {"INGEST_WORKERS": 0, "TELNETCONSOLE_ENABLED": 0, "LOG_LEVEL": "INFO", **settings}
        options = [word for name, value in given.items() for word in ("-s", f"{name}={value}")]
        command = [sys.executable, "-m", "scrapy", "crawl", spider, *options]
        return Crawl(
            subprocess.Popen(
                command, cwd=self.folder, stderr=subprocess.PIPE, text=True, env=os.environ
            )
        )

    def crawl(self, spider: str, **settings: Any) -> str:
        code, log = self.start(spider, **settings).end()
        assert code == 0, log
        return log


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    links = "".join(f'<a class="story" href="/{topic}">{topic}</a>' for topic in TOPICS)
    site.pages |= {f"/{topic}": story(topic) for topic in TOPICS}
    site.pages["/"] = answer(200, f"<html><body>{links}</body></html>".encode())
    yield site
    site.stop()


@pytest.fixture
def news(tmp_path: Path, site: Site) -> News:
    made = News(tmp_path)
    made.write(site)
    return made


def endless(site: Site, length: int, reached: threading.Event, at: int) -> None:
    """A chain of pages, each of which links to the next; tells when one of them is asked for."""

    def page(number: int) -> Any:
        async def send(_: dict[str, str]) -> AsyncIterator[bytes]:
            if number == at:
                reached.set()
            await asyncio.sleep(0.02)
            text = f"Notice {number}: the ferry number {number} leaves late, since fog {number}."
            body = f'<html><body><p>{text}</p><a href="/{number + 1}">on</a></body></html>'
            yield answer(200, body.encode(), connection="close")

        return send

    site.pages |= {f"/{number}": page(number) for number in range(length)}


def test_the_project_of_the_page_crawled_twice(news: News, site: Site) -> None:
    log = news.crawl("paper", INGEST_WORKERS=1)
    records = {record["source_id"]: record for record in news.records()}
    assert set(records) == {site.url(f"/{topic}") for topic in TOPICS}
    bakery = records[site.url("/bakery")]
    assert (bakery["source"], bakery["title"]) == ("paper", "The bakery")
    assert bakery["text"].count("draw so many") == 2
    assert bakery["metadata"]["tags"] == "bakery"
    assert (stat(log, "ingest/new"), stat(log, "ingest/items")) == (4, 4)
    site.pages["/bakery"] = story("brewery")
    log = news.crawl("paper")
    assert (stat(log, "ingest/unchanged"), stat(log, "ingest/updated")) == (3, 1)
    assert stat(log, "ingest/corpus/seq") == 2
    assert len(news.records()) == 4


def test_items_that_cannot_be_used_are_quarantined_and_counted(news: News) -> None:
    log = news.crawl("odd")
    assert stat(log, "ingest/new") == 2
    assert stat(log, "ingest/quarantined") == 2
    assert stat(log, "ingest/quarantined/no_text") == 1
    assert stat(log, "ingest/quarantined/not_an_item") == 1
    assert "log_count/ERROR" not in log
    assert log.count("WARNING: ingest: item goes to quarantine") == 2
    listed = news.cli("quarantine", "--store", "store").stdout
    assert "no text" in listed
    assert "not an item" in listed


def test_ctrl_c_in_mid_crawl_publishes_what_was_found(news: News, site: Site) -> None:
    reached = threading.Event()
    endless(site, 2000, reached, at=12)
    crawl = news.start("chain", INGEST_BATCH_ITEMS=6)
    assert reached.wait(60)
    crawl.process.send_signal(signal.SIGINT)
    code, log = crawl.end()
    assert code == 0
    assert "'finish_reason': 'shutdown'" in log
    found = stat(log, "item_scraped_count")
    assert 11 <= found < 1000
    assert stat(log, "ingest/new") == stat(log, "ingest/corpus/documents") == found
    assert stat(log, "ingest/batches") > 1
    assert len(news.records()) == found - stat(log, "ingest/near") - stat(log, "ingest/exact")


@pytest.mark.slow
def test_a_store_that_cannot_be_written_ends_the_crawl(news: News, site: Site) -> None:
    endless(site, 2000, threading.Event(), at=0)
    news.store.write_text("a file stands where the store is to be")
    code, log = news.start("chain", INGEST_BATCH_ITEMS=2).end()
    assert code == 0
    assert "'finish_reason': 'ingest_store_failed'" in log
    assert "store" in log.split("ERROR: ingest: ")[1].splitlines()[0]
    assert stat(log, "ingest/lost") == stat(log, "ingest/items") < 2000


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"INGEST_SOURCE": "no good"}, "'no good' cannot be the name of a source"),
        ({"INGEST_FIELDS": '{"txt": "x"}'}, "INGEST_FIELDS cannot be used: txt"),
        ({"INGEST_BATCH_ITEMS": 0}, "must be above 0"),
        ({"INGEST_CONFIG": "nothing.toml"}, "no such settings file"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_bad_settings_end_it_before_it_begins(settings: dict[str, Any], words: str) -> None:
    crawler: Any = SimpleNamespace(
        settings=Settings(settings), spidercls=SimpleNamespace(name="paper")
    )
    with pytest.raises(SettingsError, match=words):
        StorePipeline.from_crawler(crawler)


@pytest.mark.slow
def test_killed_in_mid_crawl_what_was_handed_over_is_written(news: News, site: Site) -> None:
    reached = threading.Event()
    endless(site, 2000, reached, at=12)
    crawl = news.start("chain", INGEST_BATCH_ITEMS=5)
    assert reached.wait(60)
    crawl.process.kill()
    crawl.end()  # its standard error is the writing process's too, and ends with that
    found = len(news.records())
    assert found + len([link for link in news.links() if link["kind"] != "story"]) >= 11
    log = news.crawl("chain", INGEST_BATCH_ITEMS=500, CLOSESPIDER_ITEMCOUNT=30)
    assert stat(log, "ingest/unchanged") >= found


@pytest.mark.slow
def test_batches_wait_for_another_writer(news: News, site: Site) -> None:
    news.store.mkdir()
    with writer_lock(news.store, label="another"):
        crawl = news.start("paper")
        while not contended(news.store):
            assert crawl.process.poll() is None
            threading.Event().wait(0.05)
        assert not (news.store / "corpus").exists()
    code, log = crawl.end()
    assert (code, stat(log, "ingest/new")) == (0, 4)


class TestWriter:
    """The writing process from within, over a store of its own."""

    def order(self, folder: Path, items: int = 2, seconds: float = 60.0) -> Order:
        return Order(build({"workers": 0}, base=folder), "x", items, seconds)

    def test_a_stream_that_is_cut_off_ends_like_one_that_is_closed(self) -> None:
        events = [RawDocument(str(n), b"text") for n in range(3)]
        data = b"".join(pickle.dumps(event) for event in events)
        for cut in (len(data), len(data) - 1, len(data) - 40):
            inbox: queue.Queue[Any] = queue.Queue()
            receive(io.BytesIO(data[:cut]), inbox)
            got = list(inbox.queue)
            assert got == [*events[: 3 if cut == len(data) else 2], None]

    def test_batches_by_number_and_by_time(self, tmp_path: Path) -> None:
        class Inbox(queue.Queue[Any]):
            def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: FBT002 - as in Queue
                waits.append(timeout)
                return super().get(block, None if timeout is None else 0.0)

        class Out(io.StringIO):
            def flush(self) -> None:
                told.set()

        waits: list[float | None] = []
        told = threading.Event()
        inbox, out = Inbox(), Out()
        texts = ["The bridge is open.", "A bakery won.", "Storks are back."]
        for number, text in enumerate(texts):
            inbox.put(RawDocument(str(number), text.encode(), fingerprint="f", clean=True))
        inbox.put(Failed("bad", "no text", b"{}", "none", "f"))
        inbox.put(None)
        assert Writer(self.order(tmp_path), Inline(), out).work(inbox) == 0
        reports = [json.loads(line) for line in out.getvalue().splitlines()]
        counts = [(r["counts"]["new"], r["counts"]["quarantined"]) for r in reports]
        assert counts == [(2, 0), (1, 1)]
        assert waits[0] is waits[2] is None
        assert waits[1] == pytest.approx(60, abs=5)
        told.clear()
        inbox.put(RawDocument("0", b"", fingerprint="f"))
        waiting = Writer(self.order(tmp_path), Inline(), out)
        thread = threading.Thread(target=waiting.work, args=(inbox,), daemon=True)
        thread.start()
        assert told.wait(20), "its time came, without a second item"
        inbox.put(None)
        thread.join(20)
        last = json.loads(out.getvalue().splitlines()[2])
        assert (last["counts"]["unchanged"], last["counts"]["read"]) == (1, 1)
