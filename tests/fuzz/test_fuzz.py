"""Runs the fuzzer for a bounded number of inputs; slow, since coverage costs time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SEEDS = {
    "text": b"\x00Harbour\n\nThe harbour was rebuilt. It is new.\n",
    "html": b"\x01<html><title>x</title><body><p>The harbour was rebuilt.</p></body></html>",
    "jsonl": b'\x02{"id": 1, "text": "The harbour was rebuilt."}\n{broken\n',
    "json": b'\x03[{"id": 1, "html": "<p>The harbour</p>"}]',
    "csv": b"\x04id,text\n1,The harbour was rebuilt\n",
}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_any_bytes_in_a_value_out(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for name, data in SEEDS.items():
        (corpus / name).write_bytes(data)
    done = subprocess.run(
        [sys.executable, str(HERE / "any_bytes.py"), "-runs=20000", "-max_total_time=300",
         "-rss_limit_mb=4096", str(corpus)],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=850,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Done" in done.stderr
