"""The manifest of one generation: its shards with their hashes, and the chain to the last one."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import orjson

from ingest.errors import CorpusError
from ingest.publish.layout import MANIFEST, TABLES, Compression

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.publish.ledger import Table

MANIFEST_SCHEMA = "ingest/manifest/v1"


@dataclass(frozen=True, slots=True)
class Shard:
    """One immutable file of lines.

    ``bytes`` and ``sha256`` are of the file as it lies there, ``json_bytes`` counts the
    lines before compression.  ``ids`` names the file that says where each document lies
    (`publish.ids`); ``""`` where there is none: of links, of no lines, and of shards
    older than such files.
    """

    name: str
    table: Table
    rows: int
    bytes: int
    json_bytes: int
    sha256: str
    ids: str = ""
    ids_sha256: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError where there is no such table."""
        if self.table not in TABLES:
            raise ValueError(f"there is no table {self.table!r}")

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the shard and of what belongs to it."""
        return (self.name, self.ids) if self.ids else (self.name,)


@dataclass(frozen=True, slots=True)
class Counts:
    """Lines in the generation, and how many documents it changed."""

    documents: int
    links: int
    added: int = 0
    updated: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True)
class ChangeFile:
    """The generation's own change lines (``changes.jsonl`` beside the manifest)."""

    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a generation holds.

    ``previous`` is the SHA-256 of the manifest before it, ``""`` for the first;
    ``created`` is when it was published; shards stand in the order of their lines.
    """

    sequence: int
    previous: str
    created: str
    run_id: str
    schemas: dict[str, str]
    compression: Compression
    counts: Counts
    changes: ChangeFile
    shards: tuple[Shard, ...]

    def of(self, table: Table) -> tuple[Shard, ...]:
        """Shards of one table, in order."""
        return tuple(shard for shard in self.shards if shard.table == table)

    def encode(self) -> bytes:
        """Give the bytes of ``manifest.json``: indented JSON, the same for the same manifest."""
        body = {"schema": MANIFEST_SCHEMA, **asdict(self)}
        return orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def decode(data: bytes, where: Path) -> Manifest:
    """Parse a manifest; raises `CorpusError` naming ``where`` when it is not one."""
    try:
        body: dict[str, Any] = orjson.loads(data)
        if body.pop("schema") != MANIFEST_SCHEMA:
            raise CorpusError(
                f"{where} was written by another version of ingest",
                hint="read it with the version that wrote it",
            )
        return Manifest(
            **body
            | {
                "counts": Counts(**body["counts"]),
                "changes": ChangeFile(**body["changes"]),
                "shards": tuple(Shard(**shard) for shard in body["shards"]),
            }
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorpusError(
            f"{where} is damaged: {error}", hint="run `ingest corpus verify --repair`"
        ) from error


def load(generation: Path) -> tuple[Manifest, str]:
    """Read a generation's manifest, and its SHA-256; raises `CorpusError`."""
    path = generation / MANIFEST
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CorpusError(
            f"{path} cannot be read: {error.strerror}", hint="run `ingest corpus verify --repair`"
        ) from error
    return decode(data, path), hashlib.sha256(data).hexdigest()
