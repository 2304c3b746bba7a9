"""The conformance suite itself: a good reader passes, and each clause is seen red once."""

from __future__ import annotations

import dataclasses
import threading
import unittest
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from pydantic import ConfigDict

from ingest.documents import (
    Checkpoint,
    Complete,
    ContainerRead,
    Failed,
    Gone,
    RawDocument,
    Unchanged,
)
from ingest.errors import SourceError
from ingest.read.base import ReaderSettings
from ingest.testing import FakeContext, ReaderConformance, ids, run

if TYPE_CHECKING:
    from pathlib import Path


class Counting(ReaderSettings):
    """Numbers 0 to 5 from memory, with a checkpoint after each pair; an honest reader."""

    bad: bool = False
    """The second item cannot be read."""
    missing: bool = False
    """There is no source."""

    def check(self, context: Any):  # noqa: ARG002  # the contract's
        if self.missing:
            raise SourceError("there are no numbers here")

    def read(self, cursor: Any, context: Any):
        self.check(context)
        for number in range(cursor or 0, 6):
            if context.cancelled():
                return
            name, mark = f"n{number}", f"v{number}"
            if context.fingerprint(name) == mark:
                yield Unchanged(name, mark)
            elif self.bad and number == 1:
                yield Failed(name, "odd", detail="1 is odd", fingerprint=mark)
            else:
                yield RawDocument(name, b"text", fingerprint=mark)
            if number % 2:
                yield Checkpoint(number + 1)
        yield Checkpoint(0)
        yield Complete()


class TestHonestReader(ReaderConformance):
    reader: ClassVar[type[Counting]] = Counting

    def make(self, folder: Path):  # noqa: ARG002  # in memory
        return self.reader()

    def make_bad(self, folder: Path):  # noqa: ARG002  # as above
        return self.reader(bad=True)

    def make_missing(self, folder: Path):  # noqa: ARG002  # as above
        return self.reader(missing=True)


def altered(change: Any):
    """A reader whose events pass through ``change(event, context)``: an event, several or none."""

    class Altered(Counting):
        """Broken on purpose."""

        def read(self, cursor: Any, context: Any) -> Any:
            for event in super().read(cursor, context):
                out = change(event, context)
                yield from out if isinstance(out, list) else [out]

    return Altered


def document(event: Any, **changes: Any) -> Any:
    return dataclasses.replace(event, **changes) if isinstance(event, RawDocument) else event


def first_only(event: Any, changed: Any):
    return changed if getattr(event, "source_id", "") == "n0" else event


class Loose(Counting):
    """Takes unknown keys."""

    model_config = ConfigDict(extra="ignore")


class Warm(Counting):
    """Can be changed after it was made."""

    model_config = ConfigDict(frozen=False)


class Silent(Counting):
    """Has a field that does not say what it means."""

    depth: int = 0


class Writing(Counting):
    """Leaves a file behind."""

    def read(self, cursor: Any, context: Any):
        (context.base / "state").write_text("x")
        return super().read(cursor, context)


class CheckWriting(Counting):
    """Leaves a file behind while checking."""

    def check(self, context: Any):
        (context.base / "lock").write_text("x")
        super().check(context)


class Deaf(Counting):
    """Never asks whether it should stop, and waits for ever."""

    def read(self, cursor: Any, context: Any):
        yield from super().read(cursor, FakeContext(fingerprints=context.fingerprints))
        if context.cancelled():
            threading.Event().wait()


class Hasty(Counting):
    """Says that all was listed though it was stopped."""

    def read(self, cursor: Any, context: Any):
        yield from super().read(cursor, context)
        if context.cancelled():
            yield Complete()


class Forgetful(Counting):
    """Sets its checkpoint before the events that it covers."""

    def read(self, cursor: Any, context: Any):
        events = list(super().read(cursor, context))
        yield from sorted(events, key=lambda event: not isinstance(event, Checkpoint))


class Raising(Counting):
    """Raises for a bad item."""

    def read(self, cursor: Any, context: Any):
        for event in super().read(cursor, context):
            if isinstance(event, Failed):
                raise ArithmeticError(event.detail)  # noqa: TRY004  # any error will do
            yield event


class GivingUp(Counting):
    """Stops at a bad item."""

    def read(self, cursor: Any, context: Any):
        for event in super().read(cursor, context):
            yield event
            if isinstance(event, Failed):
                return


class Quiet(Counting):
    """Takes a missing source for an empty one."""

    def check(self, context: Any):
        pass


class Careless(Counting):
    """Checks nothing, and lets whatever happens through."""

    def check(self, context: Any):  # noqa: ARG002  # as above
        if self.missing:
            raise OSError("no such file")


counter = iter(range(1_000_000))
BROKEN: list[tuple[str, type[Counting], str]] = [
    ("test_settings_are_frozen_and_described", Loose, "takes unknown keys"),
    ("test_settings_are_frozen_and_described", Warm, "is not frozen"),
    ("test_settings_are_frozen_and_described", Silent, "fields without a docstring: depth"),
    ("test_events_are_well_formed", altered(lambda e, _: [e, "text"]), "not an event"),
    (
        "test_events_are_well_formed",
        altered(lambda e, _: document(e, content="text")),
        "content is not bytes",
    ),
    (
        "test_events_are_well_formed",
        altered(lambda e, _: document(e, media_type="html")),
        "media type 'html'",
    ),
    (
        "test_events_are_well_formed",
        altered(lambda e, _: document(e, metadata={"n": 1})),
        "metadata that is no string",
    ),
    (
        "test_events_are_well_formed",
        altered(lambda e, _: document(e, fetched=datetime(2020, 1, 1))),  # noqa: DTZ001
        "fetched has no time zone",
    ),
    (
        "test_ids_are_unique_and_stable",
        altered(lambda e, _: document(e, source_id=f"n{next(counter)}")),
        "other ids",
    ),
    ("test_ids_are_unique_and_stable", altered(lambda e, _: first_only(e, [e, e])), "given twice"),
    (
        "test_ids_are_unique_and_stable",
        altered(lambda e, _: first_only(e, document(e, source_id=""))),
        "an id is empty",
    ),
    (
        "test_ids_are_unique_and_stable",
        altered(lambda e, _: e if isinstance(e, Complete) else []),
        "to give 3 items or more",
    ),
    (
        "test_second_run_yields_only_unchanged",
        altered(lambda e, _: RawDocument("n", b"") if isinstance(e, Unchanged) else e),
        "sent again though nothing changed",
    ),
    (
        "test_nothing_is_unchanged_that_was_never_read",
        altered(lambda e, _: first_only(e, Unchanged("n0"))),
        "unchanged on the first run",
    ),
    (
        "test_cursor_is_json",
        altered(lambda e, _: Checkpoint((1, 2)) if isinstance(e, Checkpoint) else e),
        "JSON changes the cursor",
    ),
    (
        "test_cursor_is_json",
        altered(lambda e, _: Checkpoint("x" * 70_000) if isinstance(e, Checkpoint) else e),
        "a cursor of 70002 bytes",
    ),
    ("test_resuming_loses_nothing", Forgetful, "the next run does not give"),
    ("test_cancel_is_honoured", Deaf, "still reading"),
    ("test_cancel_is_honoured", Hasty, "Complete after a stop"),
    ("test_check_and_read_change_nothing", CheckWriting, r"check\(\) changed files"),
    ("test_check_and_read_change_nothing", Writing, r"read\(\) changed files"),
    (
        "test_bad_item_is_yielded_as_failed",
        altered(lambda e, _: [] if isinstance(e, Failed) else e),
        "not yielded as Failed",
    ),
    ("test_bad_item_is_yielded_as_failed", GivingUp, "nothing is read after the bad item"),
    (
        "test_bad_item_is_yielded_as_failed",
        altered(lambda e, _: Failed("n1", "x" * 99, detail="d") if isinstance(e, Failed) else e),
        "no short reason",
    ),
    (
        "test_bad_item_is_yielded_as_failed",
        altered(lambda e, _: Failed("n1", "odd") if isinstance(e, Failed) else e),
        "no detail",
    ),
    (
        "test_bad_item_is_yielded_as_failed",
        altered(
            lambda e, _: Failed("n1", "odd", b"", "d", "v1") if e.__class__ is Unchanged else e
        ),
        "failed again though nothing changed",
    ),
    ("test_missing_source_is_told", Quiet, "no SourceError"),
]


@pytest.mark.parametrize(("clause", "reader", "words"), BROKEN)
def test_each_clause_turns_red_for_a_reader_that_breaks_it(
    tmp_path: Path, clause: Any, reader: Any, words: Any
):
    suite = _suite(reader)
    with pytest.raises(AssertionError, match=words):
        getattr(suite, clause)(tmp_path)


@pytest.mark.parametrize(
    ("clause", "reader", "error"),
    [
        ("test_bad_item_is_yielded_as_failed", Raising, ArithmeticError),
        ("test_missing_source_is_told", Careless, OSError),
        (
            "test_ids_are_unique_and_stable",
            altered(lambda e, _: first_only(e, document(e, source_id="\ud800"))),
            UnicodeEncodeError,
        ),
        (
            "test_cursor_is_json",
            altered(lambda e, _: Checkpoint(b"x") if isinstance(e, Checkpoint) else e),
            TypeError,
        ),
    ],
)
def test_what_a_broken_reader_raises_comes_through(
    tmp_path: Path, clause: Any, reader: Any, error: Any
):
    with pytest.raises(error):
        getattr(_suite(reader), clause)(tmp_path)


def test_every_clause_is_seen_red():
    clauses = {name for name in dir(ReaderConformance) if name.startswith("test_")}
    assert clauses == {clause for clause, _, _ in BROKEN}


class Places(Counting):
    """Of places that may fail one by one: that one could not be reached."""

    says: str = "Failed"
    """What it says of a missing place."""

    def check(self, context: Any):
        pass

    def read(self, cursor: Any, context: Any):
        if not self.missing:
            yield from super().read(cursor, context)
        elif self.says == "Failed":
            yield Failed("place", "no answer", detail="nobody answers")
        elif self.says == "Complete":
            yield Failed("place", "no answer", detail="nobody answers")
            yield Complete()


@pytest.mark.parametrize(
    ("says", "words"), [("", "nothing says what is missing"), ("Complete", "not there: .Complete")]
)
def test_a_missing_place_is_told_and_nothing_is_gone(tmp_path: Path, says: str, words: str):
    suite = _suite(Places)
    suite.missing_raises = False
    suite.test_missing_source_is_told(tmp_path)
    suite.make_missing = lambda _: Places(missing=True, says=says)
    with pytest.raises(AssertionError, match=words):
        suite.test_missing_source_is_told(tmp_path)


def test_a_source_that_is_always_there_may_leave_a_clause_out(tmp_path: Path):
    with pytest.raises(unittest.SkipTest):
        ReaderConformance.make_missing(_suite(Counting), tmp_path)


def _suite(reader_type: Any) -> Any:
    class Suite(TestHonestReader):
        __test__ = False
        reader = reader_type
        cancel_seconds = 0.3

    return Suite()


def test_the_double_remembers_as_a_catalog_does():
    context = FakeContext()
    events = [
        RawDocument("a", b"", fingerprint="1"),
        Unchanged("a", "2"),
        Unchanged("a"),
        Failed("b", "odd", fingerprint="3"),
        ContainerRead("c", "4"),
        RawDocument("d", b"", fingerprint="5"),
        Gone("d"),
        Checkpoint({"at": (1,)}),
        Complete(),
    ]
    for event in events:
        context.remember(event)
    assert context.fingerprints == {"a": "2", "b": "3", "c": "4"}
    assert context.cursor == {"at": [1]}


def test_run_and_ids():
    context = FakeContext()
    assert ids(run(Counting(), context)) == [f"n{n}" for n in range(6)]
    assert context.cursor == 0
    assert {type(event) for event in run(Counting(), context)} == {Unchanged, Checkpoint, Complete}
