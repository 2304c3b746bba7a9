"""How long the command line takes to answer, beside a bare Python.

    python benchmarks/startup.py

Target: `ingest --help` within 0.2 s.  Best of several, since the first reads the disk.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 10
INGEST = str(Path(sys.executable).parent / "ingest")
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "ingest --help": [INGEST, "--help"],
    "ingest run --help": [INGEST, "run", "--help"],
    "ingest corpus --help": [INGEST, "corpus", "--help"],
}


def best(command: list[str]) -> float:
    """Seconds of wall time, the best of `ROUNDS`."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    """Print a table in Markdown."""
    print("| command | seconds |\n|---|---|")
    for name, command in COMMANDS.items():
        print(f"| `{name}` | {best(command):.3f} |")


if __name__ == "__main__":
    main()
