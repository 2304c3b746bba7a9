"""The engine of worker processes that can be killed: one machine, as many as it has cores.

    items -> window (in order) -> crew -> workers
                |                           |
    caller <- head of the window <- results, in any order

Measured beside the ready-made pools: `concurrent.futures` breaks the whole pool when
one worker dies; pebble's workers share one pipe and its lock, so a worker that is
killed while it sends (which is where a memory limit strikes) leaves all the others
waiting for ever, time limits included.  Here a worker shares nothing with another.
"""

from __future__ import annotations

import pickle
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from ingest.engine.base import Limits
from ingest.engine.board import CHUNK_BYTES, CHUNK_ITEMS, Board, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from ingest.engine.base import Casualty
    from ingest.engine.crew import Crew

T = TypeVar("T")
R = TypeVar("R")

AHEAD_ITEMS = 2048
"""Items read and not yet yielded, at most: what is done while one item takes its whole
time limit."""
AHEAD_BYTES = 64 << 20
"""Bytes of pickled items and results in that window, at most; one item may pass it alone."""
LINGER = 0.001
"""Seconds for which items are gathered before the workers are told: tiny items that come
fast make full chunks, slow ones are passed on one by one."""


def _nothing(_: object) -> Sequence[str]:
    return ()


class Processes:
    """Runs the work in ``workers`` processes, in chunks, giving results in the items' order.

    A worker is started when there is an item that no idle worker will take; where no
    item concerns, none is, and nothing is imported.  Workers stay for the next map with
    the same ``make`` until `close`.  ``preload`` names modules that the work needs, by its
    first item; the fork server imports them once, so that a new worker has them at no cost.
    As with all of `multiprocessing`, a program's main module is imported by the workers, so
    it needs its ``if __name__ == "__main__"``.

    The input is read in the thread that asks for the next item.  Each item's time limit
    is its own, however many share a chunk; memory is that of the worker, which is
    replaced when an item leaves it halfway to the limit.
    """

    def __init__(
        self,
        workers: int,
        limits: Limits | None = None,
        preload: Callable[[Any], Sequence[str]] = _nothing,
    ) -> None:
        self._workers = max(1, workers)
        self._limits = limits or Limits()
        self._preload = preload
        self._crew: Crew | None = None
        self._mapping = False

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the living workers."""
        return self._crew.pids if self._crew else ()

    def map(
        self,
        make: Callable[[], Callable[[T], R]],
        items: Iterable[T],
        concerns: Callable[[T], bool],
    ) -> Generator[tuple[T, R | Casualty | None], None, None]:
        """Yield every item with its result, in the order of ``items``.

        Raises what the work, ``make`` or ``items`` raised, the last at once; then, and
        when the generator is closed early, the workers are killed.
        """
        if self._mapping:
            raise RuntimeError("this engine is at work on another map")
        self._mapping = True
        window = _Window(lambda first: self._crew_for(make, first))
        finished = False
        try:
            for item in items:
                if concerns(item):
                    window.add(item)
                elif window.entries:
                    window.entries.append((item, None))
                else:
                    yield item, None
                while window.entries and (window.full or window.ready):
                    yield cast("tuple[T, R | Casualty | None]", window.pop())
            while window.entries:
                yield cast("tuple[T, R | Casualty | None]", window.pop())
            finished = True
        finally:
            self._mapping = False
            if not finished:
                self.close()

    def close(self) -> None:
        """Kill the workers and wait until they are gone; safe to call twice."""
        crew, self._crew = self._crew, None
        if crew is not None:
            crew.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _crew_for(self, make: Callable[[], Callable[[Any], Any]], first: object) -> Crew:
        """The crew that runs ``make``; another one than before only where ``make`` differs."""
        from ingest.engine.crew import Crew  # noqa: PLC0415 - 60 ms, for runs with work only

        pickled = pickle.dumps(make)
        if self._crew is not None and self._crew.make != pickled:
            self.close()
        if self._crew is None:
            board = Board(self._workers)
            preload = self._preload(first)
            self._crew = Crew(pickled, board, self._workers, self._limits, preload)
        return self._crew


class _Window:
    """The items read and not yet yielded, in order, with their tasks; None: no work."""

    def __init__(self, engage: Callable[[object], Crew]) -> None:
        self.entries: deque[tuple[Any, Task | None]] = deque()
        self._engage = engage
        self._crew: Crew | None = None
        self._gathered: list[Task] = []
        self._gathered_bytes = 0
        self._handed = 0.0

    @property
    def full(self) -> bool:
        if len(self.entries) >= AHEAD_ITEMS:
            return True
        return self._crew is not None and (
            self._crew.board.held + self._gathered_bytes > AHEAD_BYTES
        )

    @property
    def ready(self) -> bool:
        task = self.entries[0][1]
        return task is None or task.done

    def add(self, item: object) -> None:
        pickled = pickle.dumps(item, protocol=pickle.HIGHEST_PROTOCOL)
        task = Task(pickled, len(pickled))
        self.entries.append((item, task))
        self._gathered.append(task)
        self._gathered_bytes += task.size
        if (
            self._gathered_bytes > CHUNK_BYTES
            or len(self._gathered) >= CHUNK_ITEMS
            or time.monotonic() - self._handed > LINGER
        ):
            self._hand_out()

    def pop(self) -> tuple[Any, Any]:
        """The first entry with its result, waiting for it; raises what the work raised."""
        item, task = self.entries.popleft()
        if task is None:
            return item, None
        if not task.done:
            self._hand_out()
        assert self._crew is not None  # noqa: S101 - a task was added
        return item, self._crew.board.collect(task)

    def _hand_out(self) -> None:
        if self._crew is None:  # the first item is handed out as soon as it is here
            self._crew = self._engage(self.entries[0][0])
        if self._gathered:
            self._crew.hand_out(self._gathered)
            self._gathered = []
            self._gathered_bytes = 0
            self._handed = time.monotonic()
