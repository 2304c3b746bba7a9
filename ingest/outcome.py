"""What a run did, source by source: what the command line prints and programs read."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.errors import IngestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest.catalog.runs import Status


def what_broke(error: Exception) -> str:
    """What went wrong, and where, without what a bug says of itself: it may quote a document."""
    if isinstance(error, IngestError):
        return str(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    return f"{type(error).__name__} at {where}: a bug, the log has its traceback"


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What one source gave."""

    name: str
    status: Status
    counts: Mapping[str, int]
    reasons: Mapping[str, int] = field(default_factory=dict)
    error: str = ""
    hint: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did; `as_json` is what ``ingest run --json`` ends with."""

    run_id: str
    status: Status
    seconds: float
    counts: Mapping[str, int]
    sequence: int
    documents: int
    sources: tuple[SourceReport, ...]
    published: bool = False
    publishing: float = 0.0
    """Seconds that publishing took, of ``seconds``."""

    def as_json(self) -> dict[str, Any]:
        """The report as a JSON object; the keys are a contract."""
        sources = [
            {
                "name": source.name,
                "status": source.status,
                "counts": dict(source.counts),
                "reasons": dict(source.reasons),
                "error": source.error,
            }
            for source in self.sources
        ]
        return {
            "run_id": self.run_id,
            "status": self.status,
            "seconds": round(self.seconds, 3),
            "counts": dict(self.counts),
            "corpus": {"seq": self.sequence, "documents": self.documents},
            "sources": sources,
        }
