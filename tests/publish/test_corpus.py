from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from publish_memory import MemoryLedger, contents, document, gone, ids, link, publisher

from ingest.errors import CorpusError
from ingest.publish.corpus import Corpus, CorpusDocument, open_corpus
from ingest.publish.export import ExportOptions, Filters, export_lines
from ingest.publish.stats import stats
from ingest.publish.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


def fill(folder: Path, ledger: MemoryLedger, generations: int = 3, **options: object) -> None:
    for number in range(generations):
        ledger.want(*(document(f"{number}-{part}") for part in range(3)))
        publisher(folder, **options).publish(ledger, f"run-{number}")


def test_the_reading_side_imports_little() -> None:
    code = (
        "import sys; from ingest.publish.corpus import open_corpus\n"
        "heavy = {'pydantic', 'numpy', 'zstandard', 'xxhash', 'structlog', 'sqlite3', 'lxml'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "print(sorted(name for name in sys.modules if name.startswith('ingest.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy, own = done.stdout.splitlines()
    assert heavy == "[]"
    assert "catalog" not in own
    assert "dedup" not in own


@pytest.mark.parametrize("where", ["store", "store/corpus", "store/corpus/current", "generation"])
def test_a_store_a_corpus_and_a_generation_can_be_opened(
    tmp_path: Path, ledger: MemoryLedger, where: str
) -> None:
    fill(tmp_path / "store/corpus", ledger)
    path = where if where != "generation" else "store/corpus/generations/000000002"
    with open_corpus(tmp_path / path) as corpus:
        assert corpus.sequence == (2 if where == "generation" else 3)
        assert len(list(corpus.documents())) == len(corpus) == 3 * corpus.sequence


def test_there_may_be_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="there is no corpus") as caught:
        open_corpus(tmp_path)
    assert "ingest run" in caught.value.hint


def test_a_generation_that_is_too_old_says_so(tmp_path: Path, ledger: MemoryLedger) -> None:
    fill(tmp_path, ledger, 4)
    with pytest.raises(CorpusError, match=r"000000001 is too old.* the newest is 4"):
        open_corpus(tmp_path / "generations/000000001")


def test_a_snapshot_stays_as_it_is(tmp_path: Path, ledger: MemoryLedger) -> None:
    fill(tmp_path, ledger, 1)
    with open_corpus(tmp_path) as corpus:
        documents = corpus.documents()
        first = next(documents)
        ledger.want(gone("0-0"), gone("0-1"), gone("0-2"))
        for number in range(5):
            ledger.want(document(f"new-{number}"))
            publisher(tmp_path).publish(ledger, "run")
        assert [first.source_id, *(each.source_id for each in documents)] == ["0-0", "0-1", "0-2"]
        assert [change.op for change in corpus.changes(0)] == ["add"] * 3
        assert corpus.schema["title"] == "Record"
    with open_corpus(tmp_path) as corpus:
        assert len(corpus) == 5


def test_a_generation_deleted_between_opening_and_locking_is_not_used(
    tmp_path: Path, ledger: MemoryLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, ledger, 1)
    lock, raced = fcntl.flock, []

    def late(handle: int, operation: int) -> None:
        if operation == fcntl.LOCK_SH and not raced:
            raced.append(True)
            for number in range(3):
                ledger.want(document(f"new-{number}"))
                publisher(tmp_path).publish(ledger, "run")
        lock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with open_corpus(tmp_path) as corpus:
        assert corpus.sequence == 4
        assert len(list(corpus.documents())) == 6


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_one_document(tmp_path: Path, ledger: MemoryLedger, compression: str) -> None:
    fill(tmp_path, ledger, compression=compression)
    ledger.want(document("liar", '"id":"' + next(iter(ids(["2-1"]))) + '"'))
    publisher(tmp_path, compression=compression).publish(ledger, "run")
    with open_corpus(tmp_path) as corpus:
        for each in corpus.documents():
            assert corpus.document(each.id) == each
        assert corpus.document("0" * 32) is None
        assert corpus.document("no id") is None


def test_changes_since(tmp_path: Path, ledger: MemoryLedger) -> None:
    fill(tmp_path, ledger)
    with open_corpus(tmp_path) as corpus:
        assert [change.seq for change in corpus.changes(1)] == [2] * 3 + [3] * 3
        assert list(corpus.changes(3)) == []
        with pytest.raises(CorpusError, match="at 3, before 4") as caught:
            corpus.changes(4)
        assert "start over" in caught.value.hint
        with pytest.raises(ValueError, match="0 or more"):
            corpus.changes(-1)


def test_a_consumer_too_far_behind_is_told_to_start_over(
    tmp_path: Path, ledger: MemoryLedger
) -> None:
    fill(tmp_path, ledger, 5, history=2)
    with open_corpus(tmp_path) as corpus:
        assert {change.seq for change in corpus.changes(3)} == {4, 5}
        for since in (0, 1, 2):
            with pytest.raises(CorpusError, match="no longer reaches") as caught:
                corpus.changes(since)
            assert "start over" in caught.value.hint


def test_groups(tmp_path: Path, ledger: MemoryLedger) -> None:
    a, b = (next(iter(ids([name]))) for name in "ab")
    ledger.want(
        document("a"),
        document("b", story_id=a, story_similarity=0.4),
        document("alone"),
        document("c"),
        link("b", "a", "story"),
        link("copy of b", "b", group=a),
        link("copy of c", "c", "exact"),
    )
    publisher(tmp_path).publish(ledger, "run")
    with open_corpus(tmp_path) as corpus:
        first, second = corpus.groups()
    assert (first.id, first.members, set(first.dropped)) == (a, (a, b), ids(["copy of b"]))
    assert [each.kind for each in first.links] == ["story", "near"]
    assert set(second.members) == ids(["c"])
    assert set(second.dropped) == ids(["copy of c"])


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_a_truncated_shard_is_noticed(
    tmp_path: Path, ledger: MemoryLedger, compression: str
) -> None:
    fill(tmp_path, ledger, 1, compression=compression)
    (shard,) = (tmp_path / "current").glob("documents-*")
    data = shard.read_bytes()
    for length in (len(data) - 1, len(data) // 2, 0):
        shard.write_bytes(data[:length])
        with open_corpus(tmp_path) as corpus, pytest.raises(CorpusError) as caught:
            list(corpus.documents())
        assert "--repair" in caught.value.hint


def test_a_damaged_manifest_is_noticed(tmp_path: Path, ledger: MemoryLedger) -> None:
    fill(tmp_path, ledger, 1)
    manifest = tmp_path / "current/manifest.json"
    data = manifest.read_bytes()
    for broken in (b"", data[:-10], b"[]", b"{}", data.replace(b"manifest/v1", b"manifest/v9")):
        manifest.write_bytes(broken)
        with pytest.raises(CorpusError, match=r"manifest\.json"):
            open_corpus(tmp_path)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of everything: changes, removals, stories, copies, merged shards."""
    folder, ledger = tmp_path_factory.mktemp("small"), MemoryLedger()
    target = publisher(folder / "corpus", shard_rows=3, keep_generations=1)
    ledger.want(*(document(f"d{number}") for number in range(5)), link("copy", "d1"))
    target.publish(ledger, "one")
    ledger.want(document("d3", "changed", "changed"), gone("d4"), link("d0", "d1", "story"))
    target.publish(ledger, "two")
    return folder


READ: list[Callable[[Corpus], object]] = [
    lambda corpus: list(corpus.documents()),
    lambda corpus: list(corpus.links()),
    lambda corpus: list(corpus.groups()),
    lambda corpus: list(corpus.changes(0)),
    lambda corpus: [corpus.document(id_) for id_ in ids(["d1", "d2"])],
    stats,
    lambda corpus: list(export_lines(corpus, ExportOptions(canonical=True))),
    lambda corpus: list(export_lines(corpus, ExportOptions(filters=Filters(one_per_story=True)))),
]
"""Everything that a consumer may ask."""


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_flipped_bit_is_told_or_does_no_harm(small: Path, data: st.DataObject) -> None:
    """In whichever file: an error that says so, or an answer, never a bug's traceback."""
    files = sorted(path for path in small.rglob("*") if path.is_file() and path.stat().st_size)
    with TemporaryDirectory() as folder:
        shutil.copytree(small, folder, symlinks=True, dirs_exist_ok=True)
        damaged = folder / data.draw(st.sampled_from(files)).relative_to(small)
        content = bytearray(damaged.read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        damaged.write_bytes(content)
        verify(Path(folder) / "corpus")
        for read in READ:
            with suppress(CorpusError), open_corpus(folder) as corpus:
                read(corpus)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("documents-*", b'"title"', b'"tItle"'),
        ("documents-*", b'"story_id":"', b'"story_id":"g'),
        ("links-*", b'"kind"', b'"kInd"'),
        ("changes.jsonl", b'"reason"', b'"reasoN"'),
        ("ids-*", b"", b""),
        ("manifest.json", b'"table": "links"', b'"table": "lInks"'),
    ],
)
def test_lines_that_are_json_and_nothing_else_are_told(
    small: Path, tmp_path: Path, file: str, old: bytes, new: bytes
) -> None:
    shutil.copytree(small, tmp_path / "store", symlinks=True)
    for path in (tmp_path / "store/corpus/current").glob(file):
        whole = path.read_bytes()
        data = whole.replace(old, new) if old else whole[:32] + b"\xff" * (len(whole) - 32)
        path.write_bytes(data)
    told = 0
    for read in READ:
        try:
            with open_corpus(tmp_path / "store") as corpus:
                read(corpus)
        except CorpusError as error:
            told += 1
            assert "verify --repair" in error.hint  # noqa: PT017 - others may read what is whole
    assert told


def test_current_that_is_not_ours(tmp_path: Path, ledger: MemoryLedger) -> None:
    fill(tmp_path, ledger, 1)
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to("/elsewhere")
    with pytest.raises(CorpusError, match="not to a generation"):
        open_corpus(tmp_path)


def test_reading_is_by_name(tmp_path: Path, ledger: MemoryLedger) -> None:
    ledger.want(document("a", "the text", words=2))
    publisher(tmp_path).publish(ledger, "run-1")
    with open_corpus(tmp_path) as corpus:
        (each,) = corpus.documents()
    assert isinstance(each, CorpusDocument)
    assert (each.text, each.words, each.source, each.source_id) == ("the text", 2, "test", "a")
    assert each.metadata["media_type"] == "text/plain"
    assert contents(tmp_path) == {each.id: (1, "the text")}
