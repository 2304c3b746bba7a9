"""Signatures against datasketch and rensa; near copies against an exact all-pairs join.

    python benchmarks/dedup.py [--texts N] [--join N] [--mccormick DIR]

Times are processor time of one process, the best of rounds that each try all, and what
counts are the ratios.  All sign word 5-grams of lower-cased text with 128 rows.  The join is exact:
prefix filter, then verification of every pair that it leaves.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from generate import articles, corpus

from ingest.dedup.bands import Bands, choose, keys
from ingest.dedup.shingles import shingles
from ingest.dedup.signatures import best
from ingest.dedup.verify import jaccard

if TYPE_CHECKING:
    from collections.abc import Callable

    Pairs = set[tuple[int, int]]

WORD = re.compile(r"\w+")
ROUNDS = 15
ROWS = 128
THRESHOLD = 0.8


def grams(text: str) -> list[str]:
    words = WORD.findall(text.lower())
    return [" ".join(words[i : i + 5]) for i in range(len(words) - 4)]


def datasketch_loop() -> Callable[[str], object]:
    from datasketch import MinHash  # noqa: PLC0415 - imports scipy
    from xxhash import xxh32_intdigest  # noqa: PLC0415 - beside it

    def sign(text: str) -> object:
        signature = MinHash(num_perm=128, hashfunc=xxh32_intdigest)
        signature.update_batch([gram.encode() for gram in grams(text)])
        return signature

    return sign


def rensa_loop() -> Callable[[str], object]:
    from rensa import RMinHash  # noqa: PLC0415 - a peer, not a dependency

    def sign(text: str) -> object:
        signature = RMinHash(num_perm=128, seed=1)
        signature.update(grams(text))
        return signature.digest()

    return sign


def microseconds(ways: dict[str, tuple[Callable[[str], object], list[str]]]) -> dict[str, float]:
    """Processor time a text of each way, best of the rounds; each round tries all of them.

    So that what else the machine does meets all alike.
    """
    best_times = dict.fromkeys(ways, float("inf"))
    for name, (sign, texts) in list(ways.items()) * ROUNDS:
        begun = time.process_time()
        for text in texts:
            sign(text)
        spent = (time.process_time() - begun) / len(texts) * 1e6
        best_times[name] = min(best_times[name], spent)
    return best_times


def signing(count: int) -> dict[str, float]:
    texts = list(articles(count))
    foreign = list(articles(count, language="ru"))
    kernel = best("")

    def near(text: str) -> object:
        return kernel.near(text, ROWS, 1)

    result = microseconds(
        {
            "datasketch_us": (datasketch_loop(), texts),
            "rensa_us": (rensa_loop(), texts),
            "near_us": (near, texts),
            "both_us": (lambda text: kernel.sign((text, "A Title", "en"), ROWS, 1), texts),
            "near_russian_us": (near, foreign),
            "both_russian_us": (
                lambda text: kernel.sign((text, "A Title", "ru"), ROWS, 1),
                foreign,
            ),
        }
    )
    for kind in ("near", "both"):
        result[f"{kind}_over_datasketch"] = result["datasketch_us"] / result[f"{kind}_us"]
        result[f"{kind}_russian_over_english"] = result[f"{kind}_russian_us"] / result[f"{kind}_us"]
    result["near_over_rensa"] = result["rensa_us"] / result["near_us"]
    return {name: round(value, 1) for name, value in result.items()}


def exact_join(sets: list[np.ndarray], threshold: float) -> Pairs:
    """Every pair at or above the threshold.

    Prefix filter (Chaudhuri, Ganti, Kaushik, 2006): hashes in the order of their frequency,
    rarest first; a pair at Jaccard t shares one of the first |x| - ceil(t |x|) + 1 of each.
    """
    everything = np.concatenate(sets)
    unique, counts = np.unique(everything, return_counts=True)
    postings: dict[int, list[int]] = {}
    found: Pairs = set()
    for number, own in enumerate(sets):
        order = np.lexsort((own, counts[np.searchsorted(unique, own)]))
        prefix = own[order][: own.size - int(np.ceil(threshold * own.size - 1e-9)) + 1].tolist()
        candidates = {other for key in prefix for other in postings.get(key, ())}
        found.update(
            (other, number) for other in candidates if jaccard(sets[other], own) >= threshold
        )
        for key in prefix:
            postings.setdefault(key, []).append(number)
    return found


def by_bands(texts: list[str], sets: list[np.ndarray], bands: Bands) -> tuple[Pairs, int]:
    """Pairs that share a band and are verified; and how many shared one."""
    kernel = best("")
    rows = keys(np.array([kernel.near(text, ROWS, 1) for text in texts]), bands)
    buckets: dict[int, list[int]] = {}
    candidates: Pairs = set()
    for number, row in enumerate(rows.tolist()):
        for key in row:
            bucket = buckets.setdefault(key, [])
            candidates.update((other, number) for other in bucket)
            bucket.append(number)
    found = {(a, b) for a, b in candidates if jaccard(sets[a], sets[b]) >= bands.threshold}
    return found, len(candidates)


def joining(name: str, texts: list[str]) -> dict[str, object]:
    sets = [shingles(text) for text in texts]
    bands = choose(THRESHOLD)
    true = exact_join(sets, THRESHOLD)
    found, candidates = by_bands(texts, sets, bands)
    return {
        "corpus": name,
        "texts": len(texts),
        "pairs": len(true),
        "recall": round(len(found & true) / max(len(true), 1), 4),
        "precision": round(len(found & true) / max(len(found), 1), 4),
        "candidates": candidates,
    }


def mccormick(folder: Path) -> list[tuple[str, list[str]]]:
    return [
        (path.stem, [json.loads(line)["text"] for line in path.open()])
        for path in sorted(folder.glob("docs_*.jsonl"))
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=60)
    parser.add_argument("--join", type=int, default=4000)
    parser.add_argument("--mccormick", type=Path)
    asked = parser.parse_args()
    names = ("datasketch", "rensa", "numba", "numpy")
    versions = {name: version(name) for name in names}
    print(json.dumps({"python": platform.python_version(), **versions}))
    print(json.dumps(signing(asked.texts)), flush=True)
    print(json.dumps(joining("generated", corpus(asked.join).texts)), flush=True)
    for name, texts in mccormick(asked.mccormick) if asked.mccormick else ():
        print(json.dumps(joining(name, texts)), flush=True)


if __name__ == "__main__":
    main()
