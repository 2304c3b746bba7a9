"""What a run says of long work that no document shows: that the signing kernel is compiled."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING

import structlog

from ingest.compiling import claim
from ingest.dedup.signatures import KERNEL, kernel_kept

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOK_SECONDS = 1.0
"""Between two looks; what holds the claim in two of them compiles, and reads no cache."""
WATCH = "compiling?"
"""Name of the thread that looks."""

log = structlog.get_logger()


@contextmanager
def compiling_told(folder: str) -> Iterator[None]:
    """Log one line if the kernel is compiled within the block, by this process or a worker.

    ``folder`` is where compiled code is kept.  Documents come out in order, so that all of
    them wait for the one at whose turn the kernel is compiled: some 12 s of silence.  Where
    code was kept before there is nothing to say, and nothing is watched.
    """
    if kernel_kept(folder):
        yield
        return
    ended = threading.Event()
    # In the run's context, which gives log lines their run and source.
    watch = threading.Thread(
        target=copy_context().run, args=(_watch, folder, ended), name=WATCH, daemon=True
    )
    watch.start()
    try:
        yield
    finally:
        ended.set()
        watch.join()


def _watch(folder: str, ended: threading.Event) -> None:
    held = 0
    while not ended.wait(LOOK_SECONDS):
        with claim(KERNEL, folder) as free:
            held = 0 if free else held + 1
        if held > 1:
            log.info("compiling", what="the signing kernel, once; it takes 10 to 20 s of a core")
            return
