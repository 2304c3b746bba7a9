"""Runs of a project in processes of their own, killed where they are told to be.

`python driver.py` imports what a run needs once and forks for each line on standard
input; `python driver.py watch CORPUS` looks at a corpus until standard input ends.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import tempfile
import time
import traceback
import warnings
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from documents_for_faults import write

from ingest import app, neighbours, pipeline, settings
from ingest.publish.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH = 16
"""Events of a batch, so that a few dozen documents take several; a request may ask for more."""
FILED = 24
"""Documents in an index file, so that some batches write one and others only list documents."""


def serve() -> None:
    """Answer each request with the signal that ended its run (0: none) and its points."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    warm_up()
    for line in sys.stdin:
        answer = in_child(json.loads(line))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def warm_up() -> None:
    """Run once here, so that every child has the compiled code in memory."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "many.jsonl", {"one": 1, "two": 2})
        app.run(
            settings.build({"workers": 0}, base=Path(folder)), [str(Path(folder) / "many.jsonl")]
        )


def in_child(request: dict[str, Any]) -> dict[str, Any]:
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking while threads idle
        child = os.fork()
    if not child:
        code = 1
        try:
            run(request, lambda name: os.write(writing, name.encode() + b"\n"))
            code = 0
        except BaseException:  # noqa: BLE001 - the child must never go on as the parent
            traceback.print_exc()
        os._exit(code)
    os.close(writing)
    if request.get("after") is not None:
        time.sleep(request["after"])  # the moment is what is tried
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reading) as passed:
        points = passed.read().split()
    return {"code": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), "points": points}


def run(request: dict[str, Any], passed: Callable[[str], object]) -> None:
    pipeline.BATCH_EVENTS = request.get("batch", BATCH)
    neighbours.FILED = FILED
    point, nth, calls = request.get("point"), request.get("nth", 0), count()

    def fault(name: str) -> None:
        passed(name)
        if name == point and next(calls) == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    project = Path(request["project"])
    loaded = settings.load(project / "config" / "ingest.toml")
    report = app.run(loaded, options=app.RunOptions(fault=fault))
    assert report.status == "done", report


def watch(folder: Path) -> None:
    """Verify what is current, again and again; how often, and what was wrong, at the end."""
    looks, problems = 0, list[str]()
    while not select.select([sys.stdin], [], [], 0.2)[0]:
        if (folder / "current").exists():
            problems += map(str, verify(folder))
            looks += 1
    sys.stdout.write(json.dumps({"looks": looks, "problems": problems[:20]}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["watch"]:
        watch(Path(sys.argv[2]))
    else:
        serve()
