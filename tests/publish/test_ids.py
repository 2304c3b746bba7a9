"""One document by its id: found through a small sorted file beside each shard."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from publish_memory import FileLedger, MemoryLedger, document, gone, ids, publisher

from ingest.errors import CorpusError
from ingest.publish import corpus as reading_side
from ingest.publish.corpus import open_corpus
from ingest.publish.ids import Ids, ids_name
from ingest.publish.repair import repair
from ingest.publish.shards import ids_from
from ingest.publish.verify import verify

if TYPE_CHECKING:
    from pathlib import Path

HEX = st.text("0123456789abcdef", min_size=32, max_size=32)


def line(id_: str, text: str = "") -> bytes:
    return f'{{"schema":"ingest/record/v1","id":"{id_}","text":{json.dumps(text)}}}\n'.encode()


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


def check_all(folder: Path) -> None:
    """Every document is found, and only those; every shard has its file."""
    with open_corpus(folder) as corpus:
        documents = list(corpus.documents())
        assert all(shard.ids for shard in corpus.manifest.of("documents") if shard.rows)
        assert {file.name for file in corpus.path.glob("ids-*")} == {
            shard.ids for shard in corpus.manifest.of("documents") if shard.ids
        }
        assert [corpus.document(each.id) for each in documents] == documents
        assert corpus.document("f" * 32) is None


@settings(deadline=None)
@given(found=st.dictionaries(HEX, st.text(max_size=5), min_size=1, max_size=40), other=HEX)
def test_the_place_of_every_line(
    tmp_path_factory: pytest.TempPathFactory, found: dict[str, str], other: str
) -> None:
    lines = [line(id_, text) for id_, text in found.items()]
    path = tmp_path_factory.mktemp("ids") / "ids.bin"
    path.write_bytes(ids_from(lines))
    data = b"".join(lines)
    opened = Ids(path, len(lines))
    for id_, each in zip(found, lines, strict=True):
        place = opened.find(id_)
        assert place is not None
        assert data[place : place + len(each)] == each
    assert (opened.find(other) is None) == (other not in found)
    opened.close()


def test_the_search_is_a_bisection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ids.bin"
    path.write_bytes(ids_from(line(f"{number * 7919:032x}") for number in range(20_000)))
    opened, looks, real = Ids(path, 20_000), [0], Ids._id

    def counted(self: Ids, row: int) -> bytes:
        looks[0] += 1
        return real(self, row)

    monkeypatch.setattr(Ids, "_id", counted)
    assert opened.find(f"{12_345 * 7919:032x}") is not None
    assert looks[0] <= 17
    opened.close()


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_through_updates_removals_merges_and_compaction(
    tmp_path: Path, ledger: MemoryLedger, compression: str
) -> None:
    options: dict[str, Any] = {"compression": compression, "shard_rows": 40, "fan_in": 3}
    target = publisher(tmp_path, **options)
    for number in range(8):
        ledger.want(*(document(f"{number}-{part}", "é" * part) for part in range(7)))
        if number:
            ledger.want(
                gone(f"{number - 1}-3"), document(f"{number - 1}-5", "changed " * 50, "changed")
            )
        target.publish(ledger, "run")
        check_all(tmp_path)
    with open_corpus(tmp_path) as corpus:
        (removed,) = ids(["2-3"])
        assert corpus.document(removed) is None
    target.compact(ledger, "compact")
    check_all(tmp_path)
    assert verify(tmp_path, ledger.published()) == []


def test_another_compression(tmp_path: Path, ledger: MemoryLedger) -> None:
    ledger.want(*(document(f"d{number}") for number in range(9)))
    publisher(tmp_path, shard_rows=4).publish(ledger, "run")
    ledger.want(document("more"))
    publisher(tmp_path, shard_rows=4, compression="gzip").publish(ledger, "run")
    check_all(tmp_path)


def without_ids(folder: Path) -> None:
    """Make the corpus one that was published before there were such files."""
    manifest = folder / "current/manifest.json"
    body = json.loads(manifest.read_text())
    for shard in body["shards"]:
        if name := shard.pop("ids"):
            (folder / "current" / name).unlink()
        del shard["ids_sha256"]
    manifest.write_text(json.dumps(body))


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_older_shards_are_searched_and_get_their_file_when_written_again(
    tmp_path: Path, ledger: MemoryLedger, compression: str
) -> None:
    target = publisher(tmp_path, compression=compression)
    for number in range(3):
        ledger.want(*(document(f"{number}-{part}") for part in range(3)))
        target.publish(ledger, "run")
    without_ids(tmp_path)
    with open_corpus(tmp_path) as corpus:
        documents = list(corpus.documents())
        assert [corpus.document(each.id) for each in documents] == documents
    assert verify(tmp_path, ledger.published()) == []
    ledger.want(document("0-1", "changed", "changed"))
    target.compact(ledger, "compact")
    check_all(tmp_path)


def test_more_shards_than_files_are_kept_open(
    tmp_path: Path, ledger: MemoryLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_side, "_MAPPED", 2)
    ledger.want(*(document(f"d{number}") for number in range(10)))
    publisher(tmp_path, shard_rows=2).publish(ledger, "run")
    check_all(tmp_path)
    with open_corpus(tmp_path) as corpus:
        corpus.document("f" * 32)
        assert len(corpus._ids) == 2


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_places_that_do_not_fit_the_shard_are_told(
    tmp_path: Path, ledger: MemoryLedger, compression: str
) -> None:
    ledger.want(*(document(f"d{number}") for number in range(5)))
    publisher(tmp_path, compression=compression).publish(ledger, "run")
    (path,) = (tmp_path / "current").glob("ids-*")
    data = path.read_bytes()
    for place in (3, 1 << 30):
        path.write_bytes(b"".join([data[:-8], place.to_bytes(8, "little")]))
        with open_corpus(tmp_path) as corpus, pytest.raises(CorpusError) as caught:
            assert [corpus.document(each.id) for each in corpus.documents()]
        assert "--repair" in caught.value.hint
    for broken in (data[:-1], b"x" + data[1:], b""):
        path.write_bytes(broken)
        with open_corpus(tmp_path) as corpus, pytest.raises(CorpusError, match="is damaged"):
            corpus.document("f" * 32)


def test_a_lost_file_is_made_again_where_it_was(tmp_path: Path) -> None:
    ledger = FileLedger(tmp_path / "ledger")
    ledger.want(*(document(f"d{number}") for number in range(5)))
    target = publisher(tmp_path / "corpus")
    target.publish(ledger, "run")
    (path,) = (tmp_path / "corpus/current").glob("ids-*")
    data = path.read_bytes()
    path.unlink()
    with open_corpus(tmp_path / "corpus") as corpus, pytest.raises(CorpusError, match="missing"):
        corpus.document("f" * 32)
    assert repair(target, ledger, "repair") == [f"made {path.name} again"]
    assert path.read_bytes() == data
    assert target.layout.sequence() == 1


@pytest.mark.parametrize("pattern", ["documents-*", "links-*", "*.jsonl*", "*.json"])
def test_patterns_that_consumers_use_do_not_find_it(pattern: str, tmp_path: Path) -> None:
    name = ids_name("documents-000000012-00003-000000014.jsonl.zst")
    assert name == "ids-000000012-00003-000000014.bin"
    (tmp_path / name).touch()
    assert list(tmp_path.glob(pattern)) == []


def test_what_was_forgotten_is_not_in_it(tmp_path: Path, ledger: MemoryLedger) -> None:
    ledger.want(*(document(f"d{number}") for number in range(3)))
    target = publisher(tmp_path)
    target.publish(ledger, "run")
    (secret,) = ids(["d1"])
    ledger.want(gone("d1", "forgotten"))
    target.publish(ledger, "run")
    target.drop_old(1)
    held = [path for path in tmp_path.rglob("ids-*") if bytes.fromhex(secret) in path.read_bytes()]
    assert held == []
