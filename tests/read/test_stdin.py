"""Standard input: JSON Lines, and names or texts between NULs."""

from __future__ import annotations

import io
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from ingest.documents import Failed, RawDocument
from ingest.errors import SourceError
from ingest.read.stdin import Stdin
from ingest.testing import FakeContext, ReaderConformance, ids, run

if TYPE_CHECKING:
    from pathlib import Path

LINES = b'{"id": 1, "text": "a"}\n{"text": "b"}\n{"text": "c"}\n'


class Twice(Stdin):
    """Can be read a second time, as no pipe can."""

    def read(self, cursor: Any, context: Any) -> Any:
        self._stream.seek(0)
        return super().read(cursor, context)


class Terminal(io.BytesIO):
    def isatty(self) -> bool:
        return True


class TestConformance(ReaderConformance):
    def make(self, folder: Path) -> Twice:  # noqa: ARG002  # a stream, no folder
        return Twice.of(io.BytesIO(LINES))

    def make_bad(self, folder: Path) -> Twice:  # noqa: ARG002  # a stream, no folder
        return Twice.of(io.BytesIO(b"{\n[]\n" + LINES))

    def make_missing(self, folder: Path) -> Twice:  # noqa: ARG002  # a stream, no folder
        return Twice.of(Terminal())


def read(data: Any, **settings: Any):
    return run(Stdin.of(io.BytesIO(data), **settings), FakeContext())


def test_json_lines():
    events = read(LINES + b"bad\n")
    assert ids(events)[0] == "stdin#1"
    assert [type(e) for e in events] == [RawDocument] * 3 + [Failed]
    assert events[3].detail.startswith("line 4: ")
    assert read(b'{"body": "x"}', fields={"text": "body"})[0].content == b"x"
    assert read(LINES.decode().encode("utf-16"))[0].content == b"a"


def test_names_between_nuls_are_files(tmp_path: Path):
    (tmp_path / "a.html").write_text("<p>a")
    (tmp_path / "b c\n.jsonl").write_bytes(LINES)
    names = [tmp_path / "a.html", tmp_path / "b c\n.jsonl", tmp_path / "gone.txt", tmp_path]
    events = read(b"\0".join(map(os.fsencode, names)) + b"\0")
    assert events[0].source_id == str(tmp_path / "a.html")
    assert events[0].media_type == "text/html"
    assert events[1].source_id == str(tmp_path / "b c\n.jsonl") + "#1"
    assert [e.reason for e in events if isinstance(e, Failed)] == ["vanished", "not a regular file"]


def test_names_can_be_kept_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("a")
    assert ids(read(b"./a.txt\0", ids="relative")) == ["./a.txt"]
    assert ids(read(b"./a.txt\0")) == [str(tmp_path.resolve() / "a.txt")]


def test_texts_between_nuls():
    events = read(b"first text\0second\0\0second\0" + b"x" * 30)
    assert [e.content for e in events] == [b"first text", b"second", b"second", b"x" * 30]
    assert events[2].source_id == events[1].source_id + "~2"
    assert not events[0].clean
    context = FakeContext(max_bytes=20)
    long = run(Stdin.of(io.BytesIO(b"a b c d\0" + b"x" * 30)), context)[1]
    assert (long.reason, long.detail) == ("too large", "text 2 has 30 bytes")


def test_nothing_at_all_is_nothing():
    assert read(b"") == []


def test_a_terminal_is_no_input():
    with pytest.raises(SourceError, match="terminal") as caught:
        Stdin.of(Terminal()).check(FakeContext())
    assert "zcat" in caught.value.hint


def test_the_process_own_input_is_read_as_it_comes_and_given_up_on_a_stop(
    monkeypatch: pytest.MonkeyPatch,
):
    out, into = os.pipe()
    with os.fdopen(out, "rb") as stream:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
        context = FakeContext()
        events = Stdin().read(None, context)
        os.write(into, LINES[:30])
        assert next(events).source_id == "stdin#1"
        threading.Timer(0.05, lambda: setattr(context, "stopped", True)).start()
        start = time.monotonic()
        assert list(events) == []  # and not the half line as a bad one
        assert time.monotonic() - start < 1
        os.close(into)
        sys.stdin.detach()
