"""Any order of decisions, publications, kills and compactions: the corpus is the model's."""

from __future__ import annotations

import shutil
import signal
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from publish_memory import (
    Consumer,
    FileLedger,
    contents,
    document,
    gone,
    ids,
    in_child,
    killer,
    link,
    publisher,
)

from ingest.publish.corpus import open_corpus
from ingest.publish.verify import verify

NAMES = st.integers(0, 15).map("d{}".format)
TEXTS = st.sampled_from(["one", "two", "three"])
OPTIONS: dict[str, Any] = {"shard_rows": 4, "fan_in": 2, "compression": "zstd"}


class Publishing(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.corpus = self.folder / "corpus"
        self.ledger = FileLedger(self.folder / "ledger")
        self.model: dict[str, str] = {}
        self.links: set[str] = set()
        publisher(self.corpus, **OPTIONS).publish(self.ledger, "first")
        self.consumer = Consumer(self.corpus)

    def teardown(self) -> None:
        self.publish()
        shutil.rmtree(self.folder)

    @rule(name=NAMES, text=TEXTS)
    def decide(self, name: str, text: str) -> None:
        self.model[name] = text
        self.ledger.want(document(name, text))

    @rule(name=NAMES)
    def remove(self, name: str) -> None:
        self.model.pop(name, None)
        self.ledger.want(gone(name))

    @rule(name=NAMES)
    def link(self, name: str) -> None:
        self.links ^= {name}
        there = name in self.links
        self.ledger.want(link(name, name) if there else gone(name, table="links"))

    @rule()
    def publish(self) -> None:
        target = publisher(self.corpus, **OPTIONS)
        target.publish(self.ledger, "run")
        expected = {next(iter(ids([name]))): text for name, text in self.model.items()}
        found = contents(self.corpus)
        assert {id_: text for id_, (_, text) in found.items()} == expected
        with open_corpus(self.corpus) as corpus:
            assert {each.id for each in corpus.links()} == ids(self.links)
        problems = verify(self.corpus, self.ledger.published())
        assert {problem.what for problem in problems} <= {"link"}  # the model links freely
        self.consumer.follow()
        assert self.consumer.revisions == {id_: revision for id_, (revision, _) in found.items()}
        assert target.publish(self.ledger, "again") is None

    @rule(at=st.integers(0, 25), compacting=st.booleans())
    def killed(self, at: int, compacting: bool) -> None:
        target = publisher(self.corpus, killer(at), **OPTIONS)
        work = target.compact if compacting else target.publish
        assert in_child(lambda: work(self.ledger, "killed")) in {0, -signal.SIGKILL}
        self.ledger = FileLedger(self.folder / "ledger")

    @rule()
    def compact(self) -> None:
        publisher(self.corpus, **OPTIONS).compact(self.ledger, "compact")

    @rule()
    def follow(self) -> None:
        self.consumer.follow()

    @invariant()
    def readable(self) -> None:
        assert contents(self.corpus) is not None  # reads every line


TestPublishing = Publishing.TestCase
TestPublishing.settings = settings(
    max_examples=12,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
