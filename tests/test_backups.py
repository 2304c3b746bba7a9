"""Copies of a store, and stores made of them."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ingest import backups, upkeep
from ingest.app import RunOptions
from ingest.catalog.lock import writer_lock
from ingest.catalog.store import Store
from ingest.errors import CorpusError, StoreError, StoreLocked, UsageError
from ingest.publish.corpus import open_corpus

if TYPE_CHECKING:
    from support import Project

ONE = "001_05ad71e9d67d27b6.txt"


def files(folder: Path) -> list[int]:
    """Inodes of the files, one for each name."""
    return [path.lstat().st_ino for path in folder.rglob("*") if path.is_file()]


class TestBackup:
    def test_a_backup_restores_to_the_same_corpus(self, project: Project, tmp_path: Path) -> None:
        project.run()
        before = project.records()
        copy = backups.backup(project.settings(), tmp_path / "copy")
        (project.seeds / ONE).write_text("Something else.\n\n" + "The pier is new here. " * 40)
        project.run(options=RunOptions())
        assert project.records() != before
        aside = backups.restore(project.settings(), copy)
        assert aside is not None
        assert project.records() == before
        assert project.run(options=RunOptions()).counts["updated"] == 1

    def test_at_no_time_is_there_no_store(
        self, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A run after a kill would begin a new one, under numbers that consumers know."""
        project.run()
        copy = backups.backup(project.settings(), tmp_path / "copy")
        rename, there = Path.rename, []

        def renamed(path: Path, target: Path) -> Path:
            done = rename(path, target)
            there.append((project.store / "catalog.db").exists())
            return done

        monkeypatch.setattr(Path, "rename", renamed)
        backups.restore(project.settings(), copy)
        assert there
        assert all(there)

    def test_shards_that_generations_share_are_copied_once(
        self, project: Project, tmp_path: Path
    ) -> None:
        project.run()
        (project.seeds / "more.txt").write_text("Something else.\n\n" + "The pier is new. " * 40)
        project.run(options=RunOptions())
        copy = backups.backup(project.settings(), tmp_path / "copy")
        copied = files(copy / "corpus")
        assert len(copied) == len(files(project.store / "corpus"))
        assert len(set(copied)) == len(set(files(project.store / "corpus"))) < len(copied)
        backups.restore(project.settings(), copy)
        assert len(set(files(project.store / "corpus"))) == len(set(copied))

    def test_a_store_that_cannot_be_locked_is_not_copied(
        self, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        project.run()
        monkeypatch.setattr(
            "os.access", lambda path, mode: (path, mode) != (project.store, os.W_OK)
        )
        with pytest.raises(StoreError, match="no lock can be taken"):
            backups.backup(project.settings(), tmp_path / "copy")
        assert not (tmp_path / "copy").exists()

    def test_a_consumer_that_saw_more_than_the_backup_has_is_told(
        self, project: Project, tmp_path: Path
    ) -> None:
        """Else it would take the next changes, under numbers that it knows, for those it had."""
        project.run()
        before = project.records()
        copy = backups.backup(project.settings(), tmp_path / "copy")
        (project.seeds / "more.txt").write_text("Something else.\n\n" + "The pier is new. " * 40)
        project.run(options=RunOptions())
        backups.restore(project.settings(), copy)
        assert project.records() == before
        assert upkeep.mend(project.settings()) == []
        (project.seeds / "more.txt").write_text("Yet another.\n\n" + "The harbour is old. " * 40)
        project.run(options=RunOptions())
        with open_corpus(project.store) as corpus:
            for seen in (1, 2):
                with pytest.raises(CorpusError, match="no longer reaches back"):
                    corpus.changes(seen)
            assert len(list(corpus.changes(corpus.sequence - 1))) == 1

    def test_a_backup_waits_for_the_run_that_is_under_way(
        self, project: Project, tmp_path: Path
    ) -> None:
        project.run()
        with writer_lock(project.store, label="run"), pytest.raises(StoreLocked):
            backups.backup(project.settings(), tmp_path / "copy", RunOptions(wait=0.1))
        assert not (tmp_path / "copy").exists()

    def test_what_is_no_backup_is_refused(self, project: Project, tmp_path: Path) -> None:
        project.run()
        with pytest.raises(UsageError, match="no backup"):
            backups.restore(project.settings(), tmp_path)
        assert len(project.records()) == 5

    def test_a_damaged_backup_is_refused(self, project: Project, tmp_path: Path) -> None:
        project.run()
        copy = backups.backup(project.settings(), tmp_path / "copy")
        with closing(sqlite3.connect(copy / "catalog.db")) as connection:
            asked = "SELECT rootpage FROM sqlite_schema WHERE name = 'documents'"
            (page,) = connection.execute(asked).fetchone()
        with (copy / "catalog.db").open("r+b") as file:
            file.seek((page - 1) * 4096)
            file.write(b"\xff" * 4096)  # nothing that opening looks at
        Store(copy, write=False).close()
        with pytest.raises(StoreError):
            backups.restore(project.settings(), copy)
        assert len(project.records()) == 5

    def test_what_a_killed_backup_left_is_no_part_of_the_next(
        self, project: Project, tmp_path: Path
    ) -> None:
        project.run()
        (tmp_path / "copy.partial" / "corpus").mkdir(parents=True)
        (tmp_path / "copy.partial" / "old").touch()
        copy = backups.backup(project.settings(), tmp_path / "copy")
        assert not (copy / "old").exists()
        assert not (tmp_path / "copy.partial").exists()

    def test_a_store_that_was_never_used_keeps_its_page(
        self, project: Project, tmp_path: Path
    ) -> None:
        project.run()
        copy = backups.backup(project.settings(), tmp_path / "copy")
        unused = tmp_path / "unused"
        unused.mkdir()
        (unused / "README.md").write_text("What this folder is for.")
        assert backups.restore(project.settings(store=str(unused)), copy) is None
        assert (unused / "README.md").read_text() == "What this folder is for."
        assert (unused / "catalog.db").exists()
        assert not list(tmp_path.glob("unused.*"))
