"""Opening the catalog's file: ours or not, which version, migrated step by step."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ingest.catalog.schema import APPLICATION_ID, MIGRATIONS
from ingest.errors import StoreError, StoreVersion

if TYPE_CHECKING:
    from collections.abc import Iterator

_BUSY_SECONDS = 30.0
# Pages of the write-ahead log after which it is folded back; 16 MiB at 4 KiB a page.
_CHECKPOINT_PAGES = 4096
_CACHE_KIB = 65536


@contextmanager
def catalog_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite says of the catalog at ``path`` into a `StoreError`.

    Misuse (`sqlite3.ProgrammingError`, a violated constraint) passes through: bugs.
    """
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.IntegrityError):
        raise
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path}: {error}", hint=_hint(str(error))) from error


@contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """`catalog_errors`, and what the file system says; only around work on the store alone."""
    try:
        with catalog_errors(path):
            yield
    except OSError as error:
        where = error.filename or path
        raise StoreError(f"{where}: {os.strerror(error.errno or 0)}", hint=_hint(str(error))) from (
            error
        )


def _hint(message: str) -> str:
    text = message.lower()
    if any(word in text for word in ("full", "no space", "quota", "too large")):
        return "Free some space and run again; nothing that was committed is lost."
    if "disk i/o" in text:  # what SQLite says too where not even its index of the log has room
        return "Free some space, or check the disk if it has enough; what was committed is kept."
    if (
        "readonly" in text
        or "read-only" in text
        or "permission" in text
        or "unable to open" in text
    ):
        return "The store's folder must be writable; see its owner and mount options, or --store."
    if "malformed" in text or "not a database" in text:
        return "The file is damaged: restore a backup (ingest restore), or move the store away."
    return "See `ingest check` for the state of the store."


def open_database(path: Path, *, write: bool) -> sqlite3.Connection:
    """Open the catalog at ``path``; with ``write``, make or migrate it first.

    Autocommit mode: statements stand alone unless inside `transaction`.
    Raises `StoreVersion` for a catalog of a newer version or a file that is not ours,
    `StoreError` where it cannot be opened.  Without ``write`` a place that cannot be
    written is read too (see `Unlocked`).
    """
    if not write:
        if not path.exists():
            raise StoreError(f"{path}: there is no store here", hint="`ingest run` makes one.")
        return _open_to_read(path)
    with store_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        return _connect(path, "mode=rwc", write=True)


def _open_to_read(path: Path) -> sqlite3.Connection:
    try:
        with catalog_errors(path):
            return _connect(path, "mode=ro", write=False)
    except StoreError as error:
        if not _lacks_right_to_write(error.__cause__):
            raise
        _check_readable(path)
        with catalog_errors(path):
            return _connect(path, "mode=ro&immutable=1", write=False, factory=Unlocked)


def _lacks_right_to_write(error: BaseException | None) -> bool:
    """Whether SQLite could not make the files that it keeps beside an open catalog."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


def _check_readable(path: Path) -> None:
    """Raise `StoreError` where the catalog's file alone cannot be read, or is not all of it."""
    try:
        path.open("rb").close()
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}", hint="Make it readable for this user.") from (
            error
        )
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size:
        raise StoreError(
            f"{path}: a run that was cut short left {log.name}, and this place cannot be written",
            hint="`ingest run`, by a user who may write there, mends it; a copy can be read too.",
        )


class Unlocked(sqlite3.Connection):
    """A catalog read without locks, where SQLite cannot write what it locks with.

    That is right as long as nobody else writes to it; `close` raises `StoreError` where
    somebody did, so that nobody takes what was read for right.
    """

    def __init__(self, database: str, *arguments: Any, **more: Any) -> None:
        self._file = Path(unquote(urlsplit(database).path))
        self._before = self._state()
        super().__init__(database, *arguments, **more)

    def close(self) -> None:
        """Close it; safe to call twice."""
        super().close()
        before, self._before = self._before, self._state()
        if before != self._before:
            message = f"{self._file}: another process wrote to it while it was read without locks"
            raise StoreError(message, hint="What was shown may be wrong: do it again.")

    def _state(self) -> tuple[int, int, int]:
        try:
            found = self._file.stat()
        except FileNotFoundError:
            return 0, 0, 0
        return found.st_ino, found.st_size, found.st_mtime_ns


def _connect(
    path: Path, mode: str, *, write: bool, factory: type[sqlite3.Connection] = sqlite3.Connection
) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}",
        uri=True,
        isolation_level=None,
        timeout=_BUSY_SECONDS,
        factory=factory,
    )
    try:
        _prepare(connection, path, write=write)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, *, write: bool) -> None:
    version = _check_ours(connection, path)
    if write:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        migrate(connection, version)
    elif version < len(MIGRATIONS):
        message = f"{path}: the catalog is of version {version}, older than this program's"
        raise StoreVersion(message, hint="`ingest run` migrates it.")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    connection.execute("PRAGMA temp_store = MEMORY")


def _check_ours(connection: sqlite3.Connection, path: Path) -> int:
    """Version of the catalog; 0 for a new, empty file."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID and (application or tables):
        message = f"{path}: this is an SQLite file of another program, not a catalog of ingest"
        raise StoreVersion(message, hint="Name another folder with --store.")
    if version > len(MIGRATIONS):
        message = (
            f"{path}: the catalog is of version {version}; this program knows versions"
            f" up to {len(MIGRATIONS)}"
        )
        raise StoreVersion(message, hint="Use a newer ingest, or another folder with --store.")
    return int(version)


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring a catalog from ``version`` to the newest, each step in one transaction."""
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        with transaction(connection):
            for statement in _statements(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number}")


def _statements(script: str) -> Iterator[str]:
    """Split a script; `executescript` would commit the transaction that is open."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Run the block as one transaction: all of it, or on any exception nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
