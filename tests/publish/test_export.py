from __future__ import annotations

import json
import math
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from publish_memory import MemoryLedger, document, gone, ids, in_child, link, publisher

from ingest.errors import CorpusError, StoreError, UsageError
from ingest.publish.corpus import open_corpus
from ingest.publish.export import ExportOptions, Filters, Splits, export, export_lines
from ingest.publish.stats import stats

if TYPE_CHECKING:
    from pathlib import Path

PINNED = ["test", *["train"] * 11]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    ledger = MemoryLedger()
    (leader,) = ids(["a"])
    ledger.want(
        document("a", source="x", language="en", created="2024-01-05T00:00:00.000Z"),
        document(
            "b", source="y", language="de", created="2024-02-05T10:00:00.000Z", story_id=leader
        ),
        document("c", source="y", language="en", created=""),
        document("d", source="z", language="fr", created="2025-01-01T00:00:00.000Z"),
        link("e", "a", "exact"),
    )
    publisher(tmp_path / "corpus", shard_rows=2).publish(ledger, "run")
    return tmp_path / "corpus"


def exported(folder: Path, **filters: Any) -> str:
    with open_corpus(folder) as corpus:
        lines = export_lines(corpus, ExportOptions(filters=Filters(**filters)))
        return "".join(json.loads(line)["source_id"] for line in lines)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, "abcd"),
        ({"sources": frozenset({"x", "z"})}, "ad"),
        ({"languages": frozenset({"en"})}, "ac"),
        ({"created_from": "2024-02-05"}, "bd"),
        ({"created_to": "2024-02-05"}, "a"),
        ({"created_from": "2024", "created_to": "2025"}, "ab"),
        ({"created_from": "2024-02-05T10", "created_to": "2025-01-01T00:00:00.000Z"}, "b"),
        ({"one_per_story": True}, "acd"),
        ({"one_per_story": True, "languages": frozenset({"de"})}, "b"),
    ],
)
def test_filters(corpus: Path, filters: dict[str, Any], expected: str) -> None:
    assert exported(corpus, **filters) == expected


def test_jsonl_holds_the_lines_as_they_are(corpus: Path, tmp_path: Path) -> None:
    with open_corpus(corpus) as opened:
        done = export(opened, tmp_path / "out.jsonl", ExportOptions())
        assert (tmp_path / "out.jsonl").read_bytes() == b"".join(opened.lines())
    assert done.documents == 4
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_canonical_is_the_same_however_the_corpus_came_about(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    for name in "dcba":
        ledger.want(document(name, run_id=f"run-{name}", added="2023-01-01T00:00:00.000Z"))
        publisher(tmp_path / "one").publish(ledger, "run")
    other = MemoryLedger()
    other.want(*(document(name) for name in "abcde"))
    publisher(tmp_path / "two", compression="zstd").publish(other, "run")
    other.want(gone("e"))
    publisher(tmp_path / "two", compression="zstd").publish(other, "run")
    for name in ("one", "two"):
        with open_corpus(tmp_path / name) as corpus:
            export(corpus, tmp_path / f"{name}.jsonl", ExportOptions(canonical=True))
    data = (tmp_path / "one.jsonl").read_bytes()
    assert data == (tmp_path / "two.jsonl").read_bytes()
    lines = [json.loads(line) for line in data.splitlines()]
    assert [line["id"] for line in lines] == sorted(ids("abcd"))
    assert not {"run_id", "added"} & set(lines[0])


@pytest.mark.parametrize("canonical", [False, True])
def test_parquet(corpus: Path, tmp_path: Path, canonical: bool) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    options = ExportOptions(format="parquet", canonical=canonical)
    with open_corpus(corpus) as opened:
        export(opened, tmp_path / "out.parquet", options)
        rows = list(map(json.loads, export_lines(opened, options)))
    table = parquet.read_table(tmp_path / "out.parquet")
    assert table.to_pylist() == rows
    assert table.schema.field("metadata").type.num_fields == 6


def test_splits_keep_stories_together(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    leaders = [next(iter(ids([f"0-{number}"]))) for number in range(200)]
    ledger.want(
        *(
            document(f"{part}-{number}", story_id=leaders[number])
            for part in range(2)
            for number in range(200)
        )
    )
    publisher(tmp_path / "corpus").publish(ledger, "run")
    with open_corpus(tmp_path / "corpus") as corpus:
        done = export(corpus, tmp_path / "out", ExportOptions(splits=Splits(0.6, 0.2, 0.2)))
    assert done.documents == 400
    stories = [
        {
            json.loads(line)["story_id"]
            for line in (tmp_path / f"out/{name}.jsonl").read_text().splitlines()
        }
        for name in ("train", "valid", "test")
    ]
    assert sum(map(len, stories)) == len(set.union(*stories)) == 200
    assert 90 < len(stories[0]) < 150
    assert all(stories)


@settings(deadline=None)
@given(st.text("0123456789abcdef", min_size=32, max_size=32))
def test_a_share_of_nothing_gets_nothing(story: str) -> None:
    assert Splits(1, 0, 0).of(story) == "train"
    assert Splits(0, 0, 1).of(story) == "test"
    assert Splits(0.5, 0.5, 0).of(story) in {"train", "valid"}


def test_splits_are_pinned() -> None:
    """What went to train yesterday must not be in test tomorrow."""
    splits = Splits(0.8, 0.1, 0.1)
    assert [splits.of(f"{n:032x}") for n in range(12)] == PINNED


@pytest.mark.parametrize("shares", [(0.9, 0.2, 0), (1.2, -0.1, -0.1), (math.nan, 0, 1)])
def test_shares_must_add_up(shares: tuple[float, float, float]) -> None:
    with pytest.raises(UsageError, match="add up to 1"):
        Splits(*shares)


@pytest.mark.parametrize(
    "date",
    ["20240506", "2024-1", "2024-13", "2024-05-06 10:00", "2024-05-06T10:00+02:00", "today"],
)
def test_dates_that_would_be_compared_wrongly_are_refused(date: str) -> None:
    with pytest.raises(UsageError, match="a day such as 2024-05-06"):
        Filters(created_from=date)
    with pytest.raises(UsageError, match="a day such as 2024-05-06"):
        Filters(created_to=date)


def test_what_a_file_must_not_replace(corpus: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to(corpus)
    before = sorted(corpus.rglob("*"))
    splits = ExportOptions(splits=Splits(1, 0, 0))
    with open_corpus(corpus) as opened:
        for target, options, said in (
            (pipe, ExportOptions(), "pipe or device"),
            (pipe, splits, "pipe or device"),
            (corpus, ExportOptions(), "is a folder"),
            (tmp_path / "file", splits, "is a file"),
            (corpus / "documents-000000001-0000.jsonl", ExportOptions(), "not to be replaced"),
            (tmp_path / "link" / "new.jsonl", ExportOptions(), "not to be replaced"),
            (tmp_path / "link" / "new", splits, "not to be replaced"),
        ):
            with pytest.raises(UsageError, match=said):
                export(opened, target, options)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["corpus", "file", "link", "pipe"]
    assert sorted(corpus.rglob("*")) == before


def test_a_failed_export_leaves_what_was_there(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("old")

    def full() -> None:
        import resource  # noqa: PLC0415 - in the child only

        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        with open_corpus(corpus) as opened, pytest.raises(StoreError, match="the export"):
            export(opened, tmp_path / "out.jsonl", ExportOptions())

    assert in_child(full) == 0
    assert (tmp_path / "out.jsonl").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_failed_parquet_export_leaves_nothing(corpus: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    (shard, *_) = sorted((corpus / "current").glob("documents-*"))
    shard.write_bytes(shard.read_bytes()[:-5])
    with open_corpus(corpus) as opened, pytest.raises(CorpusError, match="bytes instead of"):
        export(opened, tmp_path / "out.parquet", ExportOptions(format="parquet"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus"]


def test_stats(corpus: Path) -> None:
    with open_corpus(corpus) as opened:
        found = stats(opened)
    assert (found.sequence, found.documents, found.links, found.stories) == (1, 4, 1, 3)
    assert found.sources == {"y": 2, "x": 1, "z": 1}
    assert found.languages == {"en": 2, "de": 1, "fr": 1}
    assert found.years == {"": 1, "2024": 2, "2025": 1}
    assert found.link_kinds == {"exact": 1}
    assert found.shards == 3
    assert found.history_from == 0
    assert found.generations == (1,)
    assert found.words == 16
