"""One worker process, seen from the parent: start it, ask it, kill it, and say why it died."""

from __future__ import annotations

import contextlib
import pickle
import signal
import threading
from typing import TYPE_CHECKING

import psutil

from ingest.engine.answer import Answer, Raised
from ingest.engine.base import Casualty
from ingest.engine.worker import serve

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.context import ForkServerContext

    from ingest.engine.base import Limits


_CHILDREN = threading.Lock()
"""`multiprocessing` keeps one table of children for the whole process, and reads the exit
status of each when any is started; two threads at that would lose a status."""


class WorkerDied(Exception):
    """The worker is gone; what it was given must be given to another one."""

    def __init__(self, casualty: Casualty) -> None:
        super().__init__(casualty.reason, casualty.detail)
        self.casualty = casualty


class WorkerProcess:
    """A worker with a pipe of its own, so that the death of one can harm no other.

    A pipe that workers share (as in `concurrent.futures` and pebble) is lost with
    whichever of them is killed while it writes to it or holds its lock.
    """

    def __init__(self, context: ForkServerContext, make: bytes, limits: Limits) -> None:
        """Start the process; returns before it is ready (`greet`)."""
        self._limits = limits
        self._at_rest = 0
        self._seen = 0
        self._overrun = 0
        self.served = 0
        """How many chunks it has answered."""
        self._connection, theirs = context.Pipe(duplex=True)
        try:
            self._process = context.Process(
                target=serve, args=(theirs, make, limits), name="ingest-worker", daemon=True
            )
            with _CHILDREN:
                self._process.start()
        except BaseException:
            self._connection.close()
            raise
        finally:
            theirs.close()  # now only the worker holds it: its death closes the pipe
        self.pid = self._process.pid or 0
        try:
            self._measure: psutil.Process | None = psutil.Process(self.pid)
        except psutil.NoSuchProcess:
            self._measure = None

    def greet(self) -> None:
        """Wait until ``make`` has run; raise what it raised, or `WorkerDied`."""
        hello = self._receive()
        if isinstance(hello, Raised):
            self.kill()
            raise hello.error
        self._at_rest = self._resident()
        if self._limits.memory and self._at_rest > self._limits.memory:
            self._overrun = self._at_rest
            raise self._died()

    def ask(self, items: Sequence[bytes]) -> tuple[Answer, int]:
        """The answer to a chunk of pickled items, and its length in bytes; or `WorkerDied`."""
        message = pickle.dumps(items, protocol=pickle.HIGHEST_PROTOCOL)
        try:
            self._connection.send_bytes(message)
        except OSError:
            raise self._died() from None
        reply = self._receive_bytes()
        self.served += 1
        answer = pickle.loads(reply)  # noqa: S301 - from our own worker, over a private pipe
        assert isinstance(answer, Answer)  # noqa: S101 - the worker sends nothing else
        return answer, len(reply)

    @property
    def bloated(self) -> bool:
        """Whether it holds so much between chunks that the next one would have too little."""
        halfway = (self._at_rest + self._limits.memory) // 2
        return self._limits.memory > 0 and halfway < self._seen and halfway < self._resident()

    def weigh(self) -> None:
        """Look at the resident bytes; kill the process where they are over the limit."""
        self._seen = self._resident()
        if self._limits.memory and self._seen > self._limits.memory:
            self._overrun = self._seen
            self.kill()

    def _resident(self) -> int:
        """Resident bytes now; 0 where the process is gone."""
        try:
            return self._measure.memory_info().rss if self._measure else 0
        except psutil.NoSuchProcess:
            return 0

    def kill(self) -> None:
        """End the process at once; safe from any thread, and after its death."""
        with contextlib.suppress(psutil.NoSuchProcess):
            if self._measure:
                self._measure.kill()  # psutil's, for it checks that the pid is not reused

    def discard(self) -> None:
        """Kill the process and free what belongs to it in the parent."""
        self.kill()
        self._connection.close()
        self._join()

    def _join(self) -> int:
        with _CHILDREN:
            self._process.join()
            return self._process.exitcode or 0

    def _receive(self) -> object:
        return pickle.loads(self._receive_bytes())  # noqa: S301 - from our own worker

    def _receive_bytes(self) -> bytes:
        try:
            return self._connection.recv_bytes()
        except (EOFError, OSError):
            raise self._died() from None

    def _died(self) -> WorkerDied:
        self.kill()  # it may only have closed its end of the pipe
        code = self._join()
        if self._overrun:
            detail = f"{self._overrun >> 20} MiB resident, limit {self._limits.memory >> 20} MiB"
            return WorkerDied(Casualty("memory", detail))
        if code == -signal.SIGALRM:
            return WorkerDied(Casualty("timeout", f"more than {self._limits.seconds:g} s"))
        if code < 0:
            return WorkerDied(Casualty("crash", f"killed by {signal.Signals(-code).name}"))
        return WorkerDied(Casualty("crash", f"exited with {code}"))
