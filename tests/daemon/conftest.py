"""A project folder with a daemon in it, as a real process."""

from __future__ import annotations

import json
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ingest import app
from ingest.dedup.signatures import Reference
from ingest.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ingest.settings import Settings

sys.path.insert(0, str(Path(__file__).parent / "importable"))

INGEST = (sys.executable, "-c", "from ingest.cli import main; main()")

PATIENCE = 60.0
"""Seconds that a busy machine may take for anything; tests end on events, not on this."""

WORDS = (
    "harbour", "council", "bridge", "engine", "market", "winter", "river", "teacher", "signal",
    "garden", "copper", "valley", "senate", "lantern", "orchard", "railway", "compass",
    "granite", "festival", "meadow", "library", "cabinet", "voyage",
)  # fmt: skip


def article(number: int, words: int = 60) -> str:
    """A text unlike that of any other number: no two are near copies."""
    draw = random.Random(number)
    body = [f"{draw.choice(WORDS)}{draw.randrange(97)}" for _ in range(words)]
    lines = [" ".join(body[n : n + 12]).capitalize() + "." for n in range(0, words, 12)]
    return f"Report number {number}\n\n" + "\n".join(lines) + "\n"


class DaemonProcess:
    """`ingest daemon` as a child; its JSON log lines arrive in a queue."""

    def __init__(self, folder: Path, environment: dict[str, str], *arguments: str) -> None:
        self.log: list[dict[str, Any]] = []
        self._lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
        command = [*INGEST, "daemon", "--log-format", "json", *arguments]
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            try:
                self._lines.put(json.loads(line))
            except ValueError:
                self._lines.put({"event": "not JSON", "line": line})
        self._lines.put(None)

    def wait_for(self, event: str, **fields: object) -> dict[str, Any]:
        """Wait for a log line."""
        deadline = time.monotonic() + PATIENCE
        while True:
            line = self._lines.get(timeout=max(0.01, deadline - time.monotonic()))
            assert line is not None, f"ended without {event!r}: {self.log[-20:]}"
            self.log.append(line)
            if line.get("event") == event and fields.items() <= line.items():
                return line

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait for the end; the exit code.  All lines are in ``log`` then."""
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        while (line := self._lines.get(timeout=1)) is not None:
            self.log.append(line)
        return code

    def stop(self) -> int:
        """SIGTERM, then `wait`."""
        self.send(signal.SIGTERM)
        return self.wait()

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line.get("event") == name]

    def kill(self) -> None:
        """End it as a power cut would; harmless where it has ended."""
        self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE)
        if self.process.stderr:
            self.process.stderr.close()


class Project:
    """A folder with settings, sources and a store."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        self.store = folder / "store"
        self.store.mkdir()
        (self.store / "cache").symlink_to(cache, target_is_directory=True)
        given = filter(None, [os.environ.get("PYTHONPATH", "")])
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("INGEST_")},
            # Compiling takes longer than all documents of a test: do without numba.
            "PYTHONPATH": os.pathsep.join([str(folder / "modules"), *given]),
        }
        self._daemons: list[DaemonProcess] = []
        (folder / "config").mkdir()
        (folder / "modules").mkdir()
        (folder / "modules" / "numba.py").write_text("raise ImportError('not in this test')")

    @property
    def config(self) -> Path:
        return self.folder / "config" / "ingest.toml"

    def source_folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return folder

    def write(self, name: str, *numbers: int) -> None:
        """Add articles to a source's folder."""
        for number in numbers:
            (self.source_folder(name) / f"{number:06}.txt").write_text(article(number))

    def configure(self, *sources: dict[str, object], daemon: str = "", workers: int = 0) -> None:
        """Write the settings: no workers, no HTTP, texts as they are, unless said otherwise."""
        lines = [
            f"workers = {workers}",
            "[dedup]",
            'story = "ignore"',
            "[daemon]",
            'listen = "off"',
            daemon,
        ]
        for source in sources:
            lines += ["[[source]]", 'extract = "none"']
            lines += [f"{key} = {json.dumps(value)}" for key, value in source.items()]
            if "path" not in source and "reader" not in source:
                self.source_folder(str(source["name"]))
                lines.append(f"path = {json.dumps(str(source['name']))}")
        self.config.write_text("\n".join(lines) + "\n")

    def daemon(self, *arguments: str, **environment: str) -> DaemonProcess:
        daemon = DaemonProcess(self.folder, {**self.environment, **environment}, *arguments)
        self._daemons.append(daemon)
        return daemon

    def ingest(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run another command to its end."""
        return subprocess.run(
            [*INGEST, *arguments],
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    def settings(self) -> Settings:
        return load(self.config)

    def run(self, *sources: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> str:
        """One pass in this process, without numba as in the others; how it ended."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("ingest.dedup.signatures.engine", Reference)
            options = app.RunOptions(clock=clock)
            return app.run(self.settings(), only=sources, options=options).status

    def corpus(self) -> list[dict[str, Any]]:
        """The published documents."""
        shards = sorted((self.store / "corpus" / "current").glob("documents-*.jsonl"))
        return [json.loads(line) for shard in shards for line in shard.read_text().splitlines()]

    def changes(self) -> list[dict[str, Any]]:
        """Every published change."""
        files = sorted((self.store / "corpus" / "changes").glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    def close(self) -> None:
        for daemon in self._daemons:
            daemon.kill()


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What stores keep of word lists, made once for all of them."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def project(tmp_path: Path, cache: Path) -> Iterator[Project]:
    made = Project(tmp_path, cache)
    yield made
    made.close()


@pytest.fixture
def until() -> Callable[[Callable[[], bool], float], float]:
    """Wait for something that no event tells of; how many seconds it took."""

    def wait(what: Callable[[], bool], seconds: float = PATIENCE) -> float:
        began = time.monotonic()
        while not what():
            assert time.monotonic() - began < seconds, "it did not come to pass"
            time.sleep(0.02)
        return time.monotonic() - began

    return wait
