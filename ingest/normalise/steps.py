"""The built-in steps: filters that a document passes, or not, after normalisation.

A step is a frozen pydantic model whose fields are its settings, and which, called with a
document, gives it back, changed or not, or `Rejected`.  `ingest.normalise.chain` finds
steps and puts them in a row.
"""

from __future__ import annotations

import re  # noqa: TC003  # pydantic reads the annotations at run time

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ingest.documents import Document, Rejected


class StepSettings(BaseModel):
    """Base of the steps' settings: frozen, unknown keys refused, every field described."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class MinWords(StepSettings):
    """Refuse documents of fewer words."""

    words: int = Field(default=50, ge=1)
    """The fewest words that a document may have."""

    def __call__(self, document: Document) -> Document | Rejected:
        """Give the document, or why it is refused."""
        if document.words >= self.words:
            return document
        detail = f"{document.words} words, at least {self.words} are asked for"
        return Rejected("step:min_words", "too few words", detail)


class Languages(StepSettings):
    """Keep documents in some languages only."""

    keep: frozenset[str] = Field(min_length=1)
    """ISO 639-1 codes; ``und`` stands for documents whose language could not be told."""

    @field_validator("keep")
    @classmethod
    def _lower(cls, keep: frozenset[str]) -> frozenset[str]:
        return frozenset(code.lower() for code in keep)

    def __call__(self, document: Document) -> Document | Rejected:
        """Give the document, or why it is refused."""
        if document.language in self.keep:
            return document
        detail = f"{document.language} is not among {', '.join(sorted(self.keep))}"
        return Rejected("step:languages", "language", detail)


class Urls(StepSettings):
    """Keep or refuse documents by their address.

    Patterns are regular expressions, searched anywhere in the address.  A document
    without an address passes: there is nothing to judge by.
    """

    allow: tuple[re.Pattern[str], ...] = ()
    """Where given, an address must match one of them."""
    deny: tuple[re.Pattern[str], ...] = ()
    """An address that matches one of them is refused, allowed or not."""

    def __call__(self, document: Document) -> Document | Rejected:
        """Give the document, or why it is refused."""
        url = document.url
        if not url:
            return document
        for pattern in self.deny:
            if pattern.search(url):
                return Rejected("step:urls", "address denied", f"{url} matches {pattern.pattern}")
        if self.allow and not any(pattern.search(url) for pattern in self.allow):
            return Rejected("step:urls", "address not allowed", f"{url} matches no pattern")
        return document


min_words, languages, urls = MinWords, Languages, Urls  # the names of the entry points
