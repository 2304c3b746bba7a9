"""A document as the catalog keeps it, made ready where documents are prepared.

All that takes time (hashing, compressing, JSON) is done in the workers, so that the one
process that decides has only to insert.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import zstandard

from ingest.documents import compact_json, document_id
from ingest.errors import StoreError

if TYPE_CHECKING:
    from ingest.documents import Document

Described: TypeAlias = tuple[str, str, str, str, str, str, str, int, str, str]

_TEXT_LEVEL = 1
"""News texts take as much room at level 3, and a quarter more time."""

_SPACED = json.JSONEncoder(ensure_ascii=False)
_SORTED = json.JSONEncoder(ensure_ascii=False, sort_keys=True)


class Packed(NamedTuple):
    """One version of a document.

    ``columns``: source, source_id, url, title, author, language, created, words, extractor
    and metadata, as the table has them; ``content_hash``: 32 bytes, SHA-256 of the text;
    ``digest``: 16 bytes over what the document says, so that an unchanged one is known as
    such; ``text``: a zstandard frame of UTF-8.
    """

    id: str
    columns: Described
    content_hash: bytes
    digest: bytes
    text: bytes

    @property
    def source(self) -> str:
        """Name of the source."""
        return self.columns[0]

    @property
    def created(self) -> str:
        """When it was written, ISO 8601, or ``""``."""
        return self.columns[6]

    @property
    def words(self) -> int:
        """How many words the text has."""
        return self.columns[7]


class Packer:
    """Makes documents ready, in one thread: the compressor is made once and cannot be shared."""

    def __init__(self) -> None:
        self._compress = zstandard.ZstdCompressor(level=_TEXT_LEVEL).compress

    def pack(self, document: Document) -> Packed:
        """Make a document ready; some 0.05 ms for 300 words."""
        encoded = document.text.encode()
        content = hashlib.sha256(encoded)
        columns = _columns(document, document.fetched)
        # `fetched` is left out of the digest: a page fetched again is the same.
        said = _columns(document, "") if document.fetched else columns
        return Packed(
            document_id(document.source, document.source_id),
            columns,
            content.digest(),
            _digest(said, "sha256:" + content.hexdigest()),
            self._compress(encoded),
        )


def unpack(frame: bytes) -> bytes:
    """Decompress what the catalog holds; raises `StoreError` where it is damaged."""
    try:
        return zstandard.ZstdDecompressor().decompress(frame)
    except zstandard.ZstdError as error:
        raise _damaged() from error


def unpack_text(text: bytes, content: str = "") -> str:
    """Read what `Packed.text` holds; raises `StoreError` where it is damaged.

    Neither SQLite nor these frames have checksums: most flipped bits only show where the
    ``content`` that it must be is given, its SHA-256 in hexadecimal.
    """
    encoded = unpack(text)
    if content and hashlib.sha256(encoded).hexdigest() != content:
        raise _damaged()
    try:
        return encoded.decode()
    except UnicodeDecodeError as error:
        raise _damaged() from error


def _damaged() -> StoreError:
    return StoreError(
        "a document in the catalog is not as it was stored: the file is damaged",
        hint="Restore a backup (`ingest restore`), or move the store away.",
    )


def _digest(said: Described, content: str) -> bytes:
    """Sum up what a document says."""
    source, source_id, *described = said
    text = compact_json([source, source_id, content, *described])
    return hashlib.sha256(text.encode()).digest()[:16]


def _columns(document: Document, fetched: str) -> Described:
    return (
        document.source,
        document.source_id,
        document.url,
        document.title,
        document.author,
        document.language,
        document.created,
        document.words,
        document.extractor,
        _metadata(document, fetched),
    )


def _metadata(document: Document, fetched: str) -> str:
    return _SPACED.encode(
        {
            "site": document.site,
            "description": document.description,
            "tags": document.tags,
            "media_type": document.media_type,
            "fetched": fetched,
            "extra": _SORTED.encode(dict(document.extra)),
        }
    )
