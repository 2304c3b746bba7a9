"""The command line: as a real process where its start, end or terminal matter, else in this one."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import sqlite3
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
from support import Project

from ingest.catalog.lock import writer_lock
from ingest.cli.commands import app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ingest.settings import Settings

INGEST = str(Path(sys.executable).parent / "ingest")
RUN_KEYS = ["run_id", "status", "seconds", "counts", "corpus", "sources"]
COUNT_KEYS = [
    "read", "unchanged", "new", "updated", "removed", "quarantined", "exact", "near", "story",
    "documents",
]  # fmt: skip
LINK_KEYS = [
    "schema", "kind", "id", "of", "group", "source", "source_id", "of_source", "of_source_id",
    "similarity", "jaccard", "containment", "story_similarity", "shared_bands", "rule", "run_id",
]  # fmt: skip


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, seeds: Path) -> Project:
    """A project that has run once; only looked at."""
    project = Project(tmp_path_factory.mktemp("filled"))
    (project.folder / "seeds").symlink_to(seeds)
    project.configure('workers = 0\n[[source]]\nname = "seeds"\npath = "seeds"\n')
    done = project.cli("run")
    assert done.returncode == 0, done.stderr
    (project.folder / "said.txt").write_text(done.stdout)
    return project


def ids(project: Project) -> dict[str, str]:
    return {record["source_id"][:3]: record["id"] for record in project.records()}


class TestRun:
    def test_the_summary_names_the_story_and_every_pair(self, filled: Project) -> None:
        said = (filled.folder / "said.txt").read_text()
        assert said.startswith("5 documents in the corpus, 5 new")
        assert "kind story, 3 documents" in said
        assert "Alibaba to support 1 mln small U.S. firms" in said
        assert said.count("similarity 0.") == 3
        alone = said.split("alone\n")[1]
        assert "000_" in alone
        assert "001_" in alone

    def test_json_ends_with_one_object_of_the_documented_keys(self, filled: Project) -> None:
        done = filled.here("run", "--json")
        assert done.returncode == 0
        report = json.loads(done.stdout)
        assert list(report) == RUN_KEYS
        assert sorted(report["counts"]) == sorted(COUNT_KEYS)
        assert report["counts"]["unchanged"] == 5
        assert report["corpus"] == {"seq": 1, "documents": 5}
        assert [source["name"] for source in report["sources"]] == ["seeds"]

    def test_every_log_line_carries_the_run(
        self, filled: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("INGEST_RUN_ID", "the-run")
        done = filled.here("run", "--log-format", "json")
        lines = [json.loads(line) for line in done.stderr.splitlines()]
        assert lines
        assert {line["run_id"] for line in lines} == {"the-run"}

    def test_the_same_clock_and_run_give_the_same_bytes(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("INGEST_NOW", "2024-05-06T07:08:09Z")
        monkeypatch.setenv("INGEST_RUN_ID", "one")
        shards = []
        for store in ("a", "b"):
            done = project.here("run", "--store", store, "--workers", "0")
            assert done.returncode == 0, done.stderr
            paths = sorted((project.folder / store / "corpus" / "current").glob("*.jsonl"))
            shards.append([path.read_bytes() for path in paths])
        assert shards[0] == shards[1]

    def test_inputs_need_no_settings_file(self, tmp_path: Path, seeds: Path) -> None:
        project = Project(tmp_path)
        done = project.here("run", str(seeds / "001_05ad71e9d67d27b6.txt"), "--workers", "0")
        assert done.returncode == 0, done.stderr
        assert len(project.records()) == 1

    def test_names_and_titles_do_not_write_on_the_terminal(self, tmp_path: Path) -> None:
        project = Project(tmp_path)
        (tmp_path / "red\x1b[31m\n.txt").write_text("A title \x1b]0;owned\x07 of a page.\nBelow.\n")
        done = project.here("run", ".", "--workers", "0")
        assert "red\\x1b[31m\\x0a.txt" in done.stdout
        shown = project.here("show", project.records()[0]["id"]).stdout
        assert "\x1b" not in done.stdout + done.stderr + shown
        assert "Below.\n" in shown

    def test_names_that_are_no_text_are_taken_as_they_are_shown(self, tmp_path: Path) -> None:
        project = Project(tmp_path)
        name = os.fsdecode(b"bad\xff.txt")
        (tmp_path / name).write_text("The harbour was rebuilt after the storm.\n")
        shown = project.here("run", ".", "--workers", "0").stdout
        assert "\n  bad\\xff.txt  " in shown
        assert "  bad\\xff.txt" in project.here("explain", name).stdout
        assert project.here("explain", "bad\\xff.txt").returncode == 0
        done = project.here("explain", os.fsdecode(b"bad\xfd.txt"))
        assert (done.returncode, "no document is called" in done.stderr) == (2, True)

    def test_inputs_are_shown_and_taken_as_paths_from_here(self, project: Project) -> None:
        said = project.here("run", "seeds/", "--workers", "0").stdout
        names = [path.name for path in sorted(project.seeds.iterdir())]
        assert f"\n  seeds/{names[0]}  China" in said
        assert f"    seeds/{names[2]} ~ seeds/{names[3]}  similarity" in said
        assert str(project.folder) not in said
        first, second = f"seeds/{names[2]}", f"./seeds/{names[3]}"
        compared = project.here("explain", first, second).stdout
        assert f"  {first}  Alibaba" in compared
        assert f"source id  {project.seeds / names[2]}" in project.here("show", first).stdout
        assert f"  {first}  " in project.here("dups").stdout
        forgotten = project.here("forget", first)
        assert (forgotten.returncode, forgotten.stdout.count("forgotten")) == (0, 1)
        code = project.here("explain", first)
        assert (code.returncode, f"no document is called '{first}'" in code.stderr) == (2, True)

    def test_a_path_of_a_sources_file_is_told_what_the_source_calls_it(
        self, project: Project
    ) -> None:
        assert project.here("run", "--workers", "0").returncode == 0
        record = project.records()[0]
        for name, told in (
            (
                f"seeds/{record['source_id']}",
                f"'seeds' calls its files by the path below its folder: '{record['source_id']}'",
            ),
            (f"seeds/{record['id'][:8]}", "Give an id"),
        ):
            done = project.here("show", name)
            assert (done.returncode, f"no document is called '{name}'" in done.stderr) == (2, True)
            assert told in " ".join(done.stderr.split())

    def test_a_quarantined_input_by_its_path_from_here(self, project: Project) -> None:
        (project.folder / "odd.txt").write_bytes(b"\x00\x01\x02" * 9)
        project.here("run", "odd.txt", "--workers", "0")
        assert project.cli("quarantine", "odd.txt").stdout == "\x00\x01\x02" * 9

    @pytest.mark.parametrize("module", ["ingest.errors", "ingest.cli.commands", "ingest.settings"])
    def test_ctrl_c_before_the_run_is_told(self, tmp_path: Path, module: str) -> None:
        (tmp_path / "sitecustomize.py").write_text(
            "import sys\nclass Interrupt:\n    def find_spec(self, name, *_):\n"
            f"        if name == {module!r}: raise KeyboardInterrupt\n"
            "sys.meta_path.insert(0, Interrupt())\n"
        )
        done = Project(tmp_path).cli("run", env={"PYTHONPATH": str(tmp_path)})
        assert (done.returncode, done.stderr) == (130, "ingest: stopped\n")

    def test_ctrl_c_commits_what_is_in_hand_and_says_so(self, project: Project) -> None:
        with subprocess.Popen(
            [INGEST, "run", "-", "--workers", "0", "--log-format", "json"],
            cwd=project.folder, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            assert process.stdin
            assert process.stderr
            line = json.dumps({"id": "1", "text": "A harbour was rebuilt after the storm. " * 20})
            process.stdin.write(line + "\n")
            process.stdin.flush()
            assert "source started" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "stopped after the batch in hand" in said
        assert project.cli("status").returncode == 0


class TestLooking:
    def test_dups_prints_one_link_a_line(self, filled: Project) -> None:
        lines = [json.loads(line) for line in filled.here("dups", "--json").stdout.splitlines()]
        assert len(lines) == 2
        assert all(list(line) == LINK_KEYS for line in lines)
        assert sorted(lines, key=str) == sorted(filled.links(), key=str)

    def test_dups_of_one_kind(self, filled: Project) -> None:
        assert filled.here("dups", "--kind", "near").stdout == "no duplicates of kind near\n"
        assert filled.here("dups", "--kind", "story").stdout.count("story:mean>=") == 2

    def test_explain_one(self, filled: Project) -> None:
        said = filled.here("explain", ids(filled)["003"][:8]).stdout
        assert "linked as story of" in said
        assert "story:mean>=" in said
        assert re.search(r"^  0\.\d{4}  trump$", said, re.MULTILINE)
        assert re.search(r"^ +\d+ words  \w", said, re.MULTILINE)
        assert said.count("jaccard  ") == 2, "exact and estimated, each once"
        assert "kept: it matches no" in filled.here("explain", ids(filled)["000"]).stdout

    def test_explain_two(self, filled: Project) -> None:
        names = ("002_ff1d20f343cd92b6.txt", "004_8f258c5332b479f2.txt")
        answer = json.loads(filled.here("explain", *names, "--json").stdout)
        compared = answer["comparison"]
        assert sorted(compared) == [
            "containment", "jaccard", "shared_passages", "shared_rare_words", "story_similarity",
        ]  # fmt: skip
        assert 0.0 < compared["jaccard"] < 0.05
        assert compared["shared_passages"]
        assert {"word", "weight"} == set(compared["shared_rare_words"][0])

    def test_show(self, filled: Project) -> None:
        said = filled.here("show", "001_05ad71e9d67d27b6.txt").stdout
        assert "China vice-president urges" in said
        assert "Sean Stein, chairman of AmCham China" in said
        assert "VIEW ALL" not in said

    @pytest.mark.parametrize("command", ["status", "runs", "sources", "check"])
    def test_json_and_plain(self, filled: Project, command: str) -> None:
        plain, as_json = filled.here(command), filled.here(command, "--json")
        assert (plain.returncode, as_json.returncode) == (0, 0), plain.stderr
        assert "seeds" in plain.stdout or "run" in plain.stdout
        assert all(json.loads(line) for line in as_json.stdout.splitlines())

    def test_available_lists_readers_and_their_settings(self, filled: Project) -> None:
        said = filled.here("sources", "--available").stdout
        assert "reader files" in said
        assert "step min_words" in said
        assert "  path" in said

    def test_schema(self, filled: Project) -> None:
        schema = json.loads(filled.here("schema").stdout)
        assert set(schema["required"]) == set(filled.records()[0])
        assert "containment" in json.loads(filled.here("schema", "link").stdout)["properties"]

    def test_json_is_taken_where_there_is_nothing_else(self, filled: Project) -> None:
        assert json.loads(filled.here("schema", "--json").stdout)
        changes = filled.here("corpus", "since", "0", "--json").stdout.splitlines()
        assert [json.loads(line)["op"] for line in changes] == ["add"] * 5

    def test_an_export_to_standard_output(self, filled: Project) -> None:
        lines = filled.here("export", "-", "--canonical").stdout.splitlines()
        assert [json.loads(line)["id"] for line in lines] == sorted(ids(filled).values())

    def test_verify(self, filled: Project) -> None:
        assert filled.here("corpus", "verify").returncode == 0


class TestHelp:
    def test_every_command_shows_examples_of_itself(self) -> None:
        for path, command in commands(typer.main.get_command(app), ()):
            lines = (command.epilog or "").splitlines()
            assert lines[:2] == ["\b", "Examples:"], path
            assert all(f"ingest {' '.join(path)}" in line for line in lines[2:]), path

    def test_version(self, filled: Project) -> None:
        assert filled.here("--version").stdout == f"ingest {version('ingest')}\n"


def commands(group: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that is no group, with its path."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


class TestStreams:
    """What becomes of output that cannot be written as it is."""

    def said(self, project: Project, line: str, **more: str) -> tuple[int, str]:
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=project.folder, capture_output=True, text=True, check=False,
            env={**os.environ, "INGEST": INGEST, **more},
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr

    @pytest.mark.parametrize("unbuffered", ["", "1"])
    def test_a_closed_pipe_is_no_error_of_ours(self, filled: Project, unbuffered: str) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            [INGEST, "schema"], cwd=filled.folder, check=False, text=True,
            stdout=writing, stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip
        os.close(writing)
        assert (done.returncode, done.stderr) == (141, "")

    def test_a_closed_output_leads_nowhere(self, filled: Project) -> None:
        assert self.said(filled, "$INGEST status >&-") == (0, "")

    @pytest.mark.parametrize("unbuffered", ["", "1"])
    def test_a_full_disk_is_told(self, filled: Project, unbuffered: str) -> None:
        code, said = self.said(filled, "$INGEST schema >/dev/full", PYTHONUNBUFFERED=unbuffered)
        assert (code, said) == (3, "ingest: writing output: No space left on device\n")

    def test_a_terminal_without_the_characters(self, filled: Project) -> None:
        code, said = self.said(filled, "$INGEST dups", PYTHONIOENCODING="ascii")
        assert (code, "Alibaba\\u2019s founder" in said) == (0, True)
        code, said = self.said(
            filled, "$INGEST show 004_8f258c5332b479f2.txt --json", PYTHONIOENCODING="ascii"
        )
        assert (code, "Alibaba’s founder" in json.loads(said)["title"]) == (0, True)


class TestMisuse:
    def said(self, project: Project, *arguments: str) -> tuple[int, str]:
        done = project.here(*arguments)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stderr

    def test_no_settings_file(self, tmp_path: Path) -> None:
        code, said = self.said(Project(tmp_path), "run")
        assert code == 2
        assert "config/ingest.toml: there is no settings file here" in said
        assert "ingest run FILE" in said

    def test_all_unknown_settings_at_once_with_suggestions(self, project: Project) -> None:
        project.configure(
            'stor = "x"\n[dedup]\nnear_treshold = 0.9\nexact = "keep"\n'
            '[[source]]\nname = "a"\nreader = "file"\n[[source]]\nname = "b"\npaht = "seeds"\n'
        )
        code, said = self.said(project, "run")
        assert code == 2
        for expected in ("'store'", "'near_threshold'", "'drop', 'link' or 'ignore'", "'files'"):
            assert expected in said
        assert "'path'" in said
        assert not project.store.exists()

    def test_broken_toml(self, project: Project) -> None:
        project.configure("store = \n")
        code, said = self.said(project, "run")
        assert (code, "not valid TOML" in said, "line 1" in said) == (2, True, True)

    def test_missing_input(self, project: Project) -> None:
        code, said = self.said(project, "run", "nowhere.txt")
        assert (code, "no such file or folder: 'nowhere.txt'" in said) == (2, True)

    def test_a_missing_source_folder_fails_that_source(self, project: Project) -> None:
        project.configure('workers = 0\n[[source]]\nname = "a"\npath = "nowhere"\n')
        done = project.here("run")
        assert done.returncode == 1
        assert "nowhere" in done.stdout
        assert "Traceback" not in done.stderr

    def test_a_store_that_is_a_file_is_told_by_check(self, project: Project) -> None:
        project.store.write_text("not a folder")
        done = project.here("check")
        assert (done.returncode, f"BAD  store: {project.store} is no folder" in done.stdout) == (
            3,
            True,
        )

    def test_a_clock_that_is_none(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("INGEST_NOW", "noon")
        code, said = self.said(project, "run", "--workers", "0")
        assert (code, "INGEST_NOW takes a time such as" in said) == (2, True)

    def test_an_unknown_source(self, project: Project) -> None:
        code, said = self.said(project, "run", "--source", "seed")
        assert (code, "did you mean 'seeds'?" in said) == (2, True)

    def test_a_store_that_cannot_be_written(self, project: Project) -> None:
        project.store.write_text("not a folder")
        code, said = self.said(project, "run", "--workers", "0")
        assert code == 3
        assert str(project.store) in said

    def test_a_store_of_another_program(self, project: Project) -> None:
        project.store.mkdir()
        with sqlite3.connect(project.store / "catalog.db") as other:
            other.execute("CREATE TABLE mine (x)")
        other.close()
        code, said = self.said(project, "run", "--workers", "0")
        assert (code, "another program" in said) == (3, True)

    def test_no_store_yet(self, project: Project) -> None:
        code, said = self.said(project, "dups")
        assert (code, "there is no store here" in said) == (3, True)

    def test_a_store_that_another_run_holds(self, project: Project) -> None:
        with writer_lock(project.store, label="run-x"):
            code, said = self.said(project, "run", "--workers", "0")
            assert code == 3
            assert f"process {os.getpid()} (run run-x)" in said
            assert "--wait" in said

    def test_an_id_that_means_nothing_or_too_much(self, filled: Project) -> None:
        code, said = self.said(filled, "explain", "ffff")
        assert (code, "no document is called 'ffff'" in said) == (2, True)

    @pytest.mark.parametrize(("arguments", "expected"), [
        (["run", ""], "no such file or folder: ''"),
        (["run", "--name", "a/b", "seeds"], "--name 'a/b': a source is named by letters"),
        (["run", "--name", "a"], "--name is for inputs"),
        (["run", "--source", "seeds", "seeds"], "--source chooses among configured sources"),
        (["run", "--config", "config"], "config: this is a folder"),
        (["export", "--from", "yesterday", "out"], "a day such as 2024-05-06, not 'yesterday'"),
        (["export", "--to", "2024-13", "out"], "a day such as 2024-05-06, not '2024-13'"),
        (["export", "--splits", "0.5,0.6,0", "out"], "must add up to 1"),
        (["export", "--splits", "1,0,0", "said.txt"], "said.txt is a file"),
        (["export", "--splits", "1,0,0", "-"], "one stream of JSON Lines"),
        (["export", "--format", "parquet", "-"], "one stream of JSON Lines"),
        (["export", "config"], "config is a folder"),
        (["export", "/dev/null"], "/dev/null is a pipe or device"),
        (["learn", "seed"], "did you mean 'seeds'?"),
        (["dups", "--kind", "nea"], "'exact', 'near', 'story'"),
        (["rnu"], "Did you mean 'run'?"),
        (["run", "--workers", "x"], "--workers"),
    ])  # fmt: skip
    def test_what_cannot_be_meant(
        self, filled: Project, arguments: list[str], expected: str
    ) -> None:
        code, said = self.said(filled, *arguments)
        assert (code, expected in said) == (2, True), said
        assert not (filled.folder / "out").exists()

    def test_nothing_to_retry(self, filled: Project) -> None:
        done = filled.here("retry", "--source", "nothing")
        assert (done.returncode, done.stdout) == (0, "nothing of that kind in quarantine\n")

    @pytest.mark.parametrize(("text", "expected"), [
        ("[source]\nname = 'a'", "source: write [[source]], with two brackets"),
        ("[[source]]\nname = 'a'\npath = 5", "source.0 (a): path: should be a valid string, not 5"),
        ("[[step]]\nuse = 'min_wrds'", "there is no step 'min_wrds'; did you mean 'min_words'"),
        ("[[source]]\nname = 'a'\npath = 'x'\n[[source.step]]\nuse = 'min_words'\nwrds = 5",
         "source.0: step 'min_words': wrds: unknown key; did you mean 'words'?"),
        ("[[step]]\nuse = 'urls'\nallow = '('", "'urls': allow: should be a list, not '('"),
        ("[[source]]\nname = 'a b'\npath = 'x'", "source.0.name: should be letters, digits"),
        ("workers = 'many'", "workers: should be a whole number, not 'many'"),
        ("[[source]]\nname = 'a'\npath = 'x'\n[[source]]\nname = 'a'\npath = 'y'",
         "source: two sources have the name a\n"),
        ("[[source]]\nname = 'a'\npath = 'x'\nstep = 'y'", "source.0.step: write [[source.step]]"),
        ("[[source]]\nname = 'a'\npath = ['x', 5]", "path.1: should be a valid string, not 5"),
        ("[[source]]\nname = 'a'\npath = 'x'\ninclude = '*'", "include: should be a list, not '*'"),
        ("[[source]]\nname = 'a'\npath = 'x'\nfields = 5", "fields: should be a table, not 5"),
        ("[[source]]\nname = 'a'\npath = 'x'\ntimezone = 'Mars'",
         "no time zone is called 'Mars'; expected one such as Europe/Berlin\n"),
        ("[[source]]\nname = 'a'\npath = 'x'\njitter = 'x'", "such as 30s, 15m, 6h or 2d, not 'x'"),
    ])  # fmt: skip
    def test_settings_are_told_by_key(self, project: Project, text: str, expected: str) -> None:
        project.configure(text)
        code, said = self.said(project, "check")
        assert (code, expected in said) == (2, True), said
        assert "1 setting cannot be used" in said

    def test_settings_of_the_environment_are_told_by_variable(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("INGEST_DEDUP__NEAR", "lnk")
        monkeypatch.setenv("INGEST_WORKERS", "many")
        monkeypatch.setenv("INGEST_DATA_X", "of another program")
        for arguments in (["check"], ["run", "seeds"]):
            code, said = self.said(project, *arguments)
            assert (code, "2 settings cannot be used" in said) == (2, True), said
            assert "dedup.near (INGEST_DEDUP__NEAR): should be 'drop'" in said
            assert "workers (INGEST_WORKERS): should be a whole number, not 'many'" in said

    def test_a_daemon_needs_no_table_of_its_own(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        served: list[Settings] = []
        monkeypatch.setattr("ingest.daemon.serve", lambda load: served.append(load()) or 0)
        assert self.said(project, "daemon") == (0, "")
        assert self.said(project, "daemon", "--listen", "off") == (0, "")
        assert [settings.daemon.listen for settings in served] == ["127.0.0.1:8460", "off"]


def test_a_progress_bar_on_a_terminal_only(project: Project) -> None:
    seen = _on_terminal(project, "xterm")
    assert "seeds: " in seen
    assert "publishing: 5 read  5 new" in seen
    assert "\x1b[2K" in seen, "the bar is drawn over"
    assert "\x1b[32m" not in seen, "NO_COLOR"
    lines = re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "\r", seen).replace("\r", "\n").splitlines()
    assert any(re.match(r"\d\d:\d\d:\d\d \[info", line) for line in lines), "no line after the bar"
    assert "\x1b[" not in project.here("run", "--workers", "0").stderr


def test_no_bar_on_a_terminal_that_cannot_draw_over_it(filled: Project) -> None:
    seen = _on_terminal(filled, "dumb")
    assert re.search(r"source started .*source=seeds\r?$", seen, re.MULTILINE), "lines are folded"
    assert "\x1b" not in seen
    assert "publishing" not in seen


def _on_terminal(project: Project, terminal: str) -> str:
    """What a run writes to a terminal of this kind, 60 columns wide, as its stderr."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        [INGEST, "run", "--workers", "0"],
        cwd=project.folder, stdout=subprocess.PIPE, stderr=slave,
        env={**os.environ, "NO_COLOR": "1", "TERM": terminal, "COLUMNS": "60"},
    ) as process:  # fmt: skip
        os.close(slave)
        seen = _drain(master, lambda: process.poll() is not None)
    assert process.returncode == 0
    return seen


def _drain(master: int, ended: Callable[[], bool]) -> str:
    seen = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        readable, _, _ = select.select([master], [], [], 0.1)
        if readable:
            try:
                seen += os.read(master, 65536)
            except OSError:
                break
        elif ended():
            break
    os.close(master)
    return seen.decode(errors="replace")
