"""Forgetting, retrying, compacting, mending, backing up: on real stores."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest
import zstandard
from support import Project

from ingest import upkeep
from ingest.app import RunOptions, run
from ingest.catalog.store import Store
from ingest.errors import CorpusError, StoreError, UsageError
from ingest.publish.corpus import open_corpus

if TYPE_CHECKING:
    from pathlib import Path

ONE = "001_05ad71e9d67d27b6.txt"
SECRET = "derisking"  # noqa: S105 - a word to look for
"""A word that only this seed has."""


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file of a store, and what its compressed parts hold."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and "cache" not in path.parts:
            found[str(path)] = path.read_bytes()
    return found


def frames_in(data: bytes) -> list[bytes]:
    """Every Zstandard frame that still stands anywhere in the bytes."""
    found, start = [], data.find(zstandard.FRAME_HEADER)
    while start >= 0:
        with suppress(zstandard.ZstdError):
            found.append(zstandard.ZstdDecompressor().decompress(data[start:], 1 << 20))
        start = data.find(zstandard.FRAME_HEADER, start + 1)
    return found


def holds(folder: Path, word: str) -> list[str]:
    wanted = word.encode()
    return [
        name
        for name, data in bytes_of(folder).items()
        if wanted in data or any(wanted in frame for frame in frames_in(data))
    ]


class TestForget:
    def test_the_text_is_gone_from_every_file_and_does_not_come_back(
        self, project: Project
    ) -> None:
        project.run()
        assert holds(project.store, SECRET), "the test must be able to find it"
        done = upkeep.forget(project.settings(), [ONE], copies=False)
        assert len(done.forgotten) == 1
        assert holds(project.store, SECRET) == []
        assert len(project.records()) == 4
        assert project.changes()[-1][1:] == ("remove", "-", "forgotten")
        for full in (False, True):
            report = project.run(options=RunOptions(full=full))
            assert report.documents == 4
        assert holds(project.store, SECRET) == []

    def test_the_write_ahead_log_that_a_reader_keeps_alive_is_emptied(
        self, project: Project
    ) -> None:
        text = (project.seeds / ONE).read_bytes()
        (project.seeds / ONE).unlink()
        project.run()
        with closing(Store(project.store, write=False)):
            (project.seeds / ONE).write_bytes(text)
            project.run(options=RunOptions())
            assert any(name.endswith("-wal") for name in holds(project.store, SECRET))
            upkeep.forget(project.settings(), [ONE], copies=False)
            assert holds(project.store, SECRET) == []

    @pytest.mark.parametrize(
        "point", ["batch-decided", "batch-committed", "sealed", "renamed", "settled", "cleaned"]
    )
    def test_after_a_kill_the_next_run_takes_out_what_is_left(
        self, project: Project, point: str
    ) -> None:
        project.run()
        (project.seeds / "more.txt").write_text("Something else.\n\n" + "The pier is new. " * 40)
        project.run(options=RunOptions())

        def kill(name: str) -> None:
            if name == point:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            upkeep.forget(project.settings(), [ONE], copies=False, options=RunOptions(fault=kill))
        assert holds(project.store, SECRET)
        if point == "batch-decided":  # nothing was forgotten yet
            assert len(project.records()) == 6
            return
        assert project.run(options=RunOptions()).documents == 5
        assert holds(project.store, SECRET) == []

    def test_a_log_that_a_reader_holds_on_to_is_emptied_by_a_later_run(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ingest.catalog.database._BUSY_SECONDS", 0.1)
        project.run()
        with closing(sqlite3.connect(project.store / "catalog.db")) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM documents").fetchone()
            upkeep.forget(project.settings(), [ONE], copies=False)
            assert holds(project.store, SECRET)
            reader.rollback()  # it stays open, so that no end of a run removes the log
            project.run(options=RunOptions())
            assert holds(project.store, SECRET) == []

    @pytest.mark.parametrize("by_id", [False, True])
    def test_what_is_in_quarantine_alone_is_forgotten_too(
        self, project: Project, *, by_id: bool
    ) -> None:
        (project.seeds / "bad.jsonl").write_text('{"text": "Yesterday derailments doubled')
        project.run()
        with closing(Store(project.store, write=False)) as store:
            (entry,) = store.quarantine.entries()
        assert holds(project.store, "derailments")
        name = entry.id if by_id else entry.source_id
        done = project.here("forget", name)
        assert done.stdout == f"forgotten  {entry.id}\n", done.stderr
        assert holds(project.store, "derailments") == []
        project.run(options=RunOptions(full=True))
        assert holds(project.store, "derailments") == []
        assert len(project.records()) == 5

    def test_copies_are_named_and_forgotten_on_request(self, project: Project) -> None:
        (project.seeds / "copy.txt").write_bytes((project.seeds / ONE).read_bytes())
        project.run()
        done = upkeep.forget(project.settings(), [ONE], copies=False)
        assert len(done.copies) == 1
        assert "copy.txt" in {record["source_id"] for record in project.records()}
        done = upkeep.forget(project.settings(), ["copy.txt"], copies=True)
        assert holds(project.store, SECRET) == []

    def test_a_name_that_means_nothing_changes_nothing(self, project: Project) -> None:
        project.run()
        with pytest.raises(UsageError, match="no document is called 'nothing'"):
            upkeep.forget(project.settings(), [ONE, "nothing"], copies=False)
        assert len(project.records()) == 5

    def test_a_story_goes_on_without_a_forgotten_leader(self, project: Project) -> None:
        project.run()
        upkeep.forget(project.settings(), ["002_ff1d20f343cd92b6.txt"], copies=False)
        assert [link["kind"] for link in project.links()] == ["story"]


class TestRetry:
    def test_items_are_tried_again_with_the_settings_of_now(self, project: Project) -> None:
        for number in range(2):
            text = f"Note {number}\n\n" + f"The {number}th pier was rebuilt by many people. " * 9
            (project.seeds / f"note{number}.txt").write_text(text)
        report = project.run(step=[{"use": "min_words", "words": 200}])
        assert report.counts["quarantined"] == 2
        with closing(Store(project.store, write=False)) as store:
            assert sum(store.quarantine.counts().values()) == 2
        report, later = upkeep.retry(project.settings())
        assert (report.counts["new"], later) == (2, 0)
        assert len(project.records()) == 7
        with closing(Store(project.store, write=False)) as store:
            assert store.quarantine.counts() == {}

    def test_only_those_of_a_reason(self, project: Project) -> None:
        project.run(step=[{"use": "min_words", "words": 440}])
        report, _ = upkeep.retry(project.settings(), reason="timeout")
        assert report.counts["read"] == 0

    def test_what_could_not_be_read_is_read_again_by_the_next_run(self, project: Project) -> None:
        lines = [json.dumps({"id": 1, "text": "A harbour was rebuilt. " * 20}), "{broken"]
        (project.seeds / "two.jsonl").write_text("\n".join(lines))
        assert project.run().counts["quarantined"] == 1
        assert project.run(options=RunOptions()).counts["quarantined"] == 0
        _, later = upkeep.retry(project.settings())
        assert later == 1
        assert project.run(options=RunOptions()).counts["quarantined"] == 1


class TestDrop:
    def test_what_a_source_brought_goes_once_it_has_left_the_settings(
        self, project: Project
    ) -> None:
        (project.seeds / "bad.jsonl").write_text("{broken\n")
        project.run()
        renamed = project.settings(source={"name": "new"})
        run(renamed)
        assert {record["source"] for record in project.records()} == {"seeds"}, "all are copies"
        report = upkeep.drop(renamed, "seeds")
        assert report.counts["removed"] == 5
        assert {record["source"] for record in project.records()} == {"new"}
        assert len(project.records()) == 5
        with closing(Store(project.store, write=False)) as store:
            assert store.quarantine.sources() == {"new"}
        assert run(renamed).counts["unchanged"] == 6

    def test_nothing_is_refused_of_a_source_that_comes_back(self, project: Project) -> None:
        project.run()
        upkeep.drop(project.settings(source={"name": "new"}), "seeds")
        assert project.records() == []
        assert project.run(options=RunOptions()).counts["new"] == 5

    def test_a_source_that_is_configured_or_unknown_stays_as_it_is(self, project: Project) -> None:
        project.run()
        with pytest.raises(UsageError, match="next run would bring everything back"):
            upkeep.drop(project.settings(), "seeds")
        with pytest.raises(UsageError, match="no source is called 'seed'") as caught:
            upkeep.drop(project.settings(), "seed")
        assert "seeds" in caught.value.hint
        assert len(project.records()) == 5


class TestCorpus:
    @pytest.mark.parametrize("generations", [1, 2])
    def test_a_new_catalog_takes_over_what_is_out(self, project: Project, generations: int) -> None:
        project.run()
        if generations > 1:
            (project.seeds / "more.txt").write_text("Else.\n\n" + "The pier is new. " * 40)
            project.run(options=RunOptions())
        before = project.records()
        for path in project.store.glob("catalog.db*"):
            path.unlink()
        with pytest.raises(CorpusError, match="restored or removed alone"):
            project.run(options=RunOptions())
        done = upkeep.mend(project.settings())
        assert done == [f"took generation {generations} as what is out"]
        assert project.run(options=RunOptions()).counts["new"] == len(before)
        assert project.records() == before

    def test_compacting_merges_shards_and_changes_no_document(self, project: Project) -> None:
        for number in range(4):
            text = f"Note {number}\n\n" + f"The {number}th pier was rebuilt by many people. " * 20
            (project.seeds / f"note{number}.txt").write_text(text)
            project.run(options=RunOptions())
        before = {record["id"]: record for record in project.records()}
        done = upkeep.compact(project.settings())
        assert done is not None
        assert len(list(project.current.glob("documents-*"))) == 1
        assert {record["id"]: record for record in project.records()} == before
        with open_corpus(project.store) as corpus:
            assert list(corpus.changes(done.sequence - 1)) == []

    def test_a_lost_link_is_mended(self, project: Project) -> None:
        project.run()
        project.current.unlink()
        assert upkeep.mend(project.settings())
        assert len(project.records()) == 5

    def test_there_must_be_a_store(self, project: Project) -> None:
        with pytest.raises(StoreError, match="no store here"):
            upkeep.compact(project.settings())


class TestLearning:
    def test_lines_that_recur_are_left_out_by_the_next_run(self, project: Project) -> None:
        for path in project.seeds.iterdir():
            path.unlink()
        recurring = "Our members read the paper on Sundays before anybody else in town does."
        for town in ("Lund", "Ystad", "Malmo", "Simrishamn", "Trelleborg", "Landskrona"):
            story = f"The harbour of {town} was rebuilt by people from nearby last spring. " * 8
            text = f"Harbour of {town}\n\n{story}\n\n{recurring}\n\nIn {town}: {story}\n"
            (project.seeds / f"{town}.txt").write_text(text)
        project.run()
        assert any(recurring in record["text"] for record in project.records())
        done = project.here("learn", "seeds", "--json")
        assert json.loads(done.stdout)["lines"] == 1, done.stderr
        report = project.run(options=RunOptions())
        assert report.counts["updated"] == 6
        assert not any(recurring in record["text"] for record in project.records())
        assert project.run(options=RunOptions()).counts["unchanged"] == 6

    def test_sentences_of_near_copies_are_no_furniture(self, project: Project) -> None:
        for path in project.seeds.iterdir():
            path.unlink()
        towns = ("Lund", "Ystad", "Malmo", "Simrishamn", "Trelleborg", "Landskrona")
        story = "\n\n".join(f"The harbour of {town} was rebuilt last spring." for town in towns)
        for paper in "abc":
            (project.seeds / f"{paper}.txt").write_text(f"{story}\n\nPrinted in paper {paper}.\n")
        project.configure(
            '[dedup]\nnear_threshold = 0.6\n[[source]]\nname = "seeds"\npath = "seeds"\n'
        )
        project.here("run")
        assert len(project.records()) == 1
        done = project.here("learn", "seeds", "--json")
        assert json.loads(done.stdout) == {**json.loads(done.stdout), "documents": 1, "lines": 0}

    def test_of_copies_from_elsewhere_one_is_learnt_from(self, project: Project) -> None:
        story = "\n\n".join(f"The harbour of town {name} was rebuilt." for name in "abcdefgh")
        for folder, papers in (("agency", "a"), ("papers", "bcd")):
            (project.folder / folder).mkdir()
            for paper in papers:
                (project.folder / folder / f"{paper}.txt").write_text(f"{story}\n")
        sources = (f'[[source]]\nname = "{n}"\npath = "{n}"\n' for n in ("agency", "papers"))
        project.configure("".join(sources))
        project.here("run")
        assert len(project.records()) == 1
        with closing(Store(project.store, write=False)) as store:
            assert len(store.documents.copies("papers")) == 2
            assert not store.documents.copies("agency")


class TestCommandLine:
    def test_each_command_once(self, project: Project) -> None:
        project.run()
        shown = project.here("corpus", "since", "0")
        assert [json.loads(line)["op"] for line in shown.stdout.splitlines()] == ["add"] * 5
        assert json.loads(project.here("corpus", "stats", "--json").stdout)["documents"] == 5
        assert project.here("corpus", "compact").stdout == "nothing to merge\n"
        done = project.here("export", "--canonical", "--language", "en", "out.jsonl")
        assert done.stdout == "5 documents  out.jsonl\n", done.stderr
        done = project.here("export", "--splits", "0.5,0.5", "out")
        assert (done.returncode, "three shares" in done.stderr) == (2, True)
        assert project.here("backup", "copy").returncode == 0
        assert project.here("restore", "copy").returncode == 0
        done = project.here("forget", ONE)
        assert done.stdout.startswith("forgotten  ")
        assert project.here("quarantine").stdout == "nothing in quarantine\n"
        assert project.here("retry").returncode == 0
        done = project.here("drop", "seeds")
        assert (done.returncode, "seeds is configured" in done.stderr) == (2, True)
        (project.folder / "config" / "ingest.toml").write_text("")
        assert json.loads(project.here("drop", "seeds", "--json").stdout)["counts"]["removed"] == 4

    def test_quarantine_shows_reason_and_bytes(self, project: Project) -> None:
        (project.seeds / "bad.jsonl").write_text("{broken\n")
        project.run()
        (line,) = project.here("quarantine", "--json").stdout.splitlines()
        entry = json.loads(line)
        assert entry["stage"] == "read"
        assert project.here("quarantine", entry["source_id"]).stdout == "{broken"

    def test_init_makes_a_project_that_runs(self, tmp_path: Path, seeds: Path) -> None:
        project = Project(tmp_path / "new")
        project.folder.mkdir()
        done = project.here("init", ".")
        assert done.returncode == 0, done.stderr
        (project.folder / "inputs" / "one.txt").write_bytes((seeds / ONE).read_bytes())
        assert project.here("run", "--workers", "0").returncode == 0
        assert project.here("init", ".").returncode == 2
