"""What is remembered of the things that a source holds, and what is absent from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.catalog.database import open_database
from ingest.catalog.items import Absent, Item, Items, recipe_number

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from ingest.catalog.items import Outcome


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = open_database(tmp_path / "catalog.db", write=True)
    yield opened
    opened.close()


def made(connection: sqlite3.Connection, run: int = 1, recipe: str = "r") -> Items:
    return Items(connection, "s", recipe=recipe, run=run)


def document(name: str, fingerprint: str = "f", container: str = "") -> Item:
    return Item(name, container, fingerprint, "document")


def names(absent: list[Absent]) -> list[str]:
    return [each.source_id for each in absent]


def writes(connection: sqlite3.Connection) -> int:
    return connection.total_changes


def keep(items: Items, item: Item) -> None:
    items.remember(item)
    items.write()


def test_a_recipe_that_is_known_is_not_written(connection: sqlite3.Connection) -> None:
    numbers = [recipe_number(connection, version) for version in "aba"]
    asked: list[str] = []
    connection.set_trace_callback(asked.append)
    numbers += [recipe_number(connection, version) for version in "ba"]
    assert numbers == [1, 2, 1, 2, 1]
    assert [statement.split()[0] for statement in asked] == ["SELECT"] * 2


def test_a_fingerprint_is_of_a_source_and_a_recipe(connection: sqlite3.Connection) -> None:
    keep(made(connection), document("a"))
    assert made(connection).fingerprint("a") == "f"
    assert made(connection).fingerprint("b") == ""
    assert made(connection, recipe="other").fingerprint("a") == ""
    assert Items(connection, "t", recipe="r", run=1).fingerprint("a") == ""


def test_what_a_run_remembers_it_knows_at_once(connection: sqlite3.Connection) -> None:
    """Whatever was read ahead by then, of this item or that there is none."""
    items = made(connection)
    assert items.fingerprint("a") == ""
    items.remember(document("c", "one"))
    assert items.fingerprint("c") == "one"
    items.remember(document("c", "two"))
    assert items.fingerprint("c") == "two"
    assert items.fingerprint("c") == "two"
    items.unchanged("c", "three")
    assert items.fingerprint("c") == "three"
    items.forget("c")
    assert items.fingerprint("c") == ""


KEYS = st.sampled_from("abcdefghij")
STEPS = st.lists(
    st.tuples(st.sampled_from(["ask", "ask", "ask", "remember", "unchanged", "forget"]), KEYS),
    max_size=60,
)


@settings(deadline=None)
@example(
    before=set(), steps=[("remember", "c"), ("ask", "b"), ("forget", "a"), ("ask", "c")]
)  # written after it was read ahead
@given(before=st.sets(KEYS), steps=STEPS)
def test_reading_ahead_shows_nowhere(
    tmp_path_factory: pytest.TempPathFactory, before: set[str], steps: list[tuple[str, str]]
) -> None:
    connection = open_database(tmp_path_factory.mktemp("items") / "catalog.db", write=True)
    connection.execute("PRAGMA synchronous = OFF")
    for name in before:
        keep(made(connection), document(name, "0"))
    items, model = made(connection, run=2), dict.fromkeys(before, "0")
    seen: set[str] = set()
    for number, (step, name) in enumerate(steps, 1):
        if step == "ask":
            assert items.fingerprint(name) == model.get(name, "")
        elif step == "remember":
            items.remember(document(name, str(number)))
            model[name] = str(number)
            seen.add(name)
        elif step == "forget":
            items.forget(name)
            model.pop(name, None)
            seen.discard(name)
        elif name in model:
            assert items.unchanged(name, model[name]) == 1
            seen.add(name)
    assert set(names(items.absent())) == set(model) - seen
    connection.close()


def test_files_that_did_not_change_are_not_written(connection: sqlite3.Connection) -> None:
    files = [f"{number:05}.txt" for number in range(3000)]
    with_first = made(connection)
    connection.execute("BEGIN")
    for name in files:
        keep(with_first, document(name))
    connection.execute("COMMIT")
    items, before = made(connection, run=2), writes(connection)
    asked = list[str]()
    connection.set_trace_callback(asked.append)
    for name in files:
        assert items.fingerprint(name) == "f"
        assert items.unchanged(name, "f") == 1
    assert names(items.absent()) == []
    connection.set_trace_callback(None)
    assert writes(connection) == before
    assert len(asked) < 20


def test_asking_in_no_order_does_not_read_ahead(connection: sqlite3.Connection) -> None:
    first = made(connection)
    connection.execute("BEGIN")
    for number in range(2000):
        keep(first, document(f"{number:05}"))
    connection.execute("COMMIT")
    items, read = made(connection, run=2), list[str]()
    connection.set_trace_callback(read.append)
    for number in range(200):
        assert items.fingerprint(f"{number * 7919 % 2000:05}") == "f"
    limits = [int(statement.rsplit(" ", 1)[1]) for statement in read]
    assert sum(limits) < 1500


def test_what_was_not_seen_is_absent(connection: sqlite3.Connection) -> None:
    first = made(connection)
    for name in ("same", "touched", "changed", "gone"):
        keep(first, document(name))
    keep(first, Item("bad", "", "f", "quarantined"))
    items = made(connection, run=2)
    for name in ("same", "touched", "changed"):
        assert items.fingerprint(name) == "f"
    items.unchanged("same", "f")
    items.unchanged("touched", "another time, the same hash")
    items.remember(document("changed", "g"))
    assert items.absent() == [Absent("bad", "quarantined"), Absent("gone", "document")]
    again = made(connection, run=3)
    assert again.fingerprint("touched") == "another time, the same hash"
    assert names(again.absent()) == ["bad", "changed", "gone", "same", "touched"]


def test_a_container_speaks_for_what_lies_in_it(connection: sqlite3.Connection) -> None:
    first = made(connection)
    for box in ("box", "lost"):
        for number in range(3):
            keep(first, document(f"{box}#{number}", container=box))
        keep(first, Item(box, "", "f", "container"))
    items = made(connection, run=2)
    assert items.fingerprint("box") == "f"
    assert items.unchanged("box", "f") == 3
    assert names(items.absent()) == ["lost", "lost#0", "lost#1", "lost#2"]


def test_absent_from_a_container_that_was_read(connection: sqlite3.Connection) -> None:
    first = made(connection)
    for number in range(4):
        keep(first, document(f"box#{number}", container="box"))
    items = made(connection, run=2)
    assert items.fingerprint("box#1") == "f"
    items.unchanged("box#1", "f")
    items.remember(document("box#2", "g", container="box"))
    assert names(items.absent_from_container("box")) == ["box#0", "box#3"]


def test_what_was_named_in_this_run(connection: sqlite3.Connection) -> None:
    keep(made(connection), document("a"))
    items = made(connection, run=2)
    assert not items.seen("a")
    items.remember(document("a"))
    assert items.seen("a")


@pytest.mark.parametrize("outcome", ["document", "container", "quarantined", "rejected"])
def test_documents_are_counted(connection: sqlite3.Connection, outcome: Outcome) -> None:
    items = made(connection)
    items.remember(document("a"))
    items.remember(Item("b", "", "f", outcome))
    assert items.documents() == 1 + (outcome == "document")


def test_a_cursor_is_kept_as_it_is(connection: sqlite3.Connection) -> None:
    items = made(connection)
    assert items.cursor() is None
    items.advance({"é": [1, None, "x"]})
    assert items.cursor() == {"é": [1, None, "x"]}
    items.advance("newer")
    assert made(connection, run=2).cursor() == "newer"
