"""The application over a daemon that is not there, and a store that is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ingest import app
from ingest.schedule import Standing
from ingest.settings import build

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest.outcome import RunReport
    from ingest.settings import Settings


@dataclass
class FakeControl:
    """A `Control` whose answers are set by hand; it notes what it was asked for."""

    settings: Settings
    states: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    paused: set[str] = field(default_factory=set)
    quiet: float = 0.0
    finished: Callable[[RunReport], None] = lambda _report: None

    def standings(self) -> list[Standing]:
        next_run = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(hours=1)
        return [
            Standing(
                source.name,
                self.states.get(source.name, "idle"),  # type: ignore[arg-type]
                source.name in self.paused,
                2,
                "",
                next_run,
            )
            for source in self.settings.source
        ]

    def request(self, name: str) -> bool:
        self.asked.append(name)
        return any(source.name == name for source in self.settings.source)

    def pause(self, name: str, *, paused: bool) -> bool:
        (self.paused.add if paused else self.paused.discard)(name)
        return any(source.name == name for source in self.settings.source)

    def queues(self) -> dict[str, int]:
        return {"slots": 1, "runs": 2, "turns": 0}

    def silence(self) -> float:
        return self.quiet


def make_settings(folder: Path, **more: Any) -> Settings:
    """Two sources, one of them with something in it."""
    (folder / "one").mkdir(exist_ok=True)
    (folder / "one" / "a.txt").write_text("Harbour bridge opens. " * 12)
    sources = [
        {"name": "one", "path": "one", "schedule": "every 1h", "extract": "none"},
        {"name": "two", "path": "two", "schedule": "0 6 * * mon-fri"},
    ]
    return build(
        {"workers": 0, "dedup": {"story": "ignore"}, "source": sources, **more}, base=folder
    )


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a store with one run in it."""
    settings = make_settings(tmp_path_factory.mktemp("served"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ingest.dedup.signatures.engine", _reference)
        app.run(settings)
    return settings


def _reference(_folder: str) -> Any:
    from ingest.dedup.signatures import Reference  # noqa: PLC0415 - see `served`

    return Reference()


@pytest.fixture
def control(served: Settings) -> FakeControl:
    return FakeControl(served)
