"""The order of the stages, where no run of the whole shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.documents import RawDocument
from ingest.pipeline import MANY, _hastened

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_code_is_read_once_a_source_turns_out_to_have_many_documents():
    read: list[int] = []

    def events(count: int) -> Iterator[RawDocument]:
        for number in range(count):
            read.append(number)
            yield RawDocument(str(number), b"")

    hastened: list[int] = []
    for count in (MANY - 1, 3 * MANY):
        read.clear()
        given = list(_hastened(events(count), lambda: hastened.append(len(read))))
        assert [event.source_id for event in given] == [str(n) for n in range(count)]
    assert hastened == [MANY]
