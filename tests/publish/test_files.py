"""Folders that change names."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import pytest

from ingest.publish.files import exchange

if TYPE_CHECKING:
    from pathlib import Path


class Unwilling:
    """A system whose file system exchanges nothing."""

    def renameat2(self, *_: object) -> int:
        return -1


@pytest.mark.parametrize("system", [None, Unwilling(), object()])
def test_folders_change_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: object
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        (folder / f"of {folder.name}").touch()
    if system:
        monkeypatch.setattr(ctypes, "CDLL", lambda _: system)
    exchange(one, other)
    assert (one / "of other").exists()
    assert (other / "of one").exists()
    assert len(list(tmp_path.iterdir())) == 2
