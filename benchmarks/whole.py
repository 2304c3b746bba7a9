"""Whole runs of HTML beside bare trafilatura: documents per second, on two workers.

    INGEST_DATA=... python benchmarks/whole.py [--copies 3] [--rounds 2] [--ingest PYTHON]

Bare: one process that calls `trafilatura.bare_extraction` on the bytes of each page with
the options that extraction uses (fast, no comments, with metadata, dates without the
extensive search), imports not counted.  Ours: `ingest run FOLDER --workers 2 --json` as a
user runs it, into a new store, from its start to its end: reading, extraction, signing,
deciding, publishing.  Each copy of a page has an address of its own and is so read,
extracted and decided as a document.  Rounds of both alternate; the best of each counts.

On a machine with other work wall times say little, so processor time is given too: that of
all processes of a run; on two free cores documents per second cannot be more than two by
that.  `wall` is what the target is about, on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pages
import psutil

if TYPE_CHECKING:
    from collections.abc import Sequence

ARCHIVES = ("pages-readability", "pages-segments", "pages-scrapinghub")
TARGET = 1.75


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one pass over the pages: wall and processor seconds."""

    wall: float
    processor: float


def known(every: int) -> list[pages.Page]:
    """Pages of all sets."""
    return [page for archive in ARCHIVES for page in pages.load(archive)][::every]


def bare(known: Sequence[pages.Page], copies: int) -> Cost:
    """Trafilatura alone, in this process."""
    from trafilatura import bare_extraction  # noqa: PLC0415 - not before the first pass

    options: dict[str, Any] = {"fast": True, "include_comments": False, "with_metadata": True}
    dates = {"original_date": True, "extensive_search": False}
    bare_extraction(known[0].html, date_extraction_params=dict(dates), **options)
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(copies):
        for page in known:
            url = page.url or None
            bare_extraction(page.html, url=url, date_extraction_params=dict(dates), **options)
    return Cost(time.perf_counter() - wall, time.process_time() - processor)


def ours(python: str, folder: Path, workers: int) -> tuple[Cost, dict[str, Any]]:
    """`ingest run` on the folder, into a new store; with what it reports of itself."""
    with tempfile.TemporaryDirectory() as store:
        command = [str(Path(python).parent / "ingest"), "run", str(folder)]
        command += ["--store", store, "--workers", str(workers), "--json"]
        began = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
            processor = _watched(run)
            wall = time.perf_counter() - began
            report: dict[str, Any] = json.loads(run.communicate()[0])
    return Cost(wall, processor), report


def _watched(run: subprocess.Popen[bytes]) -> float:
    """Processor seconds of a process and all of its descendants, as last seen before each ended.

    The fork server is nobody's to wait for, so that the system adds its workers to no one.
    """
    seen: dict[int, float] = {}
    parent = psutil.Process(run.pid)
    while run.poll() is None:
        try:
            for process in (parent, *parent.children(recursive=True)):
                times = process.cpu_times()
                seen[process.pid] = times.user + times.system
        except psutil.Error:
            continue
        time.sleep(0.02)
    return sum(seen.values())


def write(known: Sequence[pages.Page], copies: int, folder: Path) -> int:
    """Files of all pages, ``copies`` of each; how many."""
    for copy in range(copies):
        for number, page in enumerate(known):
            (folder / f"{copy}-{number:05}.html").write_bytes(page.html)
    return copies * len(known)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--copies", type=int, default=3, help="of each page [3]")
    parser.add_argument("--rounds", type=int, default=2, help="best of so many [2]")
    parser.add_argument("--every", type=int, default=1, help="take each n-th page only [1]")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ingest", default=sys.executable, help="Python that has it [this one]")
    chosen = parser.parse_args()
    sample = known(chosen.every)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = write(sample, chosen.copies, folder)
        print(f"{count} documents of {len(sample)} pages, {os.cpu_count()} cores\n")
        costs: dict[str, list[Cost]] = {"bare trafilatura": [], "ingest run": []}
        for _ in range(chosen.rounds):
            costs["bare trafilatura"].append(bare(sample, chosen.copies))
            cost, report = ours(chosen.ingest, folder, chosen.workers)
            costs["ingest run"].append(cost)
    print(f"{'':18}{'documents/s':>12}{'wall s':>9}{'processor s':>13}{'ms a page':>11}")
    best = {}
    for way, passes in costs.items():
        best[way] = Cost(min(c.wall for c in passes), min(c.processor for c in passes))
        wall, processor = best[way].wall, best[way].processor
        each = processor / count * 1e3
        print(f"{way:18}{count / wall:>12.1f}{wall:>9.1f}{processor:>13.1f}{each:>11.1f}")
    theirs, mine = best["bare trafilatura"], best["ingest run"]
    bound = chosen.workers * theirs.processor / mine.processor
    print(f"\nratio of documents per second: {theirs.wall / mine.wall:.2f} (wanted {TARGET}),")
    print(f"at most {bound:.2f} by processor time on {chosen.workers} free cores")
    print(f"counts: {report['counts']}")


if __name__ == "__main__":
    main()
