"""The documents: every version that holds now, its text and signatures, dropped ones too."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import zstandard

from ingest.catalog.decisions import REPRESENTS, SURVIVES
from ingest.documents import Document, Signature, document_id

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

_TEXT_LEVEL = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """What tells versions of one identity apart."""

    number: int
    arrival: int
    digest: bytes
    added: str
    story_id: str


class Documents:
    """The documents over one connection; statements join whatever transaction is open."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._compress = zstandard.ZstdCompressor(level=_TEXT_LEVEL)
        self._decompress = zstandard.ZstdDecompressor()

    def find(self, id_: str) -> Entry | None:
        """The version of an identity that holds now."""
        row = self._connection.execute(
            "SELECT number, arrival, digest, added, story_id FROM documents WHERE id = ?", (id_,)
        ).fetchone()
        return Entry(*row) if row else None

    def insert(
        self, document: Document, signature: Signature, *, run: int, added: str, old: Entry | None
    ) -> int:
        """Add a document, undecided; as a new version of ``old`` where given.

        A version keeps its identity's arrival, time of adding and story.
        The number is new in either case: what indexes say of a number never changes.
        """
        if old is not None:
            self.delete(old.number)
        row = self._connection.execute(_INSERT, _row(document, run, old.added if old else added))
        number = int(row.fetchone()[0])
        self._connection.execute(
            "UPDATE documents SET arrival = ?, story_id = ? WHERE number = ?",
            (old.arrival if old else number, old.story_id if old else "", number),
        )
        self._connection.execute(
            "INSERT INTO texts (number, text) VALUES (?, ?)",
            (number, self._compress.compress(document.text.encode())),
        )
        self.replace_signature(number, signature)
        return number

    def replace_signature(self, number: int, signature: Signature) -> None:
        """Keep the signatures of a version, in place of those that it had."""
        self._connection.execute(
            "INSERT OR REPLACE INTO signatures (number, near, story, terms) VALUES (?, ?, ?, ?)",
            (number, signature.near.tobytes(), signature.story.tobytes(), signature.terms),
        )

    def reopen_all(self) -> None:
        """Undo every decision; each document remembers the story that it had."""
        self._connection.execute(
            "UPDATE documents SET state = 0, kind = '', of_number = NULL, represents = 0"
        )

    def delete(self, number: int) -> None:
        """Remove a version with its text and signatures."""
        for table in ("documents", "texts", "signatures"):
            self._connection.execute(f"DELETE FROM {table} WHERE number = ?", (number,))  # noqa: S608 - names above

    def text(self, number: int) -> str:
        """Canonical text of a document."""
        row = self._connection.execute(
            "SELECT text FROM texts WHERE number = ?", (number,)
        ).fetchone()
        return self._decompress.decompress(row[0]).decode()

    def signature(self, number: int) -> Signature:
        """Signatures of a document; read-only arrays."""
        near, story, terms = self._connection.execute(
            "SELECT near, story, terms FROM signatures WHERE number = ?", (number,)
        ).fetchone()
        return Signature(np.frombuffer(near, np.uint32), np.frombuffer(story, np.uint32), terms)

    def refused(self, id_: str) -> bool:
        """Whether an identity was forgotten and must not come back."""
        row = self._connection.execute("SELECT 1 FROM refused WHERE id = ?", (id_,)).fetchone()
        return row is not None

    def signatures(
        self, condition: Literal["survivors", "representing"]
    ) -> Iterator[tuple[int, Signature]]:
        """Number and signatures of every survivor, or of what represents stories, as they came."""
        states = {"survivors": SURVIVES, "representing": REPRESENTS}[condition]
        rows = self._connection.execute(
            "SELECT number, near, story FROM documents JOIN signatures USING (number)"  # noqa: S608 - one of two above
            f" WHERE {states} ORDER BY number"
        )
        for number, near, story in rows:
            yield number, Signature(np.frombuffer(near, np.uint32), np.frombuffer(story, np.uint32))

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

    def touch(self, ids: Iterable[str], reason: str) -> None:
        """Note that what is published of these identities may no longer be right."""
        self._connection.executemany(
            "INSERT INTO pending (id, reason) VALUES (?, ?)"
            " ON CONFLICT (id) DO UPDATE SET reason = excluded.reason",
            ((id_, reason) for id_ in ids),
        )


def digest(document: Document, content: str) -> bytes:
    """16 bytes over what a document says, so that an unchanged one is known as such.

    ``content`` is its content_hash.  ``fetched`` is left out: a page fetched again and
    found the same is the same document.
    """
    same = replace(document, fetched="")
    fields = [document.source, document.source_id, content, *_described(same)]
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()[:16]


def _described(document: Document) -> list[str | int]:
    return [
        document.url,
        document.title,
        document.author,
        document.language,
        document.created,
        document.words,
        document.extractor,
        _metadata(document),
    ]


_INSERT = (
    "INSERT INTO documents (id, arrival, source, source_id, url, title, author, language, created,"
    " words, extractor, metadata, added, run, content_hash, digest)"
    " VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number"
)


def _row(document: Document, run: int, added: str) -> tuple[object, ...]:
    content = document.content_hash
    return (
        document_id(document.source, document.source_id),
        document.source,
        document.source_id,
        *_described(document),
        added,
        run,
        bytes.fromhex(content.removeprefix("sha256:")),
        digest(document, content),
    )


def _metadata(document: Document) -> str:
    return json.dumps(
        {
            "site": document.site,
            "description": document.description,
            "tags": document.tags,
            "media_type": document.media_type,
            "fetched": document.fetched,
            "extra": json.dumps(dict(document.extra), ensure_ascii=False, sort_keys=True),
        },
        ensure_ascii=False,
    )
