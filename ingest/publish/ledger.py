"""What publishing asks of the catalog: what should be out, what is out, and a two-step mark.

A publication is staged (rows written and committed), made visible (the rename of
``current``), then settled.  After a kill, `Ledger.settled` against the generation
that ``current`` names tells which of the two happened: staged rows for the
generation that ``current`` names are settled, any others discarded.

`tests/publish/ledger_contract.py` holds every implementation to what stands here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Table: TypeAlias = Literal["documents", "links"]


class Wanted(NamedTuple):
    """How one line of the corpus ought to be, as the catalog has decided.

    A tuple, like `Published`, because two are made for each line: a frozen dataclass
    costs 1 us, a tenth of all that publishing a line does.

    ``body`` is the line as a JSON object, its fields in the order of the record and
    similarities as floats; None where the line ought not to be there.  A document's
    ``revision`` in it is 1; where one was out already, publishing sets it: the body is given
    away.  ``reason`` goes into the
    change sequence (``new``, ``changed``, ``promoted``, ``exact``, ``near``,
    ``missing``, ``gone``, ``forgotten``, ``story``).  A link's ``id`` is that of the
    document that it is about: there is at most one link of each document.
    """

    table: Table
    id: str
    body: dict[str, Any] | None
    reason: str = ""


class Published(NamedTuple):
    """How a line is in the corpus now; ``shard`` is ``""`` once it was removed.

    ``digest`` tells whether what the line says has changed (`publish.encode.digest_of`).
    """

    table: Table
    id: str
    revision: int
    digest: str
    shard: str


Row: TypeAlias = tuple[Table, str, int, str, str]
"""The fields of a `Published`, which is one; a plain tuple is made in a third of the time."""


class Ledger(Protocol):
    """The catalog's side of publishing; implemented in `ingest.catalog`."""

    def settled(self) -> int:
        """Sequence number of the newest settled generation; 0 before the first."""
        ...

    def possible(self) -> set[int]:
        """Sequence numbers that the corpus may be at: `settled`, and what was sealed since."""
        ...

    def pending(self) -> Iterator[tuple[Wanted, Published | None]]:
        """Every line that may differ from what is out, documents first, in order of arrival.

        At most one of each table and id.  `stage` is called while this is being read.
        """
        ...

    def stage(self, sequence: int, rows: Iterable[Row]) -> None:
        """Keep how lines will be once ``sequence`` is visible; may be called many times."""
        ...

    def moved(self, sequence: int, table: Table, old: Iterable[str], new: str) -> None:
        """Stage that every line of the shards ``old``, if not staged otherwise, is in ``new``."""
        ...

    def seal(self, sequence: int) -> None:
        """Commit everything staged for ``sequence``; durable when this returns."""
        ...

    def settle(self, sequence: int, *, seen: bool = True) -> None:
        """Make what is staged for ``sequence`` the published state, and clear what was pending.

        Unless all that is pending was ``seen``, looked at for that publication: what came
        after it stays pending then, and so does the rest, which costs a comparison.
        With the number that is settled already: only clear what was pending (it was
        looked at, and no line differed).  Raises `StoreError`, and changes nothing, for
        any other number that was not sealed.
        """
        ...

    def discard(self) -> None:
        """Forget whatever is staged and not settled; what was pending stays pending."""
        ...


class RepairableLedger(Ledger, Protocol):
    """A ledger from which, or by which, a damaged corpus can be put right."""

    def published(self) -> Iterator[Published]:
        """Every line that is out, as the catalog knows it, in any order."""
        ...

    def pend(self, shards: Iterable[str] | None) -> None:
        """Make every line of these shards pending (None: every line there is); durable.

        Lines that ought to be there and are not out become pending with None.  What was
        pending stays so; a reason that was given is kept.
        """
        ...

    def skip(self, sequence: int) -> None:
        """Count on from ``sequence``, which was given out by a store that this one replaces.

        Nothing is out under it here: the next publication has to write everything.
        Durable; what was staged is forgotten.
        """
        ...

    def adopt(self, sequence: int, rows: Iterable[Published]) -> None:
        """Believe the corpus: exactly ``rows`` are out, as of ``sequence``; durable.

        Everything becomes pending, so that the next publication compares every line.
        Lines known but not in ``rows`` count as removed and keep their revision.
        """
        ...
