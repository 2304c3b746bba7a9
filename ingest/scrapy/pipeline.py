"""The item pipeline itself: Scrapy's side of the pipe."""

from __future__ import annotations

import json
import logging
import pickle
import subprocess
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from pydantic import ValidationError
from scrapy.utils.defer import deferred_from_coro, maybe_deferred_to_future
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from ingest.documents import Failed
from ingest.errors import SettingsError
from ingest.read.records import Fields
from ingest.scrapy.items import HTML, Items
from ingest.scrapy.writer import Order
from ingest.settings import Source, from_defaults, has_file, load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scrapy.crawler import Crawler

log = logging.getLogger(__name__)

FAILED = "ingest_store_failed"
"""Reason that a crawl is closed for when its items cannot be written."""


class StorePipeline:
    """Sends every item and response that passes into a store, and passes it on.

    Settings, all optional: ``INGEST_STORE`` (folder), ``INGEST_CONFIG`` (settings file),
    ``INGEST_SOURCE`` (default: the spider's name), ``INGEST_FIELDS``, ``INGEST_WORKERS``,
    ``INGEST_BATCH_ITEMS`` and ``INGEST_BATCH_SECONDS``.
    Raises `SettingsError` before the crawl starts where one of them cannot be used.
    """

    def __init__(self, crawler: Crawler, order: Order, items: Items) -> None:
        self._crawler = crawler
        self._items = items
        self._order = order
        self._pool = ThreadPool(0, 1, name="ingest")  # one, so that items keep their order
        self._writer: subprocess.Popen[bytes] | None = None
        self._listener: threading.Thread | None = None
        self._failed = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """The pipeline of one crawl."""
        order = _order(crawler.settings, crawler.spidercls.name)
        items = Items(_fields(crawler.settings), order.settings.limits.item_bytes)
        return cls(crawler, order, items)

    def open_spider(self) -> None:
        """Start the process that writes."""
        self._pool.start()
        self._writer = subprocess.Popen(
            [sys.executable, "-P", "-m", "ingest.scrapy.writer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in a terminal is for Scrapy
        )
        pickle.dump(self._order, _open(self._writer.stdin))
        self._listener = threading.Thread(target=self._listen, name="ingest-reports", daemon=True)
        self._listener.start()

    async def process_item(self, item: Any) -> Any:
        """Hand an item over; waits while the writing process has more than it can take."""
        event = self._items.event(item, datetime.now(UTC))
        if isinstance(event, Failed):
            log.warning("ingest: item goes to quarantine: %s: %s", event.reason, event.detail)
        sent = await self._in_thread(lambda: self._send(event))
        if sent:
            self._count("items")
        else:
            self._count("lost")
            self._fail("ingest: the process that writes to the store has ended", {})
        return item

    async def close_spider(self) -> None:
        """Have everything written and published, and wait for it."""
        await self._in_thread(self._finish)
        self._pool.stop()
        code = self._writer.returncode if self._writer else 0
        if code:
            log.error("ingest: the process that writes to the store ended with code %s", code)

    # --- in the pipeline's own threads ------------------------------------------------

    def _send(self, event: object) -> bool:
        stream = _open(self._writer and self._writer.stdin)
        try:
            stream.write(pickle.dumps(event))
            stream.flush()
        except BrokenPipeError:
            return False
        return True

    def _finish(self) -> None:
        if self._writer is None or self._listener is None:
            return
        with suppress(BrokenPipeError):  # it has ended already, as its exit code says
            _open(self._writer.stdin).close()
        self._listener.join()
        self._writer.wait()

    def _listen(self) -> None:
        from twisted.internet import reactor  # noqa: PLC0415 - installs one when it is imported

        calls: Any = reactor
        for line in _open(self._writer and self._writer.stdout):
            calls.callFromThread(self._reported, json.loads(line))

    # --- in the reactor's thread ------------------------------------------------------

    def _reported(self, report: Mapping[str, Any]) -> None:
        if "error" in report:
            self._fail("ingest: %(error)s %(hint)s", report)
        elif "lost" in report:
            self._count("lost", report["lost"])
            log.critical("ingest: %s items could not be written", report["lost"])
        else:
            self._written(report)

    def _written(self, report: Mapping[str, Any]) -> None:
        counts = {name: count for name, count in report["counts"].items() if count}
        documents = counts.pop("documents", 0)
        for name, count in counts.items():
            self._count(name, count)
        for source in report["sources"]:
            for reason, count in source["reasons"].items():
                self._count(f"quarantined/{reason.replace(' ', '_')}", count)
        self._count("batches")
        if stats := self._crawler.stats:
            stats.set_value("ingest/corpus/documents", documents)
            stats.set_value("ingest/corpus/seq", report["corpus"]["seq"])
        told = ", ".join(f"{count} {name}" for name, count in counts.items())
        log.info("ingest: %s; %s documents in the corpus", told or "nothing new", documents)

    def _fail(self, message: str, values: Mapping[str, Any]) -> None:
        """End the crawl, once: what it still would find would be lost."""
        self._count("errors")
        log.error(message, values)
        if self._failed or self._crawler.engine is None:
            return
        self._failed = True
        closing = deferred_from_coro(self._crawler.engine.close_spider_async(reason=FAILED))
        closing.addErrback(lambda failure: log.error("ingest: %s", failure))

    def _count(self, name: str, count: int = 1) -> None:
        if stats := self._crawler.stats:
            stats.inc_value(f"ingest/{name}", count)

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        from twisted.internet import reactor  # noqa: PLC0415 - installs one when it is imported

        return await maybe_deferred_to_future(deferToThreadPool(reactor, self._pool, work))


def _open(stream: Any) -> BinaryIO:
    """A pipe of the writing process, which is there from `open_spider` on."""
    if stream is None:
        raise RuntimeError("the spider was not opened")
    opened: BinaryIO = stream
    return opened


# --- settings -------------------------------------------------------------------------


def _order(given: Any, spider: str) -> Order:
    workers = given.get("INGEST_WORKERS")
    overrides = {"workers": workers} if workers is not None else {}
    if store := given.get("INGEST_STORE"):
        overrides["store"] = str(Path(store).absolute())
    config = given.get("INGEST_CONFIG")
    if config or has_file():
        settings = load(Path(config) if config else None, overrides)
    else:
        settings = from_defaults({"workers": 1, **overrides})
    source = given.get("INGEST_SOURCE") or spider
    try:
        Source(name=source)
    except ValidationError as error:
        message = f"{source!r} cannot be the name of a source: {error.errors()[0]['msg']}"
        raise SettingsError(message, hint="Set INGEST_SOURCE in the Scrapy settings.") from error
    items = given.getint("INGEST_BATCH_ITEMS", 500)
    seconds = given.getfloat("INGEST_BATCH_SECONDS", 60.0)
    if items < 1 or seconds <= 0:
        raise SettingsError("INGEST_BATCH_ITEMS and INGEST_BATCH_SECONDS must be above 0")
    return Order(settings, source, items, seconds)


def _fields(given: Any) -> Fields:
    try:
        return Fields(**{"html": HTML, **given.getdict("INGEST_FIELDS")})
    except ValidationError as error:
        told = "; ".join(f"{each['loc'][0]}: {each['msg']}" for each in error.errors())
        raise SettingsError(f"INGEST_FIELDS cannot be used: {told}") from error
