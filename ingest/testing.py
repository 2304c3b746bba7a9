"""What the author of a reader tests it with: a double of the run, and the contract as tests.

Subclass `ReaderConformance` in your own pytest suite and say how a small source is made::

    class TestMyReader(ReaderConformance):
        def make(self, folder): ...
        def make_bad(self, folder): ...

Every ``test_`` method is one clause of the contract (`ingest.read.base.Reader`).
"""

# ruff: noqa: S101  # assert is how a test fails, here as in any suite

from __future__ import annotations

import hashlib
import json
import threading
import unittest
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, get_args

from ingest.documents import (
    JSON,
    Checkpoint,
    Complete,
    Event,
    Failed,
    Gone,
    RawDocument,
    Unchanged,
)
from ingest.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ingest.read.base import Context

_ITEMS = (RawDocument, Unchanged, Failed, Gone)
_FEWEST = 3  # items of `make`: a first, a last, and one between them
_LONGEST_REASON = 60  # characters: a reason is for counting
_LARGEST_CURSOR = 64 << 10  # bytes: what is known of single items belongs in fingerprints


class ReaderUnderTest(Protocol):
    """A reader's settings, made; `ReaderSettings` with the methods of `Reader`."""

    def check(self, context: Context) -> None: ...  # noqa: D102 - see `Reader`
    def read(self, cursor: JSON, context: Context) -> Iterator[Event]: ...  # noqa: D102 - as above


@dataclass(slots=True)
class FakeContext:
    """A `Context` without a run: fingerprints in a dictionary, the clock stands still.

    `remember` does what the catalog would do with an event.  Set ``stopped`` to see
    how a reader behaves when its run is being stopped.
    """

    source: str = "test"
    base: Path = field(default_factory=Path.cwd)
    max_bytes: int = 10_000_000
    clock: datetime = datetime(2030, 1, 1, tzinfo=UTC)
    stopped: bool = False
    store: Path | None = None
    raw: Path | None = None
    fingerprints: dict[str, str] = field(default_factory=dict)
    cursor: JSON = None

    def fingerprint(self, source_id: str) -> str:
        """What was remembered of the item or container."""
        return self.fingerprints.get(source_id, "")

    def canonical_url(self, url: str) -> str:
        """The address as `Document.url` has it."""
        from ingest.normalise.urls import canonical_url  # noqa: PLC0415 - readers of files need none

        return canonical_url(url)

    def now(self) -> datetime:
        """The time that the clock stands at."""
        return self.clock

    def cancelled(self) -> bool:
        """Whether ``stopped`` was set."""
        return self.stopped

    def remember(self, event: Event) -> None:
        """Keep an event's fingerprint, or its cursor as it is after a trip through JSON."""
        if isinstance(event, Checkpoint):
            self.cursor = json.loads(json.dumps(event.cursor))
        elif isinstance(event, Gone):
            self.fingerprints.pop(event.source_id, None)
        elif not isinstance(event, Complete) and event.fingerprint:
            self.fingerprints[event.source_id] = event.fingerprint


def run(reader: ReaderUnderTest, context: FakeContext) -> list[Event]:
    """All events of one run from the context's cursor on, each remembered."""
    events = []
    for event in reader.read(context.cursor, context):
        context.remember(event)
        events.append(event)
    return events


def ids(events: list[Event]) -> list[str]:
    """The source_ids of the items among the events, in order."""
    return [event.source_id for event in events if isinstance(event, _ITEMS)]


class ReaderConformance(ABC):
    """The reader contract as tests; see the module's docstring for how to use it."""

    cancel_seconds: ClassVar[float] = 1.0
    """How long a reader may take to stop."""
    missing_raises: ClassVar[bool] = True
    """Whether a source that is not there is an error.  False where it is several places (feeds,
    sites), each of which may fail for a while: then a `Failed` says so, and nothing is gone."""

    @abstractmethod
    def make(self, folder: Path) -> ReaderUnderTest:
        """A reader over a source of at least three good items, laid out in ``folder``."""

    @abstractmethod
    def make_bad(self, folder: Path) -> ReaderUnderTest:
        """A reader over a source of good items with at least one bad item before a good one."""

    def make_missing(self, folder: Path) -> ReaderUnderTest:
        """A reader over a source that is not there at all."""
        del folder
        raise unittest.SkipTest("make_missing is not given: this source is always there")

    def context(self, folder: Path) -> FakeContext:
        """The context that the reader is run with; override to change its limits."""
        return FakeContext(base=folder)

    def test_settings_are_frozen_and_described(self, tmp_path: Path) -> None:
        """Unknown keys are refused, values cannot change, and every field says what it means."""
        settings = type(self.make(tmp_path))
        config = getattr(settings, "model_config", {})
        fields = getattr(settings, "model_fields", {})
        assert config.get("frozen"), f"{settings.__name__} is not frozen"
        assert config.get("extra") == "forbid", f"{settings.__name__} takes unknown keys"
        silent = [name for name, info in fields.items() if not info.description]
        assert not silent, f"fields without a docstring: {', '.join(silent)}"

    def test_events_are_well_formed(self, tmp_path: Path) -> None:
        """Only events are yielded, of the types that they say."""
        reader, context = self.make(tmp_path), self.context(tmp_path)
        for event in reader.read(None, context):
            assert isinstance(event, get_args(Event)), f"not an event: {event!r}"
            if isinstance(event, RawDocument):
                _check_document(event)

    def test_ids_are_unique_and_stable(self, tmp_path: Path) -> None:
        """Two first runs give the same ids in the same order, none of them twice."""
        reader = self.make(tmp_path)
        first = ids(run(reader, self.context(tmp_path)))
        again = ids(run(reader, self.context(tmp_path)))
        assert len(first) >= _FEWEST, f"make() is to give {_FEWEST} items or more, not {first}"
        assert first == again, "a second reading gives other ids, or another order"
        twice = sorted({name for name in first if first.count(name) > 1})
        assert not twice, f"ids given twice: {twice}"
        for name in first:
            assert name, "an id is empty"
            name.encode()  # raises for lone surrogates, which cannot be stored

    def test_second_run_yields_only_unchanged(self, tmp_path: Path) -> None:
        """Where nothing changed nothing is sent on again."""
        reader, context = self.make(tmp_path), self.context(tmp_path)
        run(reader, context)
        again = run(reader, context)
        quiet = (Unchanged, Checkpoint, Complete)
        loud = [event for event in again if not isinstance(event, quiet)]
        assert not loud, f"sent again though nothing changed: {loud[:3]}"

    def test_nothing_is_unchanged_that_was_never_read(self, tmp_path: Path) -> None:
        """Without a fingerprint from before, an item is read; what was read is remembered."""
        events = run(self.make(tmp_path), self.context(tmp_path))
        early = [event for event in events if isinstance(event, Unchanged)]
        assert not early, f"unchanged on the first run: {early[:3]}"

    def test_cursor_is_json(self, tmp_path: Path) -> None:
        """A cursor comes back from JSON as it went in, and is small."""
        for event in run(self.make(tmp_path), self.context(tmp_path)):
            if isinstance(event, Checkpoint):
                text = json.dumps(event.cursor)
                assert json.loads(text) == event.cursor, f"JSON changes the cursor {event.cursor!r}"
                assert len(text) <= _LARGEST_CURSOR, f"a cursor of {len(text)} bytes"

    def test_resuming_loses_nothing(self, tmp_path: Path) -> None:
        """A run that is killed after any event is made up for by the next."""
        reader = self.make(tmp_path)
        whole = set(ids(run(reader, self.context(tmp_path))))
        length = len(run(reader, self.context(tmp_path)))
        for cut in sorted({*range(min(length, 16)), length // 2, length - 1}):
            context = self.context(tmp_path)
            before = []
            for event in islice(reader.read(None, context), cut):
                context.remember(event)
                before.append(event)
            after = run(reader, context)
            lost = whole - set(ids(before)) - set(ids(after))
            assert not lost, f"killed after {cut} events, the next run does not give {sorted(lost)}"

    def test_cancel_is_honoured(self, tmp_path: Path) -> None:
        """Once the run is being stopped a reader ends within a second, and not as complete."""
        reader = self.make(tmp_path)
        for wait in (0, 1):
            context = self.context(tmp_path)
            events: list[Event] = []
            thread = threading.Thread(target=_stopped_after, args=(reader, context, wait, events))
            thread.daemon = True  # a reader that never stops must not stop the tests
            thread.start()
            thread.join(self.cancel_seconds * (wait + 1))
            assert not thread.is_alive(), f"still reading {self.cancel_seconds} s after the stop"
            done = [event for event in events if isinstance(event, Complete)]
            assert not done, "Complete after a stop: what was not listed would be removed"

    def test_check_and_read_change_nothing(self, tmp_path: Path) -> None:
        """`check` accepts a good source; neither it nor `read` changes a file."""
        reader = self.make(tmp_path)
        before = _snapshot(tmp_path)
        context = self.context(tmp_path)
        reader.check(context)
        assert _snapshot(tmp_path) == before, "check() changed files"
        run(reader, context)
        assert _snapshot(tmp_path) == before, "read() changed files"

    def test_bad_item_is_yielded_as_failed(self, tmp_path: Path) -> None:
        """What is wrong with one item is a value with a reason; the items after it are read."""
        reader, context = self.make_bad(tmp_path), self.context(tmp_path)
        events = run(reader, context)
        kinds = [type(event) for event in events]
        assert Failed in kinds, "the bad item is not yielded as Failed"
        assert RawDocument in kinds[kinds.index(Failed) :], "nothing is read after the bad item"
        bad = [event for event in events if isinstance(event, Failed)]
        for event in bad:
            assert 0 < len(event.reason) <= _LONGEST_REASON, f"no short reason: {event.reason!r}"
            assert event.detail, f"{event.source_id}: no detail that a person could read"
        again = ids([event for event in run(reader, context) if isinstance(event, Failed)])
        known = sorted({event.source_id for event in bad if event.fingerprint} & set(again))
        assert not known, f"failed again though nothing changed: {known}"

    def test_missing_source_is_told(self, tmp_path: Path) -> None:
        """A source that is not there is a `SourceError` of `check` and `read`, or is `Failed`."""
        reader, context = self.make_missing(tmp_path), self.context(tmp_path)
        if self.missing_raises:
            for what in (reader.check, lambda c: run(reader, c)):
                assert _source_error(what, context), "no SourceError for a source that is not there"
            return
        events = run(reader, context)
        assert any(isinstance(event, Failed) for event in events), "nothing says what is missing"
        wrong = [event for event in events if isinstance(event, RawDocument | Gone | Complete)]
        assert not wrong, f"said of a source that is not there: {wrong[:3]}"


def _source_error(what: Callable[[FakeContext], object], context: FakeContext) -> str:
    """The message of the `SourceError` that a call raises, ``""`` if it raises none."""
    try:
        what(context)
    except SourceError as error:
        return str(error)
    return ""


def _check_document(event: RawDocument) -> None:
    name = event.source_id
    assert isinstance(event.content, bytes), f"{name}: content is not bytes"
    assert "/" in event.media_type, f"{name}: media type {event.media_type!r}"
    strings = [*event.metadata.keys(), *event.metadata.values(), event.url]
    assert all(isinstance(each, str) for each in strings), f"{name}: metadata that is no string"
    if event.fetched is not None:
        assert event.fetched.tzinfo is not None, f"{name}: fetched has no time zone"


def _stopped_after(
    reader: ReaderUnderTest, context: FakeContext, count: int, events: list[Event]
) -> None:
    context.stopped = count == 0
    for event in reader.read(None, context):
        events.append(event)
        context.stopped = len(events) >= count


def _snapshot(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Every file below the folder: mode, time of modification, hash."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path)] = (status.st_mode, status.st_mtime_ns, digest)
    return found
