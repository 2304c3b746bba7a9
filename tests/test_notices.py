"""That the compiling of the kernel is told, once, and only where it happens."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from itertools import count
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from support import leave_code

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


KERNELS = [("kernel", "extract", "logits"), ("plain-kernel", "dedup", "sign")]


@pytest.mark.parametrize(("claimed", "package", "function"), KERNELS)
def test_a_kernel_that_is_compiled_is_told_once_with_the_run(
    tmp_path: Path, claimed: str, package: str, function: str
) -> None:
    leave_code(tmp_path, package, function)  # the other one, which nobody waits for
    told, lines = Event(), []

    def keep(_logger: Any, _method: str, line: Any) -> Any:
        lines.append(dict(line))
        told.set()
        raise structlog.DropEvent

    structlog.configure(processors=[structlog.contextvars.merge_contextvars, keep])
    try:
        with (
            structlog.contextvars.bound_contextvars(run_id="run-1"),
            claim(claimed, str(tmp_path)) as mine,
            compiling_told(str(tmp_path)),
        ):
            assert mine
            assert told.wait(10)
            for watch in [each for each in threading.enumerate() if each.name == notices.WATCH]:
                watch.join(5)
                assert not watch.is_alive(), "once is enough"
    finally:
        structlog.reset_defaults()
    assert [(line["event"], line["run_id"]) for line in lines] == [("compiling", "run-1")]


@pytest.mark.parametrize("script", [(True,), (False, True)], ids=["free", "held for a moment"])
def test_nothing_is_said_while_nothing_is_compiled(
    tmp_path: Path, said: list[Any], monkeypatch: pytest.MonkeyPatch, script: tuple[bool, ...]
) -> None:
    done, looks = Event(), count()

    def scripted(_name: str, _folder: str) -> Any:
        look = next(looks)
        if look == 8:
            done.set()
        return nullcontext(script[look % len(script)])

    leave_code(tmp_path, "extract", "logits")
    monkeypatch.setattr(notices, "claim", scripted)
    with compiling_told(str(tmp_path)):
        assert done.wait(10)
    assert said == []


def test_where_code_was_kept_nothing_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_code(tmp_path, "dedup", "sign")
    leave_code(tmp_path, "extract", "logits")
    monkeypatch.setattr(notices, "_watch", None)
    with compiling_told(str(tmp_path)):
        pass
