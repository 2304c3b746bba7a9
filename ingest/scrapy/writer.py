"""The process that writes what a crawl yields: batches in on stdin, reports out on stdout.

    python -m ingest.scrapy.writer

First comes an `Order`, then events, all pickled; the end of the stream ends the crawl.
It ends too when Scrapy is killed: what was handed over by then is committed.  Signals are
left to Scrapy, which closes the stream.
"""

from __future__ import annotations

import logging
import math
import pickle
import queue
import signal
import sys
import threading
import time
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

import orjson
import structlog

from ingest.app import RunOptions, run_parts
from ingest.documents import RawDocument, Unchanged
from ingest.errors import StoreError, UsageError
from ingest.wiring import Part, make_engine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingest.documents import JSON, Event, Failed
    from ingest.engine.base import Engine
    from ingest.read.base import Context
    from ingest.settings import Settings

BATCH_BYTES = 16 << 20
"""Bytes of content after which a batch is written, however few its items."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is written where: items of ``source``, once there are ``items`` or after ``seconds``."""

    settings: Settings
    source: str
    items: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Batch:
    """A reader of what is in hand."""

    events: Sequence[RawDocument | Failed]

    def check(self, context: Context) -> None:
        """Nothing to check: the items are here."""

    def read(self, cursor: JSON, context: Context) -> Iterator[Event]:  # noqa: ARG002 - the contract's
        """The items; those that are as an earlier crawl left them are not sent on again."""
        for event in self.events:
            if isinstance(event, RawDocument) and (
                context.fingerprint(event.source_id) == event.fingerprint
            ):
                yield Unchanged(event.source_id)
            else:
                yield event


@dataclass(slots=True)
class Writer:
    """Gathers events and writes them, a run for each batch; ``out`` is told of each."""

    order: Order
    engine: Engine
    out: TextIO
    _batch: list[RawDocument | Failed] = field(default_factory=list)
    _bytes: int = 0
    _due: float = math.inf

    def work(self, inbox: queue.Queue[RawDocument | Failed | None]) -> int:
        """Write until the inbox gives None; the exit code: 3 where something was not written."""
        while True:
            try:
                event = inbox.get(timeout=self._patience())
            except queue.Empty:
                self._write()
                continue
            if event is None:
                break
            self._add(event)
            if len(self._batch) >= self.order.items or self._bytes >= BATCH_BYTES:
                self._write()
        if self._batch and not self._write():
            self._tell(lost=len(self._batch))
            return StoreError.exit_code
        return 0

    def _patience(self) -> float | None:
        """Seconds until the batch is due; None where there is nothing to wait for."""
        return max(0.0, self._due - time.monotonic()) if self._due < math.inf else None

    def _add(self, event: RawDocument | Failed) -> None:
        if not self._batch:
            self._due = time.monotonic() + self.order.seconds
        self._batch.append(event)
        self._bytes += len(event.content) if isinstance(event, RawDocument) else 0

    def _write(self) -> bool:
        """One run over what is in hand, which stays in hand where the store fails."""
        settings = self.order.settings
        part = Part(settings.source_or_default(self.order.source), (_Batch(self._batch),))
        options = RunOptions(wait=math.inf, engine=lambda _: nullcontext(self.engine))
        try:
            report = run_parts(settings, [part], options)
        except (StoreError, UsageError) as error:
            # Scrapy ends the crawl now; the last try is made when that is done.
            self._due = math.inf
            self._tell(error=str(error), hint=error.hint)
            return False
        self._batch, self._bytes, self._due = [], 0, math.inf
        self._tell(**report.as_json())
        return True

    def _tell(self, **report: Any) -> None:
        with suppress(BrokenPipeError):  # Scrapy was killed; there is nobody to tell
            self.out.write(orjson.dumps(report).decode() + "\n")
            self.out.flush()


def receive(stream: BinaryIO, inbox: queue.Queue[RawDocument | Failed | None]) -> None:
    """Move events from the stream into the inbox, None at its end, also where it was cut off."""
    while True:
        try:
            event = pickle.load(stream)  # noqa: S301 - from the process that started this one
        except (EOFError, pickle.UnpicklingError):
            inbox.put(None)
            return
        inbox.put(event)


def main() -> int:
    """Write for the Scrapy process that this one was started by."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    stream = sys.stdin.buffer
    try:
        order: Order = pickle.load(stream)  # noqa: S301 - as above
    except EOFError:
        return 0
    inbox: queue.Queue[RawDocument | Failed | None] = queue.Queue(order.items)
    threading.Thread(target=receive, args=(stream, inbox), daemon=True).start()
    with closing(make_engine(order.settings)) as engine:
        return Writer(order, engine, sys.stdout).work(inbox)


if __name__ == "__main__":
    sys.exit(main())
