"""The catalog's file: ours or not, which version, and what SQLite's complaints become."""

from __future__ import annotations

import errno
import os
import sqlite3
from typing import TYPE_CHECKING

import pytest
from permissions import bound, sealed

from ingest.catalog import database
from ingest.catalog.database import (
    Unlocked,
    catalog_errors,
    migrate,
    open_database,
    store_errors,
    transaction,
)
from ingest.catalog.schema import APPLICATION_ID, MIGRATIONS
from ingest.errors import StoreError, StoreVersion

if TYPE_CHECKING:
    from pathlib import Path


def pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_a_new_catalog_is_durable_and_forgets_for_good(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "deep" / "catalog.db", write=True)
    assert pragma(connection, "application_id") == APPLICATION_ID
    assert pragma(connection, "user_version") == len(MIGRATIONS)
    assert pragma(connection, "journal_mode") == "wal"
    assert pragma(connection, "synchronous") == 2  # FULL
    assert pragma(connection, "secure_delete") == 1
    connection.close()


def test_reading_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    with pytest.raises(StoreError, match="no store here"):
        open_database(path, write=False)
    assert not path.exists()
    open_database(path, write=True).close()
    connection = open_database(path, write=False)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM items")
    connection.close()


def test_a_reader_sees_what_was_committed_while_another_writes(tmp_path: Path) -> None:
    writer = open_database(tmp_path / "catalog.db", write=True)
    reader = open_database(tmp_path / "catalog.db", write=False)
    with transaction(writer):
        writer.execute("INSERT INTO recipes (version) VALUES ('one')")
        assert reader.execute("SELECT count(*) FROM recipes").fetchone() == (0,)
    assert reader.execute("SELECT count(*) FROM recipes").fetchone() == (1,)
    writer.close()
    reader.close()


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "catalog.db", write=True)

    def do(*statements: str) -> None:
        with transaction(connection):
            for statement in statements:
                connection.execute(statement)

    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        do("INSERT INTO recipes (version) VALUES ('one')", "SELECT * FROM nowhere")
    assert not connection.in_transaction
    assert connection.execute("SELECT count(*) FROM recipes").fetchone() == (0,)
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        do("ROLLBACK", "SELECT * FROM nowhere")  # SQLite itself rolls back on a full disk
    connection.close()


@pytest.mark.parametrize("write", [True, False])
def test_a_newer_catalog_is_refused_as_it_is(tmp_path: Path, write: bool) -> None:
    path = tmp_path / "catalog.db"
    connection = open_database(path, write=True)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(StoreVersion, match=f"version {len(MIGRATIONS) + 1}") as caught:
        open_database(path, write=write)
    assert "newer ingest" in caught.value.hint


def test_an_older_catalog_is_migrated_by_who_writes_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "catalog.db"
    open_database(path, write=True).close()
    more = (*MIGRATIONS, "CREATE TABLE later (x);\nINSERT INTO later VALUES (1);\n")
    monkeypatch.setattr(database, "MIGRATIONS", more)
    with pytest.raises(StoreVersion, match="older than this program") as caught:
        open_database(path, write=False)
    assert "ingest run" in caught.value.hint
    connection = open_database(path, write=True)
    assert connection.execute("SELECT x FROM later").fetchall() == [(1,)]
    assert pragma(connection, "user_version") == len(more)
    connection.close()


def test_a_migration_that_fails_leaves_the_version_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = open_database(tmp_path / "catalog.db", write=True)
    broken = (*MIGRATIONS, "CREATE TABLE later (x);\nINSERT INTO nowhere VALUES (1);\n")
    monkeypatch.setattr(database, "MIGRATIONS", broken)
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        migrate(connection, len(MIGRATIONS))
    assert pragma(connection, "user_version") == len(MIGRATIONS)
    tables = connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'later'")
    assert tables.fetchone() == (0,)
    connection.close()


# --- where nothing can be written -----------------------------------------------------


def test_a_catalog_is_read_where_nothing_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / "store" / "catalog.db"
    open_database(path, write=True).close()
    with sealed(path.parent):
        connection = open_database(path, write=False)
        assert isinstance(connection, Unlocked)
        assert connection.execute("SELECT count(*) FROM recipes").fetchone() == (0,)
        connection.close()
        connection.close()
        assert [each.name for each in path.parent.iterdir()] == ["catalog.db"]
        with pytest.raises(StoreError) as caught:
            open_database(path, write=True)
    assert "must be writable" in caught.value.hint


def test_what_was_read_without_locks_counts_only_if_nobody_wrote_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "a %2f?#store" / "catalog.db"
    open_database(path, write=True).close()
    with sealed(path.parent):
        connections = [open_database(path, write=False) for _ in range(2)]
    writer = open_database(path, write=True)
    writer.execute("INSERT INTO recipes (version) VALUES ('one')")
    connections[0].close()  # the log has it, so that what this one sees is as before, and whole
    writer.close()
    with pytest.raises(StoreError, match="another process wrote to it"):
        connections[1].close()


def test_a_catalog_that_goes_while_it_is_read_without_locks_is_told(tmp_path: Path) -> None:
    path = tmp_path / "store" / "catalog.db"
    open_database(path, write=True).close()
    with sealed(path.parent):
        connection = open_database(path, write=False)
    path.unlink()
    with pytest.raises(StoreError, match="another process"):
        connection.close()


def test_a_log_that_cannot_be_read_without_writing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "store" / "catalog.db"
    writer = open_database(path, write=True)
    writer.execute("INSERT INTO recipes (version) VALUES ('one')")
    copy = tmp_path / "copy" / "catalog.db"
    copy.parent.mkdir()
    for name in ("catalog.db", "catalog.db-wal"):
        (copy.parent / name).write_bytes((path.parent / name).read_bytes())
    writer.close()
    with sealed(copy.parent), pytest.raises(StoreError, match=r"catalog\.db-wal") as caught:
        open_database(copy, write=False)
    assert "ingest run" in caught.value.hint


def test_a_catalog_that_this_user_may_not_read_is_told_as_that(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    open_database(path, write=True).close()
    path.chmod(0o000)
    with bound(), pytest.raises(StoreError, match="Permission denied") as caught:
        open_database(path, write=False)
    assert "readable" in caught.value.hint


# --- not ours -------------------------------------------------------------------------


@pytest.mark.parametrize("theirs", ["CREATE TABLE theirs (x)", "PRAGMA application_id = 1"])
def test_a_file_of_another_program_is_refused(tmp_path: Path, theirs: str) -> None:
    path = tmp_path / "catalog.db"
    other = sqlite3.connect(path)
    other.execute(theirs)
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreVersion, match="another program"):
        open_database(path, write=True)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("database or disk is full", "Free some space"),
        ("attempt to write a readonly database", "must be writable"),
        ("unable to open database file", "must be writable"),
        ("database disk image is malformed", "restore a backup"),
        ("file is not a database", "restore a backup"),
        ("disk I/O error", "Free some space, or check the disk"),
    ],
)
def test_what_sqlite_says_becomes_a_store_error(tmp_path: Path, message: str, hint: str) -> None:
    with pytest.raises(StoreError, match=message) as caught, catalog_errors(tmp_path / "c.db"):
        raise sqlite3.OperationalError(message)
    assert hint in caught.value.hint
    assert "c.db" in str(caught.value)


@pytest.mark.parametrize("bug", [sqlite3.ProgrammingError, sqlite3.IntegrityError, KeyError])
def test_bugs_pass_through(tmp_path: Path, bug: type[Exception]) -> None:
    with pytest.raises(bug), store_errors(tmp_path):
        raise bug("a bug")


@pytest.mark.parametrize(
    ("code", "hint"),
    [(errno.ENOSPC, "Free some"), (errno.EACCES, "writable"), (errno.EIO, "check")],
)
def test_what_the_file_system_says_becomes_a_store_error(
    tmp_path: Path, code: int, hint: str
) -> None:
    with pytest.raises(StoreError) as caught, store_errors(tmp_path / "store"):
        raise OSError(code, os.strerror(code), str(tmp_path / "file"))
    assert hint in caught.value.hint
    assert str(tmp_path / "file") in str(caught.value)
