from __future__ import annotations

import hashlib
import json
import os
import re
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
from publish_memory import (
    Consumer,
    MemoryLedger,
    body,
    contents,
    document,
    gone,
    ids,
    link,
    publisher,
)
from publish_memory import link_body as link_line
from xxhash import xxh3_128_hexdigest

from ingest.errors import CorpusError
from ingest.publish.corpus import CorpusDocument, CorpusLink, open_corpus
from ingest.publish.encode import digest_of
from ingest.publish.ledger import Published, Table
from ingest.publish.lines import (
    DOCUMENT_FIELDS,
    LINK_FIELDS,
    LINK_FIGURES,
    METADATA_FIELDS,
    SCHEMAS,
    link_body,
)
from ingest.publish.manifest import Counts, load
from ingest.publish.publish import Publisher, PublishOptions
from ingest.publish.record import LINK_SCHEMA, RECORD_SCHEMA, Link, Metadata, Record
from ingest.publish.verify import verify


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


def shards(folder: Path, table: str = "documents") -> list[str]:
    return [shard.name for shard in load(folder / "current")[0].shards if shard.table == table]


def tree(folder: Path) -> dict[str, bytes | str]:
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def changes(folder: Path, sequence: int) -> list[tuple[str, int, str]]:
    lines = (folder / f"changes/{sequence:09d}.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    assert all(change["seq"] == sequence for change in found)
    return [(change["op"], change["revision"], change["reason"]) for change in found]


def test_fields_are_those_of_the_models() -> None:
    assert tuple(field.alias or name for name, field in Record.model_fields.items()) == (
        DOCUMENT_FIELDS
    )
    assert tuple(field.alias or name for name, field in Link.model_fields.items()) == LINK_FIELDS
    assert tuple(Metadata.model_fields) == METADATA_FIELDS
    assert CorpusDocument._fields == DOCUMENT_FIELDS
    assert CorpusLink._fields == LINK_FIELDS
    assert SCHEMAS == {"documents": RECORD_SCHEMA, "links": LINK_SCHEMA}


def test_a_link_is_made_from_its_fields_by_name() -> None:
    known = {name: name for name in LINK_FIELDS if name not in ("schema", *LINK_FIGURES)}
    made = link_body({**dict.fromkeys(LINK_FIGURES, 1 / 3), **known, "estimated_jaccard": 1.0})
    assert tuple(made) == LINK_FIELDS
    assert made == {**known, "schema": LINK_SCHEMA, **dict.fromkeys(LINK_FIGURES, 0.333333)}
    with pytest.raises(KeyError):
        link_body(known)


def test_the_first_publication_may_be_empty(tmp_path: Path, ledger: MemoryLedger) -> None:
    target = publisher(tmp_path)
    publication = target.publish(ledger, "one")
    assert publication is not None
    assert (publication.sequence, publication.counts.documents) == (1, 0)
    assert verify(tmp_path, ledger.published()) == []
    assert len(list((tmp_path / "current").glob("documents-*.jsonl"))) == 1
    before = tree(tmp_path)
    assert target.publish(ledger, "two") is None
    assert tree(tmp_path) == before


def test_the_layout(tmp_path: Path, ledger: MemoryLedger) -> None:
    ledger.want(document("a"), link("b", "a"))
    publisher(tmp_path).publish(ledger, "run-1")
    assert (tmp_path / "current").readlink() == Path("generations/000000001")
    assert sorted(tree(tmp_path)) == [
        "changes/000000001.jsonl",
        "current",
        "generations/000000001/README.md",
        "generations/000000001/changes.jsonl",
        "generations/000000001/documents-000000001-00000-000000001.jsonl",
        "generations/000000001/duckdb.sql",
        "generations/000000001/ids-000000001-00000-000000001.bin",
        "generations/000000001/link-v1.schema.json",
        "generations/000000001/links-000000001-00000-000000001.jsonl",
        "generations/000000001/manifest.json",
        "generations/000000001/record-v1.schema.json",
    ]
    manifest = json.loads((tmp_path / "current/manifest.json").read_text())
    for shard in manifest["shards"]:
        data = (tmp_path / "current" / shard["name"]).read_bytes()
        assert shard["sha256"] == hashlib.sha256(data).hexdigest()
        assert shard["bytes"] == len(data)
        assert shard["rows"] == data.count(b"\n") == 1
    assert manifest["sequence"] == 1
    assert manifest["previous"] == ""
    assert manifest["created"] == "2024-06-01T12:00:00.000Z"
    assert manifest["counts"] == {
        "documents": 1, "links": 1, "added": 1, "updated": 0, "removed": 0,
    }  # fmt: skip


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_every_line_fits_model_and_schema(
    tmp_path: Path, ledger: MemoryLedger, compression: str
) -> None:
    awkward = 'quotes ", commas ,"text":"x","run_id":"y","metadata":{ \\ \n 😀 \u2028 é'
    ledger.want(
        document("a", awkward, title=awkward, source_id=awkward, author=awkward),
        document("b"),
        link("c", "a", rule=awkward),
    )
    publisher(tmp_path, compression=compression).publish(ledger, "run-1")
    schemas = {
        "documents": json.loads((tmp_path / "current/record-v1.schema.json").read_text()),
        "links": json.loads((tmp_path / "current/link-v1.schema.json").read_text()),
    }
    with open_corpus(tmp_path) as corpus:
        for table, model in (("documents", Record), ("links", Link)):
            for line in corpus.lines(table):
                model.model_validate_json(line)
                jsonschema.Draft202012Validator(schemas[table]).validate(json.loads(line))
        first, second = corpus.documents()
        assert (first.text, first.title, first.author) == (awkward, awkward, awkward)
        assert (first.revision, first.run_id, first.added) == (
            1,
            "run-1",
            "2024-01-01T00:00:00.000Z",
        )
        assert '"story_similarity":1.0' in next(
            line.decode() for line in corpus.lines() if b"Title of b" in line
        )
        assert second.title == "Title of b"
        assert Record.model_validate(first._asdict()).text == awkward
    assert verify(tmp_path, ledger.published()) == []


def test_nothing_changed_leaves_every_byte(tmp_path: Path, ledger: MemoryLedger) -> None:
    target = publisher(tmp_path)
    ledger.want(document("a"), link("b", "a"))
    target.publish(ledger, "one")
    before = tree(tmp_path)
    ledger.want(
        document("a", run_id="run-2", added="2025-01-01T00:00:00.000Z"),
        link("b", "a", run_id="run-2"),
        gone("never there"),
    )
    assert target.publish(ledger, "two") is None
    assert tree(tmp_path) == before
    assert list(ledger.pending()) == []


@pytest.mark.parametrize("made_by", ["this version", "the first"])
@pytest.mark.parametrize("field", sorted({*body("a"), *METADATA_FIELDS} - {"id", "schema"}))
def test_what_counts_as_a_change(
    tmp_path: Path, ledger: MemoryLedger, field: str, made_by: str
) -> None:
    """Any field but those that only say when and by which run a line came about.

    And but the text alone, which never changes without its hash.
    """
    target = publisher(tmp_path)
    first = document("a")
    ledger.want(first)
    target.publish(ledger, "one")
    if made_by == "the first":
        as_the_first_version_had_it(tmp_path, ledger)
    assert first.body is not None
    changed = dict(first.body)
    if field in METADATA_FIELDS and field not in DOCUMENT_FIELDS:
        changed["metadata"] = {**changed["metadata"], field: "other"}
    elif field == "metadata":
        changed["metadata"] = {**changed["metadata"], "site": "other"}
    else:
        value = changed[field]
        changed[field] = value / 2 if isinstance(value, float) else value * 2 or "other"
    ledger.want(first._replace(body=changed))
    unchanged = {"revision", "run_id", "added"} | ({"text"} if made_by != "the first" else set())
    assert (target.publish(ledger, "two") is None) == (field in unchanged)


def as_the_first_version_had_it(folder: Path, ledger: MemoryLedger) -> None:
    """Give what is out the digests that stores of earlier versions have."""
    with open_corpus(folder) as corpus:
        for table, field in (("documents", "text"), ("links", "rule")):
            for line in corpus.lines(table):
                said = re.sub(rb'"(revision":1|added":"[^"]*"|run_id":"[^"]*"),', b"", line)
                said = said[:-1] if field == "text" else said[: said.rindex(b',"run_id":')]
                key = (table, json.loads(line)["id"])
                digest = "1:" + xxh3_128_hexdigest(said)
                ledger.out[key] = ledger.out[key]._replace(digest=digest)


def test_a_corpus_of_the_first_version_is_as_it_was(tmp_path: Path, ledger: MemoryLedger) -> None:
    target = publisher(tmp_path)
    ledger.want(document("a"), document("b"), link("c", "a"), link("d", "a"))
    target.publish(ledger, "one")
    as_the_first_version_had_it(tmp_path, ledger)
    assert verify(tmp_path, ledger.published()) == []
    ledger.want(document("a"), link("c", "a"))
    assert target.publish(ledger, "two") is None
    ledger.want(document("b", "changed"), link("d", "b"))
    publication = target.publish(ledger, "three")
    assert publication is not None
    assert publication.counts == Counts(documents=2, links=2, updated=1)
    assert verify(tmp_path, ledger.published()) == []
    ledger.want(document("b", "changed"), link("d", "b"))
    assert target.publish(ledger, "four") is None


@pytest.mark.parametrize(
    ("table", "like", "digest"),
    [
        ("documents", "", "2:9bd0025db4bf5db65e77fec59962d800"),
        ("documents", "1:", "1:f06c309f9141343f0d5570359c6a290c"),
        ("links", "", "2:ecf31dc71f918dfcbb02fd4bcebc7b42"),
        ("links", "1:", "1:840323bf350209c495e79a5d9883c298"),
    ],
)
def test_digests_are_as_stores_have_them(table: Table, like: str, digest: str) -> None:
    made = body("a") if table == "documents" else link_line("b", "a")
    assert digest_of(table, made, like) == digest


def test_revisions_count_through_removal(tmp_path: Path, ledger: MemoryLedger) -> None:
    target = publisher(tmp_path)
    steps = [
        (document("a", "one"), ("add", 1, "new")),
        (document("a", "two", "changed"), ("update", 2, "changed")),
        (gone("a", "exact"), ("remove", 2, "exact")),
        (document("a", "two", "promoted"), ("add", 3, "promoted")),
    ]
    for number, (wanted, expected) in enumerate(steps, 1):
        ledger.want(wanted)
        target.publish(ledger, "run")
        assert changes(tmp_path, number) == [expected]
    assert [each[0] for each in contents(tmp_path).values()] == [3]


def test_a_link_alone_makes_a_generation_without_changes(
    tmp_path: Path, ledger: MemoryLedger
) -> None:
    target = publisher(tmp_path)
    ledger.want(document("a"))
    target.publish(ledger, "one")
    ledger.want(link("b", "a"))
    publication = target.publish(ledger, "two")
    assert publication is not None
    assert publication.counts.links == 1
    assert changes(tmp_path, 2) == []


def test_only_the_shards_touched_are_written_again(tmp_path: Path, ledger: MemoryLedger) -> None:
    target = publisher(tmp_path, shard_rows=5)
    ledger.want(*(document(f"d{number}") for number in range(20)))
    target.publish(ledger, "one")
    old = shards(tmp_path)
    assert len(old) == 4
    inodes = {name: (tmp_path / "current" / name).stat().st_ino for name in old}
    order = list(contents(tmp_path))
    ledger.want(document("d7", "changed", "changed"), gone("d8"))
    target.publish(ledger, "two")
    new = shards(tmp_path)
    assert [name in old for name in new] == [True, False, True, True]
    assert sorted(new) == new
    for name in set(new) & set(old):
        assert (tmp_path / "current" / name).stat().st_ino == inodes[name]
    (removed,) = ids(["d8"])
    assert list(contents(tmp_path)) == [id_ for id_ in order if id_ != removed]
    assert verify(tmp_path, ledger.published()) == []


@pytest.mark.parametrize("limit", [{"shard_rows": 32}, {"shard_rows": 39}, {"shard_bytes": 20_000}])
def test_shards_end_at_the_line_that_fills_them(
    tmp_path: Path, ledger: MemoryLedger, limit: dict[str, int]
) -> None:
    ledger.want(*(document(f"d{number}", reason="ab"[number == 57]) for number in range(100)))
    publisher(tmp_path, **limit).publish(ledger, "one")
    written = [(tmp_path / "current" / name).read_bytes() for name in shards(tmp_path)]
    for data in written:
        lines = data.splitlines(keepends=True)
        full = (len(lines), len(data)), (len(lines) - 1, len(data) - len(lines[-1]))
        most = (limit.get("shard_rows", 100), limit.get("shard_bytes", 1 << 20))
        ends = [rows >= most[0] or size >= most[1] for rows, size in full]
        assert ends == [data is not written[-1], False]
    assert [each.source_id for each in everything(tmp_path)] == [f"d{n}" for n in range(100)]
    reasons = [reason for _, _, reason in changes(tmp_path, 1)]
    assert reasons == ["a"] * 57 + ["b"] + ["a"] * 42


def test_a_first_line_may_lack_a_reason(tmp_path: Path, ledger: MemoryLedger) -> None:
    target = publisher(tmp_path)
    target.publish(ledger, "nothing")
    ledger.want(document("a", reason=""))
    assert target.publish(ledger, "one") is not None
    assert len(contents(tmp_path)) == 1


def test_large_texts_are_held_one_at_a_time(
    tmp_path: Path, ledger: MemoryLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They go out as they come; a line of orjson's occupies eight times its length, or more."""
    target = publisher(tmp_path)
    ledger.want(document("first"))
    target.publish(ledger, "what is imported does not count")
    size, count = 2 << 20, 12
    made = ((document(f"d{number}", "x" * size), None) for number in range(count))
    monkeypatch.setattr(ledger, "pending", lambda: made)
    tracemalloc.start()
    try:
        target.publish(ledger, "two")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(contents(tmp_path)) == 1 + count
    assert peak < 2 * 12 * size


def everything(folder: Path) -> list[CorpusDocument]:
    with open_corpus(folder) as corpus:
        return list(corpus.documents())


def test_a_shard_that_loses_all_its_lines_goes(tmp_path: Path, ledger: MemoryLedger) -> None:
    target = publisher(tmp_path, shard_rows=2)
    ledger.want(*(document(f"d{number}") for number in range(4)))
    target.publish(ledger, "one")
    ledger.want(gone("d0"), gone("d1"))
    target.publish(ledger, "two")
    assert len(shards(tmp_path)) == 1
    ledger.want(gone("d2"), gone("d3"))
    target.publish(ledger, "three")
    assert len(shards(tmp_path)) == 1
    assert contents(tmp_path) == {}
    assert verify(tmp_path, ledger.published()) == []


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_many_small_publications_leave_few_shards(
    tmp_path: Path, ledger: MemoryLedger, compression: str
) -> None:
    target = publisher(tmp_path, compression=compression, fan_in=4)
    names = []
    most = 0
    for number in range(40):
        wanted = [document(f"{number}-{part}", "x" * 1000) for part in range(3)]
        names += [each.id for each in wanted]
        ledger.want(*wanted)
        target.publish(ledger, f"run-{number}")
        most = max(most, len(shards(tmp_path)))
    assert most <= 8
    assert list(contents(tmp_path)) == names
    assert verify(tmp_path, ledger.published()) == []
    consumer = Consumer(tmp_path)
    consumer.follow()
    assert consumer.revisions == dict.fromkeys(names, 1)


def test_compacting_changes_no_document(tmp_path: Path, ledger: MemoryLedger) -> None:
    target = publisher(tmp_path)
    for number in range(5):
        ledger.want(document(f"d{number}"))
        target.publish(ledger, "run")
    before = contents(tmp_path)
    assert len(shards(tmp_path)) == 5
    assert target.compact(ledger, "compact") is not None
    assert len(shards(tmp_path)) == 1
    assert list(contents(tmp_path).items()) == list(before.items())
    assert changes(tmp_path, 6) == []
    assert target.compact(ledger, "compact") is None
    assert verify(tmp_path, ledger.published()) == []


def test_another_compression_takes_over_with_the_next_publication(
    tmp_path: Path, ledger: MemoryLedger
) -> None:
    ledger.want(*(document(f"d{number}") for number in range(6)))
    publisher(tmp_path, shard_rows=2).publish(ledger, "one")
    ledger.want(document("new"))
    publisher(tmp_path, shard_rows=2, compression="zstd").publish(ledger, "two")
    assert all(name.endswith(".jsonl.zst") for name in shards(tmp_path))
    assert len(contents(tmp_path)) == 7
    assert verify(tmp_path, ledger.published()) == []


def test_the_same_bytes_whatever_the_clock_was_when(tmp_path: Path) -> None:
    trees = []
    for name in ("one", "two"):
        ledger = MemoryLedger()
        target = publisher(tmp_path / name, compression="gzip")
        for number in range(3):
            ledger.want(document(f"d{number}"), document("d0", f"{number}"))
            target.publish(ledger, f"run-{number}")
        trees.append(tree(tmp_path / name))
    assert trees[0] == trees[1]


def test_two_generations_are_kept_and_history_as_far_as_asked(
    tmp_path: Path, ledger: MemoryLedger
) -> None:
    target = publisher(tmp_path, history=3)
    for number in range(6):
        ledger.want(document(f"d{number}"))
        target.publish(ledger, "run")
    assert target.layout.kept() == [5, 6]
    assert target.layout.history() == [4, 5, 6]


def test_history_can_be_limited_in_days(tmp_path: Path, ledger: MemoryLedger) -> None:
    now = [datetime(2024, 1, 1, tzinfo=UTC)]
    target = Publisher(tmp_path, PublishOptions(history_days=2), lambda: now[0])
    for number in range(5):
        ledger.want(document(f"d{number}"))
        target.publish(ledger, "run")
        now[0] += timedelta(days=1)
    assert target.layout.history() == [3, 4, 5]


def test_a_clock_that_was_set_back_leaves_no_gap(tmp_path: Path, ledger: MemoryLedger) -> None:
    """Neither in the history, where it is limited in days, nor in what a consumer gets."""
    today = datetime(2024, 1, 1, tzinfo=UTC)
    clock = [today, today, datetime(1999, 1, 1, tzinfo=UTC), today, today + timedelta(days=1)]
    now = [today]
    target = Publisher(tmp_path, PublishOptions(history_days=5), lambda: now[0])
    consumer = Consumer(tmp_path)
    for number, moment in enumerate(clock):
        now[0] = moment
        ledger.want(document(f"d{number}"), document("d0", f"{number}", "changed"))
        target.publish(ledger, "run")
        assert target.layout.history() == list(range(1, number + 2))
    assert verify(tmp_path, ledger.published()) == []
    consumer.follow()
    assert set(consumer.revisions) == set(contents(tmp_path))
    now[0] = today + timedelta(days=30)
    ledger.want(document("last"))
    target.publish(ledger, "run")
    assert target.layout.history() == [6]


def test_a_generation_in_use_stays(tmp_path: Path, ledger: MemoryLedger) -> None:
    target = publisher(tmp_path)
    ledger.want(document("d0"))
    target.publish(ledger, "run")
    with open_corpus(tmp_path) as corpus:
        for number in range(1, 5):
            ledger.want(document(f"d{number}"), gone("d0"))
            target.publish(ledger, "run")
        assert target.layout.kept() == [1, 4, 5]
        assert [each.source_id for each in corpus.documents()] == ["d0"]
    ledger.want(document("d5"))
    target.publish(ledger, "run")
    assert target.layout.kept() == [5, 6]


def test_what_was_forgotten_goes_even_if_it_is_in_use(tmp_path: Path, ledger: MemoryLedger) -> None:
    target = publisher(tmp_path)
    ledger.want(document("secret"), document("other"))
    target.publish(ledger, "run")
    with open_corpus(tmp_path) as corpus:
        ledger.want(gone("secret", "forgotten"))
        target.publish(ledger, "run")
        assert target.drop_old(1, in_use_too=True) == [1]
        with pytest.raises(CorpusError, match="removed while it was open"):
            list(corpus.documents())
    left = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"secret" not in left


def test_a_store_whose_parts_were_restored_alone_is_refused(
    tmp_path: Path, ledger: MemoryLedger
) -> None:
    target = publisher(tmp_path)
    for number in range(3):
        ledger.want(document(f"d{number}"))
        target.publish(ledger, "run")
    for sequence in (0, 1, 2, 7):
        ledger.sequence = sequence
        with pytest.raises(CorpusError, match="restored") as caught:
            target.publish(ledger, "run")
        assert "--repair" in caught.value.hint


def test_a_line_in_a_shard_that_is_not_there_is_an_error(
    tmp_path: Path, ledger: MemoryLedger
) -> None:
    target = publisher(tmp_path)
    ledger.want(document("a"), document("b"))
    target.publish(ledger, "run")
    before = tree(tmp_path)
    (one,) = ids(["a"])
    ledger.out["documents", one] = Published("documents", one, 1, "1:x", "documents-elsewhere")
    ledger.want(document("a", "changed"))
    with pytest.raises(CorpusError, match="documents-elsewhere"):
        target.publish(ledger, "run")
    assert tree(tmp_path) == before


def test_a_line_that_its_shard_lacks_is_an_error(tmp_path: Path, ledger: MemoryLedger) -> None:
    target = publisher(tmp_path)
    ledger.want(document("a"), document("b"))
    target.publish(ledger, "run")
    before = tree(tmp_path)
    (name,) = shards(tmp_path)
    (one,) = ids(["c"])
    ledger.out["documents", one] = Published("documents", one, 1, "1:x", name)
    ledger.want(document("c", "changed"))
    with pytest.raises(CorpusError, match="lacks 1 lines"):
        target.publish(ledger, "run")
    assert tree(tmp_path) == before


def test_without_hard_links_files_are_copied(
    tmp_path: Path, ledger: MemoryLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    target = publisher(tmp_path, shard_rows=2)
    for number in range(5):
        ledger.want(document(f"d{number}"))
        target.publish(ledger, "run")
    assert len(contents(tmp_path)) == 5
    assert verify(tmp_path, ledger.published()) == []


@pytest.mark.parametrize(
    "wrong", [{"shard_rows": 0}, {"fan_in": 1}, {"keep_generations": 0}, {"history": 0}]
)
def test_figures_that_cannot_work(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        PublishOptions(**wrong)


def test_memory_does_not_grow_with_what_is_pending(tmp_path: Path, ledger: MemoryLedger) -> None:
    """Edits of many shards wait on disk: 15 MB of updates cost less than that of memory."""
    target = publisher(tmp_path, shard_rows=500)
    ledger.want(*(document(f"d{number}", "x") for number in range(3000)))
    target.publish(ledger, "one")
    ledger.want(*(document(f"d{number}", "y" * 5000) for number in range(3000)))
    tracemalloc.start()
    target.publish(ledger, "two")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10e6
