"""Signals of the daemon: handlers only set flags, the main thread acts on them.

SIGTERM and SIGINT ask it to stop, SIGHUP to load its settings again.  The second signal
to stop ends the process where it stands: the store survives that as it survives a kill.
"""

from __future__ import annotations

import os
import select
import signal
import socket
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import FrameType

_STOP = (signal.SIGTERM, signal.SIGINT)
_AT_ONCE = b"ingest: second signal, stopping at once; what was committed is safe\n"


class Signals:
    """Flags that signals set, and a way to sleep until one comes; for the main thread."""

    def __init__(self) -> None:
        self.stop = 0
        self.reload = False
        self._before: dict[int, Any] = {}
        self._reader, self._writer = socket.socketpair()
        self._wakeup = -1

    def __enter__(self) -> Self:
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in (*_STOP, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        self._reader.close()
        self._writer.close()

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self.reload = True
        elif self.stop:
            os.write(2, _AT_ONCE)
            os._exit(128 + number)
        else:
            self.stop = number

    def sleep(self, seconds: float) -> bool:
        """Wait until a signal comes, or `wake` is called, at most so long; whether one did."""
        woken, _, _ = select.select([self._reader], [], [], seconds)
        try:
            while self._reader.recv(4096):
                pass
        except BlockingIOError:
            return bool(woken)
        return True

    def wake(self) -> None:
        """End the sleep; may be called from any thread."""
        try:
            self._writer.send(b"\0")
        except (BlockingIOError, OSError):
            return  # full of wake-ups, or closed: nobody sleeps

    def take_reload(self) -> bool:
        """Whether SIGHUP came since this was asked last."""
        asked, self.reload = self.reload, False
        return asked
