"""Furniture known per source: lines that recur across its documents, frozen into a table."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ingest.extract.lines import split

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_NUMBER = re.compile(r"\d+")
_FORMAT = 1
_HEAD = 3  # lines in which a headline stands
_SIDE = 16  # hexadecimal digits of a line's hash


@dataclass(frozen=True, slots=True)
class FurnitureTable:
    """Hashes of the lines that recur in one source.

    A line is taken without case, and every number in it as the same, so that a comment
    count or a copyright year does not make a new line.  Only hashes are kept: the table
    holds no text that would have to be forgotten.
    """

    documents: int = 0
    hashes: frozenset[str] = field(default_factory=frozenset)

    @property
    def version(self) -> str:
        """First 12 hexadecimal digits of SHA-256 over the table's lines."""
        return hashlib.sha256("\n".join(sorted(self.hashes)).encode()).hexdigest()[:12]

    def known(self, texts: Sequence[str]) -> list[bool]:
        """For each line, whether the table holds it."""
        return [_hash(text) in self.hashes for text in texts]

    def to_json(self) -> str:
        """The table as JSON, the same bytes for the same table."""
        table = {
            "format": _FORMAT,
            "documents": self.documents,
            "version": self.version,
            "lines": sorted(self.hashes),
        }
        return json.dumps(table, indent=0) + "\n"

    @classmethod
    def from_json(cls, text: str) -> FurnitureTable:
        """Read what `to_json` wrote; ValueError where it is another format or was changed."""
        table = json.loads(text)
        if not isinstance(table, dict) or table.get("format") != _FORMAT:
            raise ValueError(f"not a furniture table of format {_FORMAT}")
        found = cls(int(table["documents"]), frozenset(table["lines"]))
        if found.version != table["version"]:
            raise ValueError("the furniture table does not match its version")
        return found


def learn(texts: Iterable[str], *, least: int = 3, share: float = 0.02) -> FurnitureTable:
    """Find the lines that recur: in at least ``least`` documents and ``share`` of all.

    Among a document's first lines it must recur to the digit: "Judgment 12" is a headline.
    Documents that are the same line for line count once, so that copies of an article
    do not turn its sentences into furniture; near copies are for the caller to leave out.
    """
    counts: Counter[str] = Counter()
    heads: Counter[str] = Counter()
    exact: set[str] = set()
    recurring: set[str] = set()
    seen: set[int] = set()
    documents = 0
    for text in texts:
        lines = split(text).texts
        fingerprint = hash(lines)
        if fingerprint in seen:
            continue
        seen.add(fingerprint)
        documents += 1
        counts.update({_hash(line) for line in lines})
        head = {_digest(line.casefold()): _hash(line) for line in lines[:_HEAD]}
        heads.update(set(head.values()))
        recurring.update(line for form, line in head.items() if form in exact)
        exact.update(head)
    for line in heads.keys() - recurring:
        counts[line] -= heads[line]
    enough = max(least, share * documents)
    return FurnitureTable(documents, frozenset(h for h, n in counts.items() if n >= enough))


def _hash(line: str) -> str:
    return _digest(_NUMBER.sub("0", line.casefold()))


def _digest(line: str) -> str:
    return hashlib.sha256(line.encode("utf-8", "surrogatepass")).hexdigest()[:_SIDE]
