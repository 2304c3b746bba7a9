"""How long a dropped file takes into the corpus, and what a run costs in which nothing changes.

    python benchmarks/daemon.py

Targets: 3 s where the folder is `on change`, 10 s with `every 5s`, the first file included.
A daemon of its own with default settings (worker processes, stories, HTTP) for each.
"""

from __future__ import annotations

import json
import logging
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import structlog

from ingest import app
from ingest.settings import build

DROPS = 6
SCHEDULES = ("on change", "every 5s")
COMMAND = (sys.executable, "-c", "from ingest.cli import main; main()")
RUNS = 100


def article(draw: random.Random) -> str:
    """A text of 120 words that is like no other."""
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(120)]
    return "\n".join(" ".join(words[n : n + 12]) + "." for n in range(0, 120, 12))


def project(folder: Path, schedule: str) -> None:
    """Write the settings of one source."""
    (folder / "config").mkdir()
    (folder / "in").mkdir()
    source = f'[[source]]\nname = "in"\npath = "in"\nschedule = "{schedule}"\n'
    (folder / "config" / "ingest.toml").write_text(f'[daemon]\nlisten = "127.0.0.1:0"\n{source}')


def documents(folder: Path) -> int:
    """How many documents are published."""
    shards = (folder / "store" / "corpus" / "current").glob("documents-*.jsonl")
    return sum(shard.read_bytes().count(b"\n") for shard in shards)


def drops(schedule: str) -> list[float]:
    """Seconds from each file's drop to its line; the first when the daemon says it is ready."""
    with tempfile.TemporaryDirectory() as name:
        folder, draw, found = Path(name), random.Random(schedule), []
        project(folder, schedule)
        command = [*COMMAND, "daemon", "--log-format", "json"]
        with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as daemon:
            assert daemon.stderr is not None  # noqa: S101 - it was asked for
            while json.loads(daemon.stderr.readline())["event"] != "daemon started":
                pass
            for number in range(DROPS):
                time.sleep(draw.random() * 5 if number else 0)
                began, before = time.monotonic(), documents(folder)
                (folder / "in" / f"{number}.txt").write_text(article(draw))
                while documents(folder) == before:
                    time.sleep(0.01)
                found.append(time.monotonic() - began)
            daemon.send_signal(signal.SIGTERM)
            daemon.communicate()
    return found


def unchanged() -> tuple[float, float]:
    """Milliseconds of processor and of wall time for a run in which ten files are as before."""
    with tempfile.TemporaryDirectory() as name:
        folder, draw = Path(name), random.Random(1)
        project(folder, "every 5s")
        for number in range(10):
            (folder / "in" / f"{number}.txt").write_text(article(draw))
        settings = build({"source": [{"name": "in", "path": "in"}]}, base=folder)
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
        app.run(settings)
        processor, wall = time.process_time(), time.perf_counter()
        for _ in range(RUNS):
            app.run(settings)
        ended = time.process_time(), time.perf_counter()
    return 1000 * (ended[0] - processor) / RUNS, 1000 * (ended[1] - wall) / RUNS


def main() -> None:
    """Print tables in Markdown."""
    print("| schedule | first file, s | others: median, s | others: most, s |\n|---|---|---|---|")
    for schedule in SCHEDULES:
        first, *others = drops(schedule)
        median = statistics.median(others)
        print(f"| `{schedule}` | {first:.2f} | {median:.2f} | {max(others):.2f} |", flush=True)
    print("\nA run of an unchanged source: {:.1f} ms of processor, {:.1f} ms".format(*unchanged()))


if __name__ == "__main__":
    main()
