"""docs/writing-a-reader.md is followed to the letter: its files are written, installed and run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "writing-a-reader.md"
BLOCK = re.compile(r"^```\w+\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def project(tmp_path_factory: Any):
    """A project with the page's files, beside the metadata that installing it would make."""
    folder = tmp_path_factory.mktemp("acme")
    for name, text in BLOCK.findall(PAGE.read_text()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "acme_readers" / "__init__.py").touch()
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    info = folder / f"acme_readers-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
    points = project["entry-points"]["ingest.readers"]
    lines = [f"{name} = {value}" for name, value in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[ingest.readers]", *lines]))
    return folder


def python(project: Any, *arguments: Any):
    return subprocess.run(
        [sys.executable, "-P", *arguments],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(project), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_block_of_code_is_one_of_the_files_that_are_run():
    assert len(BLOCK.findall(PAGE.read_text())) == PAGE.read_text().count("\n```") / 2


def test_its_tests_pass(project: Any):
    done = python(project, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "tests")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"11 passed", done.stdout), done.stdout


def test_its_tests_fail_for_a_broken_reader(project: Any, tmp_path: Path):
    path = project / "acme_readers" / "table.py"
    good = path.read_text()
    try:
        path.write_text(good.replace("return Unchanged(source_id)", "pass"))
        done = python(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    finally:
        path.write_text(good)
    assert done.returncode == 1
    assert "sent again though nothing changed" in done.stdout


def test_it_is_found_by_its_name_and_takes_the_settings_of_the_page(project: Any):
    source = tomllib.loads((project / "config" / "ingest.toml").read_text())["source"][0]
    program = (
        "from ingest.read import registry\n"
        f"reader = registry.load({source['reader']!r})(database={source['database']!r})\n"
        "print(sorted(registry.available()), reader.database)"
    )
    done = python(project, "-c", program)
    assert done.returncode == 0, done.stderr
    assert "'files'" in done.stdout
    assert "'table'" in done.stdout
    assert done.stdout.endswith("] acme.db\n")


def test_every_event_is_in_the_table_of_the_page():
    from typing import get_args  # noqa: PLC0415

    from ingest.documents import Event  # noqa: PLC0415

    text = PAGE.read_text()
    assert all(f"| `{kind.__name__}(" in text for kind in get_args(Event))
