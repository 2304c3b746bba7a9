"""Steps of a long computation, each kept in a file, so that one can stop and go on later."""

from __future__ import annotations

import pickle
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Steps:
    """Results in ``folder`` (None: kept nowhere); no step begins after ``seconds`` of the process.

    The folder is only for one version of the code: what it holds is not checked.
    """

    folder: Path | None = None
    seconds: float = float("inf")

    def of(self, name: str, make: Callable[[], T]) -> T:
        """Result of a step, made unless it is kept; SystemExit 75 where the time is over."""
        kept = self.folder / f"{name}.pickle" if self.folder else None
        if kept and kept.exists():
            with kept.open("rb") as stream:
                return pickle.load(stream)  # type: ignore[no-any-return]  # noqa: S301 - our own file
        if time.process_time() > self.seconds:
            print(f"time is over before {name}: run again to go on")
            raise SystemExit(75)
        print(name, flush=True)
        made = make()
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            half = kept.with_suffix(".half")
            with half.open("wb") as stream:
                pickle.dump(made, stream, protocol=pickle.HIGHEST_PROTOCOL)
            half.rename(kept)
        return made
