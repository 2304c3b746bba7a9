"""The tasks of one map, between the caller's thread and the threads that tend workers.

A task is handed out, taken in a chunk, and delivered; where the worker died instead,
the chunk's tasks become suspects, which are taken before anything else and one at a
time.  A suspect is guilty when it died alone and its worker was new, or when it died
alone twice; a time limit, which is the item's own, is proof the first time.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.engine.answer import Raised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest.engine.answer import Answer
    from ingest.engine.base import Casualty

CHUNK_SECONDS = 0.03
"""Work that a chunk should hold: some 200 times what a chunk costs, and short enough that
workers finish together at the end of a stream."""
CHUNK_ITEMS = 512
CHUNK_BYTES = 256 << 10
FIRST_CHUNK = 8
"""Items in a chunk until one was timed."""


@dataclass(slots=True, eq=False)
class Task:
    """One pickled item, later its result; ``size`` is the bytes held for both."""

    item: bytes
    size: int
    result: object = None
    done: bool = False
    died_alone: bool = False


class Board:
    """Holds the tasks; every method may be called from any thread."""

    def __init__(self, workers: int) -> None:
        self.held = 0
        """Bytes of all tasks handed out whose results were not yet collected."""
        self._workers = workers
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._news = threading.Condition(self._lock)
        self._todo: deque[Task] = deque()
        self._suspects: deque[Task] = deque()
        self._waiting = 0
        self._item_seconds = CHUNK_SECONDS / FIRST_CHUNK
        self._closed = False
        self._failure: BaseException | None = None

    # --- for the caller's thread ------------------------------------------------------

    def hand_out(self, tasks: Sequence[Task]) -> int:
        """Take tasks on; gives how many there are now beyond what idle threads will take."""
        with self._lock:
            self.held += sum(task.size for task in tasks)
            self._todo.extend(tasks)
            self._work.notify(len(tasks))
            return len(self._todo) - self._waiting

    def collect(self, task: Task) -> object:
        """The task's result, once there is one; raises what the work raised, or broke a worker."""
        with self._lock:
            while not task.done:
                if self._failure is not None:
                    raise self._failure
                self._news.wait()
            self.held -= task.size
        if isinstance(task.result, Raised):
            raise task.result.error
        return task.result

    def close(self) -> None:
        """Give the threads nothing more to take."""
        with self._lock:
            self._closed = True
            self._work.notify_all()

    # --- for the threads --------------------------------------------------------------

    def take(self) -> list[Task]:
        """The next chunk, waiting for one if need be; empty when the board is closed."""
        with self._lock:
            while not self._closed:
                if self._suspects:
                    return [self._suspects.popleft()]
                if self._todo:
                    return self._cut()
                self._waiting += 1
                self._work.wait()
                self._waiting -= 1
        return []

    def deliver(self, chunk: Sequence[Task], answer: Answer, length: int) -> None:
        """Record the results of a chunk, which came as ``length`` bytes."""
        share = length // len(chunk)
        seconds = answer.seconds / len(chunk)
        with self._lock:
            for task, result in zip(chunk, answer.results, strict=True):
                self._finish(task, result, task.size + share)
            self._item_seconds += (seconds - self._item_seconds) / 2
            self._news.notify()

    def bury(self, chunk: Sequence[Task], casualty: Casualty, *, new: bool) -> None:
        """Record that the worker died of a chunk; ``new`` where it had answered none before."""
        alone = len(chunk) == 1
        with self._lock:
            for task in chunk:
                if alone and (new or task.died_alone or casualty.reason == "timeout"):
                    self._finish(task, casualty, task.size)
                else:
                    task.died_alone = alone
                    self._suspects.append(task)
            self._news.notify()
            self._work.notify(len(chunk))

    def fail(self, failure: BaseException) -> None:
        """Raise this in the caller's thread, at the first result that is still missing."""
        with self._lock:
            self._failure = self._failure or failure
            self._news.notify()

    def _cut(self) -> list[Task]:
        """The tasks to send together: by time, by bytes, and a fair share of what is left."""
        wanted = min(
            CHUNK_ITEMS,
            int(CHUNK_SECONDS / max(self._item_seconds, 1e-9)),
            -(-len(self._todo) // self._workers),
        )
        chunk = [self._todo.popleft()]
        size = chunk[0].size
        while len(chunk) < wanted and size + self._todo[0].size <= CHUNK_BYTES:
            chunk.append(self._todo.popleft())
            size += chunk[-1].size
        return chunk

    def _finish(self, task: Task, result: object, size: int) -> None:
        self.held += size - task.size
        task.item = b""
        task.size = size
        task.result = result
        task.done = True
