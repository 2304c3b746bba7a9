"""The files reader: what is found, in which order, under which name, and what is unchanged."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import ValidationError

from ingest.documents import (
    Complete,
    ContainerRead,
    Failed,
    RawDocument,
    Unchanged,
)
from ingest.errors import SourceError
from ingest.read import onefile, walk
from ingest.read.disk import Local
from ingest.read.files import Files
from ingest.testing import FakeContext, ReaderConformance, ids, run


class TestConformance(ReaderConformance):
    def make(self, folder: Path) -> Files:
        (folder / "in" / "b").mkdir(parents=True)
        (folder / "in" / "one.txt").write_text("one")
        (folder / "in" / "b" / "two.html").write_text("<p>two")
        lines = ['{"id": 1, "text": "a"}', '{"text": "b"}', '{"text": "b"}', '{"text": "c"}']
        (folder / "in" / "many.jsonl").write_text("\n".join(lines))
        return Files(path="in")

    def make_bad(self, folder: Path) -> Files:
        reader = self.make(folder)
        (folder / "in" / "a.txt").write_bytes(b"")
        with (folder / "in" / "many.jsonl").open("a") as file:
            file.write('\n{"text": \n{"id": 1, "text": "z"}\n[1]\n')
        return reader

    def make_missing(self, folder: Path) -> Files:
        return Files(path=str(folder / "nowhere"))


@pytest.fixture
def as_nobody():
    """Permissions do not bind root; where the tests run as root, step down for a while."""

    @contextlib.contextmanager
    def lowered() -> Any:
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            yield
        finally:
            if root:
                os.seteuid(0)

    return lowered


def test_order_is_that_of_the_paths_not_of_the_file_system(tmp_path: Path, read: Any):
    names = ["a/z.txt", "a.txt", "a0.txt", "B.txt", "ä.txt", "a-b/c.txt"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert ids(read()) == sorted(names, key=str.encode)


def test_media_types_follow_the_names(tmp_path: Path, read: Any):
    for name in ("a.txt", "b.md", "c.htm", "d.HTML", "e.xhtml"):
        (tmp_path / name).write_text("x")
    found = [e.media_type for e in read() if isinstance(e, RawDocument)]
    plain, page = "text/plain", "text/html"
    assert found == [plain, "text/markdown", page, page, "application/xhtml+xml"]


def test_the_encoding_of_the_settings_goes_into_the_media_type(tmp_path: Path, read: Any):
    (tmp_path / "a.txt").write_bytes("é".encode("latin-1"))
    event = read(encoding="latin-1")[0]
    assert event.media_type == "text/plain; charset=latin-1"


def test_unknown_and_hidden_files_are_left_alone_unless_asked_for(tmp_path: Path, read: Any):
    for name in (".hidden.txt", "photo.png", "notes.log", "ok.txt"):
        (tmp_path / name).write_text("x")
    assert ids(read()) == ["ok.txt"]
    assert ids(read(hidden=True)) == [".hidden.txt", "ok.txt"]
    assert ids(read(include=("*.log",))) == ["notes.log"]
    assert ids(read("*.log")) == ["notes.log"]
    assert ids(read("notes.log")) == ["notes.log"]


def test_include_and_exclude(tmp_path: Path, read: Any):
    for name in ("a/x.txt", "a/y.md", "b/x.txt", "b/deep/z.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("x")
    assert ids(read(exclude=("b",))) == ["a/x.txt", "a/y.md"]
    assert ids(read(exclude=("b/deep", "*.md"))) == ["a/x.txt", "b/x.txt"]
    assert ids(read(include=("**/x.txt",))) == ["a/x.txt", "b/x.txt"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.txt", ["t.txt"]),
        ("news/*.txt", ["1.txt", "2.txt"]),
        ("news/**/*.txt", ["1.txt", "2.txt", "old/3.txt"]),
        ("n*/[!1].txt", ["news/2.txt"]),
        ("n?ws", ["news/1.txt", "news/2.txt", "news/old/3.txt"]),
        ("./news/*/*.txt", ["old/3.txt"]),
    ],
)
def test_globs_name_files_relative_to_the_folder_before_the_first_wildcard(
    tmp_path: Path, read: Any, pattern: Any, found: Any
):
    for name in ("t.txt", "news/1.txt", "news/2.txt", "news/old/3.txt", "other/1.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("x")
    assert ids(read(pattern)) == found


def test_a_glob_does_not_look_into_folders_that_it_cannot_match(
    tmp_path: Path, read: Any, monkeypatch: pytest.MonkeyPatch
):
    for name in ("a/1.txt", "b/c/2.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("x")
    listed = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(str(path)) or scandir(path))
    assert ids(read("a*/*.txt")) == ["a/1.txt"]
    assert str(tmp_path / "b") not in {os.path.normpath(path) for path in listed}
    assert str(tmp_path / "a") in {os.path.normpath(path) for path in listed}


def test_a_file_whose_name_has_a_wildcard_in_it_is_that_file(tmp_path: Path, read: Any):
    (tmp_path / "a[1].txt").write_text("x")
    assert ids(read("a[1].txt")) == ["a[1].txt"]


def test_ids_can_be_absolute_paths(tmp_path: Path, read: Any):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.txt").write_text("x")
    (tmp_path / "link").symlink_to("real")
    wanted = [str(tmp_path.resolve() / "real" / "a.txt")]
    for path in ("real", "link", "link/a.txt", "l*/a.txt"):
        found = ids(read(path, ids="absolute"))
        assert found == wanted if "*" not in path else len(found) == 1


def test_a_single_file_is_called_by_its_name(tmp_path: Path, read: Any):
    (tmp_path / "a.txt").write_text("x")
    assert ids(read(str(tmp_path / "a.txt"))) == ["a.txt"]


def test_of_two_paths_with_one_name_the_first_is_kept_and_the_other_told(
    tmp_path: Path, read: Any, short: Any
):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.txt").write_text(folder)
    events = read(("a", "b", "a/x.txt"))
    other = str(tmp_path / "b" / "x.txt")
    assert short(events)[:2] == [("doc", "x.txt", "a"), ("bad", other, "duplicate id")]
    assert len(events) == 3  # the third path is the first's file again


def test_names_that_are_no_utf8_become_valid_ids(tmp_path: Path, read: Any):
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_bytes(b"x")
    assert ids(read()) == ["caf\\xe9.txt"]


def test_a_place_that_gives_no_file_is_told(tmp_path: Path, read: Any):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("a")
    (tmp_path / "in" / "b.unknown").write_text("b")
    (tmp_path / "empty").mkdir()
    with structlog.testing.capture_logs() as said:
        read(("in", "in/*.html", "empty"))
    places = [line.get("pattern") or line["folder"] for line in said]
    assert places == [str(tmp_path / "in" / "*.html"), str(tmp_path / "empty")]


def test_empty_folder_is_complete(read: Any):
    assert read() == [Complete()]


# --- unchanged -------------------------------------------------------------------------


def test_an_unchanged_file_is_not_opened(
    tmp_path: Path, read: Any, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "b.jsonl").write_text('{"text": "x"}')
    read()
    monkeypatch.setattr(Local, "open", lambda *_: pytest.fail("opened"))
    assert [type(e) for e in read()] == [Unchanged, Unchanged, Complete]


def test_a_touched_file_is_unchanged_with_a_new_fingerprint(
    tmp_path: Path, read: Any, monkeypatch: pytest.MonkeyPatch
):
    for name in ("a.txt", "b.jsonl"):
        (tmp_path / name).write_text('{"text": "x"}')
    read()
    old = dict(read.context.fingerprints)
    for name in ("a.txt", "b.jsonl"):
        os.utime(tmp_path / name, ns=(5, 5))
    again = read()
    assert [type(e) for e in again] == [Unchanged, Unchanged, Complete]
    assert all(old[e.source_id] != e.fingerprint for e in again[:2])
    monkeypatch.setattr(Local, "open", lambda *_: pytest.fail("opened"))
    read()


def test_a_changed_file_of_the_same_size_is_read(tmp_path: Path, read: Any):
    path = tmp_path / "a.txt"
    path.write_text("one")
    read()
    path.write_text("two")
    os.utime(path, ns=(7, 7))
    assert read()[0].content == b"two"


def test_a_change_within_the_clock_tick_of_the_last_reading_is_not_missed(
    tmp_path: Path, read: Any
):
    path = tmp_path / "a.txt"
    path.write_text("one")
    mtime = int(read.context.clock.timestamp() * 1e9) - 500_000_000
    os.utime(path, ns=(mtime, mtime))
    read()
    path.write_text("two")
    os.utime(path, ns=(mtime, mtime))  # neither size nor time tell
    assert read()[0].content == b"two"


def test_other_settings_read_again_what_they_read_otherwise(tmp_path: Path, read: Any):
    (tmp_path / "a.jsonl").write_text('{"body": "x", "text": "y"}')
    assert read()[0].content == b"y"
    assert read(fields={"text": "body"})[0].content == b"x"


def test_of_a_changed_container_only_the_new_records_are_sent(
    tmp_path: Path, read: Any, short: Any
):
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 1, "text": "a"}\n{"id": 2, "text": "b"}\nbad\n')
    first = read()
    path.write_text('bad\n{"id": 2, "text": "c"}\n{"id": 1, "text": "a"}\n{"id": 3, "text": "d"}')
    bad = next(e.source_id for e in first if isinstance(e, Failed))
    assert short(read()) == [
        ("Unchanged", bad),
        ("doc", "a.jsonl#2", "c"),
        ("Unchanged", "a.jsonl#1"),
        ("doc", "a.jsonl#3", "d"),
        ("ContainerRead", "a.jsonl"),
        ("Complete", ""),
    ]


def test_an_emptied_container_holds_nothing_any_more(tmp_path: Path, read: Any):
    (tmp_path / "a.jsonl").write_bytes(b"")
    assert [type(e) for e in read()] == [Failed, ContainerRead, Complete]
    assert [type(e) for e in read()] == [Unchanged, Complete]


# --- bad input ---------------------------------------------------------------------------


def only(events: Any, kind: Any = Failed):
    found = [event for event in events if isinstance(event, kind)]
    assert len(found) == 1, events
    return found[0]


def test_an_empty_file(tmp_path: Path, read: Any):
    (tmp_path / "a.txt").write_bytes(b"")
    event = only(read())
    assert (event.reason, event.detail) == ("empty", "it holds no bytes")
    assert isinstance(read()[0], Unchanged)


@pytest.mark.parametrize(
    "data", [b"\0" * 100, b"%PDF-1.7 ...", b"\x89PNG\r\n\x1a\n", b"\1\0\0\0\2\0" * 9]
)
def test_what_is_no_text_is_not_taken_for_text(tmp_path: Path, read: Any, data: Any):
    (tmp_path / "a.txt").write_bytes(data)
    event = only(read())
    assert (event.reason, event.raw) == ("not text", data)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8"])
def test_utf16_is_text_in_spite_of_its_zeros(tmp_path: Path, read: Any, encoding: Any):
    (tmp_path / "a.txt").write_bytes("Grüße aus Köln".encode(encoding))
    assert isinstance(read()[0], RawDocument)


def test_a_file_beyond_the_limit_is_not_read(
    tmp_path: Path, read: Any, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "a.txt").write_bytes(b"x" * 101)
    (tmp_path / "b.txt").write_bytes(b"x" * 100)
    read.context.max_bytes = 100
    event = only(read())
    assert event.reason == "too large"
    assert "101 bytes" in event.detail
    monkeypatch.setattr(Local, "open", lambda *_: pytest.fail("opened"))
    assert isinstance(read()[0], Unchanged)


def test_a_larger_limit_reads_what_was_too_large(tmp_path: Path, read: Any):
    (tmp_path / "a.txt").write_bytes(b"x" * 101)
    read.context.max_bytes = 100
    only(read())
    read.context.max_bytes = 200
    assert isinstance(read()[0], RawDocument)


def test_a_file_without_permission(tmp_path: Path, read: Any, as_nobody: Any):
    tmp_path.chmod(0o755)
    for folder in list(tmp_path.parents)[:3]:
        with contextlib.suppress(OSError):
            folder.chmod(folder.stat().st_mode | 0o055)
    for name in ("a.txt", "b.jsonl"):
        (tmp_path / name).write_text('{"text": "x"}')
        (tmp_path / name).chmod(0)
    with as_nobody():
        first, again = read(), read()
    assert [e.reason for e in first[:2]] == ["permission denied"] * 2
    assert str(tmp_path / "a.txt") in first[0].detail
    assert [type(e) for e in again] == [Unchanged, Unchanged, Complete]
    for name in ("a.txt", "b.jsonl"):
        (tmp_path / name).chmod(0o644)
    assert RawDocument in {type(e) for e in read()}


def test_a_folder_without_permission_hides_so_the_listing_is_not_complete(
    tmp_path: Path, read: Any, as_nobody: Any, short: Any
):
    for folder in [tmp_path, *list(tmp_path.parents)[:3]]:
        with contextlib.suppress(OSError):
            folder.chmod(folder.stat().st_mode | 0o055)
    (tmp_path / "a").mkdir(mode=0)
    (tmp_path / "b.txt").write_text("x")
    with as_nobody():
        first, again = read(), read()
    (tmp_path / "a").chmod(0o755)
    assert short(first) == [("bad", "a", "permission denied"), ("doc", "b.txt", "x")]
    assert short(again) == [("Unchanged", "a"), ("Unchanged", "b.txt")]


def test_a_broken_link_may_hide_a_folder_unless_it_is_named_like_a_file(
    tmp_path: Path, read: Any, short: Any
):
    (tmp_path / "a.txt").symlink_to("nowhere")
    assert short(read()) == [("bad", "a.txt", "broken link"), ("Complete", "")]
    assert isinstance(read()[0], Unchanged)
    (tmp_path / "mounted").symlink_to("/no/such/disk")
    assert short(read()) == [("Unchanged", "a.txt"), ("bad", "mounted", "broken link")]


def test_loops_of_links_are_told_and_end(tmp_path: Path, read: Any, short: Any):
    (tmp_path / "a.txt").symlink_to("b.txt")
    (tmp_path / "b.txt").symlink_to("a.txt")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "up").symlink_to("..")
    (tmp_path / "c" / "x.txt").write_text("x")
    assert short(read()) == [
        ("bad", "a.txt", "link loop"),
        ("bad", "b.txt", "link loop"),
        ("bad", "c/up", "link loop"),
        ("doc", "c/x.txt", "x"),
        ("Complete", ""),
    ]
    assert short(read(follow_links=False)) == [("Unchanged", "c/x.txt"), ("Complete", "")]


def test_a_pipe_is_not_opened(tmp_path: Path, read: Any):
    os.mkfifo(tmp_path / "a.txt")
    assert only(read()).reason == "not a regular file"


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_a_file_that_vanishes_before_it_is_read(
    tmp_path: Path, read: Any, monkeypatch: pytest.MonkeyPatch, name: Any
):
    (tmp_path / name).write_text("x")
    (tmp_path / "b.txt").write_text("x")
    original = Local.open

    def gone(self: Any, path: Any) -> Any:
        if path.endswith(name):
            Path(path).unlink()
        return original(self, path)

    monkeypatch.setattr(Local, "open", gone)
    events = read()
    assert only(events).reason == "vanished"
    assert only(events).fingerprint == ""
    assert only(events, RawDocument).source_id == "b.txt"


def test_a_file_that_is_written_to_once_while_being_read_is_read_again(
    tmp_path: Path, read: Any, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "a.txt"
    path.write_text("one")
    _grow(monkeypatch, path, times=1)
    assert only(read(), RawDocument).content == b"one+"


def test_a_file_that_keeps_growing_is_left_to_the_next_run(
    tmp_path: Path, read: Any, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "a.txt"
    path.write_text("one")
    _grow(monkeypatch, path, times=2)
    event = only(read())
    assert (event.reason, event.fingerprint) == ("changed while being read", "")
    assert only(read(), RawDocument).content == b"one++"


def test_a_container_that_grows_while_being_read_is_not_done(
    tmp_path: Path, read: Any, monkeypatch: pytest.MonkeyPatch, short: Any
):
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 1, "text": "x"}\n')
    original = onefile._contents

    def growing(blob: Any, job: Any) -> Any:
        yield from original(blob, job)
        with path.open("a") as file:
            file.write('{"id": 2, "text": "y"}\n')

    monkeypatch.setattr(onefile, "_contents", growing)
    events = read()
    assert short(events) == [
        ("doc", "a.jsonl#1", "x"),
        ("bad", "a.jsonl", "changed while being read"),
        ("Complete", ""),
    ]
    monkeypatch.setattr(onefile, "_contents", original)
    assert short(read())[1] == ("doc", "a.jsonl#2", "y")


def _grow(monkeypatch: pytest.MonkeyPatch, path: Any, times: Any) -> Any:
    """Append to the file between its opening and the second look at it."""
    state, left = Local.state, [times * 2]

    def growing(self: Any, name: Any, file: Any) -> Any:
        now = state(self, name, file)
        left[0] -= 1
        if left[0] >= 0 and left[0] % 2:
            with path.open("a") as other:
                other.write("+")
        return now

    monkeypatch.setattr(Local, "state", growing)


# --- the source as a whole ---------------------------------------------------------------


def test_a_missing_path_says_what_and_where(tmp_path: Path):
    reader, context = Files(path="nowhere"), FakeContext(base=tmp_path, source="news")
    with pytest.raises(SourceError, match=r"'news'.*nowhere: there is no such file or folder"):
        reader.check(context)
    with pytest.raises(SourceError, match=r"pattern '\*.txt'"):
        run(Files(path="nowhere/*.txt"), context)


def test_a_root_that_vanishes_is_not_complete(tmp_path: Path):
    found = list(walk.walk(str(tmp_path / "x"), walk.Selection()))
    assert [(type(e), e.hides) for e in found] == [(walk.Trouble, True)]


def test_cancel_ends_the_run_before_its_next_file(tmp_path: Path):
    for name in "abc":
        (tmp_path / f"{name}.txt").write_text("x")
    context = FakeContext(base=tmp_path)
    events = Files(path=".").read(None, context)
    next(events)
    context.stopped = True
    assert list(events) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"path": ""},
        {"path": ()},
        {"path": ("a", "")},
        {"path": "a", "encoding": "utf-7777"},
        {"path": "a", "delimiter": "ab"},
        {"path": "a", "max_ratio": 0},
        {"path": "a", "format": "docx"},
        {"path": "a", "fields": {"body": "x"}},
    ],
)
def test_bad_settings_are_refused(settings: Any):
    with pytest.raises(ValidationError):
        Files(**settings)


def test_options_for_remote_stores_stay_out_of_the_repr():
    assert "hush" not in repr(Files(path="s3://x", storage_options={"secret": "hush"}))
