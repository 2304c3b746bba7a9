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
from typing import TYPE_CHECKING

from ingest.documents import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingest.documents import JSON

_MOST_MOVED = 48 << 10
"""Characters of `Round.moved` that a cursor holds; what moved first is forgotten first."""


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

    def checkpoint(self, *, is_open: bool) -> Checkpoint:
        """The cursor while the round goes on, or after its end."""
        size = sum(len(old) + len(new) + 8 for old, new in self.moved.items())
        while size > _MOST_MOVED:
            first = next(iter(self.moved))
            size -= len(first) + len(self.moved.pop(first)) + 8
        plan = self.plan if is_open else ""
        return Checkpoint({"round": self.number, "open": plan, "moved": {**self.moved}})
