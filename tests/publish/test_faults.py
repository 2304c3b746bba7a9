"""Killed at any step, or with a disk that fails: never a wrong corpus, nothing lost."""

from __future__ import annotations

import errno
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from publish_memory import (
    Consumer,
    FileLedger,
    MemoryLedger,
    contents,
    document,
    gone,
    in_child,
    killer,
    link,
    publisher,
)

from ingest.errors import StoreError
from ingest.publish.corpus import open_corpus
from ingest.publish.verify import verify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.publish.publish import Publisher

Undisturbed = tuple[list[str], dict[str, tuple[int, str]]]

OPTIONS = {"shard_rows": 10, "fan_in": 3}
NAMES = [f"d{number}" for number in range(23)]


def before(ledger: MemoryLedger) -> None:
    ledger.want(*(document(name) for name in NAMES), link("copy", "d1"))


def after(ledger: MemoryLedger) -> None:
    """Changes of every kind: new shards, a rewritten one, one that goes, a merge, links."""
    ledger.want(
        *(document(f"new{number}") for number in range(12)),
        document("d3", "other words", "changed"),
        document("d14", "yet other words", "changed"),
        *(gone(f"d{number}") for number in (0, 7, 20, 21, 22)),
        gone("copy", table="links"),
        link("copy2", "d2"),
    )


def steps(folder: Path) -> list[str]:
    """Names of the checkpoints that an undisturbed publication passes."""
    ledger, passed = FileLedger(folder / "ledger"), list[str]()
    before(ledger)
    publisher(folder / "corpus", **OPTIONS).publish(ledger, "one")
    after(ledger)
    publisher(folder / "corpus", passed.append, **OPTIONS).publish(ledger, "two")
    return passed


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    passed = steps(folder)
    return passed, contents(folder / "corpus")


def test_every_kind_of_step_has_a_checkpoint(undisturbed: Undisturbed) -> None:
    names = {
        "begun", "shard", "rewritten", "documents", "links", "changes", "companions", "manifest",
        "synced", "sealed", "renamed", "current", "settled", "shown", "cleaned",
    }  # fmt: skip
    assert set(undisturbed[0]) == names


def test_killed_at_every_step(tmp_path: Path, undisturbed: Undisturbed) -> None:
    passed, expected = undisturbed
    for number, name in enumerate(passed):
        folder = tmp_path / str(number)
        folder.mkdir()
        ledger = FileLedger(folder / "ledger")
        before(ledger)
        publisher(folder / "corpus", **OPTIONS).publish(ledger, "one")
        consumer = Consumer(folder / "corpus")
        consumer.follow()
        old = contents(folder / "corpus")
        after(ledger)
        target = publisher(folder / "corpus", killer(number), **OPTIONS)
        assert in_child(lambda: target.publish(ledger, "two")) == -signal.SIGKILL, name  # noqa: B023 - called at once

        assert verify(folder / "corpus") == [], name
        assert contents(folder / "corpus") in (old, expected), name
        consumer.follow()

        ledger = FileLedger(folder / "ledger")
        healthy = publisher(folder / "corpus", **OPTIONS)
        healthy.recover(ledger)
        healthy.publish(ledger, "three")
        assert healthy.publish(ledger, "four") is None, name
        assert contents(folder / "corpus") == expected, name
        assert verify(folder / "corpus", ledger.published()) == [], name
        consumer.follow()
        assert consumer.revisions == {id_: each[0] for id_, each in expected.items()}, name
        left = sorted(path.name for path in (folder / "corpus").iterdir())
        assert left == ["changes", "current", "generations"], name


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path: Path) -> None:
    """Not at named steps but anywhere, in the middle of a write too; the clock decides."""
    rng = random.Random(6)
    ledger, twin = FileLedger(tmp_path / "ledger"), MemoryLedger()
    consumer = Consumer(tmp_path / "corpus")
    publisher(tmp_path / "corpus", shard_rows=300, fan_in=3).publish(ledger, "first")
    for number in range(60):
        wanted = [document(f"d{rng.randrange(3000)}", f"text {number}") for _ in range(200)]
        wanted += [gone(f"d{rng.randrange(3000)}") for _ in range(40)]
        ledger.want(*wanted)
        twin.want(*wanted)
        target = publisher(tmp_path / "corpus", shard_rows=300, fan_in=3)

        def work(delay: float, target: Publisher = target) -> None:
            signal.setitimer(signal.ITIMER_REAL, delay)  # nothing handles SIGALRM: it kills
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            target.publish(FileLedger(tmp_path / "ledger"), "killed")

        in_child(lambda: work(rng.uniform(0.001, 0.15)))
        assert verify(tmp_path / "corpus") == []
        consumer.follow()
        ledger = FileLedger(tmp_path / "ledger")
    publisher(tmp_path / "corpus", shard_rows=300, fan_in=3).publish(ledger, "last")
    consumer.follow()
    found = contents(tmp_path / "corpus")
    texts = {wanted.id: wanted.body["text"] for wanted in twin.truth.values() if wanted.body}
    assert {id_: text for id_, (_, text) in found.items()} == texts
    assert consumer.revisions == {id_: revision for id_, (revision, _) in found.items()}


def test_killed_while_recovering(tmp_path: Path) -> None:
    """What the recovery does can be cut short too, at its only steps: before and after."""
    ledger = FileLedger(tmp_path / "ledger")
    before(ledger)
    target = publisher(tmp_path / "corpus", lambda name: name == "renamed" and _die(), **OPTIONS)
    assert in_child(lambda: target.publish(ledger, "one")) == -signal.SIGKILL
    for _ in range(2):
        again = FileLedger(tmp_path / "ledger")
        again.settle = lambda _sequence, **_: _die()  # type: ignore[method-assign]
        healthy = publisher(tmp_path / "corpus", **OPTIONS)
        assert in_child(lambda: healthy.recover(again)) == -signal.SIGKILL  # noqa: B023 - called at once
    found = healthy.recover(FileLedger(tmp_path / "ledger"))
    assert (found.sequence, found.settled) == (1, True)
    assert verify(tmp_path / "corpus", FileLedger(tmp_path / "ledger").published()) == []


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_is_decided_before_the_recovery_is_published_too(tmp_path: Path) -> None:
    """A run beside the one that broke off after the rename goes on deciding, and publishes."""
    ledger = FileLedger(tmp_path / "ledger")
    before(ledger)
    target = publisher(tmp_path / "corpus", lambda name: name == "renamed" and _die(), **OPTIONS)
    assert in_child(lambda: target.publish(ledger, "one")) == -signal.SIGKILL
    ledger = FileLedger(tmp_path / "ledger")
    ledger.want(document("d3", "other words", "changed"), gone("d4"), document("late"))
    published = publisher(tmp_path / "corpus", **OPTIONS).publish(ledger, "two")
    assert published is not None
    counts = published.counts
    assert (counts.added, counts.updated, counts.removed) == (1, 1, 1)
    assert len(contents(tmp_path / "corpus")) == len(NAMES)
    assert verify(tmp_path / "corpus", ledger.published()) == []


WATCHER = """
import sys
from pathlib import Path
from ingest.publish.corpus import open_corpus
folder, stop = Path(sys.argv[1]), Path(sys.argv[2])
checks, sequences = 0, [0]
while not stop.exists() or not checks:
    with open_corpus(folder) as corpus:
        ids = [document.id for document in corpus.documents()]
        assert len(ids) == len(set(ids)) == len(corpus), corpus.path
        links = list(corpus.links())
        assert len(links) == corpus.manifest.counts.links
        assert corpus.sequence >= sequences[-1]
        sequences.append(corpus.sequence)
    checks += 1
print(checks, len(set(sequences)))
"""


@pytest.fixture
def watcher(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A second process that checks the corpus all the while."""
    command = [sys.executable, "-c", WATCHER, str(tmp_path / "corpus"), str(tmp_path / "stop")]
    ledger = FileLedger(tmp_path / "ledger")
    publisher(tmp_path / "corpus", **OPTIONS).publish(ledger, "zero")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_another_process_always_sees_a_valid_corpus(
    tmp_path: Path, watcher: subprocess.Popen[str]
) -> None:
    for number in range(30):
        ledger = FileLedger(tmp_path / "ledger")
        ledger.want(*(document(f"{number}-{n}") for n in range(7)), gone(f"{number - 1}-3"))
        target = publisher(tmp_path / "corpus", killer(number), **OPTIONS)
        in_child(lambda: target.publish(ledger, "run"))  # noqa: B023 - called at once
    (tmp_path / "stop").touch()
    output, _ = watcher.communicate(timeout=60)
    assert watcher.returncode == 0
    checks, _ = map(int, output.split())
    assert checks >= 1


def test_a_full_disk_leaves_the_corpus_as_it_was(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    before(ledger)
    target = publisher(tmp_path, **OPTIONS)
    target.publish(ledger, "one")
    files = _files(tmp_path)
    after(ledger)

    def full(limit: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        with pytest.raises(StoreError) as caught:
            target.publish(ledger, "two")
        assert "free some space" in caught.value.hint

    largest = max(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    for limit in (0, 1, 100, 400, 1000, 2000, largest - 1):
        assert in_child(lambda: full(limit)) == 0, limit  # noqa: B023 - called at once
        assert _files(tmp_path) == files, limit
    assert target.publish(ledger, "two") is not None
    assert verify(tmp_path, ledger.published()) == []


def test_a_failing_sync_leaves_the_corpus_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = MemoryLedger()
    before(ledger)
    target = publisher(tmp_path, **OPTIONS)
    target.publish(ledger, "one")
    files, old = _files(tmp_path), contents(tmp_path)
    after(ledger)
    real, left = os.fsync, [0]

    def sync(handle: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.EIO, "Input/output error")
        real(handle)

    for number in range(100):
        left[0] = number
        monkeypatch.setattr(os, "fsync", sync)
        failed = _published(target, ledger)
        monkeypatch.setattr(os, "fsync", real)
        if not failed:
            break
        assert "Input/output error" in failed
        if target.layout.sequence() == 1:
            assert _files(tmp_path) == files, number
            assert contents(tmp_path) == old
        else:
            assert verify(tmp_path) == []
    assert number > 10
    assert target.publish(ledger, "three") is None
    assert verify(tmp_path, ledger.published()) == []


def test_a_store_that_cannot_be_written() -> None:
    def denied() -> None:
        if os.geteuid() == 0:
            os.seteuid(65534)  # root may write everywhere
        with pytest.raises(StoreError, match="Permission denied") as caught:
            target.publish(MemoryLedger(), "one")
        assert "writable" in caught.value.hint

    with tempfile.TemporaryDirectory() as name:
        target = publisher(Path(name) / "corpus")
        target.folder.chmod(0o555)
        Path(name).chmod(0o555)
        assert in_child(denied) == 0
        assert list(target.folder.iterdir()) == []
        target.folder.chmod(0o700)
        Path(name).chmod(0o700)


def test_the_change_file_is_shown_only_once_the_generation_is_current(tmp_path: Path) -> None:
    seen = {}
    ledger = MemoryLedger()
    before(ledger)
    target = publisher(
        tmp_path, lambda name: seen.update({name: (tmp_path / "changes/000000001.jsonl").exists()})
    )
    target.publish(ledger, "one")
    assert not seen["current"]
    assert seen["shown"]
    changes = (tmp_path / "changes/000000001.jsonl").read_text().splitlines()
    assert [json.loads(line)["op"] for line in changes] == ["add"] * len(NAMES)


def _published(target: Publisher, ledger: MemoryLedger) -> str:
    """Publish; gives the message of the error, if there was one."""
    try:
        target.publish(ledger, "two")
    except StoreError as error:
        return f"{error} {error.hint}"
    return ""


def _files(folder: Path) -> dict[str, bytes]:
    with open_corpus(folder):
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
