"""The contract of an engine: run a pure function over a stream, in order, and survive it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Casualty:
    """An item whose worker had to be killed, or died; the other items are unharmed."""

    reason: Literal["timeout", "memory", "crash"]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one item may cost: wall seconds, and resident bytes of its worker process.

    The seconds are kept by a kernel timer, to the millisecond; the memory is polled
    (`crew.POLL`), so that a worker can pass the limit by what it allocates in
    that time.  A limit of 0 is none.
    """

    seconds: float = 10.0
    memory: int = 2 << 30


class Engine(Protocol):
    """Runs work in order.  ``make`` is called once in each worker and gives the function.

    ``make`` and the items are pickled; items for which ``concerns`` is false pass
    through untouched, in their place, with None.  The input is consumed lazily, at
    most a bounded number of items ahead of what was taken out, and always in the
    thread that asks `map` for its next item: a reader may use what belongs to that
    thread (an SQLite connection).

    An exception that the function raises is a bug: it is raised to the caller at its
    item's turn, after every item before it was given; the exceptions are
    ``MemoryError`` and ``SystemExit``, which become a `Casualty` as a killed worker
    does.
    """

    def map(
        self,
        make: Callable[[], Callable[[T], R]],
        items: Iterable[T],
        concerns: Callable[[T], bool],
    ) -> Generator[tuple[T, R | Casualty | None], None, None]:
        """Yield every item with its result, in the order of ``items``.

        One map at a time; closing the generator cancels what is in flight.
        """
        ...

    def close(self) -> None:
        """Stop the workers; safe to call twice."""
        ...


def attempt(work: Callable[[T], R], item: T) -> R | Casualty:
    """Run ``work`` on one item; asking for too much memory, or to exit, makes a casualty."""
    try:
        return work(item)
    except MemoryError as error:
        return Casualty("memory", str(error) or "MemoryError")
    except SystemExit as error:
        return Casualty("crash", f"exited with {error.code!r}")
