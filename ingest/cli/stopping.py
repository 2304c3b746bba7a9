"""Ctrl-C and SIGTERM during a run: say so, finish the batch in hand, commit, publish."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


class Stop:
    """Set by the first signal; the second ends the process at once, which harms nothing."""

    def __init__(self) -> None:
        self.signal = 0
        self._told = False

    def __call__(self) -> bool:
        """Whether a signal has come; the first to ask tells the user that it was heard."""
        if self.signal and not self._told:
            self._told = True
            sys.stderr.write(
                "ingest: stopping after the batch in hand; once more ends it at once\n"
            )
        return self.signal != 0

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Signal handler: sets a flag, and nothing else that could go wrong."""
        if self.signal:
            raise KeyboardInterrupt
        self.signal = number

    @property
    def exit_code(self) -> int:
        """What a shell expects of a process that a signal ended."""
        return 128 + self.signal


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Watch for SIGINT and SIGTERM inside the block."""
    stop = Stop()
    before = {
        number: signal.signal(number, stop.handle) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
        if stop.signal:
            sys.stderr.write("ingest: stopped after the batch in hand; what it had is committed\n")
    except EOFError as error:
        # Typer would take it for Ctrl-D at a prompt.  A Ctrl-C that reaches the server of the
        # workers before it has learnt to ignore it ends that too.
        if stop():
            raise KeyboardInterrupt from error
        raise RuntimeError("a process that this one talks to has ended") from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
