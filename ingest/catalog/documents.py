"""The documents: every version that holds now, its text and signatures, dropped ones too.

What a batch adds and changes goes through `rows`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from ingest.catalog.decisions import REPRESENTS, SURVIVES
from ingest.catalog.packed import unpack_text
from ingest.catalog.rows import chunks, marks_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from ingest.documents import Signature

Among = Literal["survivors", "representing"]

_CONDITIONS: dict[Among, str] = {"survivors": SURVIVES, "representing": REPRESENTS}


class Signed(NamedTuple):
    """What is kept of a `documents.Signature`: the story signature is made from the terms."""

    near: NDArray[np.uint32]
    terms: bytes


class Documents:
    """The documents over one connection; statements join whatever transaction is open."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def replace_signature(self, number: int, signature: Signature) -> None:
        """Keep the signatures of a version, in place of those that it had."""
        self._connection.execute(
            "INSERT OR REPLACE INTO signatures (number, near, terms) VALUES (?, ?, ?)",
            (number, signature.near.tobytes(), signature.terms),
        )

    def reopen_all(self) -> None:
        """Undo every decision; each document remembers the story that it had."""
        self._connection.execute(
            "UPDATE documents SET state = 0, kind = '', of_number = NULL, represents = 0"
        )

    def text(self, number: int) -> str:
        """Canonical text of a document."""
        row = self._connection.execute(
            "SELECT text FROM texts WHERE number = ?", (number,)
        ).fetchone()
        return unpack_text(row[0])

    def signed(self, number: int) -> Signed:
        """Near signature (read-only) and terms of a document."""
        near, terms = self._connection.execute(
            "SELECT near, terms FROM signatures WHERE number = ?", (number,)
        ).fetchone()
        return Signed(np.frombuffer(near, np.uint32), terms)

    def some_signed(self, numbers: Sequence[int]) -> Iterator[tuple[int, Signed]]:
        """What was signed of those of the documents that there are, in the order given."""
        for some in chunks(numbers):
            marks = marks_of(some)
            rows = self._connection.execute(
                f"SELECT number, near, terms FROM signatures WHERE number IN ({marks})",  # noqa: S608 - marks alone
                some,
            )
            found = {
                number: Signed(np.frombuffer(near, np.uint32), terms)
                for number, near, terms in rows
            }
            yield from ((number, found[number]) for number in some if number in found)

    def terms(self, numbers: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """Packed term vectors of documents, each with its number, in no order."""
        for some in chunks(numbers):
            marks = marks_of(some)
            yield from self._connection.execute(
                f"SELECT number, terms FROM signatures WHERE number IN ({marks})",  # noqa: S608 - marks alone
                some,
            )

    def refused(self, ids: Sequence[str]) -> set[str]:
        """Those of the identities that were forgotten and must not come back."""
        found: set[str] = set()
        for some in chunks(ids):
            marks = marks_of(some)
            rows = self._connection.execute(f"SELECT id FROM refused WHERE id IN ({marks})", some)  # noqa: S608 - marks alone
            found.update(row[0] for row in rows)
        return found

    def copies(self, source: str) -> set[str]:
        """Identities of a source's documents that copy another of it; one of a group is none."""
        rows = self._connection.execute(
            "SELECT id, of_number, (SELECT source FROM documents WHERE number = copy.of_number)"
            " FROM documents AS copy WHERE source = ? AND kind IN ('exact', 'near')"
            " ORDER BY arrival",
            (source,),
        )
        copied: set[int] = set()
        found: set[str] = set()
        for id_, of_number, its_source in rows:
            if its_source == source or of_number in copied:
                found.add(id_)
            copied.add(of_number)
        return found

    def all_signed(self, among: Among) -> Iterator[tuple[int, Signed]]:
        """What was signed of every survivor, or of what represents stories, as they came."""
        rows = self._connection.execute(
            "SELECT number, near, terms FROM documents JOIN signatures USING (number)"  # noqa: S608 - one of two above
            f" WHERE {_CONDITIONS[among]} ORDER BY number"
        )
        for number, near, terms in rows:
            yield number, Signed(np.frombuffer(near, np.uint32), terms)

    def numbers(self, among: Among) -> NDArray[np.uint32]:
        """Numbers of every survivor, or of what represents stories, sorted."""
        rows = self._connection.execute(
            f"SELECT number FROM documents WHERE {_CONDITIONS[among]} ORDER BY number"  # noqa: S608 - one of two above
        )
        return np.fromiter((row[0] for row in rows), np.uint32)

    def any_decided(self) -> bool:
        """Whether there is a survivor, which an index would have to hold."""
        row = self._connection.execute(
            f"SELECT 1 FROM documents WHERE {SURVIVES} LIMIT 1"  # noqa: S608 - a constant
        ).fetchone()
        return row is not None

    def all_numbers(self) -> Iterator[int]:
        """Every version that holds now, in order of arrival."""
        rows = self._connection.execute("SELECT number FROM documents ORDER BY arrival")
        return (row[0] for row in rows)
