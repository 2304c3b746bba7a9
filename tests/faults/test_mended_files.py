"""What was wrong with a file and is no more leaves quarantine."""

from __future__ import annotations

import gzip
import json
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from documents_for_faults import text

from ingest.app import RunOptions
from ingest.catalog.store import Store

if TYPE_CHECKING:
    from support import Project

SOURCES = [{}, {"source": {"on_missing": "remove"}}]


def quarantined(project: Project) -> dict[str, str]:
    with closing(Store(project.store, write=False)) as store:
        return {entry.source_id: entry.reason for entry in store.quarantine.entries()}


def line(number: int) -> str:
    return json.dumps({"id": f"d{number}", "text": text(number)}) + "\n"


@pytest.fixture(params=SOURCES, ids=["keep", "remove"])
def values(request: pytest.FixtureRequest, plain: Project) -> dict[str, object]:
    plain.seeds.mkdir()
    found: dict[str, object] = request.param
    return found


def again(project: Project, values: dict[str, object]) -> dict[str, int]:
    return dict(project.run(options=RunOptions(), **values).counts)


def test_a_mended_line(plain: Project, values: dict[str, object]) -> None:
    path = plain.seeds / "all.jsonl"
    path.write_text(line(1) + '{"broken\n' + line(2))
    plain.run(**values)
    assert len(quarantined(plain)) == 1
    path.write_text(line(1) + line(3) + line(2))
    assert again(plain, values)["new"] == 1
    assert quarantined(plain) == {}


def test_a_line_that_is_still_bad_stays(plain: Project, values: dict[str, object]) -> None:
    path = plain.seeds / "all.jsonl"
    path.write_text('{"broken\n' + line(2))
    plain.run(**values)
    before = quarantined(plain)
    assert len(before) == 1
    path.write_text('{"broken\n' + line(2) + line(3))
    again(plain, values)
    assert quarantined(plain) == before


def test_a_mended_archive(plain: Project, values: dict[str, object]) -> None:
    path = plain.seeds / "all.jsonl.gz"
    whole = gzip.compress("".join(map(line, range(3))).encode())
    path.write_bytes(whole[:-20])
    plain.run(**values)
    assert path.name in quarantined(plain)
    path.write_bytes(whole)
    again(plain, values)
    assert quarantined(plain) == {}
    assert len(plain.records()) == 3


def test_a_file_that_was_empty(plain: Project, values: dict[str, object]) -> None:
    path = plain.seeds / "all.jsonl"
    path.touch()
    plain.run(**values)
    assert quarantined(plain) == {"all.jsonl": "empty"}
    assert again(plain, values)["unchanged"] >= 0
    assert quarantined(plain) == {"all.jsonl": "empty"}
    path.write_text(line(1))
    again(plain, values)
    assert quarantined(plain) == {}


def test_a_file_that_is_empty_now(plain: Project, values: dict[str, object]) -> None:
    path = plain.seeds / "all.jsonl"
    path.write_text("{bad\n" + line(1))
    plain.run(**values)
    path.write_text("")
    again(plain, values)
    assert quarantined(plain) == {"all.jsonl": "empty"}
