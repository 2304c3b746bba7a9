"""How much a source may lose in one run before that looks like an accident.

A disk that is not mounted is an empty folder, listed completely, and a file that was cut
short is a complete file with fewer lines: both would empty a corpus that is to follow its
source (``on_missing = "remove"``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest.catalog.items import Absent, Items

LEAST = 20
"""Fewer documents than this may go in one run whatever their share."""


class Removals:
    """What one run takes out of one source for being absent.

    More than ``share`` of the source's documents (those that came in this run count
    among them) and at least `LEAST` are too many: then nothing more is taken out, and
    `check` raises.  Removals of containers that were read before that are done.
    """

    def __init__(self, items: Items, share: float) -> None:
        self._items = items
        self._share = share
        self._removed = 0
        self._withheld = 0
        self._total = 0

    def allow(self, absent: Sequence[Absent]) -> bool:
        """Whether these may go; they are counted as gone if so."""
        documents = sum(each.outcome == "document" for each in absent)
        if documents and (self._withheld or self._too_many(self._removed + documents)):
            self._withheld += documents
            return False
        self._removed += documents
        return True

    def _too_many(self, removed: int) -> bool:
        # Counting takes a pass over the source's items: only once there are many to go.
        if removed < LEAST or removed <= self._share * self._total:
            return False
        self._total = self._items.documents() + self._removed
        return removed > self._share * self._total

    def check(self) -> None:
        """Raise `SourceError` where something was not taken out."""
        if not self._withheld:
            return
        lost = self._removed + self._withheld
        raise SourceError(
            f"{lost:,} of its {self._total:,} documents are no longer there, more than"
            f" max_removed = {self._share:g} allows; {self._withheld:,} of them were kept",
            hint="Is its disk mounted, is the file whole? If they are to go, set"
            " `max_removed = 1.0` in its [[source]] and run again.",
        )
