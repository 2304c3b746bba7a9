"""Fetching beside what comes after it: a site of 500 pages on loopback, read twice.

    python benchmarks/reading.py

Target: a run over a local site is bound by extraction, not by the reader.  The server is a
process of its own; no delay between requests.  Processor time of this process, best of
three: fetching, finding links and naming pages (the reader alone), and the whole of a run
without workers, up to publishing.
"""

from __future__ import annotations

import logging
import multiprocessing
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from loopback import Site, marked
from manypages import article

from ingest.app import run
from ingest.read.web import Web
from ingest.settings import build
from ingest.testing import FakeContext
from ingest.testing import run as read

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

PAGES = 500
SENTENCES = 25  # about 550 words
LINKS = 100
ROUNDS = 3


def serve(pipe: Connection) -> None:
    """A site whose pages link to a hundred others each, until it is told to stop."""
    site = Site()
    paths = ["/", *(f"/news/2024/report-number-{number}" for number in range(1, PAGES))]
    for number, path in enumerate(paths):
        links = [paths[(number * 10 + n) % PAGES] for n in range(LINKS)]
        site.pages[path] = marked(article(number, links, SENTENCES))
    pipe.send(site.url("/"))
    pipe.recv()
    site.stop()


def seconds(what: Callable[[], object]) -> tuple[float, float]:
    """Processor and wall seconds of one call."""
    began, wall = time.process_time(), time.perf_counter()
    what()
    return time.process_time() - began, time.perf_counter() - wall


def measure(url: str, folder: Path) -> dict[str, tuple[float, float]]:
    """Seconds of each way to go over the site, in one go."""
    fetch = {"allow_private": True, "delay": 0}
    source: dict[str, Any] = {"name": "site", "reader": "web", "url": url, "depth": 9}
    settings = build({"workers": 0, "fetch": fetch, "source": [source]}, base=folder)
    reader, context = Web(url=url, depth=9, allow_private=True, delay=0), FakeContext()
    return {
        "reader alone, first": seconds(lambda: read(reader, context)),
        "reader alone, again": seconds(lambda: read(reader, context)),
        "whole run, first": seconds(lambda: run(settings)),
        "whole run, again": seconds(lambda: run(settings)),
    }


def main() -> None:
    """Print a table in Markdown."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,))
    server.start()
    url, rounds = ours.recv(), []
    for _ in range(ROUNDS):
        folder = Path(tempfile.mkdtemp())
        rounds.append(measure(url, folder))
        shutil.rmtree(folder)
    ours.send(None)
    server.join()
    print("| pass over 500 pages | processor s | wall s | ms a page |\n|---|---|---|---|")
    for name in rounds[0]:
        spent, wall = (min(one[name][index] for one in rounds) for index in (0, 1))
        print(f"| {name} | {spent:.2f} | {wall:.2f} | {1000 * spent / PAGES:.1f} |")


if __name__ == "__main__":
    main()
