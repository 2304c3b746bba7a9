"""When the daemon says that it is ready."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from ingest.daemon import serving
from ingest.daemon.serving import greet
from ingest.settings import build

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.settings import Settings


@dataclass
class Stage:
    """A daemon, its signals and its service manager; ``sleeps`` are what each sleep ends with."""

    settings: Settings
    sleeps: list[str]
    stop: int = 0
    heard: list[str] = field(default_factory=list)
    warmed: threading.Event = field(default_factory=threading.Event)

    def sleep(self, _seconds: float) -> bool:
        event = self.sleeps.pop(0)
        if event == "workers":
            self.warmed.set()
        self.stop = 15 if event == "SIGTERM" else 0
        return event != "nothing"

    def soon(self) -> None:
        self.heard.append("tick")

    def ready(self) -> None:
        self.heard.append("ready")


def heard(stage: Any) -> list[str]:
    greet(stage, stage, stage, stage)
    told: list[str] = stage.heard
    return told


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return build({}, base=tmp_path)


def test_it_is_ready_once_the_workers_stand(settings: Settings) -> None:
    stage = Stage(settings, ["nothing", "run ended", "nothing", "workers"])
    assert heard(stage) == ["tick", "tick", "ready"]
    assert stage.sleeps == []


def test_it_is_ready_without_workers_that_take_too_long(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 100, 10))
    monkeypatch.setattr(serving, "elapsed", lambda: next(clock))
    stage = Stage(settings, ["nothing"] * 9)
    assert heard(stage) == ["ready"]
    assert len(stage.sleeps) == 6


def test_a_stop_meanwhile_is_no_start(settings: Settings) -> None:
    assert heard(Stage(settings, ["nothing", "SIGTERM"])) == ["tick"]
