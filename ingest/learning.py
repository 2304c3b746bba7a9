"""`ingest learn SOURCE`: the lines that recur across a source's plain texts, frozen.

The table is kept in the catalog and is part of the extractor's version: learning again
is a decision, so that no text ever depends on the order in which documents came.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ingest.documents import RawDocument, document_id
from ingest.extract.dispatch import charset
from ingest.extract.encoding import decode
from ingest.extract.furniture import FurnitureTable, learn
from ingest.upkeep import locked
from ingest.wiring import RunContext, furniture_key, sources_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from ingest.app import RunOptions
    from ingest.settings import Settings


def learn_source(settings: Settings, name: str, options: RunOptions) -> FurnitureTable:
    """Read all plain texts of a source, keep the lines that recur, and return their table.

    The source's next run extracts its texts anew.  Raises `SettingsError` for an unknown
    source, `SourceError` where it cannot be read.
    """
    with locked(settings, options) as store:
        table = learn(_texts(settings, name, store.documents.copies(name)))
        with store.transaction():
            store.set_meta(furniture_key(name), table.to_json())
    return table


def _texts(settings: Settings, name: str, copies: Container[str]) -> Iterator[str]:
    """Plain texts of a source, without copies: their sentences recur, and are no furniture."""
    (part,) = sources_of(settings, (), name="", only=(name,))
    context = RunContext(
        source=name,
        base=settings.base,
        max_bytes=settings.limits.item_bytes,
        clock=lambda: datetime.now(UTC),
        store=settings.store,
    )
    for event in part.read(None, context, 0):
        if not isinstance(event, RawDocument) or document_id(name, event.source_id) in copies:
            continue
        if event.media_type.startswith("text/plain"):
            yield decode(event.content, charset(event.media_type)).text
