"""Makes the golden store of the present version: `python tests/faults/golden/make.py`.

Run once for each version of the catalog, by the program of that version; what it made
is never made again.
"""

from __future__ import annotations

import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1] / "importable")]

from documents_for_faults import write  # noqa: E402 - found by the path above
from support import NOW, Project  # noqa: E402 - found by the path above

from ingest.app import RunOptions, run  # noqa: E402 - found by the path above
from ingest.catalog.schema import MIGRATIONS  # noqa: E402 - found by the path above
from ingest.settings import load  # noqa: E402 - found by the path above


def main() -> None:
    target = Path(__file__).parent / f"version-{len(MIGRATIONS)}.tar.gz"
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        project.configure('workers = 0\n[[source]]\nname = "many"\npath = "many"\n')
        texts = {f"d{number}": number for number in range(12)}
        write(project.folder / "many" / "all.jsonl", {**texts, "copy": 3})
        run(load(project.folder / "config" / "ingest.toml"), options=RunOptions(clock=lambda: NOW))
        shutil.rmtree(project.store / "cache", ignore_errors=True)
        with tarfile.open(target, "w:gz") as packed:
            for name in ("config", "many", "store"):
                packed.add(project.folder / name, name)


if __name__ == "__main__":
    main()
