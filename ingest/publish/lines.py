"""Lines of the corpus: how they are written, what their digest covers, and their id.

The names of the fields stand here a second time, beside the models in
`ingest.publish.record`, because the reading side must not cost an import of pydantic;
a test holds the two together.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest.publish.ledger import Table

SCHEMAS = {"documents": "ingest/record/v1", "links": "ingest/link/v1"}

# fmt: off
DOCUMENT_FIELDS = (
    "schema", "id", "revision", "source", "source_id", "url", "title", "author", "language",
    "created", "added", "text", "words", "content_hash", "story_id", "story_similarity",
    "extractor", "run_id", "metadata",
)
METADATA_FIELDS = ("site", "description", "tags", "media_type", "fetched", "extra")
LINK_FIELDS = (
    "schema", "kind", "id", "of", "group", "source", "source_id", "of_source", "of_source_id",
    "similarity", "jaccard", "containment", "story_similarity", "shared_bands", "rule", "run_id",
)
# fmt: on
CHANGE_FIELDS = ("seq", "op", "id", "revision", "reason")

_VOLATILE = {"revision", "added", "run_id"}
_DOCUMENT = tuple(f for f in DOCUMENT_FIELDS if f not in _VOLATILE and f != "metadata")
_LINK = tuple(f for f in LINK_FIELDS if f not in _VOLATILE)
_LINK_FIGURES = ("similarity", "jaccard", "containment", "story_similarity")
_document_values = itemgetter(*_DOCUMENT)
_metadata_values = itemgetter(*METADATA_FIELDS)
_link_values = itemgetter(*_LINK)

_ID = b'"id":"'


def digest(payload: bytes) -> str:
    """Fingerprint of a line without its volatile fields; ``1:`` names the way it is made.

    xxh3 is enough: it only tells whether a document that we decided about ourselves
    has changed since, and at 5 GB/s it costs nothing beside the shard's SHA-256.
    """
    import xxhash  # noqa: PLC0415 - the reading side does without

    return "1:" + xxhash.xxh3_128_hexdigest(payload)


def payload_of(table: Table, body: Mapping[str, Any]) -> bytes:
    """JSON of a line in the order of its fields, without ``revision``, ``added`` and ``run_id``.

    Raises KeyError where a field is missing: every one is always present.
    """
    if table == "links":
        link = dict(zip(_LINK, _link_values(body), strict=True))
        link.update((name, float(link[name])) for name in _LINK_FIGURES)
        return orjson.dumps(link)
    document = dict(zip(_DOCUMENT, _document_values(body), strict=True))
    document["story_similarity"] = float(document["story_similarity"])
    document["metadata"] = dict(
        zip(METADATA_FIELDS, _metadata_values(body["metadata"]), strict=True)
    )
    return orjson.dumps(document)


def line_of(table: Table, payload: bytes, body: Mapping[str, Any], revision: int) -> bytes:
    """Put the volatile fields back into a payload, each in its place, and end the line.

    The places are found by search: a quote inside a JSON string always has a backslash
    before it, so none of the three patterns can occur inside a value.
    """
    run_id = b',"run_id":' + orjson.dumps(body["run_id"])
    if table == "links":
        return payload[:-1] + run_id + b"}\n"
    after_id = payload.index(b',"source":')
    before_text = payload.index(b',"text":')
    before_metadata = payload.rindex(b',"metadata":{')
    return b"".join(
        (
            payload[:after_id],
            b',"revision":%d' % revision,
            payload[after_id:before_text],
            b',"added":',
            orjson.dumps(body["added"]),
            payload[before_text:before_metadata],
            run_id,
            payload[before_metadata:],
            b"\n",
        )
    )


def id_of(line: bytes) -> str:
    """Give the id of a line: the fields before it hold constants only, so the first match is it.

    Raises ValueError where there is none.
    """
    start = line.index(_ID) + len(_ID)
    return line[start : start + 32].decode("ascii")
