"""A bare project, and what makes documents for it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support import Project

sys.path.insert(0, str(Path(__file__).parent / "importable"))


@pytest.fixture
def plain(tmp_path: Path) -> Project:
    """A project without settings, seeds or store."""
    return Project(tmp_path)
