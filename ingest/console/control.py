"""What the HTTP side asks of the daemon, without knowing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ingest.outcome import RunReport
    from ingest.schedule import Standing
    from ingest.settings import Settings


class Control(Protocol):
    """The daemon as the console sees it; every method may be called from any thread."""

    settings: Settings
    finished: Callable[[RunReport], None]

    def standings(self) -> Sequence[Standing]:
        """How each source stands."""
        ...

    def request(self, name: str) -> bool:
        """Run a source as soon as there is a slot; whether there is such a source."""
        ...

    def pause(self, name: str, *, paused: bool) -> bool:
        """Pause a source or go on with it; whether there is such a source."""
        ...

    def queues(self) -> Mapping[str, int]:
        """Lengths of what waits and runs, by name."""
        ...

    def silence(self) -> float:
        """Seconds since the daemon last looked at its schedules."""
        ...
