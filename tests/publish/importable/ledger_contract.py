"""What every implementation of `ingest.publish.ledger.RepairableLedger` must do.

A suite to inherit from: give the fixture `harness`, and the tests come with it.

    class TestSQLiteLedger(LedgerContract):
        @pytest.fixture
        def harness(self, tmp_path): return SQLiteHarness(tmp_path)
"""

from __future__ import annotations

from typing import Protocol

import pytest

from ingest.errors import StoreError
from ingest.publish.ledger import Published, RepairableLedger
from ingest.publish.lines import DOCUMENT_FIELDS, METADATA_FIELDS


class Harness(Protocol):
    """A catalog under test."""

    @property
    def ledger(self) -> RepairableLedger:
        """The ledger; after `reopen` another one."""

    def want(self, name: str, text: str | None) -> str:
        """Commit that document ``name`` is to be there with this text, or not; gives its id."""

    def reopen(self) -> None:
        """What a new process would see after this one was killed."""


def row(id_: str, revision: int = 1, shard: str = "documents-a", digest: str = "1:d") -> Published:
    return Published("documents", id_, revision, digest, shard)


def out(harness: Harness, *rows: Published) -> None:
    """Publish rows as the next generation."""
    sequence = harness.ledger.settled() + 1
    harness.ledger.stage(sequence, rows)
    harness.ledger.seal(sequence)
    harness.ledger.settle(sequence)


def known(harness: Harness) -> set[tuple[str, int, str]]:
    return {(row.id, row.revision, row.shard) for row in harness.ledger.published()}


class LedgerContract:
    """The suite."""

    @pytest.fixture
    def harness(self) -> Harness:
        raise NotImplementedError

    def test_before_the_first_generation(self, harness: Harness) -> None:
        assert harness.ledger.settled() == 0
        assert list(harness.ledger.pending()) == []
        assert list(harness.ledger.published()) == []

    def test_pending_gives_bodies_in_order_of_arrival(self, harness: Harness) -> None:
        ids = [harness.want(name, f"text of {name}") for name in ("b", "a", "c")]
        found = [pair for pair in harness.ledger.pending() if pair[0].table == "documents"]
        assert [wanted.id for wanted, _ in found] == ids
        assert all(published is None for _, published in found)
        assert all(wanted.body and wanted.body["id"] == wanted.id for wanted, _ in found)
        for wanted, _ in found:
            assert wanted.body is not None
            assert tuple(wanted.body) == DOCUMENT_FIELDS
            assert tuple(wanted.body["metadata"]) == METADATA_FIELDS
            assert type(wanted.body["story_similarity"]) is float
        assert all(wanted.reason for wanted, _ in found)

    def test_documents_come_before_links(self, harness: Harness) -> None:
        for name in "abc":
            harness.want(name, f"text of {name}")
        tables = [wanted.table for wanted, _ in harness.ledger.pending()]
        assert tables == sorted(tables, key=("documents", "links").index)

    def test_settled_rows_are_known_and_nothing_is_pending(self, harness: Harness) -> None:
        one = harness.want("a", "text of a")
        out(harness, row(one))
        assert harness.ledger.settled() == 1
        assert list(harness.ledger.pending()) == []
        harness.want("a", "another text of a")
        ((wanted, published),) = _documents(harness)
        assert wanted.body is not None
        assert wanted.body["text"].startswith("another")
        assert published == row(one)

    def test_rows_may_be_staged_while_pending_is_read(self, harness: Harness) -> None:
        ids = {harness.want(f"d{n}", f"text of {n}") for n in range(50)}
        seen = []
        for wanted, _ in harness.ledger.pending():
            seen.append(wanted.id)
            if wanted.table == "documents":
                harness.ledger.stage(1, [row(wanted.id)])
        harness.ledger.seal(1)
        harness.ledger.settle(1)
        assert set(seen) == ids
        assert {published.id for published in harness.ledger.published()} == ids

    def test_a_removed_line_keeps_its_revision(self, harness: Harness) -> None:
        one = harness.want("a", "text of a")
        out(harness, row(one, 3))
        harness.want("a", None)
        ((wanted, published),) = _documents(harness)
        assert wanted.body is None
        assert published == row(one, 3)
        out(harness, row(one, 3, shard=""))
        assert list(harness.ledger.published()) == []
        harness.want("a", "text of a")
        ((_, published),) = _documents(harness)
        assert published is not None
        assert (published.revision, published.shard) == (3, "")

    def test_discarded_rows_are_forgotten_and_pending_stays(self, harness: Harness) -> None:
        one = harness.want("a", "text of a")
        harness.ledger.stage(1, [row(one)])
        harness.ledger.seal(1)
        harness.ledger.discard()
        assert [wanted.id for wanted, _ in _documents(harness)] == [one]
        with pytest.raises(StoreError):
            harness.ledger.settle(1)
        assert known(harness) == set()

    def test_what_was_not_sealed_does_not_outlive_the_process(self, harness: Harness) -> None:
        one = harness.want("a", "text of a")
        harness.ledger.stage(1, [row(one)])
        harness.reopen()
        with pytest.raises(StoreError):
            harness.ledger.settle(1)
        assert harness.ledger.settled() == 0
        assert [wanted.id for wanted, _ in _documents(harness)] == [one]

    def test_what_was_sealed_can_be_settled_by_the_next_process(self, harness: Harness) -> None:
        one = harness.want("a", "text of a")
        harness.ledger.stage(1, [row(one)])
        harness.ledger.seal(1)
        harness.reopen()
        assert harness.ledger.settled() == 0
        harness.ledger.settle(1)
        assert known(harness) == {(one, 1, "documents-a")}

    def test_what_came_after_it_was_sealed_stays_pending(self, harness: Harness) -> None:
        one = harness.want("a", "text of a")
        harness.ledger.stage(1, [row(one)])
        harness.ledger.seal(1)
        harness.reopen()
        two = harness.want("b", "text of b")
        harness.ledger.settle(1, seen=False)
        assert known(harness) == {(one, 1, "documents-a")}
        assert two in {wanted.id for wanted, _ in _documents(harness)}

    def test_an_empty_generation_can_be_settled(self, harness: Harness) -> None:
        harness.ledger.seal(1)
        harness.ledger.settle(1)
        harness.reopen()
        assert harness.ledger.settled() == 1

    def test_settling_again_only_clears_what_was_pending(self, harness: Harness) -> None:
        one = harness.want("a", "text of a")
        out(harness, row(one))
        harness.want("a", "another text of a")
        harness.ledger.settle(1)
        assert list(harness.ledger.pending()) == []
        assert known(harness) == {(one, 1, "documents-a")}

    def test_moved_lines_follow_unless_staged_otherwise(self, harness: Harness) -> None:
        a, b, c, d = (harness.want(name, f"text of {name}") for name in "abcd")
        out(harness, row(a, shard="s1"), row(b, shard="s1"), row(c, shard="s2"), row(d, shard="s3"))
        harness.ledger.stage(2, [row(b, 2, shard="")])
        harness.ledger.moved(2, "documents", ["s1", "s2"], "s4")
        harness.ledger.seal(2)
        assert known(harness) == {(a, 1, "s1"), (b, 1, "s1"), (c, 1, "s2"), (d, 1, "s3")}
        harness.ledger.settle(2)
        assert known(harness) == {(a, 1, "s4"), (c, 1, "s4"), (d, 1, "s3")}

    def test_merged_shards_can_be_merged_again(self, harness: Harness) -> None:
        a, b = (harness.want(name, f"text of {name}") for name in "ab")
        out(harness, row(a, shard="s1"), row(b, shard="s2"))
        for sequence, old, new in ((2, ["s1", "s2"], "s3"), (3, ["s3"], "s4")):
            harness.ledger.moved(sequence, "documents", old, new)
            harness.ledger.seal(sequence)
            harness.ledger.settle(sequence)
        assert known(harness) == {(a, 1, "s4"), (b, 1, "s4")}

    def test_lines_of_a_shard_can_be_made_pending(self, harness: Harness) -> None:
        a, b = (harness.want(name, f"text of {name}") for name in "ab")
        out(harness, row(a, shard="s1"), row(b, shard="s2"))
        harness.ledger.pend(["s2"])
        harness.reopen()
        assert [(wanted.id, published) for wanted, published in _documents(harness)] == [
            (b, row(b, shard="s2"))
        ]
        harness.ledger.pend(None)
        assert [wanted.id for wanted, _ in _documents(harness)] == [a, b]

    def test_numbers_can_be_skipped(self, harness: Harness) -> None:
        one = harness.want("a", "text of a")
        out(harness, row(one))
        two = harness.want("b", "text of b")
        harness.ledger.stage(2, [row(two)])
        harness.ledger.skip(7)
        harness.reopen()
        assert harness.ledger.settled() == 7
        assert known(harness) == {(one, 1, "documents-a")}
        assert [wanted.id for wanted, _ in _documents(harness)] == [two]
        out(harness, row(two))
        assert harness.ledger.settled() == 8

    def test_the_corpus_can_be_believed(self, harness: Harness) -> None:
        a, b, c = (harness.want(name, f"text of {name}") for name in "abc")
        out(harness, row(a, 2), row(b, 5))
        harness.ledger.adopt(7, [row(a, 4, "s9", "1:x"), row(c, 1, "s9", "1:y")])
        harness.reopen()
        assert harness.ledger.settled() == 7
        assert known(harness) == {(a, 4, "s9"), (c, 1, "s9")}
        pending = {wanted.id: published for wanted, published in _documents(harness)}
        assert pending == {
            a: row(a, 4, "s9", "1:x"),
            b: row(b, 5, ""),
            c: row(c, 1, "s9", "1:y"),
        }


def _documents(harness: Harness) -> list[tuple[object, Published | None]]:
    return [pair for pair in harness.ledger.pending() if pair[0].table == "documents"]
