"""Runs that share a store's lock: who holds it, who waits, and what each sees of the others."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from ingest import app
from ingest.catalog.lock import contended, writer_lock
from ingest.dedup.signatures import Reference
from ingest.errors import StoreError, StoreLocked
from ingest.settings import build
from ingest.turns import Turns

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.settings import Settings


def test_the_last_run_lets_go_of_the_lock(tmp_path: Path) -> None:
    turns = Turns()
    with ExitStack() as first:
        first.enter_context(turns.seat(tmp_path))
        with turns.seat(tmp_path):
            first.close()
            with pytest.raises(StoreLocked), writer_lock(tmp_path):
                pass
    with writer_lock(tmp_path):
        pass


def test_without_waiting_a_lock_held_elsewhere_is_an_error(tmp_path: Path) -> None:
    with (
        writer_lock(tmp_path, label="theirs"),
        pytest.raises(StoreLocked, match="theirs"),
        Turns().seat(tmp_path),
    ):
        pass


def test_waiting_ends_when_the_run_is_cancelled(tmp_path: Path) -> None:
    asked = iter([False, False, True])
    with (
        writer_lock(tmp_path),
        pytest.raises(StoreLocked),
        Turns().seat(tmp_path, wait=1e9, cancelled=lambda: next(asked)),
    ):
        pass
    assert next(asked, None) is None


def test_turns_are_given_in_the_order_asked(tmp_path: Path) -> None:
    turns, order = Turns(), []
    with ExitStack() as stack:
        seats = [stack.enter_context(turns.seat(tmp_path)) for _ in range(5)]

        def take(number: int) -> None:
            with seats[number].turn():
                order.append(number)

        threads = [threading.Thread(target=take, args=(number,)) for number in range(1, 5)]
        with seats[0].turn(), seats[0].turn():  # a turn in a turn is part of it
            for expected, thread in enumerate(threads, start=1):
                thread.start()
                while turns.waiting < expected:
                    pass
            assert order == []
        for thread in threads:
            thread.join()
    assert order == [1, 2, 3, 4]


def test_a_run_learns_that_others_wrote(tmp_path: Path) -> None:
    turns = Turns()
    with turns.seat(tmp_path) as one, turns.seat(tmp_path) as other:
        for seat, expected in ((one, True), (one, False), (other, True), (one, True)):
            with seat.turn():
                assert seat.others_wrote() is expected


def test_a_run_that_was_given_up_cannot_write_and_does_not_hold_the_lock(tmp_path: Path) -> None:
    turns = Turns()
    with turns.seat(tmp_path) as seat:
        assert seat.give_up()
        with writer_lock(tmp_path):
            pass
        with pytest.raises(StoreError, match="given up"), seat.turn():
            pass


def test_a_run_in_its_turn_keeps_the_lock_though_it_is_given_up(tmp_path: Path) -> None:
    turns = Turns()
    with turns.seat(tmp_path) as seat, seat.turn():
        assert not seat.give_up()
        with pytest.raises(StoreLocked), writer_lock(tmp_path):
            pass


def test_another_process_that_waits_gets_its_turn(tmp_path: Path) -> None:
    """Runs that come while it waits do not join those that hold the lock, but wait too."""
    turns, got, go_on = Turns(), threading.Event(), threading.Event()

    def outside() -> None:
        with writer_lock(tmp_path, wait=60):
            got.set()
            go_on.wait(60)

    thread = threading.Thread(target=outside)
    with turns.seat(tmp_path):
        thread.start()
        while not contended(tmp_path):
            pass
        with pytest.raises(StoreLocked, match="waits"), turns.seat(tmp_path):
            pass
    assert got.wait(60)
    go_on.set()
    thread.join()


# --- runs -----------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Two sources, one of which holds a near copy of what the other has."""
    monkeypatch.setattr("ingest.dedup.signatures.engine", lambda _: Reference())
    text = " ".join(f"word{number * 7 % 101}" for number in range(300))
    for name, ending in (("one", "first"), ("two", "second")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(f"{text} {ending}.")
        (tmp_path / name / "b.txt").write_text(f"{name} " * 40)
    sources = [{"name": name, "path": name, "extract": "none"} for name in ("one", "two")]
    return build({"workers": 0, "dedup": {"story": "ignore"}, "source": sources}, base=tmp_path)


def test_runs_that_overlap_see_what_the_other_decided(settings: Settings) -> None:
    """Two has opened the index before one adds to it, and finds one's document all the same."""
    turns = Turns()
    (settings.base / "two" / "0.txt").write_text("opens the index " * 20)
    inside, decided = threading.Event(), threading.Event()
    reports = {}

    def pause(source: str, _counts: object) -> None:
        """Called after the first batch of two: let one have all its turns then."""
        if source == "two" and not inside.is_set():
            inside.set()
            assert decided.wait(60)

    def run(name: str) -> None:
        options = app.RunOptions(turns=turns, progress=pause)
        reports[name] = app.run(settings, only=[name], options=options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ingest.pipeline.BATCH_EVENTS", 1)
        two = threading.Thread(target=run, args=("two",))
        two.start()
        assert inside.wait(60)
        run("one")
        decided.set()
        two.join(60)
    assert reports["one"].counts["new"] == 2
    assert reports["two"].counts["near"] == 1
    assert {report.status for report in reports.values()} == {"done"}
    again = app.run(settings)
    assert again.counts["unchanged"] == 5
    assert again.sequence == reports["two"].sequence


def test_a_run_does_not_take_its_colleague_for_killed(settings: Settings) -> None:
    turns = Turns()
    seen = []

    def nested(source: str, _counts: object) -> None:
        if source == "one" and not seen:
            seen.append(app.run(settings, only=["two"], options=app.RunOptions(turns=turns)))

    report = app.run(settings, only=["one"], options=app.RunOptions(turns=turns, progress=nested))
    assert (report.status, seen[0].status) == ("done", "done")
    from ingest import reports  # noqa: PLC0415 - only here

    with reports.opened(settings) as store:
        assert [run.status for run in store.runs.latest(5)] == ["done", "done"]


def test_the_ledger_drops_quiet_runs_and_keeps_what_documents_name(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "PRUNED_EVERY", 4)
    monkeypatch.setattr(app, "QUIET_RUNS", 3)
    first = app.run(settings)
    for _ in range(11):
        app.run(settings, only=["one"])
    from ingest import reports  # noqa: PLC0415 - only here

    with reports.opened(settings) as store:
        runs = store.runs.latest(50)
        assert runs[-1].run_id == first.run_id
        assert len(runs) <= 1 + 3 + 4
        assert store.runs.latest_of("two").status == "done"


def test_a_run_over_its_time_limit_has_failed(settings: Settings) -> None:
    options = app.RunOptions(cancelled=lambda: True, overdue=lambda: True)
    report = app.run(settings, only=["one"], options=options)
    assert report.status == "failed"
    assert report.sources[0].error == "its time limit passed"


@pytest.mark.parametrize(("point", "status"), [("batch-decided", "failed"), ("manifest", "done")])
def test_a_run_that_a_bug_breaks_is_closed_as_failed(
    settings: Settings, point: str, status: str
) -> None:
    def fault(name: str) -> None:
        if name == point:
            raise ZeroDivisionError("xylophone")

    with pytest.raises(ZeroDivisionError):
        app.run(settings, only=["one"], options=app.RunOptions(fault=fault))
    from ingest import reports  # noqa: PLC0415 - only here

    with reports.opened(settings) as store:
        (run,) = store.runs.latest(5)
    assert (run.status, run.sources[0].status) == ("failed", status)
    assert run.ended
    assert run.sources[0].ended
    assert ("ZeroDivisionError at test_turns.py" in run.sources[0].error) == (status == "failed")
    assert "xylophone" not in run.sources[0].error  # it might be of a document
