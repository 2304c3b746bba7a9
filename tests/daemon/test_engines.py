"""Which workers stay for the next run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ingest.daemon import engines
from ingest.daemon.engines import Engines
from ingest.settings import build

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.settings import Settings


class FakeEngine:
    """Notes whether it was closed."""

    def __init__(self, _settings: object) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(engines, "make_engine", FakeEngine)
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


def test_no_more_than_some_are_kept_and_not_for_ever(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = Engines()
    first, second, third = (lend(pool, name, settings) for name in "abc")
    assert [each.closed for each in (first, second, third)] == [True, False, False]
    pool.expire()
    assert not third.closed
    monkeypatch.setattr(engines, "LINGER", -1.0)
    pool.expire()
    assert second.closed
    assert third.closed


def test_other_settings_or_a_failure_mean_other_workers(settings: Settings) -> None:
    pool = Engines()
    first = lend(pool, "a", settings)
    assert lend(pool, "a", settings.model_copy()) is not first
    with pytest.raises(ZeroDivisionError), pool.lend("a", settings) as engine:
        raise ZeroDivisionError
    assert engine is first
    assert first.closed


def test_a_stop_closes_what_nobody_uses(settings: Settings) -> None:
    pool = Engines()
    kept = lend(pool, "a", settings)
    pool.close()
    assert kept.closed
