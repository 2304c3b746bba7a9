"""The composition root: settings in, a wired pipeline out, and one run of it.

Nothing below this module knows of more than its own stage; here they are joined, so
this is the place to read what depends on what.
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from ingest import forgetting
from ingest.catalog.database import catalog_errors
from ingest.catalog.ledger import SQLiteLedger
from ingest.catalog.runs import SourceRun
from ingest.catalog.store import Store
from ingest.catalog.views import Views
from ingest.errors import SourceError, StoreError
from ingest.notices import compiling_told
from ingest.outcome import RunReport, SourceReport, what_broke
from ingest.pipeline import Job, Tally, ingest
from ingest.publish.ledger import Published, Wanted
from ingest.publish.lines import link_body
from ingest.publish.publish import Publisher, PublishOptions
from ingest.reindex import decide_all
from ingest.removals import Removals
from ingest.sharing import shared
from ingest.turns import Turns
from ingest.wiring import (
    RunContext,
    check_version,
    furniture_key,
    make_engine,
    make_judge,
    make_recipe,
    make_signer,
    raw_folder,
    rules_version,
    sources_of,
    store_to_try,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from ingest.catalog.runs import Status
    from ingest.engine.base import Engine
    from ingest.errors import IngestError
    from ingest.judge import Judge
    from ingest.settings import Settings
    from ingest.turns import Seat
    from ingest.wiring import Part

log = structlog.get_logger()

QUIET_RUNS = 1000
"""Newest runs that the ledger keeps whatever happened in them."""
PRUNED_EVERY = 64
OVERDUE = "What was committed stays, and the next run goes on from there; see `time_limit`."

STOPPED: dict[bool, Status] = {False: "done", True: "cancelled"}


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How one run goes, beside the settings.

    ``full`` reads everything as if it were new; ``limit`` is the most documents a source
    may give (0: all); ``dry_run`` decides but changes nothing; ``wait`` is how many
    seconds to wait for another writer.  ``clock`` and ``run_id`` are set by tests and by
    whoever wants the same bytes twice; ``cancelled`` is asked at least once a second,
    ``progress`` told after each batch.  ``overdue`` makes a failure of what was cancelled.
    Runs with the same ``turns`` share the store's lock; ``seated`` is told their seats.
    ``engine`` gives what prepares the documents, for the length of the run.
    """

    full: bool = False
    limit: int = 0
    dry_run: bool = False
    wait: float = 0.0
    run_id: str = ""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    cancelled: Callable[[], bool] = lambda: False
    overdue: Callable[[], bool] = lambda: False
    progress: Callable[[str, Mapping[str, int]], None] = lambda _source, _counts: None
    fault: Callable[[str], None] = lambda _point: None
    turns: Turns | None = None
    seated: Callable[[Seat], None] = lambda _seat: None
    engine: Callable[[Settings], AbstractContextManager[Engine]] = lambda settings: closing(
        make_engine(settings)
    )


def run(
    settings: Settings,
    inputs: Sequence[str] = (),
    *,
    name: str = "",
    only: Sequence[str] = (),
    options: RunOptions = RunOptions(),
) -> RunReport:
    """Pass once over the configured sources (``only`` those named), or over ``inputs`` alone.

    Raises `SettingsError` or `UsageError` before anything is touched, `StoreError` where
    the store is locked or broken; what was committed by then stays, and the next run goes
    on from there.  A source that fails is reported, and the others go on.
    """
    return run_parts(settings, sources_of(settings, inputs, name=name, only=only), options)


def run_parts(settings: Settings, parts: Sequence[Part], options: RunOptions) -> RunReport:
    """Pass once over sources that were made already; errors as those of `run`."""
    with _opened(settings, options) as pass_:
        return pass_.run(parts)


def reindex(settings: Settings, options: RunOptions = RunOptions()) -> RunReport:
    """Sign and decide every document again, in order of arrival, and publish what that changes.

    Raises `StoreError` where the store is locked or broken; it is then as it was.
    """
    with _opened(settings, options) as pass_:
        return pass_.reindex()


@contextmanager
def _opened(settings: Settings, options: RunOptions) -> Iterator[_Pass]:
    """Hold the store's lock and have it open."""
    run_id = options.run_id or new_run_id(options.clock())
    with ExitStack() as stack:
        if options.dry_run:
            settings = stack.enter_context(store_to_try(settings))
        stack.enter_context(catalog_errors(settings.store / "catalog.db"))
        stack.enter_context(structlog.contextvars.bound_contextvars(run_id=run_id))
        turns = options.turns or Turns()
        seat = stack.enter_context(
            turns.seat(settings.store, wait=options.wait, label=run_id, cancelled=options.cancelled)
        )
        options.seated(seat)
        with seat.turn():
            store = Store(settings.store, write=True, raw_limit=settings.limits.raw_bytes)
        stack.enter_context(closing(store))
        yield _Pass(settings, options, store, run_id, seat)


def new_run_id(now: datetime) -> str:
    """A name for a run: its time, then enough chance to be unique."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def timestamp(now: datetime) -> str:
    """``YYYY-MM-DDTHH:MM:SS.mmmZ``, the corpus's form of a time."""
    return now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def open_ledger(store: Store) -> SQLiteLedger:
    """The catalog's side of publishing."""
    return SQLiteLedger(
        store.connection, make_wanted=Wanted, make_published=Published, make_link=link_body
    )


def make_publisher(settings: Settings, options: RunOptions) -> Publisher:
    """The publisher of a store's corpus."""
    corpus = settings.corpus
    return Publisher(
        settings.store / "corpus",
        PublishOptions(
            compression=corpus.compression,
            shard_bytes=corpus.shard_bytes,
            shard_rows=corpus.shard_rows,
            fan_in=corpus.fan_in,
            keep_generations=corpus.generations,
            history=corpus.history,
            history_days=corpus.history_days,
        ),
        options.clock,
        checkpoint=options.fault,
    )


class _Pass:
    """One run over an open store; its seat holds the lock, and whatever it writes is a turn."""

    def __init__(
        self, settings: Settings, options: RunOptions, store: Store, run_id: str, seat: Seat
    ) -> None:
        self._settings = settings
        self._options = options
        self.store = store
        self._run_id = run_id
        self._seat = seat
        self._publisher = make_publisher(settings, options)
        self._ledger = open_ledger(store)

    def run(self, parts: Sequence[Part]) -> RunReport:
        """Recover, read every source, publish, and close the ledger of runs."""
        began = time.monotonic()
        with self._seat.turn():
            check_version(self.store, self._settings)
            self._publisher.recover(self._ledger)
            if self._options.dry_run:
                self.store.connection.execute("BEGIN IMMEDIATE")
            number = self._begin()
        reports: list[SourceReport] = []
        cache = make_signer(self._settings).cache
        with self._accounted(lambda: self.store.runs.end(number, self._now(), "failed", {})):
            with (
                shared(Path(cache)),
                compiling_told(cache),
                self._options.engine(self._settings) as engine,
            ):
                judge = make_judge(self.store, self._settings, number, self._now())
                judge.checkpoint = self._options.fault
                for part in parts:
                    reports.append(self._run_source(part, number, judge, engine))
                    if self._options.cancelled():
                        break
            return self._finish(number, reports, began)

    def reindex(self) -> RunReport:
        """Recover, decide everything again in one transaction, publish."""
        began = time.monotonic()
        with self._seat.turn():
            self._publisher.recover(self._ledger)
            number = self._begin()
        cache = make_signer(self._settings).cache
        with (
            shared(Path(cache)),
            compiling_told(cache),
            self._seat.turn(),
            self.store.transaction(),
        ):
            tally = decide_all(
                self.store,
                self._settings,
                run=number,
                now=self._now(),
                advanced=lambda so_far: self._options.progress("reindex", so_far.counts),
            )
            self.store.set_meta("decided_by", rules_version(self._settings))
        report = SourceReport("reindex", "done", dict(tally.counts))
        return self._finish(number, [report], began)

    @contextmanager
    def _accounted(self, close: Callable[[], None]) -> Iterator[None]:
        """Enter a bug or a broken store in the ledger, with ``close``, before it ends the run.

        Where that fails too, as for a kill, the next run enters it.
        """
        try:
            yield
        except Exception:
            if not self._options.dry_run:
                with suppress(StoreError), self._seat.turn(), self.store.transaction():
                    close()
            raise

    def _begin(self) -> int:
        runs = self.store.runs
        with self.store.transaction():
            number = runs.begin(self._run_id, self._now(), os.getpid(), alive=self._seat.colleagues)
            if number % PRUNED_EVERY == 0:
                runs.prune(QUIET_RUNS)
        self._seat.number = number
        return number

    def _run_source(self, part: Part, number: int, judge: Judge, engine: Engine) -> SourceReport:
        name = part.source.name
        started = self._now()
        tally = Tally()
        with self._seat.turn(), self.store.transaction():
            self.store.runs.begin_source(number, name, started)
        with structlog.contextvars.bound_contextvars(source=name):
            log.info("source started", reader=part.source.reader)
            self._options.progress(name, tally.counts)
            try:
                self._ingest(part, number, judge, engine, tally)
            except SourceError as error:
                report = self._report(part, "failed", tally, error)
                log.error("source failed", reason=report.error, hint=report.hint)  # noqa: TRY400 - the reason is for people
            except Exception as error:
                why = what_broke(error)
                broken = SourceRun(name, started, self._now(), "failed", tally.counts, why)
                with self._accounted(lambda: self.store.runs.end_source(number, broken)):
                    raise
            else:
                report = self._report(part, STOPPED[self._options.cancelled()], tally)
            now, counts = self._now(), report.counts
            ended = SourceRun(name, started, now, report.status, counts, report.error)
            with self._seat.turn(), self.store.transaction():
                self.store.runs.end_source(number, ended)
            if report.status != "failed":  # which was told
                counted = {name: count for name, count in counts.items() if count}
                log.info("source ended", status=report.status, **counted)
        return report

    def _ingest(self, part: Part, number: int, judge: Judge, engine: Engine, tally: Tally) -> None:
        furniture = self.store.meta(furniture_key(part.source.name))
        recipe = make_recipe(self._settings, part.source, furniture)
        version = recipe.version()
        with self._seat.turn():
            items = self.store.items(part.source.name, recipe=version, run=number)
        job = Job(
            source=part.source.name,
            recipe=recipe,
            items=items,
            judge=judge,
            engine=engine,
            remove_missing=part.source.on_missing == "remove",
            cancelled=self._options.cancelled,
            now=self._now,
            removals=Removals(items, part.source.max_removed),
            tally=tally,
            advanced=lambda: self._options.progress(part.source.name, tally.counts),
            turn=lambda: self._turn_to_decide(judge),
        )
        context = RunContext(
            source=part.source.name,
            base=self._settings.base,
            max_bytes=self._settings.limits.item_bytes,
            clock=self._options.clock,
            stop=self._options.cancelled,
            store=self._settings.store,
            raw=None if self._options.dry_run else raw_folder(self._settings, part.source),
            known=(lambda _: "") if self._options.full else items.fingerprint,
        )
        cursor = None if self._options.full else items.cursor()
        ingest(job, part.read(cursor, context, self._options.limit))
        if self._options.overdue():
            raise SourceError("its time limit passed", hint=OVERDUE)

    @contextmanager
    def _turn_to_decide(self, judge: Judge) -> Iterator[None]:
        with self._seat.turn():
            if self._seat.others_wrote():
                judge.refresh()
            yield

    def _report(
        self, part: Part, status: Status, tally: Tally, error: IngestError | None = None
    ) -> SourceReport:
        return SourceReport(
            part.source.name,
            status,
            dict(tally.counts),
            dict(tally.reasons),
            error=str(error or ""),
            hint=error.hint if error else "",
            seconds=dict(tally.seconds),
        )

    def _finish(self, number: int, reports: list[SourceReport], began: float) -> RunReport:
        total = Tally()
        for report in reports:
            total.counts.update(report.counts)
        failed = any(report.status == "failed" for report in reports)
        status: Status = "failed" if failed else STOPPED[self._options.cancelled()]
        with self._seat.turn():
            counts = {**total.counts, "documents": Views(self.store.connection).corpus_size()}
            closing_began = time.monotonic()
            published = self._close(number, status, counts)
        return RunReport(
            run_id=self._run_id,
            status=status,
            seconds=time.monotonic() - began,
            counts=counts,
            sequence=self._ledger.settled(),
            documents=counts["documents"],
            sources=tuple(reports),
            published=published,
            publishing=time.monotonic() - closing_began,
        )

    def _close(self, number: int, status: Status, counts: Mapping[str, int]) -> bool:
        """Publish, and enter the end of the run; a dry run is undone instead."""
        if self._options.dry_run:
            self.store.connection.execute("ROLLBACK")
            return False
        self._options.progress("publishing", counts)
        publication = self._publisher.publish(self._ledger, self._run_id)
        with self.store.transaction():
            self.store.runs.end(number, self._now(), status, counts)
        forgetting.finish(self.store, self._settings, self._publisher)
        if publication is not None:
            log.info("published", sequence=publication.sequence, documents=counts["documents"])
        return publication is not None

    def _now(self) -> str:
        return timestamp(self._options.clock())
