"""A project that is killed again and again, beside a twin that is left in peace."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from documents_for_faults import write
from support import Project

from ingest.publish.corpus import open_corpus
from ingest.publish.export import CANONICAL_WITHOUT, ExportOptions, export_lines
from ingest.publish.verify import verify

if TYPE_CHECKING:
    import random

DRIVER = str(Path(__file__).with_name("driver.py"))

SETTINGS = """
workers = 0
[corpus]
shard_rows = 20
generations = 2
[[source]]
name = "many"
path = "many"
on_missing = "remove"
max_removed = 1.0
[[source]]
name = "more"
path = "more"
on_missing = "remove"
max_removed = 1.0
"""


class Driver:
    """Runs of projects in processes of their own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, project: Project, **request: Any) -> dict[str, Any]:
        """One run; ``point`` and ``nth``, or ``after`` seconds, say when to kill it.

        ``batch`` is how many events are decided together, sixteen if nothing is said.
        """
        assert self._process.stdin
        assert self._process.stdout
        line = json.dumps({"project": str(project.folder), **request})
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        assert answer["code"] in (0, -9), answer
        return answer

    def close(self) -> None:
        self._process.communicate("")


class Watcher:
    """A second process that verifies what is current, all the while; ``looks`` at the end."""

    looks = 0

    def __init__(self, corpus: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, DRIVER, "watch", str(corpus)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        found = json.loads(self._process.communicate("")[0])
        assert found["problems"] == []
        self.looks = found["looks"]


class Consumer:
    """Follows the changes, remembering one number; any that does not fit is an error."""

    def __init__(self, corpus: Path) -> None:
        self.revisions: dict[str, int] = {}
        self._sequence = 0
        self._corpus = corpus

    def follow(self) -> None:
        with open_corpus(self._corpus) as corpus:
            for change in corpus.changes(self._sequence):
                assert change.seq > self._sequence
                assert (change.op == "add") == (change.id not in self.revisions), change
                if change.op == "remove":
                    del self.revisions[change.id]
                else:
                    assert change.revision > self.revisions.get(change.id, -1), change
                    self.revisions[change.id] = change.revision
            self._sequence = corpus.sequence
            assert self.revisions == {body["id"]: body["revision"] for body in corpus.bodies()}


class World:
    """What both projects hold: it grows, shrinks, changes, and repeats itself."""

    def __init__(self, folder: Path, rng: random.Random, driver: Driver, documents: int) -> None:
        self.rng = rng
        self.driver = driver
        self.disturbed = Project(folder / "disturbed")
        self.twin = Project(folder / "twin")
        self.disturbed.folder.mkdir(parents=True)
        self.disturbed.configure(SETTINGS)
        self._texts: dict[str, dict[str, int]] = {"many": {}, "more": {}}
        self._next = 0
        self._add("many", documents)
        self._add("more", 20)
        self.write()
        driver(self.disturbed, batch=1000)  # nobody disturbs this one
        shutil.copytree(self.disturbed.folder, self.twin.folder, symlinks=True, dirs_exist_ok=True)
        self.consumer = Consumer(self.disturbed.store / "corpus")
        self.consumer.follow()

    def _add(self, source: str, number: int) -> None:
        for _ in range(number):
            self._texts[source][f"{source}{self._next}"] = self._next
            self._next += 1

    def change(self) -> None:
        """Add, update, remove and copy some, in each source."""
        for source, texts in self._texts.items():
            for id_ in self.rng.sample(sorted(texts), 6):
                del texts[id_]
            for id_ in self.rng.sample(sorted(texts), 5):
                self._next += 1
                texts[id_] = self._next
            self._add(source, 6)
            copied = self.rng.choice(sorted(self._texts["many"]))
            texts[f"copy{self._next}"] = self._texts["many"][copied]
            self._next += 1
        self.write()

    def write(self) -> None:
        for project in (self.disturbed, self.twin):
            for source, texts in self._texts.items():
                write(project.folder / source / "all.jsonl", texts)

    def check_killed(self) -> None:
        """What is current is whole, and a consumer can go on."""
        assert verify(self.disturbed.store / "corpus") == []
        self.consumer.follow()

    def check_recovered(self) -> None:
        """One more run of each, and both corpora are the same."""
        self.driver(self.disturbed)
        self.driver(self.twin)
        self.check_killed()
        assert canonical(self.disturbed) == canonical(self.twin)


def canonical(project: Project) -> tuple[list[bytes], Counter[str]]:
    """Documents as exported; links, whose order is not a part of the contract."""
    with open_corpus(project.store / "corpus") as corpus:
        documents = list(export_lines(corpus, ExportOptions(canonical=True)))
        links = Counter(
            json.dumps({k: v for k, v in body.items() if k not in CANONICAL_WITHOUT})
            for body in corpus.bodies("links")
        )
        return documents, links
