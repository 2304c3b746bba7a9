"""What a run costs in which nothing changed, beside the first one: single files, and one JSONL.

    python benchmarks/unchanged.py [--documents 20000] [--folder DIR] [--workers N]

Real runs of `ingest.app`, of documents of 60 made-up words taken as they are.  The least
of three unchanged runs counts; both processor and wall time, children included.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import structlog

from ingest import app
from ingest.settings import build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ingest.settings import Settings

WORDS = 60
PER_FOLDER = 1000


class Cost(NamedTuple):
    """Seconds of one run."""

    processor: float
    wall: float


def texts(count: int) -> Iterator[str]:
    """Documents of which no two share a 5-gram to speak of."""
    rng = random.Random(1)
    vocabulary = ["".join(rng.choices("etaoinshrdlu", k=rng.randint(2, 9))) for _ in range(20_000)]
    return (" ".join(rng.choices(vocabulary, k=WORDS)) for _ in range(count))


def single_files(folder: Path, count: int) -> None:
    for number, text in enumerate(texts(count)):
        path = folder / f"{number // PER_FOLDER:04}" / f"{number}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def one_jsonl(folder: Path, count: int) -> None:
    with (folder / "all.jsonl").open("w") as file:
        for number, text in enumerate(texts(count)):
            file.write(json.dumps({"id": f"d{number}", "text": text}) + "\n")


def processor() -> float:
    """Processor seconds of this process and of the children that have ended."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def cost(settings: Settings, outcome: str, count: int) -> Cost:
    wall, spent = time.perf_counter(), processor()
    counts = app.run(settings).counts
    made = Cost(processor() - spent, time.perf_counter() - wall)
    if counts[outcome] != count:
        raise SystemExit(f"{counts[outcome]} instead of {count} documents are {outcome}")
    return made


def measure(make: Callable[[Path, int], None], count: int, scratch: Path, workers: int) -> None:
    base = scratch / make.__name__
    (base / "in").mkdir(parents=True)
    make(base / "in", count)
    source = {"name": "many", "path": "in", "on_missing": "remove", "extract": "none"}
    settings = build({"workers": workers, "source": [source]}, base=base)
    os.sync()  # so that writing the inputs is not counted
    first = cost(settings, "new", count)
    again = [cost(settings, "unchanged", count) for _ in range(3)]
    least = Cost(min(each.processor for each in again), min(each.wall for each in again))
    name = make.__name__.replace("_", " ")
    print(
        f"| {name} | {count:,} | {first.processor:.2f} s | {first.wall:.2f} s "
        f"| {least.processor:.3f} s | {least.wall:.3f} s "
        f"| 1/{first.processor / least.processor:.0f} | 1/{first.wall / least.wall:.0f} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--folder", type=Path, help="where to write; default: a temporary folder")
    parser.add_argument("--workers", type=int, default=0)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    scratch = Path(tempfile.mkdtemp(dir=options.folder))
    print("| from | documents | first: processor | wall | unchanged: processor | wall | ratio | |")
    print("|---|---|---|---|---|---|---|---|")
    try:
        single_files(scratch, 1)  # the kernel is compiled, or read from its cache, before
        app.run(build({"workers": 0, "store": "warm"}, base=scratch), [str(scratch / "0000")])
        for make in (single_files, one_jsonl):
            measure(make, options.documents, scratch, options.workers)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
