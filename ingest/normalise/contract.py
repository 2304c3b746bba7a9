"""The contract of a step: what third parties write, found through ``ingest.steps``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest.documents import Document, Rejected


class Step(Protocol):
    """A filter or transform between normalising and signing.

    It gives the document as it is, a changed one (`dataclasses.replace`), or
    ``Rejected("step:NAME", reason)``.  ``settings`` are the keys of its ``[[step]]`` table.
    It must be pure: it runs in worker processes, and its result is kept.
    """

    def __call__(self, document: Document, settings: Mapping[str, Any], /) -> Document | Rejected:
        """Pass a document on, or reject it."""
        ...
