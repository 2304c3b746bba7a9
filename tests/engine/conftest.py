"""Lets worker processes import the work that the tests give them."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "importable"))
