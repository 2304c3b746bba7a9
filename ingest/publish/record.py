"""The published lines: `Record` (a document) and `Link` (why it was dropped or linked).

Every field is always present, with one type and never null, so that column-guessing
loaders (DuckDB, pyarrow, Hugging Face) see the same schema in every shard.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

RECORD_SCHEMA: Final = "ingest/record/v1"
LINK_SCHEMA: Final = "ingest/link/v1"

_TIME = r"^(|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)$"
_ID = r"^[0-9a-f]{32}$"


class _Line(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        populate_by_name=True,
        json_schema_serialization_defaults_required=True,
    )


class Metadata(_Line):
    """What is known about a document beside its text; fixed keys, all strings."""

    site: str = ""
    """Name of the site or publication."""
    description: str = ""
    """Summary given by the page itself."""
    tags: str = ""
    """Keywords given by the page, separated by ``; ``."""
    media_type: str = ""
    """Media type of the source item."""
    fetched: str = Field(default="", pattern=_TIME)
    """When the item was fetched, where the reader knows."""
    extra: str = "{}"
    """A JSON object with whatever else the source said."""


class Record(_Line):
    """One document of the corpus."""

    schema_: Literal["ingest/record/v1"] = Field(RECORD_SCHEMA, alias="schema")
    """Name and version of this schema."""
    id: str = Field(pattern=_ID)
    """Identity: first 128 bits of SHA-256 of ``[source, source_id]``; never of the text."""
    revision: int = Field(ge=1)
    """Counts the changes of the published record, from 1."""
    source: str
    """Name of the source in the settings."""
    source_id: str
    """What the source calls the item."""
    url: str
    """Address of the document, ``""`` where unknown."""
    title: str
    """Title, ``""`` where unknown."""
    author: str
    """Authors as one string, ``""`` where unknown."""
    language: str
    """ISO 639-1 code, or ``und``."""
    created: str = Field(pattern=_TIME)
    """When the document says it was published; midnight UTC for a bare date."""
    added: str = Field(pattern=_TIME)
    """When it first came into the store."""
    text: str
    """Main text, NFC, paragraphs separated by newlines."""
    words: int = Field(ge=0)
    """Number of words in ``text``."""
    content_hash: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    """SHA-256 of ``text`` in UTF-8."""
    story_id: str = Field(pattern=_ID)
    """Identity of the story; documents that tell the same event share it."""
    story_similarity: float = Field(ge=0.0, le=1.0)
    """The figure that let it join the story; 1.0 for a story's first."""
    extractor: str
    """The way that found the text, with its version."""
    run_id: str
    """The run that made this revision."""
    metadata: Metadata
    """What else is known."""


class Link(_Line):
    """Why one document was dropped, or linked to a story."""

    schema_: Literal["ingest/link/v1"] = Field(LINK_SCHEMA, alias="schema")
    """Name and version of this schema."""
    kind: Literal["exact", "near", "story"]
    """exact: the same canonical text; near: a copy or light edit; story: other words."""
    id: str = Field(pattern=_ID)
    """The document that was dropped or linked."""
    of: str = Field(pattern=_ID)
    """The document that it was decided against."""
    group: str = Field(pattern=_ID)
    """``story_id`` of both."""
    source: str
    """Source of ``id``."""
    source_id: str
    """What that source calls it."""
    of_source: str
    """Source of ``of``."""
    of_source_id: str
    """What that source calls it."""
    similarity: float = Field(ge=0.0, le=1.0)
    """The figure that decided."""
    jaccard: float = Field(ge=0.0, le=1.0)
    """Exact Jaccard of the shingle sets."""
    containment: float = Field(ge=0.0, le=1.0)
    """Shared shingles over those of the smaller text."""
    story_similarity: float = Field(ge=0.0, le=1.0)
    """Rarity-weighted similarity of the terms."""
    shared_bands: int = Field(ge=0)
    """Signature bands (near) or rows (story) that the two share."""
    rule: str
    """The rule that decided, with its threshold."""
    run_id: str
    """The run that decided."""
