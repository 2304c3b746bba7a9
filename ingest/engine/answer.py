"""What a worker sends back for a chunk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Raised:
    """In the place of a result: an exception of the work, to be raised at its turn."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Answer:
    """The results of a chunk, in its order, and the seconds that the work took."""

    results: Sequence[object]
    seconds: float


class WorkError(RuntimeError):
    """Stands for an exception of the work that cannot be pickled; a note has its traceback."""
