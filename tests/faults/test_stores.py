"""Stores that are full, read-only, damaged, foreign or of another age: what a user is told."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import zstandard
from documents_for_faults import write
from permissions import sealed
from support import Project

from ingest import app
from ingest.app import RunOptions
from ingest.catalog.database import open_database
from ingest.catalog.lock import writer_lock
from ingest.catalog.schema import MIGRATIONS
from ingest.catalog.store import Store
from ingest.dedup.bands import choose
from ingest.errors import StoreError
from ingest.neighbours import Neighbours
from ingest.publish.corpus import open_corpus
from ingest.publish.verify import verify
from ingest.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ingest.settings import Settings

GOLDEN = Path(__file__).parent / "golden"
SETTINGS = 'workers = 0\n[[source]]\nname = "many"\npath = "many"\non_missing = "remove"\n'


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a store of forty documents, and one that is new since."""
    project = Project(tmp_path_factory.mktemp("once"))
    project.configure(SETTINGS)
    write(project.folder / "many" / "all.jsonl", {f"d{number}": number for number in range(40)})
    app.run(project_settings(project))
    write(project.folder / "many" / "all.jsonl", {f"d{number}": number for number in range(41)})
    return project


@pytest.fixture
def made(once: Project, plain: Project) -> Project:
    """A copy of it."""
    shutil.copytree(once.folder, plain.folder, symlinks=True, dirs_exist_ok=True)
    return plain


def project_settings(project: Project) -> Settings:
    """The settings of its file."""
    return load(project.folder / "config" / "ingest.toml")


@pytest.fixture
def small_disk(made: Project) -> Iterator[Callable[[int], None]]:
    """Puts the store on a disk of its own, with so many KiB beyond what it takes now."""
    aside = made.folder / "aside"
    made.store.rename(aside)
    made.store.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(made.store)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only who may mount a disk can fill it")
    shutil.copytree(aside, made.store, symlinks=True, dirs_exist_ok=True)

    def leave(kib: int) -> None:
        disk = os.statvfs(made.store)
        used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize // 1024
        size = f"remount,size={used + kib}k"
        subprocess.run(["mount", "-o", size, str(made.store)], check=True)

    yield leave
    # Lazily: the run that goes on in this process may still have the index mapped.
    subprocess.run(["umount", "--lazy", str(made.store)], check=True)


def run(project: Project, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """`ingest run`; a process of its own only where that is what is tried."""
    if more:
        return project.cli("run", *arguments, **more)
    return project.here("run", *arguments)


def leave_a_log(path: Path) -> None:
    """Have a process write to a catalog, and end without folding its log back."""
    child = os.fork()
    if not child:
        connection = open_database(path, write=True)
        connection.execute("INSERT INTO recipes (version) VALUES ('killed')")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)


def shards(project: Project) -> dict[str, bytes]:
    """What consumers see."""
    corpus = project.store / "corpus"
    found = {str(p.relative_to(corpus)): p.read_bytes() for p in corpus.rglob("*") if p.is_file()}
    return {**found, "current": bytes((corpus / "current").readlink())}


def told(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit code 3, and the last lines are for people."""
    assert done.returncode == 3, (done.returncode, done.stderr[-2000:])
    assert "Traceback" not in done.stderr, done.stderr
    message = done.stderr[done.stderr.index("ingest: ") :]
    for word in words:
        assert word in message, message


def goes_on(project: Project, documents: int = 41) -> None:
    """The next run brings what is missing, and corpus and catalog agree."""
    assert app.run(project_settings(project)).status == "done"
    assert len(project.records()) == documents
    with closing(Store(project.store, write=False)) as store:
        assert verify(project.store / "corpus", app.open_ledger(store).published()) == []


class TestDiskFull:
    def test_a_quota_that_leaves_nothing(self, made: Project) -> None:
        before = shards(made)
        done = run(made, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)))
        told(done, str(made.store), "Free some space")
        assert shards(made) == before
        goes_on(made)

    @pytest.mark.parametrize(
        "kib",
        [60, *(pytest.param(kib, marks=pytest.mark.slow) for kib in (0, 300))],
    )
    def test_a_small_disk(self, made: Project, small_disk: Callable[[int], None], kib: int) -> None:
        """The disk has so much left beyond what is on it: writes fail at one place or another."""
        write(made.folder / "many" / "all.jsonl", {f"d{number}": number for number in range(600)})
        small_disk(kib)
        before = shards(made)
        # In a process of its own: what is mapped on a full disk may end it (SIGBUS).
        told(run(made, env={}), str(made.store), "Free some space")
        assert shards(made).items() >= before.items()
        small_disk(64 << 10)
        goes_on(made, 600)


class TestReadOnly:
    def test_permissions_that_forbid_writing(self, made: Project) -> None:
        before = shards(made)
        with sealed(made.store):
            told(run(made), str(made.store), "writable")
            assert made.here("check").returncode == 3
        assert shards(made) == before
        goes_on(made)

    @pytest.mark.parametrize("ended", ["cleanly", "by a kill"])
    def test_what_only_reads_works(self, made: Project, ended: str) -> None:
        """With SQLite's log folded back, as most stores are, and with one that a kill left."""
        if ended == "cleanly":
            with closing(sqlite3.connect(made.store / "catalog.db")) as connection:
                connection.execute("PRAGMA wal_checkpoint")
        else:
            leave_a_log(made.store / "catalog.db")
        assert (made.store / "catalog.db-wal").exists() == (ended == "by a kill")
        name = "all.jsonl#d1"
        asked = [
            ("status",), ("runs",), ("sources",), ("dups",), ("quarantine",), ("show", name),
            ("explain", name), ("corpus", "verify"), ("corpus", "stats"), ("corpus", "since", "0"),
            ("export", "--canonical", str(made.folder / "out.jsonl")),
        ]  # fmt: skip
        with sealed(made.store):
            for arguments in asked:
                done = made.here(*arguments)
                assert (done.returncode, done.stderr) == (0, ""), arguments
        assert "40" in made.here("status").stdout
        assert (made.folder / "out.jsonl").read_bytes().count(b"\n") == 40

    def test_a_file_where_the_store_should_be(self, plain: Project) -> None:
        plain.configure(SETTINGS)
        write(plain.folder / "many" / "all.jsonl", {"d": 1})
        plain.store.write_text("not a folder")
        told(run(plain), str(plain.store))
        assert plain.store.read_text() == "not a folder"


class TestForeign:
    def test_a_catalog_of_a_newer_version(self, made: Project) -> None:
        before = shards(made)
        connection = sqlite3.connect(made.store / "catalog.db")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        connection.close()
        told(run(made), "catalog.db", f"version {len(MIGRATIONS) + 1}", "newer ingest")
        assert shards(made) == before

    def test_a_catalog_of_another_program(self, made: Project) -> None:
        (made.store / "catalog.db").unlink()
        connection = sqlite3.connect(made.store / "catalog.db")
        connection.execute("CREATE TABLE theirs (x)")
        connection.close()
        before = (made.store / "catalog.db").read_bytes()
        told(run(made), "another program", "--store")
        assert (made.store / "catalog.db").read_bytes() == before

    def test_no_database_at_all(self, made: Project) -> None:
        for name in ("catalog.db", "catalog.db-wal", "catalog.db-shm"):
            (made.store / name).unlink(missing_ok=True)
        (made.store / "catalog.db").write_text("dear diary, " * 1000)
        told(run(made), "not a database", "restore")


def file_index(made: Project) -> None:
    """Have files of the index: of few documents the catalog only keeps which they are."""
    with closing(Store(made.store, write=True)) as store, store.transaction():
        Neighbours(store, choose(0.8), 6).purge()


class TestDamage:
    @pytest.mark.parametrize("seed", range(3))
    def test_flipped_bits_in_the_catalog(self, made: Project, seed: int) -> None:
        """Told, or the flipped bits lay where nothing is: never a corpus that is wrong."""
        path = made.store / "catalog.db"
        data = bytearray(path.read_bytes())
        for page in range(1 + seed % 3, len(data) // 4096, 3):
            data[page * 4096 : page * 4096 + 16] = bytes(b ^ 0x5A for b in data[page * 4096 :][:16])
        path.write_bytes(data)
        before = shards(made)
        done = run(made)
        told(done, "catalog.db", "restore")
        assert shards(made).items() >= before.items()

    @pytest.mark.parametrize("what", ["its frame", "its letters"])
    def test_a_text_in_the_catalog_that_is_another_never_goes_out(
        self, made: Project, what: str
    ) -> None:
        """SQLite does not notice; the shard is lost, so that the text is needed again."""
        with closing(open_database(made.store / "catalog.db", write=True)) as catalog:
            asked = "SELECT number, text FROM texts ORDER BY number LIMIT 1"
            number, text = catalog.execute(asked).fetchone()
            said = bytearray(zstandard.decompress(text))
            said[3] ^= 1
            damaged = text[:-1] if what == "its frame" else zstandard.compress(bytes(said))
            catalog.execute("UPDATE texts SET text = ? WHERE number = ?", (damaged, number))
        (shard, *_) = made.current.glob("documents-*.jsonl")
        shard.unlink()
        told(made.here("corpus", "verify", "--repair"), "the file is damaged", "ingest restore")
        assert made.here("corpus", "verify").returncode == 3
        assert [path.name for path in made.current.glob("documents-*.jsonl")] == []

    def test_the_index_deleted(self, made: Project) -> None:
        file_index(made)
        shutil.rmtree(made.store / "index")
        goes_on(made)

    def test_an_index_file_cut_short(self, made: Project) -> None:
        file_index(made)
        files = [p for p in (made.store / "index").rglob("*") if p.is_file()]
        assert files
        for path in files:
            os.truncate(path, path.stat().st_size // 2)
        goes_on(made)

    @pytest.mark.parametrize("name", ["documents-*.jsonl", "manifest.json"])
    def test_a_corpus_file_cut_short_is_told_and_mended(self, made: Project, name: str) -> None:
        (path, *_) = sorted(made.current.glob(name))
        os.truncate(path, path.stat().st_size // 2)
        verified = made.here("corpus", "verify")
        assert verified.returncode == 3, verified.stdout + verified.stderr
        assert path.name in verified.stdout + verified.stderr
        mended = made.here("corpus", "verify", "--repair")
        assert "Traceback" not in mended.stderr
        goes_on(made)

    def test_the_clock_set_back(self, made: Project) -> None:
        done = run(made, env={"INGEST_NOW": "1999-01-01T00:00:00+00:00"})
        assert done.returncode == 0, done.stderr
        with open_corpus(made.store) as corpus:
            assert (corpus.sequence, len(corpus)) == (2, 41)
            (change,) = corpus.changes(1)
            added = corpus.document(change.id)
            assert added is not None
            assert (change.op, added.added[:4]) == ("add", "1999")
        assert app.run(project_settings(made)).counts["unchanged"] == 41
        goes_on(made)


class TestTwoWriters:
    def test_the_second_is_told_who_holds_the_lock(self, made: Project) -> None:
        with writer_lock(made.store, label="run-7"):
            told(run(made), f"process {os.getpid()} (run run-7)", "--wait")
        goes_on(made)

    def test_the_second_waits(self, made: Project) -> None:
        command = [str(Path(sys.executable).parent / "ingest"), "run", "--wait", "60"]
        with writer_lock(made.store, label="run-7"):
            second = subprocess.Popen(
                command, cwd=made.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(3)
        _, errors = second.communicate(timeout=60)
        assert second.returncode == 0, errors
        assert len(made.records()) == 41


@pytest.mark.parametrize("archive", sorted(GOLDEN.glob("*.tar.gz")), ids=lambda path: path.name)
def test_a_store_of_each_version_opens_and_goes_on(plain: Project, archive: Path) -> None:
    with tarfile.open(archive) as packed:
        packed.extraction_filter = getattr(tarfile, "data_filter", None)  # none before 3.11.4
        packed.extractall(plain.folder)  # noqa: S202 - filtered
    before = {record["id"]: record["text"] for record in plain.records()}
    assert len(before) == 12
    done = run(plain)
    if done.returncode == 3 and "ingest reindex" in done.stderr:
        # Rules that changed since are asked about before anything is decided by them.
        assert plain.here("reindex").returncode == 0
        done = run(plain)
    assert done.returncode == 0, done.stderr
    assert {record["id"]: record["text"] for record in plain.records()} == before
    assert plain.here("corpus", "verify").returncode == 0
    write(plain.folder / "many" / "more.jsonl", {"later": 4711})
    assert run(plain).returncode == 0
    assert len(plain.records()) == 13


def test_a_failing_sync_leaves_the_corpus_as_it_was(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.run()
    before = project.records()
    (project.seeds / "new.txt").write_text("Harbour\n\n" + "The harbour was rebuilt. " * 30)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _failing_sync)
        with pytest.raises(StoreError, match="Input/output error"):
            project.run(options=RunOptions())
    assert project.records() == before
    assert project.run(options=RunOptions()).documents == 6


def _failing_sync(_descriptor: int) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))
