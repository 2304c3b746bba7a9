"""Memory over many runs of a source in which nothing changes."""

from __future__ import annotations

import gc
import logging
from typing import TYPE_CHECKING

import psutil
import pytest
import structlog

from ingest.daemon.work import Work, run_source
from ingest.dedup.signatures import Reference
from ingest.settings import build
from ingest.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ingest.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setattr("ingest.dedup.signatures.engine", lambda _: Reference())
    # What pytest keeps of the log would be the only thing that grows.
    quiet = structlog.make_filtering_bound_logger(logging.ERROR)
    structlog.configure(wrapper_class=quiet)
    (tmp_path / "one").mkdir()
    for number in range(10):
        (tmp_path / "one" / f"{number}.txt").write_text(f"number {number} " * 20)
    source = {"name": "one", "path": "one", "extract": "none"}
    values = {"workers": 0, "dedup": {"story": "ignore"}, "source": [source]}
    yield build(values, base=tmp_path)
    structlog.reset_defaults()


def run(settings: Settings, turns: Turns, times: int) -> None:
    for _ in range(times):
        report = run_source(Work("one", settings, turns))
        assert report.counts["read"] == 10
    gc.collect()


def grown(settings: Settings, warm_up: int, times: int) -> int:
    """Bytes of resident memory that so many runs leave behind."""
    turns = Turns()
    run(settings, turns, warm_up)
    before = psutil.Process().memory_info().rss
    run(settings, turns, times)
    return psutil.Process().memory_info().rss - before


def test_memory_does_not_grow_with_runs(settings: Settings) -> None:
    assert grown(settings, 30, 60) < 1 << 20


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_resident_memory_is_flat_over_ten_thousand_runs(settings: Settings) -> None:
    assert grown(settings, 1000, 9000) < 4 << 20
    assert (settings.store / "catalog.db").stat().st_size < 4 << 20
