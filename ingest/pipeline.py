"""The order of the stages, for one source at a time.

    read | extract | normalise | steps | sign | decide | commit          publish
           '------------ in workers --------'  '-- here, in reader order --'  '- once a run -'

Everything left of ``decide`` is pure and runs document by document, in any worker, in
any number of them; an engine hands the results back in reader order.  ``decide`` and
``commit`` take a batch of events in one transaction: a batch is only a unit of work,
its size changes no decision.  A failure of one document is a value that is
quarantined and counted; a failure of a source is an error of that source alone.
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import structlog

from ingest.catalog.items import Item
from ingest.catalog.quarantine import Quarantined
from ingest.documents import (
    Checkpoint,
    Complete,
    ContainerRead,
    Failed,
    Gone,
    RawDocument,
    Rejected,
    Unchanged,
    document_id,
)
from ingest.recipe import Prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from ingest.catalog.items import Absent, Items, Outcome
    from ingest.documents import Event
    from ingest.engine.base import Casualty, Engine
    from ingest.judge import Judge
    from ingest.recipe import Recipe
    from ingest.removals import Removals

BATCH_EVENTS = 512
BATCH_BYTES = 16 << 20
BATCH_SECONDS = 5.0
TOLD = 20
"""Quarantined documents that a run logs one by one, of each source: a broken export has
thousands, for which a service manager would throw other lines away."""

MANY = 1024
"""Documents read from a source, from which on it has so many that compiled code is read: while
the first are on their way through the workers, which is time that nobody else wants."""

log = structlog.get_logger()

T = TypeVar("T")
Result: TypeAlias = "Prepared | Rejected | Casualty | None"

COUNTS = (
    "read", "unchanged", "new", "updated", "removed", "quarantined", "exact", "near", "story",
)  # fmt: skip


@dataclass(slots=True)
class Tally:
    """What happened so far: counts by name, and quarantined documents by reason.

    ``seconds``: wall seconds by stage; ``prepare`` is the time that the run waited for
    documents to come out of the workers, beside that for reading.
    """

    counts: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(COUNTS, 0)))
    reasons: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Add another's counts to these."""
        self.counts.update(other.counts)
        self.reasons.update(other.reasons)


@dataclass(frozen=True, slots=True)
class Job:
    """One source's part of a run, with everything that it is done with."""

    source: str
    recipe: Recipe
    items: Items
    judge: Judge
    engine: Engine
    remove_missing: bool
    cancelled: Callable[[], bool]
    now: Callable[[], str]
    removals: Removals
    tally: Tally = field(default_factory=Tally)
    advanced: Callable[[], None] = lambda: None
    turn: Callable[[], AbstractContextManager[None]] = nullcontext
    """Held while a batch is decided and committed, where several runs share a store."""


def ingest(job: Job, events: Iterable[Event]) -> Tally:
    """Take a source's events through all stages up to commit; what happened, counted.

    The job's tally is right after each batch, also where a source fails in mid-way.
    Stops at the end of a batch once the job is cancelled.  Raises `SourceError`, with
    everything else done, where more is absent from the source than may go in one run.
    """
    tally = job.tally
    make: Any = job.recipe.make  # takes the events that `_is_raw` picks, and only those
    read = _hastened(_timed(events, tally, "read"), job.judge.hasten)
    results = job.engine.map(make, read, _is_raw)
    for batch in _timed(_batches(results, job.cancelled), tally, "prepare"):
        with job.turn():
            began = time.monotonic()
            with job.judge.batch([result for _, result in batch if isinstance(result, Prepared)]):
                for event, result in batch:
                    _apply(job, event, result, tally)
                job.items.write()
            _spend(tally, "decide", time.monotonic() - began)
        job.advanced()
    _spend(tally, "prepare", -tally.seconds.get("read", 0.0))
    job.removals.check()
    return tally


def _timed(items: Iterable[T], tally: Tally, stage: str) -> Iterator[T]:
    """The same items; the time that they take to come is the stage's."""
    source = iter(items)
    while True:
        began = time.monotonic()
        try:
            item = next(source)
        except StopIteration:
            return
        finally:
            _spend(tally, stage, time.monotonic() - began)
        yield item


def _hastened(events: Iterable[Event], hasten: Callable[[], None]) -> Iterator[Event]:
    """The same events; ``hasten`` is called once, where they turn out to be `MANY`."""
    for count, event in enumerate(events, start=1):
        if count == MANY:
            hasten()
        yield event


def _spend(tally: Tally, stage: str, seconds: float) -> None:
    tally.seconds[stage] = tally.seconds.get(stage, 0.0) + seconds


def _is_raw(event: Event) -> bool:
    return isinstance(event, RawDocument)


def _batches(
    results: Iterator[tuple[Event, Result]], cancelled: Callable[[], bool]
) -> Iterator[list[tuple[Event, Result]]]:
    """Cut the stream by events, bytes and time; the last batch is what is left.

    Once cancelled, what is in hand is the last batch.
    """
    batch: list[tuple[Event, Result]] = []
    size, since = 0, time.monotonic()
    for event, result in results:
        batch.append((event, result))
        size += len(event.content) if isinstance(event, RawDocument) else 0
        full = len(batch) >= BATCH_EVENTS or size >= BATCH_BYTES
        if full or time.monotonic() - since >= BATCH_SECONDS:
            yield batch
            batch, size, since = [], 0, time.monotonic()
        if cancelled():
            break
    if batch:
        yield batch


# --- one event ------------------------------------------------------------------------


def _apply(job: Job, event: Event, result: Result, tally: Tally) -> None:
    counts = tally.counts
    match event:
        case RawDocument():
            counts["read"] += 1
            _apply_result(job, event, result, tally)
        case Unchanged(source_id, fingerprint):
            count = job.items.unchanged(source_id, fingerprint)
            counts["read"] += count
            counts["unchanged"] += count
        case Failed():
            counts["read"] += 1
            _apply_failed(job, event, tally)
        case Gone(source_id):
            if job.remove_missing:
                _remove(job, source_id, "gone", tally)
        case ContainerRead():
            _apply_container(job, event, tally)
        case Checkpoint(cursor):
            job.items.advance(cursor)
        case Complete():
            if job.remove_missing:
                _remove_absent(job, job.items.absent(), tally)


def _apply_result(job: Job, raw: RawDocument, result: Result, tally: Tally) -> None:
    if isinstance(result, Prepared):
        change = job.judge.admit(result.document, result.signature)
        tally.counts[change.outcome] += 1
        if change.kind:
            tally.counts[change.kind] += 1
        job.judge.quarantine.release(job.source, raw.source_id)
        _remember(job, raw, "document")
    elif isinstance(result, Rejected):
        # The document is what it is now, and that is nothing for the corpus.
        _quarantine(job, raw, result, tally)
        _withdraw(job, raw.source_id, "rejected", tally)
    elif result is not None:
        # A casualty says nothing of the document: what the corpus holds of it stays.
        _quarantine(job, raw, Rejected("extract", result.reason, result.detail), tally)


def _apply_container(job: Job, read: ContainerRead, tally: Tally) -> None:
    """All of a container was read: what it held before and lacks now is absent from it.

    What was wrong with it and is no more leaves quarantine, also where absent documents
    are kept: a bad line that was mended is a line of another name.
    """
    if not job.items.seen(read.source_id):
        job.judge.quarantine.release(job.source, read.source_id)
    job.items.remember(Item(read.source_id, "", read.fingerprint, "container"))
    absent = job.items.absent_from_container(read.source_id)
    for each in absent:
        if each.outcome == "quarantined":
            job.judge.quarantine.release(job.source, each.source_id)
    if job.remove_missing and not _remove_absent(job, absent, tally):
        # It is read again by the next run, which may be allowed to remove them.
        job.items.remember(Item(read.source_id, "", "", "container"))


def _apply_failed(job: Job, failed: Failed, tally: Tally) -> None:
    known = failed.fingerprint and failed.fingerprint == job.items.fingerprint(failed.source_id)
    if known:
        job.items.unchanged(failed.source_id, failed.fingerprint)
        tally.counts["unchanged"] += 1
        return
    raw = RawDocument(
        failed.source_id,
        failed.raw,
        "application/octet-stream",
        fingerprint=failed.fingerprint,
        container=failed.container,
    )
    _quarantine(job, raw, Rejected("read", failed.reason, failed.detail), tally)


def _quarantine(job: Job, raw: RawDocument, why: Rejected, tally: Tally) -> None:
    if job.judge.refuses(document_id(job.source, raw.source_id)):
        tally.counts["unchanged"] += 1
        _remember(job, raw, "rejected")
        return
    entry = Quarantined(
        job.source, raw.source_id, why.stage, why.reason, why.detail, len(raw.content), job.now()
    )
    job.judge.quarantine.put(entry, raw, job.judge.run)
    tally.counts["quarantined"] += 1
    tally.reasons[why.reason] += 1
    _tell(entry, tally)
    _remember(job, raw, "quarantined")


def _tell(entry: Quarantined, tally: Tally) -> None:
    """Log what was quarantined, by its names alone: the detail may quote the document."""
    if tally.counts["quarantined"] <= TOLD:
        named = {"document": document_id(entry.source, entry.source_id), "item": entry.source_id}
        log.warning("document quarantined", **named, stage=entry.stage, reason=entry.reason)
    elif tally.counts["quarantined"] == TOLD + 1:
        log.warning("more documents quarantined", hint="`ingest quarantine` lists all of them.")


def _remember(job: Job, raw: RawDocument, outcome: Outcome) -> None:
    job.items.remember(Item(raw.source_id, raw.container, raw.fingerprint, outcome))


def _remove_absent(job: Job, absent: Sequence[Absent], tally: Tally) -> bool:
    """Take out what is absent, all of it, or nothing where it is too much."""
    if not job.removals.allow(absent):
        return False
    for each in absent:
        _remove(job, each.source_id, "missing", tally)
    return True


def _remove(job: Job, source_id: str, reason: str, tally: Tally) -> None:
    """Take an item out for good: document, quarantine and what was remembered of it."""
    _withdraw(job, source_id, reason, tally)
    job.judge.quarantine.release(job.source, source_id)
    job.items.forget(source_id)


def _withdraw(job: Job, source_id: str, reason: str, tally: Tally) -> None:
    if job.judge.withdraw(document_id(job.source, source_id), reason):
        tally.counts["removed"] += 1
