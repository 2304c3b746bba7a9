"""`ingest export`: each option reaches the export, and the same splits come out every time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from publish_memory import MemoryLedger, document, ids, publisher
from support import Project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Ninety documents: two sources, two languages, a date a month, thirty stories of three."""
    made = Project(tmp_path)
    made.configure("")
    ledger = MemoryLedger()
    leaders = [next(iter(ids([f"{number:02}"]))) for number in range(30)]
    ledger.want(
        *(
            document(
                f"{number:02}",
                source="xy"[number % 2],
                language="de" if number < 10 else "en",
                created=f"2024-{number % 12 + 1:02}-01T00:00:00.000Z",
                story_id=leaders[number % 30],
            )
            for number in range(90)
        )
    )
    publisher(made.store / "corpus").publish(ledger, "run")
    return made


def exported(project: Project, *options: str) -> list[int]:
    done = project.here("export", *options, "out.jsonl")
    assert done.returncode == 0, done.stderr
    lines = (project.folder / "out.jsonl").read_text().splitlines()
    return [int(json.loads(line)["source_id"]) for line in lines]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), range(90)),
        (("--source", "x"), range(0, 90, 2)),
        (("--source", "x", "--source", "y"), range(90)),
        (("--language", "de"), range(10)),
        (("--from", "2024-12-01"), range(11, 90, 12)),
        (("--to", "2024-02-01"), range(0, 90, 12)),
        (("--one-per-story",), range(30)),
        (("--one-per-story", "--source", "y", "--language", "en"), range(11, 40, 2)),
    ],
)
def test_filters(project: Project, options: tuple[str, ...], expected: range) -> None:
    assert exported(project, *options) == list(expected)


def test_splits_are_the_same_every_time_and_part_no_story(project: Project) -> None:
    found = []
    for folder in ("one", "two"):
        assert project.here("export", "--splits", "0.5,0.25,0.25", folder).returncode == 0
        files = sorted((project.folder / folder).iterdir())
        assert [file.name for file in files] == ["test.jsonl", "train.jsonl", "valid.jsonl"]
        found.append([file.read_bytes() for file in files])
    assert found[0] == found[1]
    stories = [{json.loads(line)["story_id"] for line in data.splitlines()} for data in found[0]]
    assert all(stories)
    assert sum(map(len, stories)) == len(set.union(*stories)) == 30
    assert sum(data.count(b"\n") for data in found[0]) == 90


def test_canonical_and_parquet(project: Project) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    assert exported(project, "--canonical") != list(range(90))
    done = project.here("export", "--format", "parquet", "--canonical", "out.parquet")
    assert done.returncode == 0, done.stderr
    table = parquet.read_table(project.folder / "out.parquet")
    lines = map(json.loads, (project.folder / "out.jsonl").read_text().splitlines())
    assert table.to_pylist() == list(lines)
