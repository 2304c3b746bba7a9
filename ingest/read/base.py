"""The contract that every reader keeps: a frozen settings class that can `check` and `read`.

A reader is one module with one class: its fields are the keys that a ``[[source]]``
table may have, its `read` yields `documents.Event`.  It is found through the
entry-point group ``ingest.readers``; `ingest.testing` holds the conformance suite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from ingest.documents import JSON, Event


class Context(Protocol):
    """What a reader may ask of the run that it reads for."""

    @property
    def source(self) -> str:
        """The source's name in the settings."""
        ...

    @property
    def base(self) -> Path:
        """The folder that relative paths in the settings are relative to."""
        ...

    @property
    def max_bytes(self) -> int:
        """The most bytes that one item may have after decompression."""
        ...

    @property
    def store(self) -> Path | None:
        """The folder that the run writes to, which is no part of any source; None: unknown."""
        return None

    @property
    def raw(self) -> Path | None:
        """The folder in which raw responses may be kept; None: nothing is to be kept."""
        return None

    def fingerprint(self, source_id: str) -> str:
        """What the reader last said of this item or container; ``""`` where it must be read.

        Empty for an unknown item, and for one that was processed by another version
        of extractor, normaliser, steps or their settings.
        """
        ...

    def canonical_url(self, url: str) -> str:
        """The one spelling of an address that documents are named by; ``""`` for none."""
        ...

    def now(self) -> datetime:
        """The time by the run's clock, UTC."""
        ...

    def cancelled(self) -> bool:
        """Whether the run is being stopped; a reader asks at least once a second."""
        ...


@runtime_checkable
class Reader(Protocol):
    """One kind of source.  Implementations subclass `ReaderSettings`."""

    def check(self, context: Context) -> None:
        """Raise `errors.SourceError` where the source cannot be read; change nothing."""
        ...

    def read(self, cursor: JSON, context: Context) -> Iterator[Event]:
        """Yield what the source holds, from ``cursor`` (None: the beginning) on.

        A bad item is yielded as `Failed`; a source that cannot be read at all raises
        `errors.SourceError`.
        """
        ...


class ReaderSettings(BaseModel):
    """Base of the readers' settings: frozen, unknown keys refused, every field described."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
