"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def seeds() -> Path:
    return ROOT / "seeds"


@pytest.fixture(scope="session")
def data_archive(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Unpack an archive of the shared data once a session; skip where there is none."""
    unpacked: dict[str, Path] = {}

    def unpack(name: str) -> Path:
        folder = os.environ.get("INGEST_DATA", "")
        archives = sorted(Path(folder).glob(f"{name}.tar.*")) if folder else []
        if not archives:
            pytest.skip(f"INGEST_DATA names no folder with {name}.tar.*")
        if name not in unpacked:
            target = tmp_path_factory.mktemp(name)
            with tarfile.open(archives[0]) as archive:
                archive.extractall(target, filter="data")
            unpacked[name] = target
        return unpacked[name]

    return unpack
