"""`ingest`: text in, a clean, deduplicated JSONL corpus out that stays right.

The names below are the public interface; they load on first use (PEP 562), so that a
program which only reads a corpus never imports what writes one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingest.app import run
    from ingest.documents import RawDocument
    from ingest.errors import IngestError
    from ingest.normalise.contract import Step
    from ingest.publish.corpus import open_corpus
    from ingest.publish.record import Record
    from ingest.read.base import Reader
    from ingest.settings import Settings

__all__ = [
    "IngestError",
    "RawDocument",
    "Reader",
    "Record",
    "Settings",
    "Step",
    "open_corpus",
    "run",
]

_HOMES = {
    "IngestError": "ingest.errors",
    "RawDocument": "ingest.documents",
    "Reader": "ingest.read.base",
    "Record": "ingest.publish.record",
    "Settings": "ingest.settings",
    "Step": "ingest.normalise.contract",
    "open_corpus": "ingest.publish.corpus",
    "run": "ingest.app",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ingest' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
