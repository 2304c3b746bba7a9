"""The catalog's ledger keeps the contract that publishing is written against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from ledger_contract import LedgerContract

from ingest.app import open_ledger
from ingest.catalog.decisions import Decisions
from ingest.catalog.packed import Packer
from ingest.catalog.store import Store
from ingest.documents import Document, Kept, Signature

if TYPE_CHECKING:
    from pathlib import Path

NO_SIGNATURE = Signature(np.zeros(4, np.uint32), np.zeros(4, np.uint32))


class SQLiteHarness:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open()

    def _open(self) -> None:
        self.store = Store(self._folder, write=True)
        self.ledger = open_ledger(self.store)

    def want(self, name: str, text: str | None) -> str:
        document = Document("test", name, text or "")
        rows = self.store.rows
        old = rows.identified(document.id)
        with self.store.transaction():
            run = self.store.runs.begin(f"run-{name}-{text}", "", 0)
            if text is None:
                assert old is not None
                rows.remove(old)
                rows.touch(document.id, "gone")
            else:
                row = rows.add(Packer().pack(document), NO_SIGNATURE, run=run, added="", old=old)
                decisions = Decisions(rows, priorities={}, run=run)
                decisions.decide(decisions.standing(row.number), Kept(), document.id)
            rows.write()
        return document.id

    def reopen(self) -> None:
        self.store.close()
        self._open()


class TestSQLiteLedger(LedgerContract):
    @pytest.fixture
    def harness(self, tmp_path: Path) -> SQLiteHarness:
        return SQLiteHarness(tmp_path)
