"""A batch is only a unit of work: what it is cut into changes nothing that is kept."""

from __future__ import annotations

import tempfile
from contextlib import closing
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.catalog.packed import Packer
from ingest.catalog.rows import Rows
from ingest.catalog.store import Store
from ingest.dedup.bands import choose
from ingest.dedup.decide import Rules, Survivor
from ingest.dedup.signatures import Reference
from ingest.documents import Document
from ingest.judge import Judge
from ingest.neighbours import Neighbours
from ingest.recipe import Prepared

if TYPE_CHECKING:
    from collections.abc import Sequence

Step: TypeAlias = tuple[str, int | None]

WORDS = [f"{a}{b}orn" for a in "BCDFGHKLMN" for b in "aeiouyx"]
# The same in another order, five by five: what it tells of is the same, its shingles are not.
RETOLD = [word for start in range(65, -1, -5) for word in WORDS[start : start + 5]]
# Of one text: the same, near copies of it (one or two words differ), retellings, and others.
TEXTS = [
    " ".join(WORDS),
    " ".join([*WORDS[:-1], "another"]),
    " ".join([*WORDS[:-2], "Quite", "another"]),
    " ".join(WORDS[:-1]),
    " ".join(RETOLD),
    " ".join([*RETOLD[:66], "ending", "Quite", "otherwise"]),
    " ".join(f"Other{n}" for n in range(70)),
]
STEPS = st.lists(
    st.tuples(
        st.sampled_from("abcdef"), st.none() | st.integers(min_value=0, max_value=len(TEXTS) - 1)
    ),
    max_size=14,
)


@cache
def prepared(name: str, text: int) -> Prepared:
    document = Document("test", name, TEXTS[text], words=len(TEXTS[text].split()))
    return Prepared(Packer().pack(document), Reference().sign((document.text, "", "en"), 128, 1))


def taken(steps: Sequence[Step], batch: int, survivor: Survivor) -> dict[str, list[Any]]:
    """What the catalog holds after the steps: documents to take in, or (None) to take out."""
    with tempfile.TemporaryDirectory() as folder, closing(Store(Path(folder), write=True)) as store:
        rules = Rules(survivor=survivor)
        neighbours = Neighbours(store, choose(0.8), rules.stories.rows)
        judge = Judge(store, rules, neighbours, run=1, added="now", priorities={})
        ahead = iter(steps)
        while some := list(islice(ahead, batch)):
            with judge.batch([prepared(*one) for one in some if one[1] is not None]):
                for name, text in some:
                    if text is None:
                        judge.withdraw(Packer().pack(Document("test", name, "")).id, "gone")
                    else:
                        one = prepared(name, text)
                        judge.admit(one.document, one.signature)
        tables = ("documents", "texts", "signatures", "pending")
        return {
            name: list(store.connection.execute(f"SELECT * FROM {name}"))  # noqa: S608 - as above
            for name in tables
        }


@pytest.mark.parametrize("survivor", ["first", "longest"])
@given(steps=STEPS)
@settings(max_examples=60, deadline=None)
def test_batches_change_nothing(survivor: Survivor, steps: list[Step]) -> None:
    with patch("ingest.catalog.rows.KEPT", -1):
        one_by_one = taken(steps, 1, survivor)
        assert taken(steps, 3, survivor) == one_by_one
        assert taken(steps, 14, survivor) == one_by_one
    assert taken(steps, 1, survivor) == one_by_one
    assert taken(steps, 3, survivor) == one_by_one
    with patch("ingest.catalog.rows.KEPT", 4):
        assert taken(steps, 2, survivor) == one_by_one


def test_what_was_asked_once_is_not_asked_again(tmp_path: Path) -> None:
    with closing(Store(tmp_path, write=True)) as store:
        judge = Judge(
            store, Rules(), Neighbours(store, choose(0.8), 6), run=1, added="now", priorities={}
        )
        asked: list[str] = []
        first, copy, later = prepared("a", 0), prepared("b", 0), prepared("c", 0)
        for one in (first, copy):
            with judge.batch([one]):
                judge.admit(one.document, one.signature)
        store.connection.set_trace_callback(asked.append)
        with judge.batch([later]):
            asked.clear()
            judge.admit(later.document, later.signature)
            assert [sql for sql in asked if "FROM documents" in sql] == []


def test_what_another_run_wrote_is_seen_after_a_refresh(tmp_path: Path) -> None:
    with (
        closing(Store(tmp_path, write=True)) as store,
        closing(Store(tmp_path, write=True)) as another,
    ):
        judges = [
            Judge(one, Rules(), Neighbours(one, choose(0.8), 6), run=1, added="", priorities={})
            for one in (store, another)
        ]
        mine, its = prepared("a", 0), prepared("a", 4)
        for judge, one in zip(judges, (mine, its), strict=True):
            judge.refresh()
            with judge.batch([one]):
                judge.admit(one.document, one.signature)
        judges[0].refresh()
        found = store.rows.identified(mine.document.id)
        assert found is not None
        assert found.content_hash == its.document.content_hash


def test_a_batch_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with closing(Store(tmp_path, write=True)) as store:
        neighbours = Neighbours(store, choose(0.8), 6)
        judge = Judge(store, Rules(), neighbours, run=1, added="now", priorities={})
        one = prepared("a", 0)
        with pytest.raises(KeyError), judge.batch([one]):  # noqa: PT012 - fails after admitting
            judge.admit(one.document, one.signature)
            raise KeyError
        with judge.batch([]):
            pass
        assert store.rows.identified(one.document.id) is None


def test_a_number_is_never_given_twice(tmp_path: Path) -> None:
    """Not even that of a version which another replaced before it was written."""
    with closing(Store(tmp_path, write=True)) as store:
        rows, one = Rows(store.connection), prepared("a", 0)
        first = rows.add(one.document, one.signature, run=1, added="", old=None)
        second = rows.add(one.document, one.signature, run=1, added="", old=first)
        rows.remove(second)
        other = prepared("b", 4)
        rows.add(other.document, other.signature, run=1, added="", old=None)
        rows.write()
        third = rows.identified(other.document.id)
        assert third is not None
        rows.remove(third)
        rows.write()
        last = rows.add(one.document, one.signature, run=1, added="", old=None)
        assert (first.number, second.number, third.number, last.number) == (1, 2, 3, 4)


def test_what_was_written_is_found_again(tmp_path: Path) -> None:
    with closing(Store(tmp_path, write=True)) as store:
        judge = Judge(
            store, Rules(), Neighbours(store, choose(0.8), 6), run=1, added="now", priorities={}
        )
        first, copy, retold = (
            prepared(name, text) for name, text in [("a", 0), ("b", 0), ("c", 4)]
        )
        for one in (first, copy, retold):
            with judge.batch([one]):
                judge.admit(one.document, one.signature)
        rows = Rows(store.connection)
        leader = rows.heads(first.document.id)[0]
        assert (leader.id, leader.represents) == (first.document.id, 1)
        assert [row.id for row in Rows(store.connection).copies(leader.number)] == [
            copy.document.id
        ]
        assert {row.id for row in Rows(store.connection).story(leader.story_id)} == {
            first.document.id,
            retold.document.id,
        }
        rows.change(leader, 0, leader.story_id)
        assert not leader.represents
