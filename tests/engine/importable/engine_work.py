"""Work for the engines, in a module of its own because worker processes import it by name."""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable


class BadError(Exception):
    """An exception that cannot be unpickled: its arguments are not its message's."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)


class KilledInSending:
    """A result whose worker is killed in the middle of sending it."""

    def __reduce__(self) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)


def double(item: int) -> int:
    return 2 * item


def nap(milliseconds: int) -> int:
    time.sleep(milliseconds / 1000)
    return milliseconds


def pid(_: object) -> int:
    return os.getpid()


def hold(gigabytes: float) -> int:
    """Hold memory until killed, or give it back at once where it is little."""
    size = int(gigabytes * (1 << 30))
    block = np.ones(size, np.uint8)
    if gigabytes > 0.3:
        time.sleep(20)
    return int(block[:10].sum())


def keep(megabytes: int) -> tuple[int, int]:
    """Leak memory, as a cache would; gives the worker and how much it leaked by now."""
    _LEAKED.append(np.ones(megabytes << 20, np.uint8))
    return os.getpid(), len(_LEAKED)


_LEAKED: list[Any] = []


def act(item: str) -> Any:
    """Do what the item says; anything else is answered."""
    actions: dict[str, Callable[[], Any]] = {
        "abort": os.abort,
        "segfault": lambda: ctypes.string_at(0),
        "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "kill in sending": KilledInSending,
        "leave": lambda: os._exit(3),
        "exit": lambda: sys.exit(4),
        "hang": lambda: time.sleep(60),
        "hang in C": hang_in_c,
        "print": lambda: os.write(1, b"garbage\n"),
        "unpicklable": lambda: (item for item in ()),
        "no memory": lambda: bytearray(1 << 60),
        "raise": functools.partial(fail, item),
        "raise badly": functools.partial(fail_badly),
        "big": lambda: b"x" * (50 << 20),
    }
    return actions.get(item.partition(":")[0], item.upper)()


def hang_in_c() -> None:
    """Hold the interpreter's lock for ever: no thread and no signal handler runs."""
    ctypes.PyDLL(None).pause()


def fail(item: str) -> None:
    raise LookupError(item)


def fail_badly() -> None:
    raise BadError("a", "b")


def make_double() -> Callable[[int], int]:
    return double


def make_act() -> Callable[[str], Any]:
    return act


def make_nap() -> Callable[[int], int]:
    return nap


def make_pid() -> Callable[[object], int]:
    return pid


def make_hold() -> Callable[[float], int]:
    return hold


def make_keep() -> Callable[[int], tuple[int, int]]:
    return keep


def make_nothing() -> Callable[[object], None]:
    raise LookupError("no model file")


def make_abort() -> Callable[[object], None]:
    os.abort()


def make_noting(path: str) -> Callable[[int], int]:
    """Note in a file that a worker was made."""
    with Path(path).open("a") as log:
        log.write(f"{os.getpid()}\n")
    return double


def make_environment() -> Callable[[str], str | None]:
    return os.environ.get
