"""docs/operations.md: its commands run, and the service files hold what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from ingest.settings import build

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "operations.md").read_text()
CONFIG = ROOT / "config"


@pytest.mark.timeout(320)
def test_the_commands_of_the_page_run(tmp_path: Path) -> None:
    """In order, in one shell that stops at the first that fails."""
    script = "\n".join(re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
    assert script.count("ingest ") > 8
    programs = tmp_path / "programs"
    programs.mkdir()
    command = (
        f"#!/bin/sh\nexec '{sys.executable}' -c 'from ingest.cli import main; main()' \"$@\"\n"
    )
    (programs / "ingest").write_text(command)
    (programs / "ingest").chmod(0o755)
    # Without numba, whose compiling would take longer than all the rest.
    (programs / "numba.py").write_text("raise ImportError('not in this test')")
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("INGEST_")},
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(programs),
        "INGEST_WORKERS": "0",
    }
    done = subprocess.run(
        ["sh", "-eux"], input=script, cwd=home, env=environment, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    log = home / "news" / "daemon.log"
    assert done.returncode == 0, done.stderr[-3000:] + (log.read_text() if log.exists() else "")
    assert "ingest_corpus_documents 1.0" in done.stdout
    assert '"event": "settings reloaded"' in log.read_text()


def test_the_files_that_the_page_names_are_there() -> None:
    for name in re.findall(r"config/[a-z.]+\b", PAGE):
        assert (ROOT / name).exists() or name == "config/ingest", name


def test_the_unit_is_as_systemd_wants_it(tmp_path: Path) -> None:
    """Paths of an installation are replaced by ones that are here."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd-analyze here")
    unit = (CONFIG / "ingest.service").read_text()
    executable = tmp_path / "ingest"
    executable.write_text("#!/bin/sh\n")
    executable.chmod(0o755)
    unit = unit.replace("/opt/ingest/.venv/bin/ingest", str(executable))
    unit = re.sub(r"^(User|Group)=.*", r"\1=root", unit, flags=re.MULTILINE)
    copy = tmp_path / "ingest.service"
    copy.write_text(unit.replace("/opt/ingest", str(tmp_path)))
    done = subprocess.run([analyze, "verify", copy], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_example_for_news_is_good(tmp_path: Path) -> None:
    values = tomllib.loads((CONFIG / "news.example.toml").read_text())
    settings = build(values, base=tmp_path)
    assert [str(settings.timing(source).limit) for source in settings.source] == [
        "7200.0", "7200.0", "14400.0",
    ]  # fmt: skip


def test_the_container_is_not_root_and_asks_for_health() -> None:
    dockerfile = (CONFIG / "Dockerfile").read_text()
    assert re.search(r"^USER (?!0|root)", dockerfile, re.MULTILINE)
    assert "HEALTHCHECK" in dockerfile
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE):
        for name in source.split():
            assert (ROOT / name).exists(), name
    service = yaml.safe_load((CONFIG / "compose.yaml").read_text())["services"]["ingest"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]


def test_hadolint_has_nothing_to_say_of_the_container() -> None:
    program = Path(sys.executable).parent / "hadolint"
    done = subprocess.run(
        [program, "--no-color", CONFIG / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
