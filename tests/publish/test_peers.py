"""dolma's and datatrove's own readers on a corpus of ours: `make test-peers`.

Each runs in an environment of its own, since both pin versions that are not ours.
INGEST_DATATROVE and INGEST_DOLMA name the Python of that environment.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from publish_memory import MemoryLedger, document, publisher

from ingest.publish.corpus import open_corpus

if TYPE_CHECKING:
    from ingest.publish.corpus import CorpusDocument

PAGE = Path(__file__).parents[2] / "docs" / "consuming.md"
EXTENSION = {"none": "", "gzip": ".gz", "zstd": ".zst"}

DATATROVE = """
import json
print(json.dumps([[each.id, each.text, each.metadata] for each in reader()]))
"""

# Importing the package `dolma` loads taggers and their libraries; reading needs its
# compiled mixer, and the types that its taggers decode lines with.
DOLMA = """
import importlib.util, json, sys, sysconfig
from pathlib import Path

import msgspec

def load(name, pattern):
    (path,) = Path(sysconfig.get_path("platlib")).glob(pattern)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

load("dolma", "dolma/dolma.cpython*.so").mixer_entrypoint(sys.argv[1])
types = load("types_of_dolma", "dolma/core/data_types.py")
decoder = msgspec.json.Decoder(types.InputSpecWithMetadata)
found = [decoder.decode(line) for line in sys.stdin.buffer]
print(json.dumps([[each.id, each.text, each.metadata] for each in found]))
"""


def python_of(name: str) -> str:
    interpreter = os.environ.get(name, "")
    if not interpreter:
        pytest.skip(f"{name} names no Python that has it; see `make test-peers`")
    return interpreter


def block(heading: str, language: str) -> str:
    """The code under a heading of the page."""
    pattern = rf"^## {heading}\n.*?^```{language}\n(.*?)^```"
    found = re.search(pattern, PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


@pytest.fixture(params=EXTENSION)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[list[CorpusDocument], str]:
    """Documents of a corpus of several shards in a folder, and the extension of these."""
    ledger = MemoryLedger()
    texts = (f'Text {number}, é 😀 \u2028 "quoted" \\ \n and so on.' for number in range(50))
    ledger.want(*(document(f"{number:03}", text) for number, text in enumerate(texts)))
    folder = tmp_path / "store" / "corpus"
    publisher(folder, compression=request.param, shard_rows=20).publish(ledger, "run")
    with open_corpus(folder) as corpus:
        return list(corpus.documents()), EXTENSION[request.param]


def said(command: list[str], folder: Path, given: bytes = b"") -> str:
    done = subprocess.run(command, cwd=folder, input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return done.stdout.decode().splitlines()[-1]


def test_datatrove(tmp_path: Path, made: tuple[list[CorpusDocument], str]) -> None:
    python, (documents, _) = python_of("INGEST_DATATROVE"), made
    code = block("datatrove", "py")
    assert said([python, "-c", code], tmp_path) == "50"
    found = json.loads(said([python, "-c", code + DATATROVE], tmp_path))
    assert [each[:2] for each in found] == [[each.id, each.text] for each in documents]
    metadata = found[7][2]
    assert metadata["source_id"] == "007"
    assert metadata["media_type"] == "text/plain"
    assert metadata["words"] == documents[7].words


def test_dolma(tmp_path: Path, made: tuple[list[CorpusDocument], str]) -> None:
    python, (documents, extension) = python_of("INGEST_DOLMA"), made
    config = json.loads(block("dolma", "json").replace(".jsonl.gz", f".jsonl{extension}"))
    config["work_dir"] = {"input": str(tmp_path / "in"), "output": str(tmp_path / "out")}
    (tmp_path / "mixed").mkdir()
    with open_corpus(tmp_path / "store") as corpus:
        lines = b"".join(corpus.lines())
    found = json.loads(said([python, "-c", DOLMA, json.dumps(config)], tmp_path, lines))
    expected = [[each.id, each.text, each.metadata] for each in documents]
    assert found == expected
    (mixed,) = (tmp_path / "mixed").glob("*.json.gz")
    rows = [json.loads(row) for row in gzip.decompress(mixed.read_bytes()).split(b"\n")[:-1]]
    for row in rows:
        assert row["metadata"].pop("provenance").startswith("documents-")
    assert [[row["id"], row["text"], row["metadata"]] for row in rows] == expected
