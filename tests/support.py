"""A project folder to run in, in this process or as a user would."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import structlog

import ingest
from ingest.app import RunOptions, run
from ingest.cli import main
from ingest.compiling import sources
from ingest.settings import build

if TYPE_CHECKING:
    from ingest.outcome import RunReport
    from ingest.settings import Settings

NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
FIXED = RunOptions(clock=lambda: NOW, run_id="run-1")


def leave_code(folder: Path, package: str, function: str) -> None:
    """A file in which numba would keep the code of a function of a package of ``ingest``."""
    home = folder / sources(str(Path(ingest.__file__).parent / package / "any.py"))
    home.mkdir(parents=True, exist_ok=True)
    (home / f"x.{function}-1.py311.nbi").touch()


@dataclass(frozen=True)
class Project:
    """A project folder of its own: the seeds, settings, and an empty store."""

    folder: Path

    @property
    def seeds(self) -> Path:
        return self.folder / "seeds"

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def current(self) -> Path:
        return self.store / "corpus" / "current"

    def configure(self, text: str) -> Path:
        path = self.folder / "config" / "ingest.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def settings(self, **values: Any) -> Settings:
        source = {"name": "seeds", "path": "seeds", **values.pop("source", {})}
        return build({"workers": 0, "source": [source], **values}, base=self.folder)

    def run(self, *inputs: str, options: RunOptions = FIXED, **values: Any) -> RunReport:
        """One run in this process, by the fixed clock."""
        return run(self.settings(**values), inputs, options=options)

    def cli(self, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """The command line, as a real process in the project's folder."""
        environment = {**os.environ, **more.pop("env", {})}
        command = [str(Path(sys.executable).parent / "ingest"), *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True,
            check=False, timeout=100, **more,
        )  # fmt: skip

    def here(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command line in this process: the same but for its start, which takes a second."""
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        code = 0
        with (
            contextlib.chdir(self.folder), contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err), mock.patch.object(sys, "argv", ["ingest", *arguments]),
        ):  # fmt: skip
            try:
                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 0
            finally:
                structlog.reset_defaults()
        said = [stream.buffer.getvalue().decode() for stream in (out, err) if not stream.flush()]
        return subprocess.CompletedProcess(arguments, code, *said)

    def records(self) -> list[dict[str, Any]]:
        return self._lines("documents")

    def links(self) -> list[dict[str, Any]]:
        return self._lines("links")

    def changes(self) -> list[tuple[int, str, str, str]]:
        """(seq, op, source_id, reason) of every change, in order."""
        names = {record["id"]: record["source_id"] for record in self.records()}
        found = []
        for path in sorted((self.store / "corpus" / "changes").glob("*.jsonl")):
            for line in path.read_text().splitlines():
                change = json.loads(line)
                name = names.get(change["id"], "-")
                found.append((change["seq"], change["op"], name, change["reason"]))
        return found

    def _lines(self, table: str) -> list[dict[str, Any]]:
        paths = sorted(self.current.glob(f"{table}-*.jsonl"))
        return [json.loads(line) for path in paths for line in path.read_text().splitlines()]
