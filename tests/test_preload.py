"""What workers are forked with."""

from __future__ import annotations

import os
import subprocess
import sys

CODE = """
import gc, sys
import ingest.preload
from ingest.wiring import HEAVY
assert gc.get_freeze_count() > 10_000
assert "numba" not in sys.modules
assert "ingest.preload" in HEAVY
before = set(sys.modules)
ingest.preload.warm()
print(sorted(set(sys.modules) - before))
"""


def test_workers_are_forked_with_all_that_a_document_needs_but_the_kernel() -> None:
    # A process of its own: the fork server imports the module, and hides that it failed.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, "-c", CODE],
        env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"
