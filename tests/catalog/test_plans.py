"""Every look-up by story, survivor or container goes by its index: a scan makes runs quadratic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ingest.catalog.items import Item, Items
from ingest.catalog.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def items(store: Store) -> Items:
    found = store.items("source", recipe="recipe", run=1)
    found.remember(Item("box", "", "fingerprint", "container"))
    return found


QUESTIONS: dict[str, tuple[str, Callable[[Store], object]]] = {
    "who leads a story": ("story", lambda store: store.rows.heads("a" * 32)),
    "a whole story": ("story", lambda store: store.rows.story("a" * 32)),
    "copies": ("leader", lambda store: store.rows.copies(1)),
    "the same text": ("text", lambda store: store.rows.with_text(b"hash")),
    "a batch": ("story", lambda store: store.rows.prefetch(["a" * 32, "b" * 32], [b"a", b"b"])),
    "absent from a container": ("container", lambda store: items(store).absent_from_container("b")),
    "in an unchanged container": ("container", lambda store: items(store).unchanged("box", "f")),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_look_up_goes_by_its_index(tmp_path: Path, question: str) -> None:
    index, ask = QUESTIONS[question]
    store = Store(tmp_path, write=True)
    asked: list[str] = []
    store.connection.set_trace_callback(asked.append)
    ask(store)
    store.connection.set_trace_callback(None)
    plan = [
        row[3]
        for statement in asked
        if not statement.startswith("--")
        for row in store.connection.execute("EXPLAIN QUERY PLAN " + statement)
    ]
    store.close()
    assert any(f"_by_{index} " in step for step in plan), plan
    assert not any(step.startswith("SCAN") for step in plan), plan
