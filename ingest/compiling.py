"""Compiled code: numba's, kept on disk, and made only where it earns its time.

Compiling takes seconds, reading what was kept a tenth of that; so callers work in numpy
until they know that there is much to do, and ask `kept` how much "much" is.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import signal
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]  # a module or None: asked for before each use

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SPENT = ".spent"
"""Suffix of the files that `spend` keeps count in, a byte a time."""

F = TypeVar("F", bound="Callable[..., Any]")

# What reading a damaged or vanishing cache raises: numba lets all of it through.
_CACHE_ERRORS = (OSError, EOFError, pickle.PickleError, ValueError, IndexError, AttributeError)


def ready(
    function: Callable[..., Any], folder: str, example: tuple[object, ...]
) -> Callable[..., Any]:
    """Compile ``function`` for the types of ``example``, by way of the disk cache if possible.

    ``NUMBA_CACHE_DIR`` goes before ``folder``; with neither, or where what was chosen cannot
    be written or read, it is compiled for this process alone.  Raises ImportError without numba.
    """
    import numba  # noqa: PLC0415 - half a second

    chosen = _chosen(folder)
    home = chosen / sources(function.__code__.co_filename) if chosen else None
    if home and _writable(home):
        try:
            with _cache_in(home):
                made: Callable[..., Any] = numba.njit(cache=True)(function)
            with untimed(), _one_compiles(home, function.__name__):
                made(*example)
        except _CACHE_ERRORS:  # a full disk, a damaged file: the cache is a convenience only
            pass
        else:
            return made
    bare: Callable[..., Any] = numba.njit(function)
    with untimed():
        bare(*example)
    return bare


def inner(function: F) -> F:
    """Compile for compiled code alone; Python cannot call it (`ready` makes what it can).

    Without the ways in from Python and from C a kernel compiles in three quarters of the time,
    and in four fifths of that if a number that is written out at a call is of its type alone:
    numba would compile the function once more for each such number.
    """
    import numba  # noqa: PLC0415 - half a second

    jit: Any = numba.njit  # which says nothing to strict mypy of what it makes
    made = jit(no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)
    template, plain = made.get_call_template, cast("Any", numba.types).unliteral

    def without_literals(args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
        return template(tuple(map(plain, args)), {name: plain(kws[name]) for name in kws})

    made.get_call_template = without_literals
    return cast("F", made)


def kept(function: str, source: str, folder: str) -> bool:
    """Whether code of a function is on disk, of a module in the package of the file ``source``."""
    chosen = _chosen(folder)
    return chosen is not None and _compiled(function, chosen / sources(source))


def _compiled(function: str, home: Path) -> bool:
    return next(home.rglob(f"*.{function}-*.nbi"), None) is not None


def spent(name: str, folder: str) -> int:
    """How often `spend` was said of ``name``, by any process ever."""
    chosen = _chosen(folder)
    try:
        return (chosen / f"{name}{SPENT}").stat().st_size if chosen else 0
    except OSError:
        return 0


def spend(name: str, folder: str) -> None:
    """Note that so much was done without compiled code; where nothing can be kept, nothing is."""
    if (chosen := _chosen(folder)) is None:
        return
    with suppress(OSError), (chosen / f"{name}{SPENT}").open("ab") as file:
        file.write(b".")  # appended, so that several processes may do it at once


@dataclass(frozen=True, slots=True)
class Worth:
    """How much there must be to do for compiled code to be worth the time that it takes.

    ``reading`` and ``few``: items before it is read from disk, and compiled; ``again``: items
    between two looks whether another process is done; ``compiling``: units of ``unit``
    characters before it is compiled, ``large``: units of an item that is worth it alone.
    """

    reading: int
    few: int
    again: int
    unit: int
    compiling: int
    large: float = inf


class SkiRental:
    """Knows when compiled code earns the time to load it, by what was done without.

    Whoever does not know how much will come waits at most twice as long as who does, if both
    ways take as long (ski rental: Karlin et al., *Competitive snoopy caching*, 1988).  What was
    done in earlier runs counts, what other processes do just now does not: it would be compiled
    shortly before the end.  Of several processes one compiles; the others go on without until
    it is there.
    """

    def __init__(self, name: str, folder: str, worth: Worth) -> None:
        self._name = name
        self._folder = folder
        self._worth = worth
        self._items = self._characters = 0
        self._earlier = spent(name, folder)

    def rent(
        self, characters: int, is_kept: Callable[[], bool], go_over: Callable[[], None]
    ) -> None:
        """Count an item about to be done without; ``go_over`` is called if that is worth it by now.

        ``is_kept`` says whether compiled code is on disk.
        """
        unit = self._worth.unit
        before = self._characters // unit
        self._items += 1
        self._characters += characters
        if self._characters // unit > before:
            spend(self._name, self._folder)
        if characters >= self._worth.large * unit:
            _unhurried(go_over)
        elif self._is_time():
            self._hasten(is_kept, go_over)

    def _is_time(self) -> bool:
        beyond = self._items - self._worth.reading
        return not beyond or (beyond > 0 and not self._items % self._worth.again)

    def _hasten(self, is_kept: Callable[[], bool], go_over: Callable[[], None]) -> None:
        units = self._earlier + self._characters // self._worth.unit
        worth = self._items >= self._worth.few and units >= self._worth.compiling
        with claim(self._name, self._folder) as mine:
            if mine and (worth or is_kept()):
                _unhurried(go_over)  # while others go on


def _unhurried(go_over: Callable[[], None]) -> None:
    with untimed():
        go_over()


@contextmanager
def claim(name: str, folder: str) -> Iterator[bool]:
    """Whether this process alone holds ``name`` now; where nothing can be shared, it does."""
    chosen = _chosen(folder)
    if fcntl is None or chosen is None or not _writable(chosen):
        yield True
        return
    with (chosen / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


@contextmanager
def one_makes(name: str, folder: Path) -> Iterator[None]:
    """Wait where another process makes the same just now, to read what it leaves.

    Raises OSError where the folder cannot be written.
    """
    with (folder / f"{name}.lock").open("w") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@cache
def sources(file: str) -> str:
    """Name the state of a module and of all beside it; 1 ms, once: what runs is what was read.

    numba looks at the function's own file alone, and what it calls is compiled into it: with
    a changed one beside it, it would go on with what it kept.
    """
    state = hashlib.sha256()
    for path in sorted(Path(file).parent.glob("*.py")):
        state.update(path.read_bytes())
    return state.hexdigest()[:16]


def _chosen(folder: str) -> Path | None:
    chosen = os.environ.get("NUMBA_CACHE_DIR") or folder
    return Path(chosen) if chosen else None


@contextmanager
def _one_compiles(folder: Path, name: str) -> Iterator[None]:
    if _compiled(name, folder):
        yield
        return
    with one_makes(name, folder):
        yield


@contextmanager
def untimed() -> Iterator[None]:
    """Stop the clock of an item's time limit (`engine.worker`) while what all share is loaded."""
    left, _ = signal.setitimer(signal.ITIMER_REAL, 0) if hasattr(signal, "setitimer") else (0.0, 0)
    try:
        yield
    finally:
        if left:
            signal.setitimer(signal.ITIMER_REAL, left)


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@contextmanager
def _cache_in(folder: Path) -> Iterator[None]:
    """Point numba at a cache folder while a function is decorated; it keeps what it saw then."""
    import numba  # noqa: PLC0415 - half a second

    settings: Any = numba.config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(folder)
    try:
        yield
    finally:
        settings.CACHE_DIR = before
