"""Killed and stopped at any moment, the daemon loses nothing and does nothing twice."""

from __future__ import annotations

import random
import signal
import time
from typing import TYPE_CHECKING

import pytest
from daemon.conftest import article

from ingest import checks

if TYPE_CHECKING:
    from daemon.conftest import Project

SOURCES = ("one", "two")


class Folders:
    """Two folders that change at random, and what they hold."""

    def __init__(self, project: Project, seed: int) -> None:
        self.random = random.Random(seed)
        self._project = project
        self._next = 0
        self.texts: dict[tuple[str, str], str] = {}

    def change(self) -> None:
        """Add some files, edit one, remove one, in each folder."""
        for source in SOURCES:
            mine = [name for where, name in self.texts if where == source]
            if mine:
                self._write(source, self.random.choice(mine))
                gone = self.random.choice(mine)
                (self._project.source_folder(source) / gone).unlink()
                del self.texts[source, gone]
            for _ in range(8):
                self._write(source, f"{self._next:06}.txt")

    def _write(self, source: str, name: str) -> None:
        text = article(self._next)
        self._next += 1
        # A file is complete when it appears, as when it is moved into the folder.
        draft = self._project.folder / "draft"
        draft.write_text(text)
        draft.replace(self._project.source_folder(source) / name)
        self.texts[source, name] = text


def check_whole(project: Project, texts: dict[tuple[str, str], str]) -> None:
    """The corpus is what the folders hold, and its changes lead there without a repetition."""
    corpus = {(line["source"], line["source_id"]): line for line in project.corpus()}
    assert set(corpus) == set(texts)
    for key, text in texts.items():
        assert corpus[key]["text"].split() == text.split(), key
    live: dict[str, int] = {}
    files = sorted((project.store / "corpus" / "changes").glob("*.jsonl"))
    assert [int(file.stem) for file in files] == list(range(1, len(files) + 1))
    for change in project.changes():
        if change["op"] == "remove":
            del live[change["id"]]
        else:
            assert (change["op"] == "add") == (change["id"] not in live), change
            assert change["revision"] > live.get(change["id"], -1), change
            live[change["id"]] = change["revision"]
    assert set(live) == {line["id"] for line in corpus.values()}
    assert all(found.ok for found in checks.verify_corpus(project.settings()))


def disturb(project: Project, rounds: int, seed: int) -> None:
    folders = Folders(project, seed)
    project.configure(
        *({"name": name, "schedule": "every 1s", "on_missing": "remove"} for name in SOURCES)
    )
    for _ in range(rounds):
        folders.change()
        daemon = project.daemon()
        daemon.wait_for("source started")
        time.sleep(folders.random.random() * 0.8)  # the moment is what is tried
        if folders.random.random() < 0.5:
            daemon.kill()
        else:
            assert daemon.stop() == 0
    assert project.run() == "done"
    check_whole(project, folders.texts)


def test_killed_and_stopped_a_few_times(project: Project) -> None:
    disturb(project, rounds=3, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_and_stopped_a_hundred_times(project: Project) -> None:
    disturb(project, rounds=100, seed=2)


def test_a_stop_finishes_what_is_in_hand_and_publishes_it(project: Project) -> None:
    project.write("one", *range(400))
    project.configure({"name": "one", "schedule": "every 1h"})
    for delay in (0.3, 1.0, 3.0, 9.0):  # a busy machine may not have begun with any
        daemon = project.daemon()
        daemon.wait_for("source started")
        time.sleep(delay)
        assert daemon.stop() == 0
        assert daemon.events("stopping")[0]["signal"] == signal.SIGTERM
        ended = daemon.events("source ended")[0]
        assert ended["status"] in ("cancelled", "done")
        assert len(project.corpus()) == ended.get("new", 0)
        if project.corpus():
            break
    assert project.corpus()
