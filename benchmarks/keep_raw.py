"""What keeping raw responses costs, and what reading them again does: a local site of 200 pages.

python benchmarks/keep_raw.py
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from loopback import Site, answer  # noqa: E402 - from the tests

from ingest.read.rawreplay import Raw  # noqa: E402 - after the path is set
from ingest.read.web import Web  # noqa: E402
from ingest.testing import FakeContext, run  # noqa: E402

PAGES = 200
PARAGRAPHS = 100


def site() -> tuple[Site, tuple[str, ...]]:
    """Pages of some 36 KB, of words of a seed drawn at random."""
    draw = random.Random(1)
    words = min((ROOT / "seeds").iterdir()).read_text().split()
    made = Site()
    for number in range(PAGES):
        lines = (" ".join(draw.choices(words, k=60)) for _ in range(PARAGRAPHS))
        body = "".join(f"<p>{line}</p>\n" for line in lines)
        made.pages[f"/{number}"] = answer(200, f"<html><body>{body}</body></html>".encode())
    return made, tuple(made.url(f"/{number}") for number in range(PAGES))


def milliseconds(reader: Web | Raw, context: FakeContext) -> float:
    """Processor time for a page, that of the site's server included."""
    began = time.process_time()
    run(reader, context)
    return (time.process_time() - began) * 1000 / PAGES


def main() -> None:
    """The best of three, as processor time depends on what else the machine does."""
    _, urls = site()
    best: dict[str, float] = {}
    for _ in range(3):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for keep in (False, True):
                reader = Web(url=urls, allow_private=True, delay=0, keep_raw=keep)
                spent = milliseconds(reader, FakeContext(base=folder, raw=folder / "raw"))
                key = "fetched and kept" if keep else "fetched"
                best[key] = min(best.get(key, spent), spent)
            spent = milliseconds(Raw(path="raw"), FakeContext(base=folder))
            best["read again"] = min(best.get("read again", spent), spent)
    for key, spent in best.items():
        print(f"{key:18} {spent:.1f} ms a page")


if __name__ == "__main__":
    main()
