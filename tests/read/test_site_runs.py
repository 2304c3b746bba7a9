"""Whole runs over a site of 500 pages: twice, and killed in the middle."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from loopback import Site
from manypages import fill
from support import FIXED, Project

from ingest.app import RunOptions, run
from ingest.engine.inline import Inline
from ingest.settings import build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ingest.settings import Settings

pytestmark = pytest.mark.slow
PAGES = 500


def settings(folder: Path, site: Site, **source: Any) -> Settings:
    table = {"name": "site", "reader": "web", "url": site.url("/"), "depth": 4, **source}
    fetch = {"delay": 0, "retries": 0, "allow_private": True}
    values = {"workers": 0, "dedup": {"story": "ignore"}, "fetch": fetch, "source": [table]}
    return build(values, base=folder)


def asked(site: Site) -> list[tuple[str, dict[str, str]]]:
    return [(path, headers) for path, headers in site.requests if path != "/robots.txt"]


class _Idle(Inline):
    """An engine in which nothing may be prepared."""

    def map(self, make: Any, events: Any, wanted: Callable[[Any], bool]) -> Iterator[Any]:
        def watched() -> Iterator[Any]:
            for event in events:
                assert not wanted(event), f"extracted again: {event.source_id}"
                yield event

        return super().map(make, watched(), wanted)


@contextmanager
def idle(_: Settings) -> Iterator[_Idle]:
    yield _Idle()


@pytest.fixture(scope="module")
def big() -> Iterator[Site]:
    site = Site()
    fill(site, PAGES)
    yield site
    site.stop()


@pytest.fixture(scope="module")
def crawled(big: Site, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that read the whole site, undisturbed."""
    project = Project(tmp_path_factory.mktemp("crawled"))
    report = run(settings(project.folder, big), options=FIXED)
    assert report.counts["new"] == PAGES
    assert report.counts["quarantined"] == 0
    return project


def test_a_second_run_asks_on_condition_and_extracts_nothing(big: Site, crawled: Project) -> None:
    big.requests.clear()
    report = run(settings(crawled.folder, big), options=RunOptions(engine=idle))
    assert (report.counts["read"], report.counts["unchanged"]) == (PAGES, PAGES)
    assert len(asked(big)) == PAGES
    assert all("if-none-match" in headers for _, headers in asked(big))
    assert report.published is False


def export(project: Project) -> list[dict[str, Any]]:
    out = project.folder / "out.jsonl"
    done = project.cli("export", "--canonical", "--format", "jsonl", str(out))
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in out.read_text().splitlines()]
    for record in records:
        record["metadata"].pop("fetched")  # the time of day
    return records


def configure(project: Project, site: Site, **source: Any) -> None:
    table = {"name": "site", "reader": "web", "url": site.url("/"), "depth": 4, **source}
    lines = [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    fetch = "[fetch]\ndelay = 0\nallow_private = true\nretries = 0\n"
    fetch += '[dedup]\nstory = "ignore"\n'
    project.configure(f"workers = 1\n{fetch}[[source]]\n" + "\n".join(lines) + "\n")


def test_a_crawl_that_is_killed_loses_nothing_and_has_nothing_twice(
    big: Site, crawled: Project, tmp_path: Path
) -> None:
    project = Project(tmp_path)
    configure(project, big)
    with _held_back(big, "/p/450") as arrived:
        process = subprocess.Popen(
            [Path(sys.executable).parent / "ingest", "run"],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert arrived.wait(60)
        _until(lambda: _committed(project) >= PAGES // 3)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
    committed = _committed(project)
    big.requests.clear()
    done = project.cli("run", "--json")
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)["counts"]
    # Of the last page that was committed, what is remembered of its address may not have been.
    assert len(asked(big)) - (PAGES - committed) in {0, 1}
    assert counts["documents"] == PAGES
    assert counts["read"] == PAGES
    assert counts["unchanged"] == committed
    configure(crawled, big)
    assert export(project) == export(crawled)
    added = [change for change in project.changes() if change[1] == "add"]
    assert len(added) == len({name for _, _, name, _ in added}) == PAGES


@contextmanager
def _held_back(site: Site, path: str) -> Iterator[threading.Event]:
    """A page that does not answer; the event says that it was asked for."""
    arrived, page = threading.Event(), site.pages[path]

    def silent(_: object) -> Any:
        arrived.set()
        return _nothing()

    site.pages[path] = silent
    yield arrived
    site.pages[path] = page


async def _nothing() -> Any:
    import asyncio  # noqa: PLC0415

    await asyncio.sleep(30)
    yield b""


def _committed(project: Project) -> int:
    """How many documents the catalog has."""
    try:
        with closing(sqlite3.connect(f"file:{project.store}/catalog.db?mode=ro", uri=True)) as base:
            (count,) = base.execute(
                "SELECT count(*) FROM items WHERE outcome='document'"
            ).fetchone()
            return int(count)
    except sqlite3.OperationalError:  # not made yet
        return 0


def _until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)
