"""The figures that command line and HTTP API show, on real stores."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ingest import reports
from ingest.app import RunOptions
from ingest.catalog.store import Store
from ingest.cli import printing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support import Project

FIRST, SECOND, THIRD = (
    "002_ff1d20f343cd92b6.txt", "003_2ef704ebdd818cfc.txt", "004_8f258c5332b479f2.txt",
)  # fmt: skip


@pytest.fixture
def store(project: Project) -> Iterator[Store]:
    """The seeds, a copy of a story's second document, and a light edit of its third."""
    (project.seeds / "copy.txt").write_bytes((project.seeds / SECOND).read_bytes())
    text = (project.seeds / THIRD).read_text()
    (project.seeds / "edit.txt").write_text(text.replace(" said", " says"))
    project.run()
    with closing(Store(project.store, write=False)) as opened:
        yield opened


def test_a_group_is_a_story_or_one_survivor_with_its_copies(store: Store) -> None:
    found = [
        (group.kind, [view.source_id for view in group.members]) for group in reports.groups(store)
    ]
    assert found == [
        ("story", [FIRST, SECOND, THIRD]),
        ("exact", [SECOND, "copy.txt"]),
        ("near", [THIRD, "edit.txt"]),
    ]


def test_every_pair_of_a_group_has_its_figure(store: Store) -> None:
    story, exact, near = reports.groups(store)
    assert [pair[:2] for pair in story.pairs] == [(0, 1), (0, 2), (1, 2)]
    assert all(0.2 < figure < 0.8 for *_, figure in story.pairs)
    assert exact.pairs == ((0, 1, 1.0),)
    assert 0.8 <= near.pairs[0][2] < 1.0


def test_no_more_groups_than_asked_for(store: Store) -> None:
    assert [group.kind for group in reports.groups(store, 2)] == ["story", "exact"]


def test_a_document_without_a_title_is_called_by_its_first_words(project: Project) -> None:
    line = '{"id": "1", "text": "The pier was rebuilt last year.\\nIt is new."}'
    (project.seeds / "one.jsonl").write_text(line)
    project.run(options=RunOptions())
    with closing(Store(project.store, write=False)) as opened:
        titles = [view.title for view in reports.alone(opened, 9)]
    assert titles[-1] == "“The pier was rebuilt last year.”"


def test_what_is_cut_says_so(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    found = reports.groups(store)
    printing.groups(found, len(found))
    assert capsys.readouterr().out.startswith("\n3 groups of near-duplicates\n")
    printing.groups(found, 2)
    said = capsys.readouterr().out
    assert said.startswith("\nthe newest 2 groups of near-duplicates; `ingest dups` lists all\n")
    assert "Jaccard" not in said, "an exact copy needs no figure"
