"""No page can hurt: the real extraction on pages that were made to hurt it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import extract_work
import pytest

from ingest.documents import Extracted, Rejected
from ingest.engine.base import Casualty, Limits
from ingest.engine.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROSE = "<p>" + "The council met on Tuesday and voted to repair the old bridge by spring. " * 8
NEIGHBOUR = (
    f"<html><head><title>Bridge</title></head><body><article>{PROSE}</article></body></html>"
)
MEBI = 1 << 20


def body(inside: str) -> bytes:
    return f"<html><body><article>{PROSE}{inside}{PROSE}</article></body></html>".encode()


def attributes() -> bytes:
    return body("<div " + " ".join(f'a{n}="{n}"' for n in range(50_000)) + ">text</div>")


def tables() -> bytes:
    cell = "<table><tr><td>"
    return body(cell * (6 * MEBI // len(cell)))


def deep() -> bytes:
    return body("<div>" * 10_000 + "deep" + "</div>" * 10_000)


def text_node() -> bytes:
    return body("<p>" + "word and " * (30 * MEBI // 9))


def text_without_spaces() -> bytes:
    return body("<p>" + "x" * (30 * MEBI))


def colspan() -> bytes:
    row = '<tr><td colspan="999999999" rowspan="99999999">cell</td></tr>'
    return body("<table>" + row * 50 + "</table>")


def entities() -> bytes:
    return body("&lt;" * MEBI)


def open_tags() -> bytes:
    return body("<a<b<i " * 300_000)


def comments() -> bytes:
    return body("<!-- -- " * 300_000)


def json_ld() -> bytes:
    nested = '{"a":' * 50_000
    return body(f'<script type="application/ld+json">{nested}</script>')


def one_line() -> bytes:
    return ("word and " * (10 * MEBI // 9)).encode()


def many_lines() -> bytes:
    return ("Home | About\n" * (10 * MEBI // 13)).encode()


HOSTILE: dict[str, Callable[[], bytes]] = {
    "attributes.html": attributes,
    "tables.html": tables,
    "deep.html": deep,
    "text-node.html": text_node,
    "text-without-spaces.html": text_without_spaces,
    "colspan.html": colspan,
    "entities.html": entities,
    "open-tags.html": open_tags,
    "comments.html": comments,
    "json-ld.html": json_ld,
    "one-line.txt": one_line,
    "many-lines.txt": many_lines,
}


@pytest.fixture(scope="module")
def engine() -> Iterator[Processes]:
    libraries = ("pytest", "trafilatura")
    with Processes(1, Limits(seconds=10, memory=1 << 30), lambda _: libraries) as engine:
        list(engine.map(extract_work.make_extract, [("first.html", NEIGHBOUR.encode())], bool))
        yield engine


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_page_harms_nobody(engine: Processes, name: str) -> None:
    items = [(f"{n}.html", NEIGHBOUR.encode()) for n in range(8)]
    items.insert(4, (name, HOSTILE[name]()))
    pairs = list(engine.map(extract_work.make_extract, items, bool))
    assert [item for item, _ in pairs] == items
    results = [result for _, result in pairs]
    hostile = results.pop(4)
    assert isinstance(hostile, Extracted | Rejected | Casualty)
    for result in results:
        assert isinstance(result, Extracted)
        assert "repair the old bridge" in result.text
