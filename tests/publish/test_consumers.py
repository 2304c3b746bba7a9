"""The examples of docs/consuming.md, with the real tools, on corpora that trip guessers up."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from publish_memory import MemoryLedger, body, link, publisher

import ingest
from ingest.publish.corpus import open_corpus
from ingest.publish.ledger import Wanted

PAGE = Path(__file__).parents[2] / "docs" / "consuming.md"
ROWS = 21_000
DATED = 20_600
"""Rows with a date before the first without: beyond what column guessers sample."""

EXTENSION = {"none": "", "gzip": ".gz", "zstd": ".zst"}


def blocks(language: str) -> dict[str, str]:
    """Code blocks of the page by the heading above them."""
    found: dict[str, str] = {}
    heading = ""
    for line in re.split(r"^(?=## |```)", PAGE.read_text(), flags=re.MULTILINE):
        if line.startswith("## "):
            heading = line.split("\n")[0].removeprefix("## ")
        elif line.startswith(f"```{language}\n"):
            name = heading if heading not in found else f"{heading} again"
            found[name] = line.removeprefix(f"```{language}\n")
    return found


def wanted(number: int) -> Wanted:
    """One of the awkward documents."""
    made = body(f"{number:05d}", created="2024-01-01T00:00:00.000Z" if number < DATED else "")
    made["source_id"] = f"{number:05d}"  # looks like a number, is text
    if number % 7 == 0:
        extra = json.dumps({f"key {number}": number})
        made["metadata"] = {**made["metadata"], "extra": extra, "tags": "a; b"}
    return Wanted("documents", made["id"], made, "new")


def awkward(number: int) -> list[Any]:
    """What every tool must give of a document: texts as texts, empty ones as empty."""
    made = wanted(number).body
    assert made is not None
    names = ["id", "source_id", "created", "text", "words", "story_similarity"]
    return [*(made[name] for name in names), made["metadata"]["tags"], made["metadata"]["extra"]]


COLUMNS = """
def row(each):
    names = ["id", "source_id", "created", "text", "words", "story_similarity"]
    return [*(each[name] for name in names), each["metadata"]["tags"], each["metadata"]["extra"]]
"""
VALUES = {
    "Python": """
with open_corpus("store") as corpus:
    values = [row(body) for body in corpus.bodies()]
""",
    "DuckDB": """
values = [list(each) for each in connection.execute(
    "SELECT id, source_id, created, text, words, story_similarity, metadata.tags, metadata.extra"
    " FROM documents('store/corpus/current')").fetchall()]
""",
    "Polars": "values = [row(each) for each in documents.iter_rows(named=True)]",
    "pandas": "values = [row(each) for each in documents.to_dict('records')]",
    "pyarrow": "values = [row(each) for each in documents.to_pylist()]",
    "Hugging Face datasets": "values = [row(each) for each in documents.to_list()]",
    "Hugging Face datasets again": "values = [row(each) for each in documents.take(1000)]",
}
"""What gets every document's values out of what an example made, by its heading."""
NO_DOCUMENTS = {"Following the changes"}
"""Examples that read something else."""


@pytest.fixture(scope="module", params=["two shards", "one shard", "gzip", "zstd"])
def corpus(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """A folder with a store in it, and the extension of its shards."""
    folder = tmp_path_factory.mktemp("consumers")
    compression = request.param if request.param in EXTENSION else "none"
    ledger = MemoryLedger()
    ledger.want(*map(wanted, range(ROWS)), link("copy", "00001"))
    rows = 100_000 if request.param == "one shard" else 20_500
    options: dict[str, Any] = {"compression": compression, "shard_rows": rows}
    publisher(folder / "store" / "corpus", **options).publish(ledger, "run")
    return folder, EXTENSION[compression]


@pytest.fixture
def here(corpus: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """In the folder of the store, with caches of its own; gives the extension."""
    folder, extension = corpus
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HF_HOME", str(folder / "cache"))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(folder / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(ingest, "open_corpus", open_corpus, raising=False)
    return extension


@pytest.mark.parametrize("name", blocks("python"))
@pytest.mark.filterwarnings("default")  # what other libraries warn about is not ours
def test_python_examples(name: str, here: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = blocks("python")[name].replace("-*.jsonl", f"-*.jsonl{here}")
    for module in re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE):
        pytest.importorskip(module, reason=f"{module} is not installed")
    rows = ROWS
    if here and "streaming" in code:  # costs 0.3 ms a row; all of them once is enough
        code, rows = code.replace("in documents)", "in documents.take(1000))"), 1000
    made: dict[str, Any] = {}
    exec(compile(code, f"{PAGE.name}: {name}", "exec"), made)  # noqa: S102 - our own page
    assert capsys.readouterr().out.split()[-1] == str(rows)
    if name not in NO_DOCUMENTS:
        exec(COLUMNS + VALUES[name], made)  # noqa: S102 - above
        rows = 1000 if "streaming" in code else ROWS
        assert made["values"] == [awkward(number) for number in range(rows)]


def test_shell_examples(here: str) -> None:
    examples = [*blocks("zstd").values()] if here == ".zst" else [*blocks("bash").values()]
    if here == ".gz":
        examples = ["zcat store/corpus/current/documents-*.jsonl.gz | wc -l"]
    missing = {code.split()[0] for code in examples if which(code.split()[0]) is None}
    for code in examples:
        if code.split()[0] not in missing:
            done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
            assert done.stdout.split() == [str(ROWS)], code
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.mark.filterwarnings("default")
def test_types_are_not_guessed(corpus: tuple[Path, str]) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")
    folder, _ = corpus
    current = folder / "store/corpus/current"
    connection = duckdb.connect()
    connection.execute((current / "duckdb.sql").read_text())
    rows = connection.execute(
        "SELECT count(*) FILTER (created = ''), count(DISTINCT metadata.extra),"
        " min(source_id), count(try_cast(created AS TIMESTAMPTZ)) FROM documents($1)",
        [str(current)],
    ).fetchone()
    assert rows == (ROWS - DATED, ROWS // 7 + 1, "00000", DATED)
    found = connection.execute('SELECT kind, "of", "group" FROM links($1)', [str(current)])
    assert len(found.fetchall()) == 1


@pytest.mark.filterwarnings("default")
def test_hugging_face_takes_the_types_of_the_card(here: str) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    links = datasets.load_dataset("store/corpus/current", "links", split="train")
    assert links.num_rows == 1
    assert links.features["similarity"].dtype == "float64"
    documents = datasets.load_dataset("store/corpus/current", split="train", streaming=True)
    assert documents.features["created"].dtype == "string"
    assert set(documents.features["metadata"]) >= {"site", "extra"}


def test_the_shell_shows_the_change_files(here: str) -> None:
    lines = Path("store/corpus/changes/000000001.jsonl").read_text().splitlines()
    assert len(lines) == ROWS
    assert json.loads(lines[0])["op"] == "add"
