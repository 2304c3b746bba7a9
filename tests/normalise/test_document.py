"""The stage as a whole: what is extracted in, a document or a reason out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.documents import Document, Extracted, RawDocument, Rejected
from ingest.normalise import NormaliseOptions, normalise, version

FETCHED = datetime(2021, 3, 5, 12, 30, 15, 678_900, tzinfo=UTC)
TEXT = "The council met on Tuesday evening to discuss the budget for the coming year."


def document(raw: RawDocument, extracted: Extracted) -> Document:
    result = normalise(raw, extracted, "news", NormaliseOptions())
    assert isinstance(result, Document), result
    return result


def test_every_field_in_its_form() -> None:
    raw = RawDocument(
        "a/b.html",
        b"",
        "Text/HTML; charset=utf-8",
        url="https://example.org/a",
        fetched=FETCHED,
        metadata={"title": "x", "score": "7 ", "\x00section\n": "Cafe\u0301"},
    )
    extracted = Extracted(
        TEXT + "\r\n\r\n\r\n" + TEXT,
        title=" A\ntitle ",
        author="Ada  Writer",
        created="2021-03-04T10:00:00+01:00",
        language="en",
        url="HTTPS://Example.org/a?utm_source=x",
        site="The\tExample",
        description="What it is.",
        tags="a; b",
        extractor="plain/1",
    )
    assert document(raw, extracted) == Document(
        source="news",
        source_id="a/b.html",
        text=TEXT + "\n\n" + TEXT,
        title="A title",
        author="Ada Writer",
        created="2021-03-04T09:00:00.000Z",
        language="en",
        url="https://example.org/a",
        words=28,
        site="The Example",
        description="What it is.",
        tags="a; b",
        media_type="text/html",
        fetched="2021-03-05T12:30:15.678Z",
        extra={"score": "7", "section": "Café"},
        extractor="plain/1",
    )


def test_nothing_left_is_no_text() -> None:
    result = normalise(
        RawDocument("x", b""), Extracted(" \x00\u200b\n"), "news", NormaliseOptions()
    )
    assert isinstance(result, Rejected)
    assert (result.stage, result.reason) == ("normalise", "no text")


def test_the_source_knows_the_language_best_and_the_page_least() -> None:
    told = RawDocument("x", b"", metadata={"language": "de-AT"})
    assert document(told, Extracted(TEXT)).language == "de"
    odd = RawDocument("x", b"", metadata={"language": "plain English"})
    assert document(odd, Extracted(TEXT, language="de")).language == "en"
    assert document(odd, Extracted("Yes.")).language == "und"


def test_mojibake_is_mended_unless_told_otherwise() -> None:
    broken = Extracted("Un cafÃ© crÃ¨me", title="cafÃ©")
    raw = RawDocument("x", b"")
    assert document(raw, broken).text == "Un café crème"
    assert document(raw, broken).title == "café"
    left = normalise(raw, broken, "news", NormaliseOptions(mend_mojibake=False))
    assert isinstance(left, Document)
    assert left.text == "Un cafÃ© crÃ¨me"


def test_a_date_after_the_fetch_is_dropped() -> None:
    raw = RawDocument("x", b"", fetched=FETCHED)
    assert document(raw, Extracted(TEXT, created="2021-06-01")).created == ""


def test_the_version_names_unicode_and_what_is_used() -> None:
    assert "unicode/" in version(NormaliseOptions())
    assert "ftfy/" in version(NormaliseOptions())
    assert "ftfy/" not in version(NormaliseOptions(mend_mojibake=False))


anything = st.text(max_size=40)


@settings(deadline=None)
@given(st.builds(Extracted, *[anything] * 10), st.dictionaries(anything, anything, max_size=3))
def test_any_strings_give_a_document_that_json_can_hold(
    extracted: Extracted, metadata: dict[str, str]
) -> None:
    result = normalise(
        RawDocument("x", b"", metadata=metadata), extracted, "news", NormaliseOptions()
    )
    if isinstance(result, Document):
        fields: dict[str, Any] = {
            name: getattr(result, name) for name in ("text", "title", "author", "url", "extra")
        }
        json.dumps(fields, ensure_ascii=False).encode()
        assert "\n" not in result.title + result.author + result.url


@pytest.mark.parametrize("field", ["title", "author", "site", "description", "tags"])
def test_lone_surrogates_never_reach_a_document(field: str) -> None:
    extracted = Extracted("text \ud800", **{field: "a \udfff"})
    made = document(RawDocument("x", b"", metadata={"k\ud800": "\udfff"}), extracted)
    assert getattr(made, field) == "a \ufffd"
    assert made.text == "text \ufffd"
    assert made.extra == {"k\ufffd": "\ufffd"}
