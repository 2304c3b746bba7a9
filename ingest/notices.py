"""What a run says of long work that no document shows: that code is compiled."""

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
    """Log one line for each kernel compiled within the block, by this process or a worker.

    ``folder`` is where compiled code is kept.  Documents come out in order, so that all of
    them wait for the one at whose turn a kernel is compiled: some 10 s of silence.  Where
    code was kept before there is nothing to say, and nothing is watched.
    """
    awaited = _not_kept(folder)
    if not awaited:
        yield
        return
    ended = threading.Event()
    # In the run's context, which gives log lines their run and source.
    watch = threading.Thread(
        target=copy_context().run, args=(_watch, folder, awaited, ended), name=WATCH, daemon=True
    )
    watch.start()
    try:
        yield
    finally:
        ended.set()
        watch.join()


def _not_kept(folder: str) -> dict[str, str]:
    """Name under which each kernel that is yet to be compiled is claimed, and what to say."""
    from ingest.extract import counting  # noqa: PLC0415 - not needed to publish

    awaited = {}
    if not kernel_kept(folder):
        awaited[KERNEL] = "the signing kernel, once; it takes 10 to 20 s of a core"
    if not counting.kernel_kept(folder):
        awaited[counting.KERNEL] = "the loops for plain text, once; it takes 7 to 15 s of a core"
    return awaited


def _watch(folder: str, awaited: dict[str, str], ended: threading.Event) -> None:
    held = dict.fromkeys(awaited, 0)
    while held and not ended.wait(LOOK_SECONDS):
        for name in list(held):
            with claim(name, folder) as free:
                held[name] = 0 if free else held[name] + 1
            if held[name] > 1:
                log.info("compiling", what=awaited[name])
                del held[name]
