"""Fixtures shared by all tests."""

from __future__ import annotations

import fcntl
import os
import shutil
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from support import Project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parent.parent

# How long an example takes says more of what else the machine does than of the code.
hypothesis.settings.register_profile("ingest", deadline=None)
hypothesis.settings.load_profile("ingest")


@pytest.fixture(scope="session")
def seeds() -> Path:
    return ROOT / "seeds"


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all processes of a test run."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "session"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def data_archive(session_folder: Path) -> Callable[[str], Path]:
    """Unpack an archive of the shared data once a test run; skip where there is none."""

    def unpack(name: str) -> Path:
        folder = os.environ.get("INGEST_DATA", "")
        archives = sorted(Path(folder).glob(f"{name}.tar.*")) if folder else []
        if not archives:
            pytest.skip(f"INGEST_DATA names no folder with {name}.tar.*")
        target = session_folder / name
        with (session_folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not target.exists():
                _extract(archives[0], target)
        return target

    return unpack


def _extract(archive: Path, target: Path) -> None:
    partial = target.with_name(f"{target.name}.partial")
    with tarfile.open(archive) as opened:
        opened.extraction_filter = getattr(tarfile, "data_filter", None)  # none before 3.11.4
        opened.extractall(partial)  # noqa: S202 - filtered
    partial.rename(target)


@pytest.fixture(scope="session", autouse=True)
def compiled_code(session_folder: Path) -> Iterator[None]:
    """Compile the kernel once for all tests and the processes that they start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(session_folder / "home"))
        if "NUMBA_CACHE_DIR" not in os.environ:
            patch.setenv("NUMBA_CACHE_DIR", str(session_folder / "numba"))
        yield


@pytest.fixture
def project(tmp_path: Path, seeds: Path) -> Project:
    shutil.copytree(seeds, tmp_path / "seeds")
    made = Project(tmp_path)
    made.configure('[[source]]\nname = "seeds"\npath = "seeds"\n')
    return made
