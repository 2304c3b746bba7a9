"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import Project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


@pytest.fixture(scope="session", autouse=True)
def compiled_code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compile the kernel once for all tests and the processes that they start."""
    with pytest.MonkeyPatch.context() as patch:
        if "NUMBA_CACHE_DIR" not in os.environ:
            patch.setenv("NUMBA_CACHE_DIR", str(tmp_path_factory.mktemp("numba")))
        yield


@pytest.fixture
def project(tmp_path: Path, seeds: Path) -> Project:
    shutil.copytree(seeds, tmp_path / "seeds")
    made = Project(tmp_path)
    made.configure('[[source]]\nname = "seeds"\npath = "seeds"\n')
    return made
