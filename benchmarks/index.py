"""How the band index behaves from 10^4 to 10^6 documents: time, bytes, memory, opening.

    python benchmarks/index.py [--documents N] [--kind near|story|both] [--texts]

Signatures are generated.  Near: random rows, one document in ten an edit of an earlier one
(each row kept with probability 0.9), bands as `bands.choose(0.8)` gives them.  Story: each
document belongs to an event; half of its 32 terms are the event's, the others are drawn
from a Zipf vocabulary, as the weightiest terms of news articles are.

With --texts they are those of generated texts of 300 words: near, one in ten an edit of an
earlier one at Jaccard 0.8; story, each about an event, of which there are a quarter as many.

Documents come in batches of 512: looked up together, then decided one after another, each
inserted before the next asks.  Files are written every 8,192 documents, and merged.  Times
are processor time of the one process, so that other load on the machine does not count.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from generate import article, edited

from ingest.catalog import index_kernel
from ingest.catalog.index import BandIndex
from ingest.catalog.index_batch import Look
from ingest.dedup.bands import Bands, choose, keys
from ingest.dedup.minhash import permutations
from ingest.dedup.signatures import best
from ingest.dedup.tokens import fmix64

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ingest.catalog.index_run import RunInfo

BATCH = 512
FLUSH = 8192
ROWS = 128
TERMS = 32
WORDS = 300
VOCABULARY = 300_000
CAP = {"near": 64, "story": 64}
LEAST = {"near": 1, "story": 6}
BANDS = {"near": choose(0.8), "story": Bands(ROWS, 1, 0.0)}


def near_signatures(start: int, count: int) -> np.ndarray:
    """Random rows; one document in ten is an edit of any one before it."""
    numbers = np.arange(start, start + count)
    rows = uniform(1, numbers, ROWS)
    edits = (uniform(2, numbers, 1)[:, 0] < 0.1) & (numbers > 0)
    sources = (uniform(3, numbers, 1)[:, 0] * numbers).astype(np.int64)
    kept = (uniform(4, numbers, ROWS) < 0.9) & edits[:, None]
    rows = np.where(kept, uniform(1, sources, ROWS), rows)
    return (rows * (1 << 32)).astype(np.uint32)


def story_signatures(start: int, count: int) -> np.ndarray:
    """MinHash of 32 term numbers: half an event's, half drawn from a Zipf vocabulary."""
    numbers = np.arange(start, start + count)
    events = (uniform(5, numbers, 1)[:, 0] * (numbers // 4 + 1)).astype(np.int64)
    terms = np.concatenate([uniform(6, events, TERMS // 2), uniform(7, numbers, TERMS // 2)], 1)
    # ranks 1 to 300,000 with probability about 1/rank^0.8
    hashes = fmix64((VOCABULARY * terms**5).astype(np.uint64)).astype(np.uint32)
    a, b = permutations(ROWS, 1)
    return (hashes[:, :, None] * a + b).min(axis=1)


def uniform(stream: int, numbers: np.ndarray, columns: int) -> np.ndarray:
    """Numbers in [0, 1), shape (n, columns), the same for the same stream and number."""
    cells = numbers.astype(np.uint64)[:, None] * np.uint64(columns)
    cells = cells + np.arange(columns, dtype=np.uint64) + np.uint64(stream << 56)
    return (fmix64(cells) >> np.uint64(11)) / float(1 << 53)


def near_texts(start: int, count: int) -> np.ndarray:
    """Signatures of texts, one in ten an edit of any one before it."""
    numbers = np.arange(start, start + count)
    sources = (uniform(3, numbers, 1)[:, 0] * numbers).astype(np.int64).tolist()
    edits = ((uniform(2, numbers, 1)[:, 0] < 0.1) & (numbers > 0)).tolist()
    kernel = best("")
    return np.array(
        [
            kernel.near(edited(article(of, WORDS), 0.8, n) if edit else article(n, WORDS), ROWS, 1)
            for n, of, edit in zip(numbers.tolist(), sources, edits, strict=True)
        ]
    )


def story_texts(start: int, count: int) -> np.ndarray:
    """Signatures of texts that are each about an event."""
    numbers = np.arange(start, start + count)
    events = (uniform(5, numbers, 1)[:, 0] * (numbers // 4 + 1)).astype(np.int64).tolist()
    kernel = best("")
    return np.array(
        [
            kernel.sign((article(number, WORDS, event=event), "", "en"), ROWS, 1).story
            for number, event in zip(numbers.tolist(), events, strict=True)
        ]
    )


SIGNATURES: dict[tuple[str, bool], Callable[[int, int], np.ndarray]] = {
    ("near", False): near_signatures,
    ("story", False): story_signatures,
    ("near", True): near_texts,
    ("story", True): story_texts,
}
"""By kind, and whether of texts."""


def run(
    of: tuple[str, bool], documents: int, index: BandIndex, folder: Path
) -> Iterator[dict[str, float]]:
    """Insert documents and report at every tenth of every power of ten, and of the whole."""
    kind, _ = of
    bands = BANDS[kind]
    marks = {documents * tenth // 10 for tenth in range(1, 11)} | {
        power * step for power in (10_000, 100_000) for step in (1, 2, 5)
    }
    spent, found, since, begun = 0.0, np.zeros(2), 0, 0.0
    for start in range(0, documents, BATCH):
        signatures = SIGNATURES[of](start, min(BATCH, documents - start))
        begun = time.process_time()
        found += decide(index, keys(signatures, bands), start, LEAST[kind])
        if index.buffered >= FLUSH or start + BATCH >= documents:
            index.flush()
            index.merge()
            index.prune()
        spent += time.process_time() - begun
        end = start + len(signatures)
        if any(start < mark <= end for mark in marks):
            yield report(kind, folder, end, (end - since, spent, found))
            spent, found, since = 0.0, np.zeros(2), end


def decide(index: BandIndex, batch: np.ndarray, start: int, least: int) -> np.ndarray:
    """What a run does with a batch: look up all, then ask and insert one by one.

    Gives how many candidates were found, and how many full lists were met.
    """
    looked_up = index.prefetch(batch)
    found = np.zeros(2)
    for row in range(len(batch)):
        candidates = looked_up.candidates(row, least)
        found += candidates.numbers.size, candidates.capped
        looked_up.insert(row, start + row)
    return found


def report(
    kind: str, folder: Path, documents: int, span: tuple[int, float, np.ndarray]
) -> dict[str, float]:
    count, spent, found = span
    size = sum(path.stat().st_size for path in folder.iterdir())
    return {
        "kind": kind,
        "documents": documents,
        "us_per_document": round(spent / count * 1e6, 1),
        "candidates_per_document": round(found[0] / count, 2),
        "full_lists_per_document": round(found[1] / count, 2),
        "bytes_per_document": round(size / documents, 1),
        "runs": len(list(folder.iterdir())),
        "rss_mb": _rss(),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }


def _rss() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() >> 20


def exponent(lines: list[dict[str, float]]) -> float:
    """Slope of log(microseconds a document) over log(documents): 0 is flat."""
    x = np.log([line["documents"] for line in lines])
    return float(np.polyfit(x, np.log([line["us_per_document"] for line in lines]), 1)[0])


def tenths(lines: list[dict[str, float]], documents: int) -> float:
    """Time a document of the last tenth over that of the first."""
    return lines[-1]["us_per_document"] / lines_until(lines, documents // 10)


def lines_until(lines: list[dict[str, float]], limit: int) -> float:
    """Microseconds a document over the first ``limit`` documents."""
    first = [line for line in lines if line["documents"] <= limit + BATCH]
    counts = np.diff([0, *(line["documents"] for line in first)])
    return float(np.average([line["us_per_document"] for line in first], weights=counts))


def opening(folder: Path, kind: str, runs: list[RunInfo]) -> float:
    """Milliseconds to open the index."""
    begun = time.perf_counter()
    BandIndex(folder, runs, BANDS[kind].count, CAP[kind])
    return (time.perf_counter() - begun) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--kind", choices=["near", "story", "both"], default="both")
    parser.add_argument("--texts", action="store_true", help="signatures of generated texts")
    parser.add_argument("--numpy", action="store_true", help="never go over to the kernel")
    parser.add_argument("--cache", default="", help="folder of compiled code")
    asked = parser.parse_args()
    for kind in ("near", "story") if asked.kind == "both" else (asked.kind,):
        with tempfile.TemporaryDirectory() as folder:
            bands = BANDS[kind]
            cache = None if asked.numpy else asked.cache
            index = BandIndex(Path(folder), [], bands.count, CAP[kind], cache)
            if cache is not None:
                Look.PATIENCE = 0  # what loading takes is told beside, not spread over the first
                begun = time.process_time()
                index_kernel.load(cache)
                print(json.dumps({"kernel_s": round(time.process_time() - begun, 1)}))
            lines = []
            for line in run((kind, asked.texts), asked.documents, index, Path(folder)):
                lines.append(line)
                print(json.dumps(line), flush=True)
            summary = {
                "kind": kind,
                "of": "texts" if asked.texts else "signatures",
                "bands": f"{bands.count}x{bands.rows}",
                "exponent": round(exponent(lines), 3),
                "last_tenth_over_first": round(tenths(lines, asked.documents), 2),
                "opening_ms": round(opening(Path(folder), kind, index.runs()), 1),
            }
            print(json.dumps(summary), flush=True)


if __name__ == "__main__":
    main()
