"""Records to events: which field is what, identity, and what is wrong with bad ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.documents import Failed, RawDocument, Unchanged
from ingest.read import records
from ingest.read.records import Fields, Records
from ingest.read.streams import Line, ReadError, line_digest
from ingest.testing import FakeContext


def jsonl(*lines: Any, fields: Any = None, context: Any = None):
    data = [line if isinstance(line, bytes) else line.encode() for line in lines]
    factory = Records("f.jsonl", "f.jsonl", "t:", fields or Fields(), context or FakeContext())
    return [
        factory.of_line(Line(number, each, len(each), line_digest(each)))
        for number, each in enumerate(data, 1)
    ]


def one(line: Any, **settings: Any):
    (event,) = jsonl(line if isinstance(line, str | bytes) else json.dumps(line), **settings)
    return event


def test_text_is_clean_and_html_is_not():
    text = one({"text": "a", "html": "<p>b"})
    assert (text.content, text.clean, text.media_type) == (b"a", True, "text/plain; charset=utf-8")
    assert text.metadata == {}  # the page that the text was taken from is not carried along
    page = one({"text": " ", "html": "<p>é"})
    assert (page.content.decode(), page.clean) == ("<p>é", False)
    assert page.media_type == "text/html; charset=utf-8"


def test_known_fields_and_the_rest():
    event = one(
        {
            "id": "x",
            "text": "a",
            "url": "http://x/",
            "title": "T",
            "author": ["A", "B"],
            "date": None,
            "created": "2020-01-01",
            "score": 1.5,
            "nested": {"b": [1]},
            "nothing": None,
            "empty": "",
        }
    )
    assert event.url == "http://x/"
    assert event.metadata == {
        "title": "T",
        "author": "A, B",
        "date": "2020-01-01",
        "score": "1.5",
        "nested": '{"b":[1]}',
    }


def test_dotted_paths_and_alternatives():
    fields = Fields(text=("body.content", "raw"), title="head.0.title", id="a.b")
    event = one(
        {"body": {"content": "t", "n": 1}, "head": [{"title": "T"}], "a.b": "whole", "a": {"b": 2}},
        fields=fields,
    )
    assert (event.content, event.source_id) == (b"t", "f.jsonl#whole")
    assert event.metadata == {"title": "T", "body": '{"n":1}', "head": "[{}]", "a": '{"b":2}'}
    assert one({"raw": "r"}, fields=fields).content == b"r"


def test_a_list_of_paragraphs_is_a_text():
    assert one({"text": ["a", "b"]}).content == b"a\n\nb"


def test_fields_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match="body"):
        Fields(body="x")


def test_ids_come_from_the_id_field_or_the_line():
    line = '{"text": "a"}'
    assert one({"id": "x/1", "text": "a"}).source_id == "f.jsonl#x/1"
    assert one({"id": 7, "text": "a"}).source_id == "f.jsonl#7"
    assert one(line).source_id == "f.jsonl#" + line_digest(line.encode())


@pytest.mark.parametrize("value", [None, "", True, 1.5, [1], {"a": 1}, 10**30])
def test_what_cannot_name_a_record_leaves_it_to_the_hash(value: Any):
    line = json.dumps({"id": value, "text": "a"})
    assert one(line).source_id == "f.jsonl#" + line_digest(line.encode())


def test_two_large_numbers_are_two_ids():
    first, second = jsonl(*(f'{{"id": 1{"0" * 30}{n}, "text": "a"}}' for n in (1, 2)))
    assert first.source_id != second.source_id


def test_of_one_id_given_twice_the_first_record_is_kept():
    first, second = jsonl('{"id": 1, "text": "a"}', '{"id": "1", "text": "b"}')
    assert isinstance(first, RawDocument)
    assert (second.reason, second.raw) == ("duplicate id", b'{"id": "1", "text": "b"}')
    assert second.detail.startswith("line 2: the id '1' was used before")
    assert second.source_id != first.source_id


def test_identical_records_without_id_are_copies_with_ids_of_their_own():
    found = [event.source_id for event in jsonl(*['{"text": "a"}'] * 3)]
    assert found[1:] == [found[0] + "~2", found[0] + "~3"]


def test_of_a_key_given_twice_the_last_counts_whoever_parses():
    assert one('{"text": "a", "text": "b"}').content == b"b"
    assert one('{"text": "a", "text": "\\ud800"}').content.decode() == "\ufffd"


def test_a_known_record_is_unchanged():
    context = FakeContext()
    first = one({"id": 1, "text": "a"}, context=context)
    context.remember(first)
    assert one({"id": 1, "text": "a"}, context=context) == Unchanged("f.jsonl#1", first.fingerprint)
    assert isinstance(one({"id": 1, "text": "b"}, context=context), RawDocument)


def test_a_known_bad_line_is_unchanged():
    context = FakeContext()
    context.remember(one("{", context=context))
    assert isinstance(one("{", context=context), Unchanged)


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        (b'{"text": ', "bad JSON", "line 1: unexpected end of data, at character 10"),
        (b'{"text": NaN}', "bad JSON", "line 1: unexpected character"),
        (b'{"text": "\xff"}', "invalid UTF-8", "line 1: byte 11 is 0xff"),
        (b"[" * 100_000, "bad JSON", "line 1: nested too deep"),
        (b'{"a":' * 100_000, "bad JSON", "line 1: nested too deep"),
        (b"[1]", "no text", "line 1: it is an array, not an object"),
        (b"7", "no text", "line 1: it is a number"),
        (b"null", "no text", "line 1: it is null"),
        (b"{}", "no text", "its fields are: none"),
        (
            b'{"body": "x", "n": 1}',
            "no text",
            "'text' and 'html' hold none; its fields are: body, n",
        ),
        (b'{"text": 7}', "no text", "its fields are: text"),
    ],
)
def test_what_is_wrong_with_a_bad_line(line: Any, reason: Any, detail: Any):
    event = one(line)
    assert isinstance(event, Failed)
    assert event.reason == reason
    assert detail in event.detail
    assert event.raw == line
    assert event.source_id == "f.jsonl#" + line_digest(line)


def test_a_text_beyond_the_limit():
    event = one({"text": "x" * 11}, context=FakeContext(max_bytes=10))
    assert (event.reason, event.detail[:6]) == ("too large", "line 1")


def test_numbers_too_large_for_a_double_stay_as_they_are_written():
    assert one('{"text": "a", "n": 1e999}').metadata == {"n": "1e999"}
    assert "e+29" in one(f'{{"text": "a", "n": {"1" * 30}}}').metadata["n"]


def test_lone_surrogates_become_replacement_characters():
    event = one(r'{"id": "\ud800", "text": "a\ud83d\ude00b\udc00", "\udfff": "\ud800"}')
    assert event.source_id == "f.jsonl#\ufffd"
    assert event.content.decode() == "a😀b\ufffd"
    assert event.metadata == {"\ufffd": "\ufffd"}


def test_a_mark_at_the_start_of_a_line_is_no_part_of_it():
    assert one(b'\xef\xbb\xbf{"text": "a"}').content == b"a"


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists))
def test_every_value_is_a_string_in_metadata(value: Any):
    event = one({"text": "a", "k": value})
    assert (
        all(isinstance(each, str) for each in event.metadata.values())
        if isinstance(event, RawDocument)
        else event.reason == "bad JSON"
    )  # NaN and Infinity are no JSON


@given(st.binary(max_size=80))
def test_any_bytes_are_a_value(line: Any):
    line = line.strip()
    if line:
        assert isinstance(one(line), RawDocument | Failed)


@given(st.text(max_size=20), st.text(min_size=1))
def test_text_comes_through_as_it_is(key: Any, text: Any):
    if text.strip():
        event = one({"text": text, "id": key})
        assert event.content.decode() == text
        if key:
            assert event.source_id == f"f.jsonl#{key}"


def test_the_json_test_suite(data_archive: Any):
    files = sorted(data_archive("json").rglob("test_parsing/*.json"))
    assert len(files) > 300
    for path in files:
        wrong = _verdict(path.read_bytes())
        if path.name.startswith("y_"):
            assert wrong is None, (path.name, wrong)
        if path.name.startswith("n_"):
            assert wrong is not None, path.name
            assert wrong.detail


def _verdict(data: Any) -> Any:
    try:
        records.parse(data.strip())
    except ReadError as error:
        return error
    return None
