"""Whole runs, JSONL in and a corpus out, on 2 cores: ingest, text-dedup, datatrove.

    python benchmarks/peers_dedup.py [--documents N] [--words N] [--install] [--ingest PYTHON]
                                     [--text-dedup PYTHON] [--datatrove PYTHON]

Each is run by the Python of an environment of its own, in which it has been installed or,
with --install, is now (`PACKAGES`, some 3 GB).  ingest is otherwise taken from here, where
tools for development slow its start down: numba imports coverage, cffi and yaml if it
finds them.  All look for copies by word 5-grams
with 18 bands of 6 rows at Jaccard 0.8.  ingest also detects languages, verifies, links stories
and keeps a catalog.

Recall is the share of pairs at or above 0.8 (exact join) of which not both are kept; precision
the share of removed documents that are in such a pair.  Time is from start to end of the
process, of ingest also in a first run, which compiles nothing or late; memory is that of the
largest process that the command waits for, which leaves out ingest's workers.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dedup import THRESHOLD, exact_join
from generate import corpus

from ingest.dedup.shingles import shingles

PACKAGES = {
    "ingest": [str(Path(__file__).parents[1])],
    "text-dedup": ["text-dedup"],
    "datatrove": ["datatrove[processing,io]", "spacy"],
}

DATATROVE = """
import sys
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster
from datatrove.pipeline.dedup import MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter

def main():
    source, work = sys.argv[1:]
    config = MinhashConfig(n_grams=5, num_buckets=18, hashes_per_bucket=6)
    def reader():
        return JsonlReader(source, glob_pattern="*.jsonl")
    for name, tasks, pipeline in (
        ("1", 2, [reader(), MinhashDedupSignature(work + "/s", config=config)]),
        ("2", 18, [MinhashDedupBuckets(work + "/s", work + "/b", config=config)]),
        ("3", 1, [MinhashDedupCluster(work + "/b", work + "/r", config=config)]),
        ("4", 2, [reader(), MinhashDedupFilter(work + "/r"),
                  JsonlWriter(work + "/out", compression=None)]),
    ):
        LocalPipelineExecutor(
            pipeline, tasks=tasks, workers=2, logging_dir=work + "/log" + name
        ).run()

if __name__ == "__main__":
    main()
"""

COMPILE = """
from ingest.catalog import index_kernel
from ingest.dedup import kernel_similar
from ingest.dedup.signatures import best

engine = best("")
engine.sign(("a", "", "und"), 1, 1)
engine.shingles("a")
index_kernel.load("")
kernel_similar.load("")
"""

READ_TEXT_DEDUP = """
import json, sys
import datasets
print(json.dumps([str(one) for one in datasets.load_from_disk(sys.argv[1])["id"]]))
"""


def install(name: str, folder: Path) -> str:
    """Python of a new environment with a peer in it; ``""``, and why, where that fails."""
    subprocess.run([sys.executable, "-m", "venv", str(folder / name)], check=True)
    python = str(folder / name / "bin" / "python")
    command = [python, "-m", "pip", "install", "--quiet", *PACKAGES[name]]
    done = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        print(json.dumps({"run": name, "not installed": done.stderr[-500:]}), flush=True)
        return ""
    return python


def timed(command: list[str], folder: Path) -> tuple[float, int]:
    """Seconds, and MB of the largest process below; raises where the command fails."""
    script = (
        "import resource, subprocess, sys\n"
        "code = subprocess.run(sys.argv[1:], stdout=2).returncode\n"
        "print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10)"
    )
    begun = time.monotonic()
    with (folder / "log").open("w") as log:
        done = subprocess.run(
            [sys.executable, "-c", script, *command],
            cwd=folder,
            check=True,
            stdout=subprocess.PIPE,
            stderr=log,
            env={
                **os.environ,
                "HF_DATASETS_OFFLINE": "1",
                "HF_HOME": str(folder / "hf"),
                "NUMBA_CACHE_DIR": str(folder.parent / "compiled"),
            },
        )
    code, memory = done.stdout.split()
    if code != b"0":
        raise SystemExit(f"{command[:4]} failed:\n" + (folder / "log").read_text()[-2000:])
    return time.monotonic() - begun, int(memory)


def lines(folder: Path, pattern: str, key: str) -> set[str]:
    return {
        str(json.loads(line)[key])
        for path in folder.glob(pattern)
        for line in path.read_text().splitlines()
    }


def run_ingest(python: str, source: Path, folder: Path) -> tuple[float, int, set[str]]:
    program = str(Path(python).parent / "ingest")
    (folder / "ingest.toml").write_text("workers = 2\n")
    command = [program, "run", "--config", "ingest.toml", "--store", "store"]
    spent = timed([*command, str(source / "all.jsonl")], folder)
    names = lines(folder, "store/corpus/current/documents-*.jsonl", "source_id")
    return *spent, {name.rpartition("#")[2] for name in names}


def run_compiled(python: str, source: Path, folder: Path) -> tuple[float, int, set[str]]:
    """With compiled code at hand, as every run has it once that was worth while."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder.parent / "compiled")}
    subprocess.run([python, "-c", COMPILE], check=True, env=environment)
    return run_ingest(python, source, folder)


def run_text_dedup(python: str, source: Path, folder: Path) -> tuple[float, int, set[str]]:
    given = "--path json --split train --column text --ngram 5 --num_perm 128 --b 18 --r 6"
    more = f"--threshold {THRESHOLD} --hash_func xxh3 --num_proc 2 --cache_dir cache --output out"
    files = ["--data_files", str(source / "all.jsonl")]
    command = [python, "-m", "text_dedup.minhash", *given.split(), *more.split(), *files]
    spent = timed(command, folder)
    read = [python, "-c", READ_TEXT_DEDUP, str(folder / "out")]
    return *spent, set(json.loads(subprocess.check_output(read)))


def run_datatrove(python: str, source: Path, folder: Path) -> tuple[float, int, set[str]]:
    (folder / "four_stages.py").write_text(DATATROVE)
    spent = timed([python, "four_stages.py", str(source), str(folder / "work")], folder)
    return *spent, lines(folder, "work/out/*.jsonl", "id")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--words", type=int, default=1000, help="of a text, on average")
    parser.add_argument("--ingest", default="")
    parser.add_argument("--text-dedup", default="")
    parser.add_argument("--datatrove", default="")
    parser.add_argument("--install", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if asked.install:
            asked.ingest = asked.ingest or install("ingest", Path(scratch))
            asked.text_dedup = asked.text_dedup or install("text-dedup", Path(scratch))
            asked.datatrove = asked.datatrove or install("datatrove", Path(scratch))
        asked.ingest = asked.ingest or sys.executable
        compare(asked, Path(scratch) / "runs")


def compare(asked: argparse.Namespace, scratch: Path) -> None:
    texts = corpus(asked.documents, words=asked.words).texts
    true = exact_join([shingles(text) for text in texts], THRESHOLD)
    paired = {str(number) for pair in true for number in pair}
    runs = {
        "ingest, nothing compiled": lambda *to: run_ingest(asked.ingest, *to),
        "ingest": lambda *to: run_compiled(asked.ingest, *to),
        "text-dedup": asked.text_dedup and (lambda *to: run_text_dedup(asked.text_dedup, *to)),
        "datatrove": asked.datatrove and (lambda *to: run_datatrove(asked.datatrove, *to)),
    }
    source = scratch / "in"
    source.mkdir(parents=True)
    with (source / "all.jsonl").open("w") as file:
        for number, text in enumerate(texts):
            file.write(json.dumps({"id": str(number), "text": text}) + "\n")
    for name, run in runs.items():
        if not run:
            continue
        folder = scratch / name
        folder.mkdir()
        seconds, memory, kept = run(source, folder)
        removed = {str(number) for number in range(len(texts))} - kept
        split = sum(1 for a, b in true if not (str(a) in kept and str(b) in kept))
        line = {
            "run": name,
            "documents": len(texts),
            "seconds": round(seconds, 1),
            "documents_per_second": round(len(texts) / seconds),
            "peak_mb": memory,
            "kept": len(kept),
            "recall": round(split / max(len(true), 1), 4),
            "precision": round(len(removed & paired) / max(len(removed), 1), 4),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
