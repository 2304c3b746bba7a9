"""The workers of one map: threads of this process, each tending one worker process.

A thread for each worker keeps it busy while the caller's thread is occupied with what
came out, and may block on the worker's pipe without a care.  One more thread watches
the memory of them all.
"""

from __future__ import annotations

import atexit
import multiprocessing
import multiprocessing.util  # its exit function, which waits for workers, must run after ours
import threading
from typing import TYPE_CHECKING

from ingest.engine.process import WorkerDied, WorkerProcess
from ingest.errors import IngestError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ingest.engine.base import Limits
    from ingest.engine.board import Board, Task

POLL = 0.05
"""Seconds between looks at the workers' memory; a look costs about 20 microseconds each."""


class Crew:
    """Up to ``workers`` processes that run the same ``make``, each started when needed."""

    def __init__(
        self, make: bytes, board: Board, workers: int, limits: Limits, preload: Sequence[str]
    ) -> None:
        self.make = make
        self.board = board
        self._workers = workers
        self._limits = limits
        self._context = multiprocessing.get_context("forkserver")
        # Read once, when the process's one fork server starts; later it changes nothing.
        self._context.set_forkserver_preload(["ingest.engine.forkserver", *preload])
        self._lock = threading.Lock()  # guards what follows
        self._tenders: list[threading.Thread] = []
        self._starting = 0
        self._alive: set[WorkerProcess] = set()
        self._closed = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="engine-memory", daemon=True)
        atexit.register(self.close)

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the living workers."""
        with self._lock:
            return tuple(sorted(worker.pid for worker in self._alive))

    def hand_out(self, tasks: Sequence[Task]) -> None:
        """Put tasks on the board, and start workers where there are too few to take them."""
        unclaimed = self.board.hand_out(tasks)
        with self._lock:
            while len(self._tenders) < self._workers and self._starting < unclaimed:
                if not self._tenders:
                    self._watcher.start()
                thread = threading.Thread(target=self._tend, name="engine-worker", daemon=True)
                self._tenders.append(thread)
                self._starting += 1
                thread.start()

    def close(self) -> None:
        """Kill the workers and wait for the threads to end; safe to call twice."""
        atexit.unregister(self.close)
        self._closed.set()
        self.board.close()
        with self._lock:
            for worker in self._alive:
                worker.kill()
        if self._tenders:
            for thread in (*self._tenders, self._watcher):
                thread.join()

    # --- the threads ------------------------------------------------------------------

    def _tend(self) -> None:
        """Start a worker, keep it at work, replace it when it dies; until the crew closes."""
        try:
            self._employ(self._started)
            while not self._closed.is_set():
                self._employ()
        except Exception as error:  # noqa: BLE001 - a thread has no caller; `collect` raises it
            self.board.fail(error)

    def _started(self) -> None:
        with self._lock:
            self._starting -= 1

    def _employ(self, ready: Callable[[], None] = lambda: None) -> None:
        """One worker's life: until it dies, grows too fat, or there is nothing more to do."""
        worker = WorkerProcess(self._context, self.make, self._limits)
        try:
            self._enlist(worker)
            ready()
            while not worker.bloated and (chunk := self.board.take()):
                new = not worker.served
                try:
                    answer, length = worker.ask([task.item for task in chunk])
                except WorkerDied as death:
                    self.board.bury(chunk, death.casualty, new=new)
                    return
                self.board.deliver(chunk, answer, length)
        finally:
            with self._lock:
                self._alive.discard(worker)
            worker.discard()

    def _enlist(self, worker: WorkerProcess) -> None:
        with self._lock:
            self._alive.add(worker)
            if self._closed.is_set():  # `close` saw too few to kill
                worker.kill()
        try:
            worker.greet()
        except WorkerDied as death:
            raise IngestError(
                f"a worker process ended before its first item: {death.casualty.reason}, "
                f"{death.casualty.detail}",
                hint="it may need more memory at rest than the limit allows",
            ) from death

    def _watch(self) -> None:
        while not self._closed.wait(POLL):
            with self._lock:
                for worker in self._alive:
                    worker.weigh()
