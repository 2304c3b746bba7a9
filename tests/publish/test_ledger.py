"""The ledgers that the tests of publishing run on keep the contract too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ledger_contract import LedgerContract
from publish_memory import FileLedger, document, gone, ids

if TYPE_CHECKING:
    from pathlib import Path


class FileHarness:
    def __init__(self, path: Path) -> None:
        self._path = path
        self.ledger = FileLedger(path)

    def want(self, name: str, text: str | None) -> str:
        self.ledger.want(gone(name) if text is None else document(name, text))
        (made,) = ids([name])
        return made

    def reopen(self) -> None:
        self.ledger = FileLedger(self._path)


class TestFileLedger(LedgerContract):
    @pytest.fixture
    def harness(self, tmp_path: Path) -> FileHarness:
        return FileHarness(tmp_path / "ledger")
