"""The main job, end to end on the seeds: what is found, and what a second look changes."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from support import Project

from ingest.app import RunOptions, reindex, run
from ingest.catalog.store import Store
from ingest.errors import StoreVersion, UsageError
from ingest.publish.record import Link, Record

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.outcome import RunReport

JACK_MA = {
    "002_ff1d20f343cd92b6.txt",
    "003_2ef704ebdd818cfc.txt",
    "004_8f258c5332b479f2.txt",
}
AGAIN = RunOptions()


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder with its hash; links as what they name."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def replace_words(path: Path, changes: dict[str, str]) -> str:
    text = path.read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new, 1)
    return text


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, seeds: Path) -> tuple[Project, RunReport]:
    project = Project(tmp_path_factory.mktemp("seeds"))
    (project.folder / "seeds").symlink_to(seeds)
    return project, project.run()


class TestSeeds:
    def test_five_new_documents_and_two_links(self, made: tuple[Project, RunReport]) -> None:
        _, report = made
        assert report.status == "done"
        counts = {name: count for name, count in report.counts.items() if count}
        assert counts == {"read": 5, "new": 5, "story": 2, "documents": 5}
        assert (report.sequence, report.documents) == (1, 5)

    def test_the_three_reports_are_one_story_and_the_others_alone(
        self, made: tuple[Project, RunReport]
    ) -> None:
        project, _ = made
        stories: dict[str, set[str]] = {}
        for record in project.records():
            stories.setdefault(record["story_id"], set()).add(record["source_id"])
        assert sorted(map(len, stories.values())) == [1, 1, 3]
        assert JACK_MA in stories.values()

    def test_dates_and_language(self, made: tuple[Project, RunReport]) -> None:
        project, _ = made
        created = {record["source_id"][:3]: record["created"][:10] for record in project.records()}
        assert created == {
            "000": "2016-11-23", "001": "2024-03-02", "002": "2017-01-11", "003": "", "004": "",
        }  # fmt: skip
        assert {record["language"] for record in project.records()} == {"en"}

    def test_every_line_keeps_the_schema(self, made: tuple[Project, RunReport]) -> None:
        project, _ = made
        records = [Record.model_validate(line) for line in project.records()]
        links = [Link.model_validate(line) for line in project.links()]
        assert (len(records), len(links)) == (5, 2)
        assert {link.kind for link in links} == {"story"}
        assert all(link.jaccard < 0.05 < link.similarity for link in links)


class TestSecondRun:
    def test_nothing_changed_publishes_nothing(self, project: Project) -> None:
        project.run()
        before = tree(project.store / "corpus")
        report = project.run(options=AGAIN)
        counts = {name: count for name, count in report.counts.items() if count}
        assert counts == {"read": 5, "unchanged": 5, "documents": 5}
        assert not report.published
        assert tree(project.store / "corpus") == before

    def test_a_touched_file_is_unchanged(self, project: Project) -> None:
        project.run()
        path = next(project.seeds.iterdir())
        path.write_bytes(path.read_bytes())
        assert project.run(options=AGAIN).counts["unchanged"] == 5

    def test_full_reads_everything_and_finds_nothing_new(self, project: Project) -> None:
        project.run()
        report = project.run(options=replace(AGAIN, full=True))
        assert (report.counts["read"], report.counts["unchanged"]) == (5, 5)
        assert not report.published

    def test_an_edited_file_is_one_update(self, project: Project) -> None:
        project.run()
        path = project.seeds / "000_1010b1c81253b7fc.txt"
        path.write_text(replace_words(path, {"huge area": "vast area"}))
        report = project.run(options=AGAIN)
        assert (report.counts["updated"], report.counts["unchanged"]) == (1, 4)
        (record,) = (r for r in project.records() if r["source_id"] == path.name)
        assert record["revision"] == 2
        assert "vast area" in record["text"]
        assert project.changes()[5:] == [(2, "update", path.name, "changed")]

    def test_a_missing_file_is_kept_by_default(self, project: Project) -> None:
        project.run()
        (project.seeds / "000_1010b1c81253b7fc.txt").unlink()
        report = project.run(options=AGAIN)
        assert (report.counts["removed"], report.documents) == (0, 5)

    def test_a_missing_file_is_removed_where_settings_say_so(self, project: Project) -> None:
        remove = {"source": {"on_missing": "remove"}}
        project.run(**remove)
        (project.seeds / "000_1010b1c81253b7fc.txt").unlink()
        report = project.run(options=AGAIN, **remove)
        assert (report.counts["removed"], report.documents) == (1, 4)
        assert project.changes()[-1] == (2, "remove", "-", "missing")

    def test_a_story_goes_on_without_its_first_document(self, project: Project) -> None:
        remove = {"source": {"on_missing": "remove"}}
        project.run(**remove)
        story = {r["story_id"] for r in project.records() if r["source_id"] in JACK_MA}
        (project.seeds / min(JACK_MA)).unlink()
        project.run(options=AGAIN, **remove)
        left = [r for r in project.records() if r["source_id"] in JACK_MA]
        assert {r["story_id"] for r in left} == story
        assert [r["story_similarity"] == 1.0 for r in left] == [True, False]
        assert len(project.links()) == 1


class TestCopies:
    def test_an_identical_copy_is_exact(self, project: Project) -> None:
        original = project.seeds / "001_05ad71e9d67d27b6.txt"
        (project.seeds / "copy.txt").write_bytes(original.read_bytes())
        report = project.run()
        assert (report.counts["exact"], report.documents) == (1, 5)
        (link,) = (link for link in project.links() if link["kind"] == "exact")
        assert (link["source_id"], link["of_source_id"]) == ("copy.txt", original.name)
        assert link["similarity"] == link["jaccard"] == 1.0

    def test_a_copy_with_three_words_changed_is_near(self, project: Project) -> None:
        original = project.seeds / "002_ff1d20f343cd92b6.txt"
        words = {"win-win": "good", "sharp eyes": "keen eyes", "Trump is quite": "Trump is very"}
        (project.seeds / "copy.txt").write_text(replace_words(original, words))
        report = project.run()
        assert (report.counts["near"], report.documents) == (1, 5)
        (link,) = (link for link in project.links() if link["kind"] == "near")
        assert 0.8 <= link["jaccard"] < 1.0
        assert link["jaccard"] == link["similarity"]
        assert link["of_source_id"] == original.name

    def test_a_copy_is_promoted_when_its_survivor_goes(self, project: Project) -> None:
        remove = {"source": {"on_missing": "remove"}}
        original = project.seeds / "001_05ad71e9d67d27b6.txt"
        (project.seeds / "copy.txt").write_bytes(original.read_bytes())
        project.run(**remove)
        original.unlink()
        project.run(options=AGAIN, **remove)
        assert "copy.txt" in {record["source_id"] for record in project.records()}
        assert [change[1:] for change in project.changes()[-2:]] == [
            ("add", "copy.txt", "promoted"),
            ("remove", "-", "missing"),
        ]

    def test_a_copy_that_is_edited_into_something_else_joins_the_corpus(
        self, project: Project
    ) -> None:
        copy = project.seeds / "copy.txt"
        copy.write_bytes((project.seeds / "001_05ad71e9d67d27b6.txt").read_bytes())
        project.run()
        copy.write_text("A harbour was rebuilt after the storm.\n\n" + "The pier is new. " * 30)
        project.run(options=AGAIN)
        assert len(project.records()) == 6
        assert not [link for link in project.links() if link["kind"] == "exact"]


class TestDeterminism:
    def test_workers_do_not_change_a_byte(self, project: Project) -> None:
        for number in range(30):
            text = f"Report {number}\n\n" + f"The {number}th harbour was rebuilt by people. " * 30
            (project.seeds / f"extra{number:02}.txt").write_text(text)
        trees = []
        for workers in (0, 3):
            store = project.folder / f"store{workers}"
            project.run(workers=workers, store=str(store))
            trees.append(tree(store / "corpus"))
        assert all(other == trees[0] for other in trees)

    def test_a_deleted_index_is_made_anew(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ingest.neighbours.FILED", 1)
        project.run()
        shutil.rmtree(project.store / "index")
        original = project.seeds / "002_ff1d20f343cd92b6.txt"
        (project.seeds / "copy.txt").write_text(replace_words(original, {"win-win": "good"}))
        assert project.run(options=AGAIN).counts["near"] == 1


class TestSafety:
    def test_a_dry_run_leaves_no_store_where_there_was_none(self, project: Project) -> None:
        report = project.run(options=replace(AGAIN, dry_run=True))
        assert (report.counts["new"], report.counts["story"]) == (5, 2)
        assert not project.store.exists()

    def test_a_dry_run_changes_nothing(self, project: Project) -> None:
        project.run()
        before = tree(project.store / "corpus")
        (project.seeds / "copy.txt").write_bytes(
            (project.seeds / "001_05ad71e9d67d27b6.txt").read_bytes()
        )
        report = project.run(options=replace(AGAIN, dry_run=True))
        assert (report.counts["new"], report.counts["exact"]) == (1, 1)
        assert tree(project.store / "corpus") == before
        assert project.run(options=AGAIN).counts["new"] == 1

    def test_other_rules_are_refused_until_reindexed(self, project: Project) -> None:
        original = project.seeds / "001_05ad71e9d67d27b6.txt"
        (project.seeds / "copy.txt").write_bytes(original.read_bytes())
        project.run()
        linking = {"dedup": {"exact": "link"}}
        with pytest.raises(StoreVersion, match="other rules") as caught:
            project.run(options=AGAIN, **linking)
        assert "ingest reindex" in caught.value.hint
        report = reindex(project.settings(**linking), AGAIN)
        assert report.documents == 6
        assert project.run(options=AGAIN, **linking).counts["unchanged"] == 6

    def test_a_run_that_was_killed_is_marked_so(self, project: Project) -> None:
        store = Store(project.store, write=True)
        store.runs.begin("killed", "", 1)
        store.close()
        project.run()
        store = Store(project.store, write=False)
        assert [r.status for r in store.runs.latest(2)] == ["done", "killed"]
        store.close()

    def test_an_empty_file_is_quarantined_and_the_rest_goes_on(self, project: Project) -> None:
        (project.seeds / "empty.txt").touch()
        report = project.run()
        assert (report.counts["quarantined"], report.documents) == (1, 5)
        assert report.status == "done"
        assert project.run(options=AGAIN).counts["unchanged"] == 6

    def test_a_source_that_fails_does_not_stop_the_others(self, project: Project) -> None:
        settings = project.settings()
        broken = settings.source[0].model_copy(update={"name": "broken"})
        broken = type(broken)(name="broken", path="not/there")
        both = settings.model_copy(update={"source": (broken, *settings.source)})
        report = run(both)
        assert report.status == "failed"
        assert [source.status for source in report.sources] == ["failed", "done"]
        assert report.documents == 5

    def test_a_source_is_told_to_have_ended_once_the_ledger_says_so(self, project: Project) -> None:
        said: list[str] = []

        def look(_logger: Any, _method: str, line: Any) -> Any:
            if line["event"] == "source ended":
                with closing(sqlite3.connect(project.store / "catalog.db")) as catalog:
                    said.extend(row[0] for row in catalog.execute("SELECT status FROM source_runs"))
            raise structlog.DropEvent

        structlog.configure(processors=[look])
        try:
            project.run()
        finally:
            structlog.reset_defaults()
        assert said == ["done"]

    def test_where_stories_are_dropped_the_corpus_is_whole(self, project: Project) -> None:
        project.configure('[dedup]\nstory = "drop"\n[[source]]\nname = "seeds"\npath = "seeds"\n')
        assert project.here("run").returncode == 0
        assert len(project.records()) == 3
        (of,) = {link["of"] for link in project.links()}
        assert of in {record["id"] for record in project.records()}
        checked = project.here("corpus", "verify")
        assert (checked.returncode, "BAD" in checked.stdout) == (0, False)

    def test_an_export_never_replaces_what_is_the_stores(self, project: Project) -> None:
        project.here("run")
        catalog = project.store / "catalog.db"
        before = catalog.read_bytes()
        refused = project.here("export", "store/catalog.db")
        assert refused.returncode == 2
        assert "not to be replaced" in refused.stderr
        assert catalog.read_bytes() == before

    def test_an_export_of_a_source_that_there_is_not_is_refused(self, project: Project) -> None:
        project.here("run", str(project.seeds / "000_1010b1c81253b7fc.txt"))
        for name in ("seeds", "cli"):
            assert project.here("export", "--source", name, "out.jsonl").returncode == 0
        before = (project.folder / "out.jsonl").read_bytes()
        refused = project.here("export", "--source", "seed", "out.jsonl")
        assert (refused.returncode, "There are: cli, seeds." in refused.stderr) == (2, True)
        assert (project.folder / "out.jsonl").read_bytes() == before

    def test_an_empty_name_of_the_store_is_not_this_folder(self, project: Project) -> None:
        assert project.cli("run", env={"INGEST_STORE": ""}).returncode == 0
        assert (project.store / "catalog.db").exists(), "an empty variable sets nothing"
        for wrong in (project.cli("run", "--store", ""), project.cli("status", "--store", "")):
            assert (wrong.returncode, "names no folder" in wrong.stderr) == (2, True)
        project.configure('store = ""\n')
        wrong = project.cli("status")
        assert (wrong.returncode, "names no folder" in wrong.stderr) == (2, True)
        assert not (project.folder / "catalog.db").exists()

    def test_a_limit_leaves_the_rest_for_the_next_run(self, project: Project) -> None:
        assert project.run(options=replace(AGAIN, limit=2)).counts["new"] == 2
        assert project.run(options=AGAIN).counts["new"] == 3


class TestInputs:
    def test_inputs_alone_are_read_under_their_absolute_names(self, project: Project) -> None:
        path = project.seeds / "001_05ad71e9d67d27b6.txt"
        report = project.run(str(path))
        assert report.counts["new"] == 1
        (record,) = project.records()
        assert (record["source"], record["source_id"]) == ("cli", str(path))

    def test_a_name_makes_them_a_source_with_relative_names(self, project: Project) -> None:
        run(project.settings(), [str(project.seeds)], name="saved")
        names = {(r["source"], r["source_id"]) for r in project.records()}
        assert ("saved", "001_05ad71e9d67d27b6.txt") in names

    def test_a_missing_input_is_a_usage_error(self, project: Project) -> None:
        with pytest.raises(UsageError, match="no such file or folder: 'nowhere'"):
            project.run("nowhere")
        assert not project.store.exists()
