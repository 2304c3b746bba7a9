"""What runs in a worker process: take a chunk, run the work on each item, answer.

The parent sends a chunk as one message (a pickled list of pickled items) and gets one
message back (`Answer`).  The time limit is a kernel timer whose signal is left at its
default action, which is death: it holds in C code that never returns to the
interpreter, whatever state parent and worker are in.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

from ingest.engine.answer import Answer, Raised, WorkError
from ingest.engine.base import Casualty, attempt

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from ingest.engine.base import Limits


def serve(connection: Connection, make: bytes, limits: Limits) -> None:
    """Call ``make`` (pickled), say that it went well, then answer chunks until hung up on."""
    _settle()
    try:
        work = pickle.loads(make)()  # noqa: S301 - from the parent, over a private pipe
    except Exception as error:  # noqa: BLE001 - handed over whole, and raised in the parent
        connection.send_bytes(pickle.dumps(_portable(error)))
        return
    connection.send_bytes(pickle.dumps(None))
    while True:
        try:
            chunk = connection.recv_bytes()
        except (EOFError, ConnectionError):
            return
        connection.send_bytes(_answer(work, chunk, limits.seconds))


def _settle() -> None:
    """Fit the process for its task: signals, output, and an end with its parent's."""
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    os.dup2(2, 1)  # what a library prints must not end up among the parent's output
    threading.Thread(target=_follow_parent, name="follow-parent", daemon=True).start()


def _follow_parent() -> None:
    """End the process when its parent has: hung work would outlive it otherwise."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)


def _answer(work: Callable[[Any], object], chunk: bytes, seconds: float) -> bytes:
    started = time.perf_counter()
    results = [
        _run(work, item, seconds)
        for item in pickle.loads(chunk)  # noqa: S301 - from the parent, over a private pipe
    ]
    signal.setitimer(signal.ITIMER_REAL, 0)
    answer = Answer(results, time.perf_counter() - started)
    try:
        return pickle.dumps(answer, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception:  # noqa: BLE001 - pickling runs foreign code; found item by item below
        return pickle.dumps(Answer([_picklable(result) for result in results], answer.seconds))


def _run(work: Callable[[Any], object], item: bytes, seconds: float) -> object:
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return attempt(work, pickle.loads(item))  # noqa: S301 - the parent's own items
    except Exception as error:  # noqa: BLE001 - a bug, raised in the parent at its item's turn
        return _portable(error)


def _picklable(result: object) -> object:
    try:
        pickle.dumps(result)
    except MemoryError:
        return Casualty("memory", "no memory to pickle the result")
    except Exception as error:  # noqa: BLE001 - a bug, raised in the parent at its item's turn
        error.add_note(f"while pickling a result of type {type(result).__qualname__}")
        return _portable(error)
    return result


def _portable(error: Exception) -> Raised:
    """The exception with its traceback as a note; a stand-in where it cannot be pickled."""
    error.add_note("in a worker process:\n" + "".join(traceback.format_exception(error)))
    try:
        if type(pickle.loads(pickle.dumps(error))) is type(error):  # noqa: S301 - our own
            return Raised(error)
    except Exception:  # noqa: BLE001, S110 - exceptions may pickle badly in any way
        pass
    stand_in = WorkError(f"{type(error).__qualname__}: {error}")
    for note in error.__notes__:
        stand_in.add_note(note)
    return Raised(stand_in)
