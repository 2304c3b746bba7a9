"""Lines of the corpus: how they are written, what their digest covers, and their id.

The names of the fields stand here a second time, beside the models in
`ingest.publish.record`, because the reading side must not cost an import of pydantic;
a test holds the two together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

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
LINK_FIGURES = ("similarity", "jaccard", "containment", "story_similarity")
# fmt: on
CHANGE_FIELDS = ("seq", "op", "id", "revision", "reason")

_ID = b'"id":"'
ID_AT = len('{"schema":"ingest/record/v1","id":"')
"""Where the id stands in every line of a document."""


def link_body(known: Mapping[str, Any]) -> dict[str, Any]:
    """A link as it is published, from its fields by name but for ``schema``; others are left out.

    Figures are rounded to six places.  Raises KeyError where a field is missing.
    """
    body = {**known, "schema": SCHEMAS["links"]}
    return {
        name: round(body[name], 6) if name in LINK_FIGURES else body[name] for name in LINK_FIELDS
    }


def id_of(line: bytes) -> str:
    """Give the id of a line: the fields before it hold constants only, so the first match is it.

    Raises ValueError where there is none.
    """
    start = line.index(_ID) + len(_ID)
    return line[start : start + 32].decode("ascii")
