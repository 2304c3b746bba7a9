"""From a body that the catalog wants to a line of the corpus, and the digest that tells changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import xxhash

from ingest.publish.lines import (
    DOCUMENT_FIELDS,
    ID_AT,
    LINK_FIELDS,
    LINK_FIGURES,
    METADATA_FIELDS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest.publish.ledger import Table

_DOCUMENT_ORDER = tuple(name for name in DOCUMENT_FIELDS if name != "revision")
_AFTER_ID = ID_AT + 32


def encode(table: Table, body: Mapping[str, Any]) -> tuple[bytes, str]:
    """Give a line but for its revision, and the digest by which a change is noticed.

    The JSON is in the order of the fields; KeyError where one is missing.  The digest
    leaves out ``added`` and ``run_id``; ``1:`` at its head names the way it is made.
    xxh3 is enough, because it only tells whether what we decided about a document has
    changed since; at 5 GB/s it costs nothing beside the shard's SHA-256.

    What the digest leaves out is found by search: a quote inside a JSON string always
    has a backslash before it, so none of the patterns can occur inside a value.
    """
    if table == "links":
        json = orjson.dumps(_ordered(body, LINK_FIELDS))
        stable = json[: json.rindex(b',"run_id":')]
    else:
        json = orjson.dumps(_document(body))
        added = json.index(b',"added":', _AFTER_ID)
        text = json.index(b',"text":', added)
        metadata = json.rindex(b',"metadata":{')
        run_id = json.rindex(b',"run_id":', text, metadata)
        stable = b"".join((json[:added], json[text:run_id], json[metadata:]))
    return json, "1:" + xxhash.xxh3_128_hexdigest(stable)


def line_of(table: Table, json: bytes, revision: int) -> bytes:
    """Give the whole line, newline included; a link shows no revision."""
    if table == "links":
        return json + b"\n"
    at = json.index(b',"source":', _AFTER_ID)
    return b"".join((json[:at], b',"revision":%d' % revision, json[at:], b"\n"))


def _document(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the body as it is to be written: itself, where it is in order already (saves 3 us)."""
    metadata = body["metadata"]
    if tuple(metadata) != METADATA_FIELDS:
        body = {**body, "metadata": {name: metadata[name] for name in METADATA_FIELDS}}
    if tuple(body) == _DOCUMENT_ORDER and type(body["story_similarity"]) is float:
        return body
    return _ordered(body, _DOCUMENT_ORDER)


def _ordered(body: Mapping[str, Any], order: tuple[str, ...]) -> Mapping[str, Any]:
    """Put the fields in order, and figures into one type: ``1`` would be read as an integer."""
    return {name: float(body[name]) if name in LINK_FIGURES else body[name] for name in order}
