"""Kept raw responses: written, cut off, rolled, read again, and forgotten."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from loopback import Site, answer, marked
from support import Project
from warcio.archiveiterator import ArchiveIterator

from ingest import backups, upkeep
from ingest.app import RunOptions, run
from ingest.documents import Failed
from ingest.errors import SourceError
from ingest.read import rawfile
from ingest.read.exchange import Answer
from ingest.read.raw import exchange
from ingest.read.rawreplay import Raw
from ingest.read.warc import parse_response
from ingest.read.web import Web
from ingest.settings import Settings, build
from ingest.testing import FakeContext, ReaderConformance
from ingest.testing import run as read_all

if TYPE_CHECKING:
    from ingest.outcome import RunReport

PAGE = (Path(__file__).parents[2] / "docs" / "raw.md").read_text()
URL = "https://example.org/a"
STORIES = {
    "/bridge": "The council opened the new bridge over the river on Monday after years of work.",
    "/bakery": "A bakery on the market square has won the prize for the best rye bread.",
    "/storks": "Researchers counted more storks in the wetlands this spring than ever before.",
}
KEYS = ("source_id", "url", "text", "title", "created", "author", "language", "words", "story_id")


def page(text: str, head: str = "") -> bytes:
    body = "".join(f"<p>{text} It was seen by {n} people, among them the mayor.</p>" for n in "ab")
    return f"<html><head><title>News</title>{head}</head><article>{body}</article></html>".encode()


def feed(site: Site, *entries: tuple[str, str]) -> bytes:
    """Entries by GUID: a path is linked to, any other text is the content itself."""
    items = [
        {"id": guid, "url": site.url(what)}
        if what.startswith("/")
        else {"id": guid, "url": "https://example.org/" + guid, "content_html": page(what).decode()}
        for guid, what in entries
    ]
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items}).encode()


class Paper(Project):
    """A project with one source that keeps what it fetches."""

    def source(self, reader: str, url: Any, **more: Any) -> Settings:
        fetched = {"allow_private": True, "delay": 0, "keep_raw": True, "retries": 0}
        source = {"name": "paper", "reader": reader, "url": url, **fetched, **more}
        return build({"workers": 0, "source": [source]}, base=self.folder)

    @property
    def raw(self) -> Path:
        return self.store / "raw" / "paper"

    def rebuilt(self) -> tuple[RunReport, list[dict[str, Any]]]:
        """The corpus of another store, made of nothing but what was kept of this one."""
        other = Project(self.folder / "other")
        settings = build({"workers": 0}, base=other.folder)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("httpcore2.ConnectionPool.stream", _no_net)
            report = run(settings, [f"raw:{self.raw}"], name="paper")
        return report, other.records()

    def payloads(self) -> list[bytes]:
        return [gzip.decompress(path.read_bytes()) for path in rawfile.archives(self.raw)]


def _no_net(*_: Any, **__: Any) -> None:
    raise AssertionError("the net was asked")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One table of rarities for the stores of all tests; making it takes half a second."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def paper(tmp_path: Path, cache: Path) -> Paper:
    for name in ("store", "other/store"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "cache").symlink_to(cache)
    return Paper(tmp_path)


@pytest.fixture
def news(site: Site) -> Site:
    site.pages |= {path: marked(page(text)) for path, text in STORIES.items()}
    return site


def urls(site: Site) -> list[str]:
    return [site.url(path) for path in STORIES]


def facts(records: list[dict[str, Any]], *, fetched: bool = True) -> list[dict[str, Any]]:
    """What two corpora of the same documents must agree in."""
    told = [{key: record[key] for key in KEYS} | record["metadata"] for record in records]
    for one in told:
        one["fetched"] *= fetched
    return sorted(told, key=lambda one: one["source_id"])


def unpacked(path: Path) -> bytes:
    """What a file's compressed parts hold; nothing for one that is not compressed."""
    data = path.read_bytes()
    if path.name.endswith(".gz"):
        return gzip.decompress(data)
    found, start = b"", data.find(zstandard.FRAME_HEADER)
    while start >= 0:
        with suppress(zstandard.ZstdError):
            found += zstandard.ZstdDecompressor().decompress(data[start:], 1 << 20)
        start = data.find(zstandard.FRAME_HEADER, start + 1)
    return found


class TestWhatIsKept:
    def test_what_stands_in_the_archive(self, paper: Paper, news: Site) -> None:
        news.pages["/old"] = answer(301, b"", location="http://u:secret@127.0.0.1:1/x")
        news.pages["/plain"] = answer(
            200, gzip.compress(page("A cat sat.")), content_encoding="gzip", set_cookie="s=secret"
        )
        login = news.url("/bridge").replace("//", "//me:secret@")
        run(paper.source("web", [login, news.url("/plain"), news.url("/old")]))
        assert "authorization" in dict(news.requests)["/bridge"]
        (path,) = rawfile.archives(paper.raw)
        with path.open("rb") as file:
            records = [
                (
                    record.rec_type,
                    record.rec_headers,
                    record.http_headers,
                    record.content_stream().read(),
                )
                for record in ArchiveIterator(file, check_digests="raise")
            ]
        assert [kind for kind, *_ in records] == [
            "warcinfo", "response", "request", "response", "request", "response", "request",
        ]  # fmt: skip
        assert b"reader: web" in records[0][3]
        _, told, head, body = records[3]
        assert told.get_header("WARC-Target-URI") == news.url("/plain")
        assert body == page("A cat sat.")
        assert head.get_header("Content-Length") == str(len(body))
        assert head.get_header("X-Crawler-Content-Encoding") == "gzip"
        assert records[5][2].get_header("Location") == "http://127.0.0.1:1/x"
        assert records[2][2].get_header("Host") == news.url("")[7:]
        assert not any(b"secret" in data for data in paper.payloads())

    def test_what_came_again_is_a_revisit(self, paper: Paper, news: Site) -> None:
        news.pages["/same"] = answer(200, page("No marks here."))
        settings = paper.source("web", [news.url("/bridge"), news.url("/same")])
        run(settings)
        assert run(settings).counts["unchanged"] == 2
        assert "if-none-match" in dict(news.requests)["/bridge"]
        kinds = [(entry.kind, entry.status) for entry in rawfile.load(paper.raw)]
        first, second = kinds[:3], kinds[3:]
        assert first == [("visit", 0), ("response", 200), ("response", 200)]
        assert second == [("visit", 0), ("revisit", 304), ("revisit", 200)]
        assert paper.payloads()[0].count(b"No marks here.") == 2  # its two paragraphs, once

    def test_what_was_known_before_is_asked_for_whole_once(self, paper: Paper, news: Site) -> None:
        run(paper.source("web", news.url("/bridge"), keep_raw=False))
        assert not paper.raw.exists()
        for _ in range(2):
            run(paper.source("web", news.url("/bridge")))
        conditions = [
            "if-none-match" in headers for path, headers in news.requests if path == "/bridge"
        ]
        assert conditions == [False, False, True]

    def test_robots_and_what_opted_out_are_not_kept(self, paper: Paper, news: Site) -> None:
        news.pages["/robots.txt"] = answer(200, b"User-agent: *\nDisallow: /no")
        news.pages["/out"] = answer(200, page("Not yours."), x_robots_tag="noai")
        report = run(paper.source("web", [news.url(path) for path in ("/out", "/no", "/bridge")]))
        assert report.counts["quarantined"] == 2
        kept = [entry.url for entry in rawfile.load(paper.raw) if entry.url]
        assert kept == [news.url("/bridge")]

    def test_a_dry_run_keeps_nothing(self, paper: Paper, news: Site) -> None:
        run(paper.source("web", urls(news)), options=RunOptions(dry_run=True))
        assert not paper.raw.exists()

    def test_files_are_rolled_by_size(self, paper: Paper, news: Site) -> None:
        settings = paper.source("web", urls(news), raw_bytes=1024)
        run(settings)
        names = [path.name for path in rawfile.archives(paper.raw)]
        assert names == [f"paper-00000{number}.warc.gz" for number in (1, 2, 3)]
        for data in paper.payloads():
            assert data.startswith(b"WARC/1.1\r\nWARC-Type: warcinfo")
        assert paper.rebuilt()[0].counts["new"] == 3


class TestRebuilding:
    def test_pages(self, paper: Paper, news: Site) -> None:
        news.pages["/copy"] = answer(
            200, page(STORIES["/bridge"], f'<link rel="canonical" href="{news.url("/bridge")}">')
        )
        news.pages["/moved"] = answer(301, b"", location="/storks")
        settings = paper.source("web", [*urls(news), news.url("/copy"), news.url("/moved")])
        run(settings)
        news.pages["/bakery"] = marked(page("The bakery has closed after a fire in its kitchen."))
        run(settings)
        first = facts(paper.records())
        report, records = paper.rebuilt()
        assert facts(records) == first
        assert len(first) == 3
        assert report.counts["quarantined"] == 0

    def test_the_archives_by_any_reader_of_them(self, paper: Paper, news: Site) -> None:
        run(paper.source("web", urls(news)))
        run(paper.source("web", urls(news)))
        other = Project(paper.folder / "other")
        settings = build({"workers": 0}, base=other.folder)
        report = run(settings, [str(paper.raw / "*.warc.gz")])
        assert (report.counts["new"], report.counts["quarantined"]) == (3, 0)
        texts = {(one["url"], one["text"]) for one in other.records()}
        assert texts == {(one["url"], one["text"]) for one in paper.records()}

    def test_feeds_with_entries_that_are_listed_no_more(self, paper: Paper, news: Site) -> None:
        own = "A ferry has run aground off the harbour, and nobody was hurt."
        late = "The library opens on Sundays from now on, as many had asked it to."
        settings = paper.source("feed", news.url("/feed"), max_interval=0.001)
        for entries in (
            [("1", "/bridge"), ("2", own)],
            [("2", own), ("3", late), ("4", "/bakery")],
        ):
            news.pages["/feed"] = answer(200, feed(news, *entries))
            run(settings)
        first = facts(paper.records(), fetched=False)
        assert len(first) == 4
        report, records = paper.rebuilt()
        assert facts(records, fetched=False) == first  # those of a feed are of the visit's time
        assert report.counts["new"] == 4

    def test_sitemaps(self, paper: Paper, news: Site) -> None:
        listed = "".join(f"<url><loc>{url}</loc></url>" for url in urls(news))
        space = "http://www.sitemaps.org/schemas/sitemap/0.9"
        body = f'<urlset xmlns="{space}">{listed}</urlset>'.encode()
        news.pages["/sitemap.xml"] = answer(200, body, content_type="application/xml")
        run(paper.source("sitemap", news.url("/sitemap.xml")))
        first = facts(paper.records())
        assert (facts(paper.rebuilt()[1]), len(first)) == (first, 3)

    @pytest.mark.parametrize("listed", [True, False])
    def test_pages_that_went(self, paper: Paper, news: Site, listed: bool) -> None:
        run(paper.source("web", urls(news), on_missing="remove"))
        if listed:
            news.pages["/bakery"] = answer(410, b"")
        left = [url for url in urls(news) if listed or "bakery" not in url]
        run(paper.source("web", left, on_missing="remove"))
        assert len(paper.records()) == 2
        other = Project(paper.folder / "other")
        again = {"name": "paper", "reader": "raw", "path": str(paper.raw), "on_missing": "remove"}
        run(build({"workers": 0, "source": [again]}, base=other.folder))
        assert facts(other.records()) == facts(paper.records())

    def test_later_visits_alone_on_the_next_run(self, paper: Paper, news: Site) -> None:
        settings = paper.source("web", urls(news))
        run(settings)
        assert paper.rebuilt()[0].counts["read"] == 3
        assert paper.rebuilt()[0].counts["read"] == 0
        news.pages["/bakery"] = marked(page("The bakery has closed after a fire in its kitchen."))
        run(settings)
        report, records = paper.rebuilt()
        assert (report.counts["updated"], report.counts["unchanged"]) == (1, 2)
        assert facts(records) == facts(paper.records())

    def test_a_visit_by_an_unknown_reader_is_told(self, paper: Paper, news: Site) -> None:
        run(paper.source("web", urls(news)))
        (path,) = rawfile.archives(paper.raw)
        data = gzip.decompress(path.read_bytes())
        path.write_bytes(gzip.compress(data.replace(b"reader: web", b"reader: wob")))
        events = read_all(Raw(path=str(paper.raw)), FakeContext(base=paper.folder))
        assert [event.reason for event in events if isinstance(event, Failed)] == ["bad visit"]

    def test_nothing_kept_is_an_error_of_the_source(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="no kept responses"):
            read_all(Raw(path="nothing"), FakeContext(base=tmp_path))


class TestForgetting:
    """A word that only the forgotten document has is nowhere in the store any more."""

    SECRET = "derisking"  # noqa: S105 - a word to look for
    TEXT = "The harbour office calls its derisking of the old quay a success for the port."

    def forget(self, settings: Settings, name: str, **more: Any) -> upkeep.Forgotten:
        assert self.holding(settings.store), "the test must be able to find it"
        return upkeep.forget(settings, [name], **{"copies": False, **more})

    def holding(self, folder: Path) -> list[str]:
        """Files with the word in them, as they lie there or unpacked."""
        files = [path for path in folder.rglob("*") if path.is_file() and "cache" not in path.parts]
        word = self.SECRET.encode()
        return [str(path) for path in files if word in path.read_bytes() or word in unpacked(path)]

    def test_every_version_of_a_page_at_every_address(self, paper: Paper, news: Site) -> None:
        link = '<link href="/quay" rel="canonical">'
        news.pages["/quay"] = marked(page(self.TEXT))
        news.pages["/print"] = answer(200, page(self.TEXT + " Printed.", link))
        news.pages["/old"] = answer(302, b"", location="/quay")
        pages = [*urls(news), *(news.url(path) for path in ("/quay", "/print", "/old"))]
        settings = paper.source("web", pages)
        run(settings)
        news.pages["/quay"] = marked(page("The port again praised its derisking, a year later."))
        run(settings)
        before = len(rawfile.load(paper.raw))
        done = self.forget(settings, news.url("/quay"), copies=True)
        assert self.holding(paper.store) == []
        assert done.raw == before - len(rawfile.load(paper.raw)) >= 4
        for full in (True, False):
            run(settings, options=RunOptions(full=full))
            assert self.holding(paper.store) == []
        assert "if-none-match" in [h for path, h in news.requests if path == "/quay"][-1]
        other = Project(paper.folder / "other")
        run(build({"workers": 0}, base=other.folder), [f"raw:{paper.raw}"], name="paper")
        assert facts(other.records()) == facts(paper.records())
        assert len(other.records()) == 3

    @pytest.mark.parametrize("media_type", ["application/feed+json", "text/html"])
    @pytest.mark.parametrize("what", ["own", "linked"])
    def test_an_entry_of_a_feed(self, paper: Paper, news: Site, what: str, media_type: str) -> None:
        news.pages["/quay"] = answer(200, page(self.TEXT))
        entry = ("9", self.TEXT if what == "own" else "/quay")
        settings = paper.source("feed", news.url("/feed"), max_interval=0.001)
        for entries in ([("1", "/bridge"), entry], [entry, ("2", "/bakery")]):
            news.pages["/feed"] = answer(200, feed(news, *entries), content_type=media_type)
            run(settings)
        self.forget(settings, news.url("/feed#9"))
        assert self.holding(paper.store) == []
        run(settings, options=RunOptions(full=True))
        assert self.holding(paper.store) == []
        news.pages["/feed"] = answer(200, feed(news, ("2", "/bakery")), content_type=media_type)
        run(settings)
        assert paper.rebuilt()[0].counts["new"] == 1

    def test_a_copy_that_is_left_is_kept(self, paper: Paper, news: Site) -> None:
        news.pages |= {path: answer(200, page(self.TEXT)) for path in ("/quay", "/mirror")}
        settings = paper.source("web", [news.url("/quay"), news.url("/mirror")])
        run(settings)
        done = self.forget(settings, news.url("/quay"))
        assert (len(done.copies), done.raw) == (1, 1)
        kept = [entry.url for entry in rawfile.load(paper.raw) if entry.url]
        assert kept == [news.url("/mirror")]
        self.forget(settings, news.url("/mirror"))
        assert self.holding(paper.store) == []
        assert rawfile.archives(paper.raw) == []

    def test_the_text_on_another_page(self, paper: Paper, news: Site) -> None:
        digest = "".join(f"<p>{text} And so on, and so forth.</p>" for text in STORIES.values())
        news.pages["/today"] = answer(200, page(f"{digest} {self.TEXT}" + self.TEXT.lower()))
        news.pages["/quay"] = answer(200, page(self.TEXT))
        settings = paper.source("web", [*urls(news), news.url("/quay"), news.url("/today")])
        run(settings)
        run(settings, options=RunOptions(full=True))
        self.forget(settings, news.url("/quay"))
        kept = {entry.url for entry in rawfile.load(paper.raw) if entry.url}
        assert kept == set(urls(news))

    def test_before_anything_was_kept(self, paper: Paper, news: Site) -> None:
        news.pages["/quay"] = answer(200, page(self.TEXT))
        addresses = [*urls(news), news.url("/quay")]
        settings = paper.source("web", addresses, keep_raw=False)
        run(settings)
        assert upkeep.forget(settings, addresses[-1:], copies=False).raw == 0
        run(paper.source("web", addresses))
        assert len(rawfile.load(paper.raw)) == 1 + 3
        assert self.holding(paper.store) == []

    def test_sources_that_fetch_nothing_have_no_folder(self, project: Project) -> None:
        project.run()
        upkeep.forget(project.settings(), ["001_05ad71e9d67d27b6.txt"], copies=False)
        assert not (project.store / "raw").exists()

    def test_backups_have_what_is_kept(self, paper: Paper, news: Site) -> None:
        settings = paper.source("web", urls(news))
        run(settings)
        kept = rawfile.load(paper.raw)
        copy = backups.backup(settings, paper.folder / "copy")
        run(settings)
        backups.restore(settings, copy)
        assert rawfile.load(paper.raw) == kept
        assert run(settings).counts["unchanged"] == 3


class TestConformance(ReaderConformance):
    """A site of three pages that was visited once; of more visits, each names an item again."""

    @pytest.fixture(autouse=True)
    def _served(self, news: Site) -> None:
        self.site = news

    def make(self, folder: Path) -> Raw:
        return self.kept(folder)

    def make_bad(self, folder: Path) -> Raw:
        self.site.pages["/bakery"] = answer(404, b"")
        return self.kept(folder)

    def make_missing(self, folder: Path) -> Raw:
        return Raw(path=str(folder / "nothing"))

    def kept(self, folder: Path) -> Raw:
        if not (folder / "kept").exists():
            context = FakeContext(base=folder, raw=folder / "kept")
            reader = Web(url=tuple(urls(self.site)), allow_private=True, delay=0, keep_raw=True)
            read_all(reader, context)
        return Raw(path="kept")


@pytest.mark.slow
def test_the_commands_of_the_page(paper: Paper, news: Site) -> None:
    run(paper.source("web", urls(news)))
    commands = re.findall(r"^```sh\ningest (.*)\n```", PAGE, re.MULTILINE)
    assert len(commands) == 2
    for number, command in enumerate(commands):
        done = paper.cli(*shlex.split(command), env={"INGEST_WORKERS": "0"})
        assert done.returncode == 0, done.stderr
        made = Project(paper.folder / f"made{number}")
        made.folder.mkdir()
        (paper.folder / command.split()[2]).rename(made.store)
        told = {(one["url"], one["text"]) for one in made.records()}
        assert told == {(one["url"], one["text"]) for one in paper.records()}


class TestCutOff:
    def kept(self, paper: Paper, news: Site) -> Path:
        run(paper.source("web", urls(news)))
        (path,) = rawfile.archives(paper.raw)
        return path

    @pytest.mark.parametrize("indexed", [True, False])
    @pytest.mark.parametrize("left", [100, 20_000])
    def test_a_torn_end_costs_the_last_record_alone(
        self, paper: Paper, news: Site, indexed: bool, left: int
    ) -> None:
        path = self.kept(paper, news)
        whole = rawfile.load(paper.raw)
        if not indexed:
            (paper.raw / rawfile.INDEX).unlink()
            assert rawfile.load(paper.raw) == whole
        if left > whole[-1].size:  # a record that nothing knows of yet
            with path.open("ab") as file:
                file.write(gzip.compress(random.Random(1).randbytes(50_000))[:left])
        else:
            os.truncate(path, whole[-1].at + left)
            whole.pop()
        assert rawfile.load(paper.raw) == whole
        counts = paper.rebuilt()[0].counts
        assert counts["new"] == len(whole) - 1
        run(paper.source("web", [news.url("/storks")]), options=RunOptions(full=True))
        with path.open("rb") as file:
            assert sum(1 for _ in ArchiveIterator(file)) == 1 + 2 * (len(whole) - 1) + 1 + 2
        assert rawfile.load(paper.raw)[: len(whole)] == whole
        assert len(rawfile.archives(paper.raw)) == 1

    def test_damage_in_the_middle_is_left_alone(self, paper: Paper, news: Site) -> None:
        path = self.kept(paper, news)
        second = rawfile.load(paper.raw)[2]
        data = bytearray(path.read_bytes())
        data[second.at + 30 : second.at + 60] = bytes(30)
        path.write_bytes(data)
        (paper.raw / rawfile.INDEX).unlink()
        run(paper.source("web", urls(news)))
        assert path.read_bytes() == bytes(data)
        assert len(rawfile.archives(paper.raw)) == 2

    def test_an_index_that_was_cut_off_is_mended(self, paper: Paper, news: Site) -> None:
        self.kept(paper, news)
        index = paper.raw / rawfile.INDEX
        whole = index.read_bytes()
        index.write_bytes(whole[:-30])
        rawfile.Archive(paper.raw, "paper", 1 << 20).close()
        assert index.read_bytes() == whole

    def test_two_writers_are_one_too_many(self, paper: Paper, news: Site) -> None:
        self.kept(paper, news)
        archive = rawfile.Archive(paper.raw, "paper", 1 << 20)
        with pytest.raises(SourceError, match="being written"):
            rawfile.Archive(paper.raw, "paper", 1 << 20)
        archive.close()
        archive.close()
        rawfile.Archive(paper.raw, "paper", 1 << 20).close()

    @pytest.mark.slow
    def test_killed_while_writing_and_started_again(self, paper: Paper, site: Site) -> None:
        reached = threading.Event()

        def told(number: int) -> Any:
            async def send(_: dict[str, str]) -> Any:
                if number == 40:
                    reached.set()
                yield answer(200, page(f"Notice {number}: the ferry {number} is late."))

            return send

        site.pages |= {f"/{number}": told(number) for number in range(120)}
        listed = json.dumps([site.url(f"/{number}") for number in range(120)])
        paper.configure(
            f'workers = 0\n[[source]]\nname = "paper"\nreader = "web"\nurl = {listed}\n'
            "allow_private = true\ndelay = 0\nkeep_raw = true\n"
        )
        command = [sys.executable, "-c", "from ingest.cli import main; main()", "run"]
        process = subprocess.Popen(command, cwd=paper.folder, stderr=subprocess.DEVNULL)
        assert reached.wait(60)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert len(rawfile.load(paper.raw)) >= 40
        assert run(paper.source("web", json.loads(listed))).status == "done"
        report, records = paper.rebuilt()
        names = [(one["source_id"], one["text"]) for one in facts(records)]
        assert names == [(one["source_id"], one["text"]) for one in facts(paper.records())]
        assert report.status == "done"


@given(
    status=st.sampled_from([200, 204, 301, 404, 599]),
    headers=st.dictionaries(
        st.from_regex(r"\A[a-z][a-z-]{0,20}\Z"),
        st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40).map(str.strip),
    ),
    body=st.binary(max_size=4000),
)
def test_a_response_comes_back_as_it_was_kept(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    body = body if status == 200 else b""
    data, entry = exchange(URL, (("User-Agent", "x"),), Answer(status, headers, body), None)
    found = list(rawfile.members(io.BytesIO(data)))
    assert [one.headers["warc-type"] for one in found] == ["response", "request"]
    assert found[0].headers["warc-record-id"] == entry.id
    assert parse_response(found[0].block)[0] == status
    assert parse_response(found[0].block)[2] == body
    records = list(ArchiveIterator(io.BytesIO(data), check_digests="raise"))
    assert len(records) == 2
