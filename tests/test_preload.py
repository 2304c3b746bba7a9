"""What workers are forked with."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ingest.documents import RawDocument
from ingest.preload import kinds

CODE = """
import gc, importlib, sys
importlib.import_module("ingest.preload.{kind}")
module = sys.modules["ingest.preload.{kind}"]
assert gc.get_freeze_count() > 10_000
there = {{"trafilatura", "ingest.extract.plain", "numba"}} & set(sys.modules)
before = set(sys.modules)
module.warm(module.{raw})
print(sorted(there), sorted(set(sys.modules) - before))
"""


@pytest.mark.parametrize(
    ("kind", "raw", "there"),
    [
        ("clean", "WARM_UP", []),
        ("plain", "DUMP", ["ingest.extract.plain"]),
        ("html", "PAGE", ["trafilatura"]),
    ],
)
def test_workers_are_forked_with_all_that_a_document_needs_but_the_kernel(
    kind: str, raw: str, there: list[str]
) -> None:
    # A process of its own: the fork server imports the module, and hides that it failed.
    run = subprocess.run(
        [sys.executable, "-c", CODE.format(kind=kind, raw=raw)],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == f"{there} []"


@pytest.mark.parametrize(
    ("first", "module"),
    [
        (RawDocument("a", b"<p>text", "text/html; charset=utf-8"), "ingest.preload.html"),
        (RawDocument("a", b"<!doctype html>", ""), "ingest.preload.html"),
        (RawDocument("a", b"text"), "ingest.preload.plain"),
        (RawDocument("a", b"text", clean=True), "ingest.preload.clean"),
    ],
)
def test_what_is_imported_follows_from_the_first_document(first: RawDocument, module: str) -> None:
    assert kinds(first) == (module,)
