"""What could not be processed is kept as it was, up to a size, until it can."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ingest.catalog.database import open_database
from ingest.catalog.quarantine import Quarantine, Quarantined
from ingest.documents import RawDocument

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def quarantine(tmp_path: Path) -> Iterator[Quarantine]:
    connection = open_database(tmp_path / "catalog.db", write=True)
    connection.execute("INSERT INTO runs (run_id, started, status, pid) VALUES ('r', '', '', 0)")
    yield Quarantine(connection, raw_limit=10)
    connection.close()


def entry(name: str, reason: str = "empty", source: str = "s", size: int = 4) -> Quarantined:
    return Quarantined(source, name, "extract", reason, "detail", size, "2024-01-01")


def raw(name: str, content: bytes = b"\x00\xff\n\x00") -> RawDocument:
    return RawDocument(
        name,
        content,
        "text/html",
        url="https://example.org/é",
        fetched=datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
        metadata={"title": "T"},
        fingerprint="f",
        container="box",
    )


def test_an_item_comes_back_as_it_was(quarantine: Quarantine) -> None:
    quarantine.put(entry("a"), raw("a"), 1)
    assert list(quarantine.entries()) == [entry("a")]
    assert quarantine.item("s", "a") == raw("a")
    assert quarantine.item("s", "b") is None
    assert quarantine.item("t", "a") is None


@pytest.mark.parametrize(("size", "kept"), [(0, True), (10, True), (11, False)])
def test_as_many_bytes_are_kept_as_the_limit_says(
    quarantine: Quarantine, size: int, kept: bool
) -> None:
    quarantine.put(entry("a", size=size), raw("a", b"x" * size), 1)
    item = quarantine.item("s", "a")
    assert (item is not None) == kept
    assert item is None or item.content == b"x" * size
    assert [each.size for each in quarantine.entries()] == [size]


def test_a_newer_reason_replaces_the_older(quarantine: Quarantine) -> None:
    quarantine.put(entry("a"), raw("a"), 1)
    quarantine.put(entry("a", "too short"), raw("a", b"new!"), 1)
    assert [each.reason for each in quarantine.entries()] == ["too short"]
    item = quarantine.item("s", "a")
    assert item is not None
    assert item.content == b"new!"


def test_entries_by_source_and_reason(quarantine: Quarantine) -> None:
    for name, reason, source in (("b", "empty", "s"), ("a", "empty", "t"), ("a", "bad", "s")):
        quarantine.put(entry(name, reason, source), raw(name), 1)

    def found(**wanted: str) -> list[str]:
        return [f"{each.source}/{each.source_id}" for each in quarantine.entries(**wanted)]

    assert found() == ["s/a", "s/b", "t/a"]
    assert found(source="s") == ["s/a", "s/b"]
    assert found(reason="empty") == ["s/b", "t/a"]
    assert found(source="t", reason="bad") == []
    assert quarantine.counts() == {"bad": 1, "empty": 2}


def test_what_is_released_is_gone(quarantine: Quarantine) -> None:
    quarantine.put(entry("a"), raw("a"), 1)
    assert not quarantine.release("t", "a")
    assert quarantine.release("s", "a")
    assert not quarantine.release("s", "a")
    assert list(quarantine.entries()) == []
