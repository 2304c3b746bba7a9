"""Files behind fsspec addresses, on the file system that fsspec keeps in memory."""

from __future__ import annotations

import builtins
import gzip
import uuid
from typing import TYPE_CHECKING, Any

import fsspec
import pytest

from ingest.documents import Complete, ContainerRead, RawDocument, Unchanged
from ingest.errors import SourceError
from ingest.read.files import Files
from ingest.read.remote import Remote, is_address
from ingest.testing import FakeContext, ReaderConformance, ids, run

if TYPE_CHECKING:
    from pathlib import Path

LINES = b'{"id": 1, "text": "a"}\n{"id": 2, "text": "b"}\n'


def put(files: Any):
    """An address that nobody else uses, with these files below it."""
    root = f"/{uuid.uuid4().hex}"
    memory = fsspec.filesystem("memory")
    for name, data in files.items():
        memory.pipe(f"{root}/{name}", data)
    return f"memory:/{root}"


class TestConformance(ReaderConformance):
    def make(self, folder: Path):  # noqa: ARG002  # not on this disk
        return Files(path=put({"b/x.txt": b"x", "a.txt.gz": gzip.compress(b"a"), "j.jsonl": LINES}))

    def make_bad(self, folder: Path):  # noqa: ARG002  # not on this disk
        return Files(path=put({"a.txt": b"", "b.txt": b"x"}))

    def make_missing(self, folder: Path):  # noqa: ARG002  # not on this disk
        return Files(path=f"memory://{uuid.uuid4().hex}")


@pytest.fixture
def context(tmp_path: Path):
    return FakeContext(base=tmp_path)


def test_folders_globs_and_single_files(context: Any):
    root = put({"b/x.txt": b"x", "a.txt": b"a", "p.png": b"", ".h.txt": b"h", "b/y.md": b"y"})
    assert ids(run(Files(path=root), context)) == ["a.txt", "b/x.txt", "b/y.md"]
    assert ids(run(Files(path=f"{root}/*/*.txt"), context)) == ["b/x.txt"]
    assert ids(run(Files(path=f"{root}/b/y.md"), context)) == ["y.md"]
    assert ids(run(Files(path=root, exclude=("b",), hidden=True), context)) == [".h.txt", "a.txt"]
    assert ids(run(Files(path=root, ids="absolute", include=("*.md",)), context)) == [
        fsspec.filesystem("memory").unstrip_protocol(root.removeprefix("memory:/")) + "/b/y.md"
    ]


def test_an_unchanged_object_is_not_opened(context: Any, monkeypatch: pytest.MonkeyPatch):
    root = put({"a.txt": b"a", "j.jsonl": LINES})
    assert ContainerRead in {type(e) for e in run(Files(path=root), context)}
    monkeypatch.setattr(Remote, "open", lambda *_: pytest.fail("opened"))
    assert [type(e) for e in run(Files(path=root), context)] == [Unchanged, Unchanged, Complete]


def test_a_changed_object_is_read(context: Any):
    root = put({"a.txt": b"a"})
    run(Files(path=root), context)
    fsspec.filesystem("memory").pipe(f"{root.removeprefix('memory:/')}/a.txt", b"b")
    (event,) = [e for e in run(Files(path=root), context) if isinstance(e, RawDocument)]
    assert event.content == b"b"


def test_a_missing_address_and_a_missing_package(context: Any, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(SourceError, match="memory://no-such: there is nothing at this address"):
        Files(path="memory://no-such").check(context)
    with pytest.raises(SourceError, match="nosuchkind"):
        Files(path="nosuchkind://x").check(context)
    original = builtins.__import__

    def lacking(name: Any, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("fsspec"):
            raise ImportError("No module named 'fsspec'")
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(SourceError, match="needs another package: No module named 'fsspec'"):
        Files(path="memory://x").check(context)


@pytest.mark.parametrize("path", ["a", "./a:b", "/x//y", "C:\\x", "news/http:", "-"])
def test_paths_of_this_machine_are_no_addresses(path: Any):
    assert not is_address(path)
    assert is_address("s3://x")
    assert is_address("zip://a.txt::memory://x")
