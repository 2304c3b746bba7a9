"""What the keeper of raw responses remembers, and what it writes of an exchange."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from warcio.archiveiterator import ArchiveIterator

from ingest.read.exchange import Answer
from ingest.read.feed import Feed
from ingest.read.raw import Keeper, exchange, keeper
from ingest.read.rawfile import Archive, load
from ingest.read.rawrefused import Refused
from ingest.read.web import Web
from ingest.testing import FakeContext

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

URL = "https://example.org/a"
HTML = {"content-type": "text/html"}
PAGE = Answer(200, HTML, b"<p>The bridge is open.")
MOVED = Answer(301, {"location": "/b"})
GONE = Answer(404, HTML)
SAME = Answer(304, {})


class _None(Refused):
    """Nothing was forgotten, but for one address."""

    def __init__(self, address: str = "") -> None:
        self._address = address

    def address(self, url: str) -> bool:
        return url == self._address

    def page(self, url: str, content: bytes, media_type: str) -> bool:
        del content, media_type
        return url == self._address


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Keeper]:
    made = Keeper(Archive(tmp_path, "paper", 1 << 20), _None(), {})
    yield made
    made.close()


@pytest.mark.parametrize(
    ("answers", "has"),
    [
        ([PAGE], True),
        ([MOVED], True),
        ([GONE], False),
        ([PAGE, GONE], False),
        ([MOVED, GONE], False),
        ([PAGE, MOVED, GONE], False),
        ([GONE, PAGE], True),
        ([PAGE, SAME], True),
        ([SAME], False),
    ],
)
def test_only_what_is_kept_is_asked_for_on_condition(
    kept: Keeper, answers: list[Answer], has: bool
) -> None:
    for each in answers:
        kept.keep(URL, (), each)
    assert kept.has(URL) is has
    assert not kept.has(URL + "b")


def test_what_was_forgotten_is_asked_for_on_condition_though_it_is_not_kept(
    tmp_path: Path,
) -> None:
    made = Keeper(Archive(tmp_path, "paper", 1 << 20), _None(URL), {})
    made.keep(URL, (), PAGE)
    made.close()
    assert made.has(URL)
    assert load(tmp_path) == []


def test_a_304_of_what_was_never_kept_leaves_nothing(tmp_path: Path) -> None:
    made = Keeper(Archive(tmp_path, "paper", 1 << 20), _None(), {})
    made.keep(URL, (), SAME)
    made.close()
    assert load(tmp_path) == []


def test_nothing_is_kept_unless_asked_for(tmp_path: Path) -> None:
    context = FakeContext(raw=tmp_path / "raw")
    assert keeper(Web(url=URL), context) is None
    assert keeper(Web(url=URL, keep_raw=True), FakeContext()) is None
    assert not (tmp_path / "raw").exists()


def records(data: bytes) -> list[Any]:
    return list(ArchiveIterator(io.BytesIO(data)))


def written(answer: Answer, asked: tuple[tuple[str, str], ...] = (), url: str = URL) -> list[Any]:
    """Headers of response and request as another tool reads them."""
    return [record.http_headers for record in records(exchange(url, asked, answer, None)[0])]


def test_headers_are_true_of_the_body_as_it_is_kept() -> None:
    sent = {**HTML, "content-encoding": "gzip", "content-length": "7", "transfer-encoding": "x"}
    told, _ = written(Answer(200, sent, b"longer than seven"))
    assert told.get_header("content-length") == "17"
    assert told.get_header("content-encoding") is None
    assert told.get_header("x-crawler-content-encoding") == "gzip"
    assert told.get_header("x-crawler-content-length") == "7"


def test_what_came_again_refers_to_what_is_kept() -> None:
    _, first = exchange(URL, (), PAGE, None)
    for again, profile in ((PAGE, "identical-payload-digest"), (SAME, "server-not-modified")):
        data, entry = exchange(URL, (), again, first)
        told = records(data)[0].rec_headers
        assert (entry.kind, entry.digest) == ("revisit", first.digest)
        assert told.get_header("WARC-Profile").endswith(f"/{profile}")
        assert told.get_header("WARC-Payload-Digest") == first.digest
        assert told.get_header("WARC-Refers-To") == first.id
    _, other = exchange(URL, (), Answer(200, HTML, b"<p>It is closed."), first)
    assert (other.kind, other.digest == first.digest) == ("response", False)


def test_secrets_are_left_out() -> None:
    sent = {"set-cookie": "id=secret", "location": "https://me:secret@example.org/x", **HTML}
    asked = (("Authorization", "Basic secret"), ("Cookie", "secret"), ("Accept", "*/*"))
    data, _ = exchange(URL, asked, Answer(302, sent), None)
    told, request = (record.http_headers for record in records(data))
    assert told.get_header("location") == "https://example.org/x"
    assert request.get_header("accept") == "*/*"
    assert "secret" not in f"{told} {request}"


def test_odd_answers_can_be_written() -> None:
    told, request = written(Answer(299, {"x-name": "Müller"}), url="https://example.org")
    assert told.get_statuscode() == "299"
    assert told.get_header("x-name") == "M%FCller"
    assert request.statusline == "/ HTTP/1.1"
    assert request.get_header("host") == "example.org"


def test_a_visit_is_noted_with_its_reader_and_what_was_set(tmp_path: Path) -> None:
    context = FakeContext(raw=tmp_path)
    settings = Feed(url="https://me:secret@example.org/feed", keep_raw=True)
    made = keeper(settings, context)
    assert made is not None
    made.keep(URL, (), PAGE)
    made.close()
    (file,) = tmp_path.glob("*.warc.gz")
    with file.open("rb") as stream:
        note = next(iter(ArchiveIterator(stream))).content_stream().read().decode()
    assert "reader: feed\r\n" in note
    (line,) = re.findall(r"^settings: (.*)\r$", note, re.MULTILINE)
    assert json.loads(line) == {"keep_raw": True, "url": "https://example.org/feed"}
    assert "secret" not in note
