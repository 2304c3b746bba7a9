"""One writer: `flock` on ``store/lock``, held for a run.

Whoever waits for it holds ``store/lock.queue``, shared, so that a holder that could let
others in after it can see that it should come to an end (`contended`).
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ingest.catalog.database import store_errors
from ingest.errors import StoreLocked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_POLL_SECONDS = 0.05


@contextmanager
def writer_lock(folder: Path, *, wait: float = 0.0, label: str = "") -> Iterator[None]:
    """Hold the store's lock; the kernel lets go of it however the process ends.

    Waits up to ``wait`` seconds, then raises `StoreLocked` naming the holder.  The file
    holds ``pid label`` for that message only; what it says decides nothing.
    """
    path = folder / "lock"
    with store_errors(path):
        folder.mkdir(parents=True, exist_ok=True)
    with _queued(folder, wait):
        descriptor = _acquire(path, wait)
    try:
        with store_errors(path):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()} {label}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def contended(folder: Path) -> bool:
    """Whether another process, or thread, waits for the store's lock at this moment."""
    if not folder.exists():
        return False
    with store_errors(folder), _queue(folder) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


@contextmanager
def _queued(folder: Path, wait: float) -> Iterator[None]:
    if not wait:
        yield
        return
    with _queue(folder) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield


@contextmanager
def _queue(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder / "lock.queue", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _acquire(path: Path, wait: float) -> int:
    """Descriptor of the locked file, opened anew where another has come into its place.

    That is what `ingest restore` does: the lock of the store that was there locks nothing.
    """
    deadline = time.monotonic() + wait
    while True:
        with store_errors(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            _flock(descriptor, path, deadline, wait)
            there = _is_at(descriptor, path)
        except BaseException:
            os.close(descriptor)
            raise
        if there:
            return descriptor
        os.close(descriptor)


def _flock(descriptor: int, path: Path, deadline: float, wait: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise _locked(descriptor, path, wait) from None
            time.sleep(_POLL_SECONDS)
        else:
            return


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _locked(descriptor: int, path: Path, wait: float) -> StoreLocked:
    holder = os.pread(descriptor, 200, 0).decode("utf-8", "replace").split()
    who = f"process {holder[0]}" if holder else "another process"
    run = f" (run {holder[1]})" if len(holder) > 1 else ""
    waited = f" after {wait:g} s" if wait else ""
    return StoreLocked(
        f"{path}: {who}{run} is writing to this store; it still was{waited}",
        hint="Wait for it with --wait SECONDS, or name another store with --store.",
    )
