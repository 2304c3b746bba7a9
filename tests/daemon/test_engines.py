"""Which workers stay for the next run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from structlog.testing import capture_logs

from ingest.daemon import engines
from ingest.daemon.engines import Engines
from ingest.dedup.signatures import Reference
from ingest.errors import SettingsError
from ingest.settings import build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ingest.settings import Settings


class FakeEngine:
    """Notes what it was given, and whether it was closed."""

    made: ClassVar[list[FakeEngine]] = []

    def __init__(self, _settings: object, _preload: object) -> None:
        self.closed = False
        self.worked = 0
        self.made.append(self)

    def map(self, make: Any, items: Any, concerns: Any) -> Iterator[tuple[Any, Any]]:
        for item in items:
            assert concerns(item)
            self.worked += 1
            yield item, make()(item)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(engines, "make_engine", FakeEngine)
    monkeypatch.setattr(FakeEngine, "made", [])
    monkeypatch.setattr("ingest.dedup.signatures.engine", lambda _: Reference())
    schedules = {"a": "on change", "b": "every 5s", "c": "on change", "rare": "every 1h"}
    sources = [{"name": name, "path": name, "schedule": text} for name, text in schedules.items()]
    return build({"source": sources}, base=tmp_path)


def lend(pool: Engines, name: str, settings: Settings) -> FakeEngine:
    with pool.lend(name, settings) as engine:
        assert isinstance(engine, FakeEngine)
        assert not engine.closed
    return engine


def test_a_source_that_runs_often_gets_its_workers_again(settings: Settings) -> None:
    pool = Engines()
    assert lend(pool, "a", settings) is lend(pool, "a", settings)
    assert lend(pool, "b", settings) is not lend(pool, "a", settings)


def test_others_keep_none(settings: Settings) -> None:
    assert lend(Engines(), "rare", settings).closed


def test_no_more_than_some_are_kept(settings: Settings) -> None:
    pool = Engines()
    first, second, third = (lend(pool, name, settings) for name in "abc")
    assert [each.closed for each in (first, second, third)] == [True, False, False]


def test_other_settings_or_a_failure_mean_other_workers(settings: Settings) -> None:
    pool = Engines()
    first = lend(pool, "a", settings)
    assert lend(pool, "a", settings.model_copy()) is not first
    with pytest.raises(ZeroDivisionError), pool.lend("a", settings) as engine:
        raise ZeroDivisionError
    assert engine is first
    assert first.closed


def test_a_stop_closes_what_nobody_uses_and_what_comes_back_later(settings: Settings) -> None:
    pool = Engines()
    kept = lend(pool, "a", settings)
    with pool.lend("b", settings) as lent:
        pool.close()
        assert kept.closed
        assert isinstance(lent, FakeEngine)
        assert not lent.closed
    assert lent.closed
    pool.warm(settings)
    assert len(FakeEngine.made) == 2


# --- at the start ---------------------------------------------------------------------


def test_workers_are_there_before_the_first_run_of_what_runs_often(settings: Settings) -> None:
    pool = Engines()
    pool.warm(settings)
    assert [engine.worked for engine in FakeEngine.made] == [1, 1]
    assert lend(pool, "a", settings) is FakeEngine.made[0]
    assert lend(pool, "b", settings) is FakeEngine.made[1]
    assert not lend(pool, "c", settings).worked


def test_a_run_that_comes_before_they_are_there_does_not_take_their_place(
    settings: Settings,
) -> None:
    """It had nothing to prepare, say, so that its own engine has started none."""
    pool = Engines()
    with pool.lend("a", settings) as early:
        pool.warm(settings)
    assert isinstance(early, FakeEngine)
    assert early.closed
    assert lend(pool, "a", settings).worked


def test_other_settings_have_other_workers(settings: Settings) -> None:
    pool = Engines()
    pool.warm(settings)
    before = list(FakeEngine.made)
    with pool.lend("a", settings) as lent:
        changed = settings.model_copy()
        pool.warm(changed)
    assert all(engine.closed for engine in before)
    assert lent is before[0]
    assert lend(pool, "a", changed) is FakeEngine.made[2]


def test_workers_that_do_not_start_are_left_to_the_run(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise SettingsError("no such step")

    monkeypatch.setattr(engines, "make_recipe", refuse)
    pool = Engines()
    with capture_logs() as log:
        pool.warm(settings)
    assert all(engine.closed for engine in FakeEngine.made)
    assert [line["reason"] for line in log] == ["SettingsError: no such step"] * 2
