"""A source that seems to have lost most of what it had is asked about, not believed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from documents_for_faults import text, write

from ingest.app import RunOptions

if TYPE_CHECKING:
    from pathlib import Path

    from support import Project

    from ingest.outcome import RunReport

REMOVE = {"source": {"on_missing": "remove"}}
ALLOWED = {"source": {"on_missing": "remove", "max_removed": 1.0}}


def files(project: Project, numbers: range) -> None:
    project.seeds.mkdir(exist_ok=True)
    for number in numbers:
        (project.seeds / f"{number:03}.txt").write_text(text(number))


def again(project: Project, values: dict[str, object]) -> RunReport:
    return project.run(options=RunOptions(), **values)


def test_an_emptied_folder_empties_no_corpus(plain: Project) -> None:
    files(plain, range(30))
    plain.run(**REMOVE)
    shutil.rmtree(plain.seeds)
    plain.seeds.mkdir()
    report = again(plain, REMOVE)
    (source,) = report.sources
    assert (report.status, source.status) == ("failed", "failed")
    assert "30 of its 30 documents" in source.error
    assert "max_removed = 0.5" in source.error
    assert "max_removed = 1.0" in source.hint
    assert (report.counts["removed"], report.documents) == (0, 30)


def test_a_volume_that_comes_back_is_as_if_nothing_was(plain: Project) -> None:
    files(plain, range(30))
    plain.run(**REMOVE)
    plain.seeds.rename(plain.folder / "away")
    plain.seeds.mkdir()
    again(plain, REMOVE)
    plain.seeds.rmdir()
    (plain.folder / "away").rename(plain.seeds)
    report = again(plain, REMOVE)
    assert (report.status, report.counts["unchanged"], report.documents) == ("done", 30, 30)


def test_the_setting_allows_it(plain: Project) -> None:
    files(plain, range(30))
    plain.run(**REMOVE)
    shutil.rmtree(plain.seeds)
    plain.seeds.mkdir()
    again(plain, REMOVE)
    report = again(plain, ALLOWED)
    assert (report.status, report.counts["removed"], report.documents) == ("done", 30, 0)


@pytest.mark.parametrize(("before", "left"), [(40, 20), (19, 0), (100, 50)])
def test_half_may_go_and_a_few_always(plain: Project, before: int, left: int) -> None:
    files(plain, range(before))
    plain.run(**REMOVE)
    for number in range(left, before):
        (plain.seeds / f"{number:03}.txt").unlink()
    report = again(plain, REMOVE)
    assert (report.status, report.documents) == ("done", left)


def test_a_folder_whose_files_were_all_renamed_is_no_loss(plain: Project) -> None:
    files(plain, range(30))
    plain.run(**REMOVE)
    for path in list(plain.seeds.iterdir()):
        path.rename(path.with_name(f"new-{path.name}"))
    report = again(plain, REMOVE)
    assert (report.status, report.counts["removed"], report.documents) == ("done", 30, 30)


def lines(numbers: range) -> dict[str, int]:
    return {f"d{number}": number for number in numbers}


def test_a_file_that_was_cut_short_loses_nothing(plain: Project) -> None:
    path = plain.seeds / "all.jsonl"
    write(path, lines(range(50)))
    plain.run(**REMOVE)
    write(path, {**lines(range(10)), "other": 99})
    report = again(plain, REMOVE)
    assert report.status == "failed"
    assert "40 of its 51 documents" in report.sources[0].error
    assert (report.counts["new"], report.counts["removed"]) == (1, 0)
    # The file is looked into again though it did not change, and then the setting counts.
    assert again(plain, REMOVE).status == "failed"
    report = again(plain, ALLOWED)
    assert (report.status, report.counts["removed"], report.documents) == ("done", 40, 11)


def test_what_goes_file_by_file_adds_up(plain: Project) -> None:
    for number in range(10):
        write(plain.seeds / f"{number}.jsonl", lines(range(number * 10, number * 10 + 10)))
    plain.run(**REMOVE)
    for number in range(10):
        write(plain.seeds / f"{number}.jsonl", lines(range(number * 10, number * 10 + 1)))
    report = again(plain, REMOVE)
    assert report.status == "failed"
    assert (report.counts["removed"], report.documents) == (45, 55)


def test_a_failed_reading_is_not_taken_for_a_loss(plain: Project) -> None:
    files(plain, range(30))
    plain.run(**REMOVE)
    shutil.rmtree(plain.seeds)
    report = again(plain, REMOVE)
    assert "no such file or folder" in report.sources[0].error
    assert report.documents == 30


def test_a_project_is_no_part_of_itself(plain: Project, tmp_path: Path) -> None:
    files(plain, range(3))
    (tmp_path / "store").mkdir()
    (tmp_path / "alias").symlink_to("store")
    whole = {"source": {"path": "."}}
    assert plain.run(**whole).documents == 3
    report = again(plain, whole)
    assert (report.counts["read"], report.counts["new"]) == (3, 0)
    (tmp_path / "store" / "corpus" / "notes.txt").write_text(text(9))
    globbed = {"source": {"path": "**/*.txt", "name": "globbed"}}
    assert again(plain, globbed).counts["read"] == 3


def test_run_dot_on_the_command_line(plain: Project) -> None:
    files(plain, range(3))
    for _ in range(2):
        done = plain.cli("run", ".", "--workers", "0", "--json")
        assert done.returncode == 0, done.stderr
        assert '"read":3' in done.stdout
