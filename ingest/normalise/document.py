"""The stage itself: what was extracted, to a `Document` in canonical form."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from importlib.metadata import version as version_of
from typing import TYPE_CHECKING

from ingest.documents import Document, Rejected
from ingest.normalise import language
from ingest.normalise.canonical import canonical, one_line
from ingest.normalise.dates import stamp, timestamp
from ingest.normalise.mojibake import mend
from ingest.normalise.urls import canonical_url
from ingest.normalise.words import count_words

if TYPE_CHECKING:
    from ingest.documents import Extracted, RawDocument

RULES = "1"
"""Of this package's own rules; raised when the same input may give another document."""

_FIELDS = frozenset(("title", "author", "date", "language", "url", "site", "description", "tags"))


@dataclass(frozen=True, slots=True)
class NormaliseOptions:
    """How the documents of one source are normalised."""

    mend_mojibake: bool = True
    """Repair UTF-8 that was once read as another encoding."""


def version(options: NormaliseOptions) -> str:
    """Name everything that decides what a document looks like."""
    parts = [
        f"normalise/{RULES}",
        f"unicode/{unicodedata.unidata_version}",
        f"pycld2/{version_of('pycld2')}",
    ]
    if options.mend_mojibake:
        parts.append(f"ftfy/{version_of('ftfy')}")
    return ";".join(parts)


def normalise(
    raw: RawDocument, extracted: Extracted, source: str, options: NormaliseOptions
) -> Document | Rejected:
    """Bring text and metadata of one document into canonical form.

    The language is what the source says, else what the text looks like, the page's own
    claim tipping the scales (`language.detect`).
    """
    repair = mend if options.mend_mojibake else str
    text = canonical(repair(extracted.text))
    if not text:
        return Rejected("normalise", "no text", "nothing but white space and control characters")
    told = language.code(raw.metadata.get("language", ""))
    return Document(
        source=source,
        source_id=raw.source_id,
        text=text,
        title=one_line(repair(extracted.title)),
        author=one_line(repair(extracted.author)),
        created=timestamp(extracted.created, raw.fetched),
        language=told or language.detect(text, extracted.language),
        url=canonical_url(extracted.url or raw.url),
        words=count_words(text),
        site=one_line(repair(extracted.site)),
        description=one_line(repair(extracted.description)),
        tags=one_line(repair(extracted.tags)),
        media_type=raw.media_type.partition(";")[0].strip().lower(),
        fetched=stamp(raw.fetched) if raw.fetched else "",
        extra=_extra(raw),
        extractor=extracted.extractor,
    )


def _extra(raw: RawDocument) -> dict[str, str]:
    """Whatever the source said that no field holds, as strings that JSON can hold."""
    return {
        one_line(key): canonical(value)
        for key, value in sorted(raw.metadata.items())
        if key not in _FIELDS
    }
