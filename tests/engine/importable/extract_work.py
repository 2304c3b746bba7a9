"""The real extraction, as work for an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.documents import RawDocument
from ingest.extract import ExtractOptions, extract

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.documents import Extracted, Rejected


def page(item: tuple[str, bytes]) -> Extracted | Rejected:
    name, content = item
    media_type = "text/plain" if name.endswith(".txt") else "text/html"
    return extract(RawDocument(name, content, media_type), ExtractOptions())


def make_extract() -> Callable[[tuple[str, bytes]], Extracted | Rejected]:
    return page
