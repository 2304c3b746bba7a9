"""The engine without processes: for debugging, and as the measure of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

from ingest.engine.base import attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from ingest.engine.base import Casualty

T = TypeVar("T")
R = TypeVar("R")


class Inline:
    """Runs the work in the caller's thread, one item at a time, each when it is asked for.

    Nothing can be killed here: limits are not enforced, and a crash is the caller's.
    """

    def map(
        self,
        make: Callable[[], Callable[[T], R]],
        items: Iterable[T],
        concerns: Callable[[T], bool],
    ) -> Generator[tuple[T, R | Casualty | None], None, None]:
        """Yield every item with its result; ``make`` is called at the first that concerns."""
        work: Callable[[T], R] | None = None
        for item in items:
            if not concerns(item):
                yield item, None
                continue
            if work is None:
                work = make()
            yield item, attempt(work, item)

    def close(self) -> None:
        """Do nothing: there is nothing to stop."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
