"""The frozen types that travel between the stages, in the order of the flow.

    read -> Event -> extract -> Extracted -> normalise -> Document
         -> sign -> Signature -> decide -> Decision

Nothing here does work or touches a file: a stage takes one of these values and
gives the next.  A failure of one document is a value too (`Failed`, `Rejected`).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
Kind: TypeAlias = Literal["exact", "near", "story"]

UNKNOWN = "und"
"""ISO 639's code where the language of a text is not known."""

compact_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""JSON without spaces, as identities and digests are made of it; one encoder for all."""


# --- read -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RawDocument:
    """One item of a source as it was found, not yet extracted.

    ``content`` is bytes in the encoding that ``media_type`` may name
    (``text/html; charset=latin-1``).  ``clean`` says that the content is main text
    already (a JSONL ``text`` field), so that extraction leaves it alone.
    ``container`` is the source_id of the file that the item lies in, where one file
    holds many; ``fingerprint`` is kept by the catalog and handed back by
    `Context.fingerprint` on the next run.
    """

    source_id: str
    content: bytes
    media_type: str = "text/plain"
    url: str = ""
    fetched: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    container: str = ""
    clean: bool = False


@dataclass(frozen=True, slots=True)
class Unchanged:
    """An item (or, as a container, everything in it) that is as it was on the last run."""

    source_id: str
    fingerprint: str = ""
    """A newer fingerprint for the same content (a file touched but not changed)."""


@dataclass(frozen=True, slots=True)
class Failed:
    """An item that could not be read; it is quarantined and the run goes on.

    ``reason`` is a short fixed word or phrase, good for counting; ``detail`` says
    what happened in a sentence, for a person.
    """

    source_id: str
    reason: str
    raw: bytes = b""
    detail: str = ""
    fingerprint: str = ""
    container: str = ""


@dataclass(frozen=True, slots=True)
class Gone:
    """An item that the source says it no longer has."""

    source_id: str


@dataclass(frozen=True, slots=True)
class ContainerRead:
    """Every item of a container has been yielded; what it held before and lacks now is absent.

    The fingerprint is remembered once every event before this one is committed, so
    that the next run can pass over the container whole (`Unchanged`).
    """

    source_id: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A cursor that only the reader understands, committed after every event before it."""

    cursor: JSON


@dataclass(frozen=True, slots=True)
class Complete:
    """Everything that the source holds was listed in this run: absence now means removal."""


Event: TypeAlias = RawDocument | Unchanged | Failed | Gone | ContainerRead | Checkpoint | Complete


# --- extract and normalise ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Extracted:
    """Main text and metadata of one document; every field a string, unknown is ``""``.

    ``created`` is ``YYYY-MM-DD`` or an ISO 8601 time; ``extractor`` names the way that
    found the text and its version (``plain/1``, ``trafilatura/2.0``).
    """

    text: str
    title: str = ""
    author: str = ""
    created: str = ""
    language: str = ""
    url: str = ""
    site: str = ""
    description: str = ""
    tags: str = ""
    extractor: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A document that a stage would not pass on, and why.

    ``stage`` is ``read``, ``extract``, ``normalise``, ``sign`` or ``step:NAME``;
    ``reason`` is a short fixed phrase for counting; ``detail`` is for a person.
    """

    stage: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A normalised document: canonical text, NFC strings, and what is known about it.

    ``created`` and ``fetched`` are ``YYYY-MM-DDTHH:MM:SS.mmmZ`` or ``""``;
    ``language`` is ISO 639-1 or ``und``; ``extra`` is what the source said beside the
    known fields.
    """

    source: str
    source_id: str
    text: str
    title: str = ""
    author: str = ""
    created: str = ""
    language: str = UNKNOWN
    url: str = ""
    words: int = 0
    site: str = ""
    description: str = ""
    tags: str = ""
    media_type: str = ""
    fetched: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
    extractor: str = ""

    @property
    def id(self) -> str:
        """The document's identity: 32 hexadecimal digits."""
        return document_id(self.source, self.source_id)

    @property
    def content_hash(self) -> str:
        """``sha256:`` and the hexadecimal digest of the canonical text in UTF-8."""
        return "sha256:" + hashlib.sha256(self.text.encode()).hexdigest()


# --- sign and decide ------------------------------------------------------------------


class Signature(NamedTuple):
    """Both MinHash signatures of a document, and its packed term vector.

    A tuple, as all that workers hand back for each document: it pickles in half the time.

    ``near``: shape (permutations,), uint32, over word 5-gram shingles.
    ``story``: shape (rows,), uint32, over the weightiest terms.
    ``terms``: the term vector that decides stories, as the catalog keeps it.
    ``shingles``: hashes of the shingles, uint64 each, in order of the text; not kept.
    """

    near: NDArray[np.uint32]
    story: NDArray[np.uint32]
    terms: bytes = b""
    shingles: bytes = b""

    def __reduce__(self) -> tuple[Callable[..., Signature], tuple[bytes, ...]]:
        """Pickle arrays as their bytes: half the time of numpy's own way."""
        return _unpickled, (self.near.tobytes(), self.story.tobytes(), self.terms, self.shingles)


def _unpickled(near: bytes, story: bytes, terms: bytes, shingles: bytes) -> Signature:
    from numpy import frombuffer, uint32  # noqa: PLC0415 - heavy, and only where there are any

    return Signature(frombuffer(near, uint32), frombuffer(story, uint32), terms, shingles)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the rules of `decide` need to know of a document beside its text.

    ``arrival`` is the order in which its identity first came; ``leads`` whether it
    leads the story ``story_id`` now.
    """

    number: int
    id: str
    arrival: int
    words: int
    priority: int
    created: str
    story_id: str
    leads: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was measured between a document and the one that it was decided against.

    ``jaccard`` and ``containment`` are exact, over 64-bit hashes of shingles;
    ``estimated_jaccard`` is the share of equal signature rows; ``shared_bands`` counts
    the bands (near) or rows (story) that made the pair a candidate; ``rule`` names what
    decided, with its threshold (``near:jaccard>=0.8``).
    """

    rule: str
    similarity: float
    jaccard: float = 0.0
    containment: float = 0.0
    story_similarity: float = 0.0
    estimated_jaccard: float = 0.0
    shared_bands: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """In the corpus, and a leader: later documents are compared with it."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """Out of the corpus: a copy of ``of`` (the survivor's number in the catalog)."""

    kind: Kind
    of: int
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Linked:
    """In the corpus, as a member of the group that ``of`` leads; never itself a leader."""

    kind: Kind
    of: int
    evidence: Evidence


Decision: TypeAlias = Kept | Dropped | Linked


def document_id(source: str, source_id: str) -> str:
    """First 128 bits, in hexadecimal, of SHA-256 of the JSON ``[source, source_id]``."""
    name = compact_json([source, source_id])
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
