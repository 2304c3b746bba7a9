"""One writer, made of many runs: those of one process share the store's lock and take turns.

    run A   read, extract ......  turn: decide, commit  ....  turn: publish
    run B      read, extract ..................  turn: decide, commit ....

The first run to come takes the lock on the store, the last to go lets go of it.  What is
written, from a batch to a whole publication, is written in a turn, and turns are given
in the order in which they are asked for.  Another process that waits for the lock gets
it: as long as it waits no run joins, until all have gone.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import structlog

from ingest.catalog.lock import contended, writer_lock
from ingest.errors import StoreError, StoreLocked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

log = structlog.get_logger()

_SLICE = 0.25
"""Seconds between two looks at whether to go on waiting; the lock's own poll is shorter,
so that it passes to another process in as long."""


class Seat:
    """A run's place among those that share the lock.  ``number`` is the run's, once it has one."""

    def __init__(self, turns: Turns) -> None:
        self.number = 0
        self.waited = 0.0
        """Seconds spent waiting for turns."""
        self._turns = turns
        self._depth = 0
        self._given_up = False

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Be the only one that writes; a turn inside a turn is part of it.

        Raises `StoreError` in a run that was given up.
        """
        if self._depth:
            yield
            return
        began = time.monotonic()
        self._turns.take(self)
        self.waited += time.monotonic() - began
        self._depth = 1
        try:
            if self._given_up:
                raise StoreError("this run was given up, since it did not end when it was told to")
            yield
        finally:
            self._depth = 0
            self._turns.pass_on(self)

    def others_wrote(self) -> bool:
        """Whether another run has had a turn since this one's last; asked in a turn."""
        return self._turns.changed_hands

    @property
    def colleagues(self) -> tuple[int, ...]:
        """Numbers of the other runs that are going on in this process."""
        return self._turns.numbers(without=self)

    def give_up(self) -> bool:
        """Take the seat of a run that hangs; false where it is in its turn, and keeps it."""
        self._given_up = True
        return self._turns.remove(self)


class Turns:
    """The runs of one process on one store."""

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._seats: list[Seat] = []
        self._hold: ExitStack | None = None
        self._opening = False
        self._queue: deque[Seat] = deque()
        self._last: Seat | None = None
        self.changed_hands = False

    @property
    def waiting(self) -> int:
        """How many runs wait for their turn."""
        return max(0, len(self._queue) - 1)

    @contextmanager
    def seat(
        self,
        folder: Path,
        *,
        wait: float = 0.0,
        label: str = "",
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Iterator[Seat]:
        """Join the runs on the store in ``folder``, or be the first.

        Waits up to ``wait`` seconds for another process, asking now and then whether it
        is still wanted; then raises `StoreLocked`.
        """
        seat = Seat(self)
        self._join(seat, folder, time.monotonic() + wait, label, cancelled)
        try:
            yield seat
        finally:
            self.remove(seat)

    def _join(
        self, seat: Seat, folder: Path, deadline: float, label: str, cancelled: Callable[[], bool]
    ) -> None:
        told = False
        while True:
            with self._change:
                if self._hold is not None and not contended(folder):
                    self._seats.append(seat)
                    return
                first = self._hold is None and not self._opening
                self._opening = self._opening or first
            last_try = cancelled() or time.monotonic() >= deadline
            if first and self._open(seat, folder, label, last_try=last_try):
                return
            if last_try and not first:
                raise StoreLocked(
                    f"{folder / 'lock'}: another process waits to write to this store",
                    hint="Wait for it with --wait SECONDS.",
                )
            if not told:
                log.info("waiting for the store", lock=str(folder / "lock"))
                told = True
            if not first:
                with self._change:
                    self._change.wait(_SLICE)

    def _open(self, seat: Seat, folder: Path, label: str, *, last_try: bool) -> bool:
        """Take the store's lock as the first run; whether it was to be had."""
        hold = ExitStack()
        try:
            if contended(folder):
                time.sleep(_SLICE)
            wait = 0.0 if last_try else _SLICE
            hold.enter_context(writer_lock(folder, wait=wait, label=label))
        except StoreLocked:
            if last_try:
                raise
            return False
        else:
            with self._change:
                self._hold = hold
                self._last = None
                self._seats.append(seat)
            return True
        finally:
            with self._change:
                self._opening = False
                self._change.notify_all()

    def remove(self, seat: Seat) -> bool:
        """Let a run go; the last one lets go of the lock.  False for one that is in its turn."""
        with self._change:
            if self._queue and self._queue[0] is seat:
                return False
            if seat in self._seats:
                self._seats.remove(seat)
            if not self._seats and self._hold is not None:
                hold, self._hold = self._hold, None
                hold.close()
            self._change.notify_all()
            return True

    def take(self, seat: Seat) -> None:
        """Wait for the seat's turn."""
        with self._change:
            self._queue.append(seat)
            while self._queue[0] is not seat:
                self._change.wait()
            self.changed_hands = self._last is not seat
            self._last = seat

    def pass_on(self, seat: Seat) -> None:
        """End the seat's turn."""
        with self._change:
            self._queue.remove(seat)
            self._change.notify_all()

    def numbers(self, *, without: Seat) -> tuple[int, ...]:
        """Numbers of the runs that are going on, but for one."""
        with self._change:
            return tuple(seat.number for seat in self._seats if seat is not without and seat.number)
