"""Change lines written run by run are those that would be written one by one."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.publish.changing import ChangeWriter

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from ingest.publish.changing import Op

OPS: list[Op] = ["add", "update", "remove"]
REASONS = ["new", 'a "%s" \\ \n', "é"]
changes = st.lists(
    st.tuples(
        st.sampled_from(OPS),
        st.integers(1, 3),
        st.sampled_from(REASONS),
        st.sampled_from([1, 1030]),
    ),
    max_size=8,
)


@settings(max_examples=30, deadline=None)
@given(changes)
def test_every_change_is_a_line_in_its_place(
    tmp_path_factory: pytest.TempPathFactory, asked: list[tuple[Op, int, str, int]]
) -> None:
    path, wanted = _path(tmp_path_factory), []
    writer = ChangeWriter(path, 7)
    for op, revision, reason, times in asked:
        for _ in range(times):
            id_ = f"{len(wanted):032x}"
            writer.put(op, [id_], revision, reason)
            wanted.append({"seq": 7, "op": op, "id": id_, "revision": revision, "reason": reason})
    found = writer.close()
    data = path.read_bytes()
    assert [json.loads(line) for line in data.splitlines()] == wanted
    assert (found.rows, found.bytes) == (len(wanted), len(data))
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    assert writer.made == {op: sum(line["op"] == op for line in wanted) for op in OPS}


def _path(factory: pytest.TempPathFactory) -> Path:
    return factory.mktemp("changes") / "changes.jsonl"
