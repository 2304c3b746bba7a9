"""A copy of the catalog that is consistent at one moment."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_PAGES = 4096  # copied at a time; readers and writers may come in between


def copy_catalog(connection: sqlite3.Connection, target: Path) -> None:
    """Copy an open catalog to a new file by SQLite's online backup; synced when this returns."""
    with closing(sqlite3.connect(target)) as copy:
        connection.backup(copy, pages=_PAGES)
        # The files of the band index are not copied: they are made anew from the rest.
        copy.execute("DELETE FROM index_runs")
        copy.commit()
    descriptor = os.open(target, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
