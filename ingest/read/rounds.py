"""Rounds: what makes a long reading over many pages one that can be taken up again.

A round looks at every page of a source once.  What was seen of a page in which round is
kept with the page, in the catalog; the cursor has the round's number only.  A round that
was ended early (killed, stopped, limited) is gone through again from its start, passing
over the pages that it had done: the frontier is found again and not stored, so that the
cursor does not grow with the crawl.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ingest.documents import Checkpoint, Complete

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ingest.documents import JSON, Event

_MOST_MOVED = 48 << 10
"""Characters of `Round.moved` that a cursor holds; what moved first is forgotten first."""


class Walk(Protocol):
    """One way through a round's pages, and how it went.

    ``whole``: all that the source holds was listed; ``stopped``: the run is being stopped;
    ``resting``: hosts that asked to be left alone; ``answered``: how many pages came.
    """

    whole: bool
    stopped: bool
    answered: int
    resting: set[str]

    def events(self) -> Iterator[Event]:
        """Yield what is found on the way; the figures are right once it has ended."""
        ...


@dataclass(slots=True)
class Round:
    """One round of a source: its number, from 1, and what it goes over.

    ``moved`` has, for the new address of a page, the id that the page is known by; with
    at most 48 KiB of it a cursor stays under 64 KiB.
    """

    number: int
    plan: str
    moved: dict[str, str] = field(default_factory=dict)

    @classmethod
    def begin(cls, cursor: JSON, plan: Iterable[str]) -> Round:
        """The round that was left open, if it went over the same ``plan``; else a new one."""
        named = hashlib.sha256("\n".join(plan).encode()).hexdigest()[:16]
        known = cursor if isinstance(cursor, dict) else {}
        last, moved = known.get("round"), known.get("moved")
        number = last if isinstance(last, int) else 0
        goes_on = number and known.get("open") == named
        table = {k: str(v) for k, v in moved.items()} if isinstance(moved, dict) else {}
        return cls(number if goes_on else number + 1, named, table)

    def over(self, walk: Walk) -> Iterator[Event]:
        """Yield the events of a walk, and what it means for the round; `Complete` where whole.

        A round that was stopped, or whose hosts asked for rest, stays open for the next run;
        one that does not get on is ended.
        """
        yield self.checkpoint(is_open=True)
        yield from walk.events()
        if walk.stopped or (walk.resting and walk.answered):
            return
        yield self.checkpoint(is_open=False)
        if walk.whole:
            yield Complete()

    def checkpoint(self, *, is_open: bool) -> Checkpoint:
        """The cursor while the round goes on, or after its end."""
        size = sum(len(old) + len(new) + 8 for old, new in self.moved.items())
        while size > _MOST_MOVED:
            first = next(iter(self.moved))
            size -= len(first) + len(self.moved.pop(first)) + 8
        plan = self.plan if is_open else ""
        return Checkpoint({"round": self.number, "open": plan, "moved": {**self.moved}})
