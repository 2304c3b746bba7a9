"""What is installed is found, also what comes and goes while the process runs."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

from ingest import plugins

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def install(folder: Path, name: str) -> Path:
    info = folder / f"{name}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {name}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[ingest.readers]\n{name} = {name}:Reader\n")
    return info


def names() -> set[str]:
    return {point.name for point in plugins.entry_points(group="ingest.readers")}


def test_what_comes_and_goes_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    assert "files" in names()
    info = install(tmp_path, "later")
    assert "later" in names()
    for file in info.iterdir():
        file.unlink()
    info.rmdir()
    assert "later" not in names()
    assert not plugins.entry_points(group="ingest.nothing")


def test_packages_are_not_looked_through_again_while_none_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[str] = []

    def look(*, group: str) -> tuple[metadata.EntryPoint, ...]:
        looks.append(group)
        return ()

    monkeypatch.setattr(metadata, "entry_points", look)
    for _ in range(5):
        plugins.entry_points(group="one of a test's own")
    assert len(looks) == 1
