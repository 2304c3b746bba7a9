"""Web archives: what is a document, what damage costs, and where reading is taken up again."""

from __future__ import annotations

import base64
import gzip
import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.documents import Checkpoint, Complete, ContainerRead, Failed, RawDocument, Unchanged
from ingest.read import warc
from ingest.read.files import Files
from ingest.read.warc import Warc, joined_chunks
from ingest.testing import FakeContext, ReaderConformance, ids, run

if TYPE_CHECKING:
    from pathlib import Path

PAGE = b"<p>The bridge is open.</p>"


def record(block: bytes, kind: str = "response", key: str = "a", **headers: Any) -> bytes:
    lines = {
        "WARC-Type": kind,
        "WARC-Record-ID": f"<urn:uuid:{key}>",
        "WARC-Target-URI": f"https://example.org/{key}",
        "WARC-Date": "2024-05-06T07:08:09Z",
        "Content-Type": "application/http",
        "Content-Length": len(block),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"WARC/1.0\r\n{head}\r\n".encode() + block + b"\r\n\r\n"


def page(key: str, body: bytes = PAGE, status: int = 200, **headers: str) -> bytes:
    named = {"Content-Type": "text/html; charset=utf-8", **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in named.items())
    return record(f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode() + body, key=key)


def docs(events: list[Any]) -> list[tuple[str, bytes]]:
    return [(e.source_id, e.content) for e in events if isinstance(e, RawDocument)]


def bad(events: list[Any]) -> list[tuple[str, str]]:
    return [(e.source_id, e.reason) for e in events if isinstance(e, Failed)]


class TestConformance(ReaderConformance):
    def make(self, folder: Path) -> Warc:
        (folder / "in").mkdir()
        pieces = [page("a"), page("b"), page("c")]
        (folder / "in" / "one.warc").write_bytes(b"".join(pieces))
        (folder / "in" / "two.warc.gz").write_bytes(b"".join(gzip.compress(p) for p in pieces))
        return Warc(path="in")

    def make_bad(self, folder: Path) -> Warc:
        reader = self.make(folder)
        damaged = bytearray(gzip.compress(page("b")))
        damaged[20:30] = b"\xff" * 10
        parts = [gzip.compress(page("a")), bytes(damaged), gzip.compress(page("c"))]
        (folder / "in" / "two.warc.gz").write_bytes(b"".join(parts))
        return reader

    def make_missing(self, folder: Path) -> Warc:
        del folder
        return Warc(path="nowhere.warc")


@pytest.fixture
def read(tmp_path: Path):
    context = FakeContext(base=tmp_path)

    def reading(data: bytes | None = None, name: str = "x.warc") -> list[Any]:
        if data is not None:
            (tmp_path / name).write_bytes(data)
        return run(Warc(path=name), context)

    reading.context = context  # type: ignore[attr-defined]
    return reading


def test_a_response_is_a_document_with_what_the_record_says(read: Any):
    (event, *_) = read(page("a"))
    assert (event.source_id, event.url) == ("x.warc#a", "https://example.org/a")
    assert event.content == PAGE
    assert event.media_type == "text/html; charset=utf-8"
    assert event.fetched == datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert event.container == "x.warc"
    assert not event.clean


def test_a_text_of_a_wet_file_is_utf8(read: Any):
    wet = record("Brücke".encode(), "conversion", Content_Type="text/plain")
    (event, *_) = read(wet, "x.warc.wet")
    assert event.media_type == "text/plain; charset=utf-8"
    assert event.content.decode() == "Brücke"


@pytest.mark.parametrize(
    "other",
    [
        page("z", status=404),
        page("z", Content_Type="image/png"),
        record(b"GET / HTTP/1.1\r\n\r\n", "request", "z"),
        record(b"HTTP/1.1 200 OK\r\n\r\n", "revisit", "z"),
        record(b"20240506 example.org", "response", "z", Content_Type="text/dns"),
    ],
)
def test_what_is_no_page_is_passed_over(read: Any, other: Any):
    assert ids(read(other + page("a"))) == ["x.warc#a"]


def test_a_body_is_taken_out_of_chunks_and_of_its_packing(read: Any):
    packed = gzip.compress(PAGE)
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed)
    both = {"Transfer_Encoding": "chunked", "Content_Encoding": "gzip"}
    pages = [page("a", chunked, **both), page("b", PAGE, **both), page("c", PAGE)]
    assert [content for _, content in docs(read(b"".join(pages)))] == [PAGE] * 3


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1))
def test_chunks_join_to_what_was_cut(pieces: Any):
    framed = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    assert joined_chunks(framed + b"0\r\n\r\n") == b"".join(pieces)


@pytest.mark.parametrize("form", ["sha1", "sha256", "SHA-1"])
def test_a_digest_is_held_against_the_block(read: Any, form: Any):
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + PAGE
    right = hashlib.new(form.lower().replace("-", ""), block).digest()
    good = record(block, key="a", WARC_Block_Digest=f"{form}:{base64.b32encode(right).decode()}")
    hexadecimal = record(block, key="b", WARC_Block_Digest=f"{form}:{right.hex()}")
    wrong = record(block, key="c", WARC_Block_Digest=f"{form}:{right[::-1].hex()}")
    unknown = record(block, key="d", WARC_Block_Digest="crc9:1234")
    events = read(good + hexadecimal + wrong + unknown)
    assert [name for name, _ in docs(events)] == ["x.warc#a", "x.warc#b", "x.warc#d"]
    at = len(good + hexadecimal)
    assert bad(events) == [(f"x.warc@{at}", "digest mismatch")]


@pytest.mark.parametrize("packing", ["", "gz"])
def test_a_broken_record_costs_that_record_and_says_where_it_is(read: Any, packing: Any):
    pack = gzip.compress if packing else bytes
    pieces = [pack(page(key)) for key in "abcd"]
    pieces[1] = pieces[1][:12] + b"\0" * 30 + pieces[1][42:]
    if not packing:
        pieces[1] = b"JUNK" + pieces[1]
    events = read(b"".join(pieces), f"x.warc{'.gz' if packing else ''}")
    assert [name[-1] for name, _ in docs(events)] == ["a", "c", "d"]
    ((name, reason),) = bad(events)
    assert reason == "damaged"
    if packing:
        assert name == f"x.warc.gz@{len(pieces[0])}"
    assert isinstance(events[-1], Complete)


def test_a_record_that_is_cut_short_is_truncated(read: Any):
    events = read(page("a") + page("b")[:-12])
    assert [name for name, _ in docs(events)] == ["x.warc#a"]
    assert bad(events) == [(f"x.warc@{len(page('a'))}", "truncated")]


def test_a_record_beyond_the_limit_is_never_held(read: Any):
    read.context.max_bytes = 1000
    events = read(page("a", b"x" * 2000) + page("b"))
    assert bad(events) == [("x.warc@0", "too large")]
    assert [name for name, _ in docs(events)] == ["x.warc#b"]


def test_a_bomb_within_a_record_is_too_large(read: Any):
    read.context.max_bytes = 100_000
    events = read(page("a", gzip.compress(b"x" * 10_000_000), Content_Encoding="gzip") + page("b"))
    assert bad(events) == [("x.warc@0", "too large")]


def test_a_second_record_of_one_id_is_told(read: Any):
    events = read(page("a") + page("a", b"<p>other"))
    assert docs(events) == [("x.warc#a", PAGE)]
    assert bad(events) == [(f"x.warc@{len(page('a'))}", "duplicate id")]


def test_arc(read: Any):
    body = b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n" + PAGE
    line = f"http://example.org/a b 127.0.0.1 20140216050221 text/html {len(body)}\n"
    head = b"filedesc://x.arc 127.0.0.1 20140216050221 text/plain 4\n1 0\n\n"
    events = read(gzip.compress(head) + gzip.compress(line.encode() + body + b"\n"), "x.arc.gz")
    assert docs(events) == [("x.arc.gz#20140216050221/http://example.org/a b", PAGE)]
    assert events[0].fetched == datetime(2014, 2, 16, 5, 2, 21, tzinfo=UTC)


@pytest.mark.parametrize("packing", ["", "gz"])
def test_reading_is_taken_up_at_the_offset(
    read: Any, packing: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(warc, "_EVERY", 2)
    pack = gzip.compress if packing else bytes
    name = f"x.warc{'.gz' if packing else ''}"
    (read.context.base / name).write_bytes(b"".join(pack(page(key)) for key in "abcdef"))
    for event in Warc(path=name).read(None, read.context):
        if isinstance(event, RawDocument) and event.source_id.endswith("#e"):
            break
        read.context.remember(event)
    again = run(Warc(path=name), read.context)
    assert [each[-1] for each in ids(again)[:-1]] == ["d", "e", "f"]
    # What stands before the offset must not count as missing.
    assert not any(isinstance(event, ContainerRead) for event in again)
    assert Unchanged(name, again[-3].fingerprint) == again[-3]
    assert ids(run(Warc(path=name), read.context)) == [name]


def test_an_offset_of_another_file_is_not_used(read: Any):
    data = page("a") + page("b")
    read.context.cursor = {"file": "x.warc:1:2", "offset": len(page("a"))}
    assert len(docs(read(data))) == 2


def test_a_file_that_grew_is_read_whole_so_that_what_it_lacks_is_told(
    read: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(warc, "_EVERY", 1)
    read(page("a"))
    events = read(page("a") + page("b") + page("c"))
    kinds = [type(event).__name__ for event in events]
    assert kinds == ["Unchanged", "RawDocument", "RawDocument", "ContainerRead", "Complete"]
    assert not any(isinstance(event, Checkpoint) for event in events)


def test_archives_among_files_of_other_forms(tmp_path: Path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("text")
    (tmp_path / "in" / "b.warc.gz").write_bytes(gzip.compress(page("a")))
    (tmp_path / "in" / "c.warc.wet").write_bytes(
        record(b"text", "conversion", Content_Type="text/plain")
    )
    events = run(Files(path="in"), FakeContext(base=tmp_path))
    assert [name for name, _ in docs(events)] == ["a.txt", "b.warc.gz#a", "c.warc.wet#a"]


def test_every_archive_of_the_shared_data_goes_through(data_archive: Any):
    root = data_archive("warc")
    events = run(Warc(path=str(root), include=("*arc*", "*.wet*")), FakeContext())
    assert isinstance(events[-1], Complete)
    found = {(event.source_id.rpartition("/")[2].split("@")[0], event.reason)
             for event in events if isinstance(event, Failed)}  # fmt: skip
    assert found == {
        ("clipped.warc.gz", "truncated"),
        ("bad.arc", "damaged"),
        ("example-space-in-url.arc", "truncated"),
        ("example-trunc.warc", "digest mismatch"),
        ("example-trunc.warc", "damaged"),
        ("example-wrong-chunks.warc.gz", "digest mismatch"),
    }
    assert len(docs(events)) > 120
    texts = {form: [content for name, content in docs(events) if f"/warcfile.{form}#" in name]
             for form in ("warc", "warc.gz", "warc.lz4")}  # fmt: skip
    assert texts["warc"] == texts["warc.gz"] == texts["warc.lz4"]
    assert len(texts["warc"]) == 16


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damage_is_an_exception(tmp_path: Path, data: Any):
    pack = data.draw(st.sampled_from([bytes, gzip.compress]))
    whole = bytearray(b"".join(pack(page(key)) for key in "abc"))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    whole = whole[: data.draw(st.integers(1, len(whole)))]
    (tmp_path / "x.warc").write_bytes(whole)
    events = run(Warc(path="x.warc"), FakeContext(base=tmp_path))
    assert isinstance(events[-1], Complete)
