"""How often one host is asked: one request at a time, and a delay between them."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SLICE = 0.2
"""Seconds after which a wait looks whether the run is being stopped."""


class CancelledError(Exception):
    """The run is being stopped."""


@dataclass(slots=True)
class _Host:
    turn: threading.Lock = field(default_factory=threading.Lock)
    lock: threading.Lock = field(default_factory=threading.Lock)
    free: float = 0.0


class Pace:
    """Leaves each host its delay between the starts of two requests; safe for threads."""

    def __init__(self, cancelled: Callable[[], bool]) -> None:
        self._cancelled = cancelled
        self._hosts: dict[str, _Host] = {}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def turn(self, host: str, delay: float) -> Iterator[None]:
        """Wait for the host's turn and hold it; raises `CancelledError`."""
        with self._lock:
            known = self._hosts.setdefault(host, _Host())
        while not known.turn.acquire(timeout=_SLICE):
            self._check()
        try:
            with known.lock:
                start = max(known.free, time.monotonic())
                known.free = start + delay
            self.wait(start - time.monotonic())
            yield
        finally:
            known.turn.release()

    def hold_off(self, host: str, seconds: float) -> None:
        """Leave the host alone for so long, whoever asks (``Retry-After``)."""
        with self._lock:
            known = self._hosts.setdefault(host, _Host())
        with known.lock:
            known.free = max(known.free, time.monotonic() + seconds)

    def wait(self, seconds: float) -> None:
        """Sleep, unless the run is being stopped: then raise `CancelledError`."""
        end = time.monotonic() + seconds
        self._check()
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _SLICE))
            self._check()

    def _check(self) -> None:
        if self._cancelled():
            raise CancelledError
