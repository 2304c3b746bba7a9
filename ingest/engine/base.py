"""The contract of an engine: run a pure function over a stream, in order, and survive it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Casualty:
    """An item whose worker had to be killed, or died; the other items are unharmed."""

    reason: Literal["timeout", "memory", "crash"]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one item may cost: wall seconds, and resident bytes of its worker process."""

    seconds: float = 10.0
    memory: int = 2 << 30


class Engine(Protocol):
    """Runs work in order.  ``make`` is called once in each worker and gives the function.

    ``make`` and the items are pickled; items for which ``concerns`` is false pass
    through untouched, in their place, with None.  The input is consumed lazily, at
    most a bounded number of items ahead of what was taken out.
    """

    def map(
        self,
        make: Callable[[], Callable[[T], R]],
        items: Iterable[T],
        concerns: Callable[[T], bool],
    ) -> Iterator[tuple[T, R | Casualty | None]]:
        """Yield every item with its result, in the order of ``items``."""
        ...

    def close(self) -> None:
        """Stop the workers; safe to call twice."""
        ...
