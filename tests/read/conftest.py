"""One call that reads files in the test's folder, and what the events say in short."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest
from loopback import Site

from ingest.documents import Event, Failed, RawDocument
from ingest.read.files import Files
from ingest.testing import FakeContext, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Read(Protocol):
    context: FakeContext

    def __call__(self, path: str | tuple[str, ...] = ..., **settings: Any) -> list[Event]: ...


class _Read:
    def __init__(self, folder: Path) -> None:
        self.context = FakeContext(base=folder)

    def __call__(self, path: str | tuple[str, ...] = ".", **settings: Any) -> list[Event]:
        return run(Files(path=path, **settings), self.context)


@pytest.fixture
def read(tmp_path: Path) -> Read:
    return _Read(tmp_path)


@pytest.fixture
def short():
    """Events as (kind, id, text or reason), without the frame of containers."""

    def told(events: list[Event]) -> list[tuple[str, ...]]:
        out = []
        for event in events:
            if isinstance(event, RawDocument):
                out.append(("doc", event.source_id, event.content.decode()))
            elif isinstance(event, Failed):
                out.append(("bad", event.source_id, event.reason))
            else:
                name = type(event).__name__
                out.append((name, getattr(event, "source_id", "")))
        return out

    return told


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.stop()
