"""That the compiling of the kernel is told, once, and only where it happens."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from ingest import notices
from ingest.compiling import claim
from ingest.notices import compiling_told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "LOOK_SECONDS", 0.005)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)


@pytest.fixture
def said() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


def looks(monkeypatch: pytest.MonkeyPatch, number: int) -> Event:
    """Set after so many looks."""
    done, count = Event(), iter(range(number))

    def watched(name: str, folder: str) -> Any:
        if next(count, None) is None:
            done.set()
        return claim(name, folder)

    monkeypatch.setattr(notices, "claim", watched)
    return done


def test_a_kernel_that_is_compiled_is_told_once_with_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, lines = Event(), []

    def keep(_logger: Any, _method: str, line: Any) -> Any:
        lines.append(dict(line))
        told.set()
        raise structlog.DropEvent

    structlog.configure(processors=[structlog.contextvars.merge_contextvars, keep])
    try:
        with (
            structlog.contextvars.bound_contextvars(run_id="run-1"),
            claim("kernel", str(tmp_path)) as mine,
            compiling_told(str(tmp_path)),
        ):
            assert mine
            assert told.wait(10)
    finally:
        structlog.reset_defaults()
    assert [(line["event"], line["run_id"]) for line in lines] == [("compiling", "run-1")]


def test_nothing_is_said_while_nothing_is_compiled(
    tmp_path: Path, said: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = looks(monkeypatch, 5)
    with compiling_told(str(tmp_path)):
        assert done.wait(10)
    assert said == []


def test_where_code_was_kept_nothing_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.sign-1.py311.nbi").touch()
    monkeypatch.setattr(notices, "_watch", None)
    with compiling_told(str(tmp_path)):
        pass
