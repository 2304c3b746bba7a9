"""Files that hold many documents: JSON, tables, Parquet, archives, as the reader gives them."""

from __future__ import annotations

import builtins
import gzip
import io
import json
import struct
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.documents import Complete, ContainerRead, Failed, RawDocument, Unchanged
from ingest.read.files import Files
from ingest.testing import FakeContext, run

if TYPE_CHECKING:
    from pathlib import Path

DOCS = [{"id": f"d{n}", "text": f"text {n}"} for n in range(3)]
LINES = "\n".join(json.dumps(doc) for doc in DOCS).encode()


def docs(name: Any, ids: Any = ("d0", "d1", "d2")):
    return [("doc", f"{name}#{key}", f"text {key[1:]}") for key in ids]


def framed(name: Any, *events: Any):
    return [*events, ("ContainerRead", name), ("Complete", "")]


# --- JSON --------------------------------------------------------------------------------


def test_an_object_is_one_document_under_the_name_of_the_file(
    tmp_path: Path, read: Any, short: Any
):
    (tmp_path / "a.json").write_text('{"id": "x", "text": "t", "title": "T"}')
    events = read()
    assert short(events) == [("doc", "a.json", "t"), ("Complete", "")]
    assert (events[0].metadata, events[0].container) == ({"title": "T"}, "")
    assert short(read()) == [("Unchanged", "a.json"), ("Complete", "")]


def test_a_list_is_a_container(tmp_path: Path, read: Any, short: Any):
    (tmp_path / "a.json").write_text(json.dumps([*DOCS, 7, {"text": "x"}, {"text": "x"}]))
    told = short(read())
    assert told[:3] == docs("a.json")
    assert told[3][2] == "no text"
    assert told[5][1] == told[4][1] + "~2"
    assert told[6:] == framed("a.json")


def test_a_list_somewhere_inside(tmp_path: Path, read: Any, short: Any):
    (tmp_path / "a.json").write_text(json.dumps({"data": {"items": DOCS}}))
    assert short(read(records="data.items")) == framed("a.json", *docs("a.json"))
    event = read(records="data.articles")[0]
    assert (event.reason, event.detail) == (
        "no text",
        "there is no list at records = 'data.articles'",
    )


@pytest.mark.parametrize("ending", ["json", "json.gz", "jsonl", "ndjson.zst"])
def test_json_lines_are_known_even_as_json(tmp_path: Path, read: Any, short: Any, ending: Any):
    data = LINES
    if ending.endswith("gz"):
        data = gzip.compress(LINES)
    if ending.endswith("zst"):
        data = pytest.importorskip("zstandard").compress(LINES)
    (tmp_path / f"a.{ending}").write_bytes(data)
    name = f"a.{ending}"
    assert short(read()) == framed(name, *docs(name))


@pytest.mark.parametrize(
    ("data", "reason", "words"),
    [
        (b"[]", "no text", "an empty list"),
        (b" \n ", "empty", "white space"),
        (b"7", "no text", "it is a number"),
        (b'{"a": 1}', "no text", "its fields are: a"),
        (b'{"text": "x"} {', "bad JSON", "unexpected content after document"),
        (b'[{"text": "x"},]', "bad JSON", "trailing comma"),
        (b'{"text": "\xff"}', "invalid UTF-8", "byte 11 is 0xff"),
    ],
)
def test_a_bad_json_file(tmp_path: Path, read: Any, data: Any, reason: Any, words: Any):
    (tmp_path / "a.json").write_bytes(data)
    event = read()[0]
    assert (event.source_id, event.reason, event.raw) == ("a.json", reason, data)
    assert words in event.detail
    assert [type(e) for e in read()] == [Unchanged, Complete]


def test_every_file_of_the_json_test_suite_is_read_or_quarantined(
    data_archive: Any, tmp_path: Path
):
    folder = next(data_archive("json").rglob("test_parsing"))
    events = run(Files(path=str(folder)), FakeContext(base=tmp_path))
    assert isinstance(events[-1], Complete)
    names = {path.name for path in folder.glob("*.json")}
    assert len(names) > 300
    reasons = {name: set() for name in names}
    for event in events:
        if isinstance(event, ContainerRead | Complete):
            continue
        name = event.source_id.partition(".json")[0] + ".json"
        reasons[name].add(event.reason if isinstance(event, Failed) else "")
    for name, found in reasons.items():
        assert found, f"{name} is lost"
        if name.startswith("y_"):
            assert found <= {"no text", ""}, (name, found)
        if name.startswith("n_"):
            assert found <= {"bad JSON", "invalid UTF-8", "empty", "no text"} - {"no text"}, (
                name,
                found,
            )


def test_dolmas_lines_give_the_same_plain_and_packed(data_archive: Any, tmp_path: Path):
    folder = next(data_archive("json").rglob("multiple_files"))
    for path in sorted(folder.glob("*.jsonl")):
        plain, packed = (_contents(name, tmp_path) for name in (path, f"{path}.gz"))
        assert len(plain) >= 10
        assert plain == packed


def _contents(path: Any, folder: Path) -> Any:
    events = run(Files(path=str(path)), FakeContext(base=folder))
    assert isinstance(events[-2], ContainerRead), path
    return [e.content for e in events if isinstance(e, RawDocument)]


def test_a_json_file_beyond_its_limit(tmp_path: Path, read: Any):
    (tmp_path / "a.json").write_text(json.dumps(DOCS))
    event = read(max_json=20)[0]
    assert (event.reason, "max_json = 20 bytes" in event.detail) == ("too large", True)
    (tmp_path / "b.json").write_bytes(LINES)
    assert len(read("b.json", max_json=20)) == 5


@pytest.mark.parametrize("ending", ["jsonl", "csv", "tsv", "ndjson.gz"])
def test_a_picture_is_one_failure_and_not_a_thousand(tmp_path: Path, read: Any, ending: Any):
    data = b"\x89PNG\r\n\x1a\n" + b"\0\1\n" * 100
    packed = gzip.compress(data) if ending.endswith("gz") else data
    (tmp_path / f"a.{ending}").write_bytes(packed)
    event, complete = read()
    assert (event.reason, event.detail) == ("not text", "it is a PNG image")
    assert complete == Complete()


# --- CSV and TSV ---------------------------------------------------------------------------


def test_quotes_line_ends_and_delimiters_within_cells(tmp_path: Path, read: Any, short: Any):
    (tmp_path / "a.csv").write_bytes(
        b'\xef\xbb\xbfid,text,title\r\n1,"a ""b"", c\nd",T\r\n\r\n2,e\r\n'
    )
    events = read()
    assert short(events) == framed(
        "a.csv", ("doc", "a.csv#1", 'a "b", c\nd'), ("doc", "a.csv#2", "e")
    )
    assert events[0].metadata == {"title": "T"}


@pytest.mark.parametrize("delimiter", [";", "\t", "|", ","])
def test_the_delimiter_is_found_out(tmp_path: Path, read: Any, short: Any, delimiter: Any):
    (tmp_path / "a.csv").write_text(f"id{delimiter}text\n1{delimiter}x\n")
    assert short(read())[0] == ("doc", "a.csv#1", "x")


def test_the_delimiter_of_the_settings(tmp_path: Path, read: Any, short: Any):
    (tmp_path / "a.csv").write_text("id:text\n1:x,y;z\n")
    assert short(read(delimiter=":"))[0] == ("doc", "a.csv#1", "x,y;z")


def test_cells_of_a_megabyte(tmp_path: Path, read: Any):
    (tmp_path / "a.tsv").write_text("text\tid\n" + "x" * 1_000_000 + "\t1\n")
    assert len(read()[0].content) == 1_000_000


def test_bad_rows_fail_alone(tmp_path: Path, read: Any, short: Any):
    rows = ["id,text", '1,"open', "2,b", "3,c,d", '4,"x"y', "5,e"]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    told = [each[::2] if each[0] == "bad" else each[:2] for each in short(read())]
    assert told == [
        ("bad", "bad row"),
        ("doc", "a.csv#2"),
        ("bad", "bad row"),
        ("bad", "bad row"),
        ("doc", "a.csv#5"),
        ("ContainerRead", "a.csv"),
        ("Complete", ""),
    ]
    (tmp_path / "b.csv").write_text("\n".join(rows))
    bad = [e for e in read() if isinstance(e, Failed)]
    assert [e.raw for e in bad] == [b'1,"open', b"3,c,d", b'4,"x"y']
    assert bad[1].detail == "line 4: 3 cells under a header of 2"


def test_a_row_beyond_the_limit_and_one_in_another_encoding(tmp_path: Path, read: Any, short: Any):
    (tmp_path / "a.csv").write_bytes(b"id,text\n1," + b"x" * 200 + b"\n2,\xe9\n3,ok\n")
    read.context.max_bytes = 100
    assert [each[2:] for each in short(read())[:3]] == [("too large",), ("invalid UTF-8",), ("ok",)]
    assert short(read(encoding="latin-1"))[1] == ("doc", "a.csv#2", "é")


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_table_without_text_is_told_once_with_its_columns(tmp_path: Path, read: Any, name: Any):
    if name == "a.csv":
        (tmp_path / name).write_text("body,n\nx,1\ny,2\n")
    else:
        pq.write_table(pa.table({"body": ["x", "y"], "n": [1, 2]}), tmp_path / name)
    event, complete = read()
    assert (event.source_id, event.reason) == (name, "no text")
    assert "its columns are 'body', 'n' (set `fields`)" in event.detail
    assert complete == Complete()
    assert [e.content for e in read(fields={"text": "body"}) if isinstance(e, RawDocument)] == [
        b"x",
        b"y",
    ]


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None
)
@given(st.binary(max_size=60))
@pytest.mark.parametrize(
    "ending", ["csv", "tsv", "json", "jsonl", "zip", "tar", "parquet", "txt.gz"]
)
def test_any_bytes_are_values(tmp_path: Path, ending: Any, data: Any):
    path = tmp_path / f"a.{ending}"
    for content in (data, b"text,id\n" + data, b'{"text": "' + data):
        path.write_bytes(content)
        events = run(Files(path=str(path)), FakeContext(base=tmp_path))
        assert isinstance(events[-1], Complete)
        assert len(events) > 1


# --- Parquet -------------------------------------------------------------------------------


def test_parquet_rows_and_nested_columns(tmp_path: Path, read: Any, short: Any):
    rows = [{"id": n, "body": {"text": f"t{n}"}, "tags": ["a", "b"]} for n in range(200)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    events = read(fields={"text": "body.text"})
    assert len(events) == 202
    assert short(events)[150] == ("doc", "a.parquet#150", "t150")
    assert events[0].metadata == {"tags": "a, b"}


@pytest.mark.parametrize("data", [b"PAR1 and nothing", b"x"])
def test_damaged_parquet(tmp_path: Path, read: Any, data: Any):
    (tmp_path / "a.parquet").write_bytes(data)
    assert (read()[0].reason, read.context.fingerprints != {}) == ("damaged", True)


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, read: Any, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    original = builtins.__import__

    def lacking(name: Any, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", lacking)
    event = read()[0]
    assert event.reason == "not supported"
    assert "pip install 'ingest[parquet]'" in event.detail
    assert event.fingerprint == ""


# --- archives ------------------------------------------------------------------------------


def zipped(members: Any):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def tarred(members: Any, mode: Any = "w"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, data in members:
            header = tarfile.TarInfo(name)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    return out.getvalue()


MEMBERS = [
    ("a.txt", b"hello"),
    ("d/j.jsonl", LINES),
    ("d/j.json.gz", gzip.compress(LINES)),
    ("p.png", b"x"),
    (".hidden.txt", b"x"),
    ("d/.h/x.txt", b"x"),
]


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.zip", zipped),
        ("a.tar", tarred),
        ("a.tgz", lambda members: tarred(members, "w:gz")),
        ("a.tar.xz", lambda members: tarred(members, "w:xz")),
        ("a.tar.bz2", lambda members: tarred(members, "w:bz2")),
    ],
)
def test_members_are_read_like_files_in_a_folder(
    tmp_path: Path, read: Any, short: Any, name: Any, pack: Any
):
    (tmp_path / name).write_bytes(pack(MEMBERS))
    events = read()
    assert short(events) == framed(
        name,
        ("doc", f"{name}!/a.txt", "hello"),
        *docs(f"{name}!/d/j.jsonl"),
        *docs(f"{name}!/d/j.json.gz"),
    )
    assert {e.container for e in events if isinstance(e, RawDocument)} == {name}
    (tmp_path / name).write_bytes(pack([("a.txt", b"hello"), ("new.md", b"n")]))
    assert short(read()) == framed(
        name, ("Unchanged", f"{name}!/a.txt"), ("doc", f"{name}!/new.md", "n")
    )


def test_excluded_members_are_passed_over(tmp_path: Path, read: Any, short: Any):
    members = [("a.txt", b"x"), ("b.md", b"y"), ("old/c.txt", b"z")]
    (tmp_path / "a.zip").write_bytes(zipped(members))
    assert short(read(exclude=("*.md", "old"))) == framed("a.zip", ("doc", "a.zip!/a.txt", "x"))


@pytest.mark.parametrize(
    "name", ["../x.txt", "/etc/x.txt", "a/../../x.txt", "C:\\x.txt", "..\\x.txt"]
)
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_names_that_lead_out_of_the_archive(
    tmp_path: Path, read: Any, short: Any, name: Any, pack: Any
):
    ending = "zip" if pack is zipped else "tar"
    (tmp_path / f"a.{ending}").write_bytes(pack([(name, b"x"), ("b.txt", b"y")]))
    bad, good, *_ = read()
    assert (bad.reason, good.content) == ("unsafe name", b"y")
    assert "would lie outside" in bad.detail
    assert list(tmp_path.iterdir()) == [tmp_path / f"a.{ending}"]


def test_members_of_one_name_are_both_read(tmp_path: Path, read: Any, short: Any):
    (tmp_path / "a.tar").write_bytes(tarred([("a.txt", b"1"), ("./a.txt", b"2")]))
    assert short(read())[:2] == [("doc", "a.tar!/a.txt", "1"), ("doc", "a.tar!/a.txt~2", "2")]


def test_a_member_whose_name_is_no_utf8_gets_a_valid_id(tmp_path: Path, read: Any):
    data = tarred([("caf?.txt", b"x")]).replace(b"caf?", b"caf\xe9")
    header = bytearray(data[:512])
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    (tmp_path / "a.tar").write_bytes(bytes(header) + data[512:])
    assert read()[0].source_id == "a.tar!/caf\\xe9.txt"


def test_links_and_devices_in_a_tar_are_no_documents(tmp_path: Path, read: Any):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE):
            header = tarfile.TarInfo("a.txt")
            header.type, header.linkname = kind, "/etc/passwd"
            archive.addfile(header)
    (tmp_path / "a.tar").write_bytes(out.getvalue())
    assert [type(e) for e in read()] == [ContainerRead, Complete]


def test_archives_in_archives_up_to_a_depth(tmp_path: Path, read: Any, short: Any):
    data, name = zipped([("a.txt", b"x")]), "a.zip"
    for depth in range(3):
        data = zipped([(name, data)]) if depth % 2 else tarred([(name, data)])
        name = "a.zip" if depth % 2 else "a.tar"
    (tmp_path / name).write_bytes(data)
    bad = read()[0]
    assert bad.reason == "nested too deep"
    (tmp_path / "ok.zip").write_bytes(zipped([("b.zip", zipped([("a.txt", b"x")]))]))
    assert ("doc", "ok.zip!/b.zip!/a.txt", "x") in short(read())


def test_a_damaged_member_fails_alone(tmp_path: Path, read: Any, short: Any):
    data = bytearray(zipped([("a.txt", b"hello hello"), ("b.txt", b"fine")]))
    place = data.index(b"a.txt") + 5
    data[place + 2] ^= 255
    (tmp_path / "a.zip").write_bytes(data)
    told = short(read())
    assert told[0] == ("bad", "a.zip!/a.txt", "damaged")
    assert told[1] == ("doc", "a.zip!/b.txt", "fine")
    assert told[2] == ("ContainerRead", "a.zip")


def test_an_encrypted_member(tmp_path: Path, read: Any):
    data = bytearray(zipped([("a.txt", b"x")]))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + offset] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    assert read()[0].reason == "encrypted"


def test_an_unknown_method_of_compression(tmp_path: Path, read: Any):
    data = bytearray(zipped([("a.txt", b"x")]))
    for magic, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        struct.pack_into("<H", data, data.index(magic) + offset, 97)
    (tmp_path / "a.zip").write_bytes(data)
    event = read()[0]
    assert (event.reason, "not supported" in event.detail) == ("damaged", True)


@pytest.mark.parametrize("length", [600, 1100, 1536, 2048])
def test_a_tar_that_is_cut_short_is_never_whole(tmp_path: Path, read: Any, length: Any):
    data = tarred([("a.txt", b"x"), ("b.txt", b"y" * 600)])
    (tmp_path / "a.tar").write_bytes(data[:length])
    events = read()
    assert ContainerRead not in {type(e) for e in events}
    assert [e.reason for e in events if isinstance(e, Failed)][-1] in {"cut short", "damaged"}
    assert [type(e) for e in read()] == [Unchanged, Complete]


def test_a_damaged_header_in_a_tar_is_not_its_end(tmp_path: Path, read: Any, short: Any):
    data = bytearray(tarred([("a.txt", b"x"), ("b.txt", b"y")]))
    data[1024:1030] = b"broken"
    (tmp_path / "a.tar").write_bytes(data)
    assert short(read())[:2] == [("doc", "a.tar!/a.txt", "x"), ("bad", "a.tar", "damaged")]


def test_a_tar_header_of_gigabytes_is_not_loaded(tmp_path: Path, read: Any):
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 3 << 30
    (tmp_path / "a.tar").write_bytes(header.tobuf() + b"\0" * 1024)
    event = read()[0]
    assert (event.reason, "extended header" in event.detail) == ("damaged", True)


@pytest.mark.parametrize("pack", [zipped, lambda members: tarred(members, "w:gz")])
def test_a_bomb_among_the_members_ends_the_archive(tmp_path: Path, read: Any, pack: Any):
    name = "a.zip" if pack is zipped else "a.tgz"
    members = [("a.txt", b"fine"), ("b.jsonl", b" " * 20_000_000), ("c.txt", b"never")]
    (tmp_path / name).write_bytes(pack(members))
    read.context.max_bytes = 1 << 30
    events = read(max_ratio=100)
    kinds = [type(e) for e in events]
    assert kinds == [RawDocument, Failed, Complete]
    assert (events[1].source_id, events[1].reason) == (name, "decompression bomb")


def test_a_member_beyond_the_limit_fails_alone(tmp_path: Path, read: Any, short: Any):
    (tmp_path / "a.zip").write_bytes(zipped([("a.txt", b"x" * 101), ("b.txt", b"y")]))
    read.context.max_bytes = 100
    assert short(read())[:2] == [("bad", "a.zip!/a.txt", "too large"), ("doc", "a.zip!/b.txt", "y")]


@pytest.mark.parametrize("data", [b"PK\x03\x04 and nothing", b"no zip", zipped(MEMBERS)[:-30]])
def test_what_is_no_zip(tmp_path: Path, read: Any, data: Any):
    (tmp_path / "a.zip").write_bytes(data)
    event = read()[0]
    assert (event.reason, event.container, event.raw) == ("damaged", "a.zip", data)


def test_a_format_from_the_settings_holds_where_the_name_tells_none(
    tmp_path: Path, read: Any, short: Any
):
    (tmp_path / "dump").write_bytes(LINES)
    assert short(read("dump", format="jsonl")) == framed("dump", *docs("dump"))
