"""Which sources are paused, kept beside the store so that a restart does not resume them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from ingest.catalog.database import store_errors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FILE = "daemon/paused.json"


def load(store: Path) -> list[str]:
    """Names of the paused sources; none where nothing was kept, or what was is no list."""
    try:
        names = json.loads((store / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def save(store: Path, names: Sequence[str]) -> None:
    """Keep the names, all or as they were before; raises `StoreError`."""
    path = store / FILE
    with store_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".part")
        with draft.open("w", encoding="utf-8") as file:
            json.dump(list(names), file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
