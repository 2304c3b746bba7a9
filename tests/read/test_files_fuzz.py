"""Any bytes in, a value out: good files of every format, damaged at random; and the very large."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
import tarfile
import tracemalloc
import zipfile
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from ingest.documents import Complete, Failed, RawDocument, Unchanged
from ingest.read.files import Files
from ingest.testing import FakeContext, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

DOCS = [{"id": f"d{n}", "text": f"text {n}, Grüße", "n": [n, None, {"a": 1.5}]} for n in range(20)]
LINES = "\n".join(json.dumps(doc) for doc in DOCS).encode()


def good():
    table, zipped, tarred = io.BytesIO(), io.BytesIO(), io.BytesIO()
    pq.write_table(pa.Table.from_pylist([{"id": d["id"], "text": d["text"]} for d in DOCS]), table)
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", "hello")
        archive.writestr("b.jsonl", LINES)
    with tarfile.open(fileobj=tarred, mode="w:gz") as archive:
        header = tarfile.TarInfo("a.jsonl")
        header.size = len(LINES)
        archive.addfile(header, io.BytesIO(LINES))
    cells = "\n".join(f'{d["id"]},"{d["text"]}"' for d in DOCS)
    return {
        "jsonl": LINES,
        "json": json.dumps(DOCS).encode(),
        "csv": f"id,text\n{cells}".encode(),
        "parquet": table.getvalue(),
        "zip": zipped.getvalue(),
        "tgz": tarred.getvalue(),
        "jsonl.gz": gzip.compress(LINES),
        "jsonl.bz2": bz2.compress(LINES),
        "jsonl.xz": lzma.compress(LINES),
        "jsonl.zst": zstandard.compress(LINES),
        "html": b"<html><p>hello",
    }


def damaged(data: Any, dice: Any):
    data = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(data))
        what = dice.randrange(4)
        if what == 0:
            data[at] = dice.randrange(256)
        elif what == 1:
            del data[at : at + dice.randint(1, 40)]
        elif what == 2:
            data[at:at] = dice.randbytes(dice.randint(1, 40))
        else:
            data[at:at] = data[: dice.randint(1, 400)]
        data = data or bytearray(b"x")
    return bytes(data)


@pytest.mark.parametrize("ending", good())
def test_damage_of_any_kind_is_a_value(tmp_path: Path, ending: Any):
    dice = random.Random(7)
    data, path = good()[ending], tmp_path / f"a.{ending}"
    for _ in range(400):
        path.write_bytes(damaged(data, dice))
        context = FakeContext(base=tmp_path, max_bytes=1 << 20)
        events = run(Files(path=str(path)), context)
        assert isinstance(events[-1], Complete)
        assert {type(e) for e in run(Files(path=str(path)), context)} <= {Unchanged, Complete}


def test_a_file_with_a_line_of_200_mb(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.write(b'{"text": "')
        for _ in range(200):
            file.write(b"x" * (1 << 20))
        file.write(b'"}\n' + LINES)
    tracemalloc.start()
    events = run(Files(path=str(path)), FakeContext(base=tmp_path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [e.reason for e in events if isinstance(e, Failed)] == ["too large"]
    assert sum(isinstance(e, RawDocument) for e in events) == 20
    assert peak < 40 << 20
