"""Which changes in which folders wake a source."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any

import pytest

from ingest.daemon import watch
from ingest.daemon.watch import Watcher, watched_of
from ingest.settings import build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ingest.settings import Settings

QUIET = 0.6
"""Seconds without a word that are taken for silence; changes are told within half of it."""


class Told:
    """What a watcher says, in a queue."""

    def __init__(self) -> None:
        self.names: queue.Queue[str] = queue.Queue()
        self.watcher = Watcher(self.names.put)

    def follow(self, settings: Settings) -> None:
        """Watch, and wait until the watches stand: each counts as a change."""
        self.watcher.follow(settings)
        self.wait()
        self.quiet()

    def wait(self) -> str:
        return self.names.get(timeout=60)

    def quiet(self) -> bool:
        """Whether nothing is said for a while; what is said is forgotten."""
        try:
            self.names.get(timeout=QUIET)
        except queue.Empty:
            return True
        self.quiet()
        return False


@pytest.fixture
def told() -> Iterator[Told]:
    made = Told()
    yield made
    made.watcher.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("LOOK_SECONDS", 0.1), ("POLL_SECONDS", 0.1), ("_DEBOUNCE", 0.05)):
        monkeypatch.setattr(watch, name, seconds)
    monkeypatch.setattr(watch, "RETRY_SECONDS", 0.1)


def settings_of(base: Path, path: Any, **more: Any) -> Settings:
    source = {"name": "a", "path": path, "schedule": "on change", **more}
    return build({"source": [source]}, base=base)


def test_a_change_is_told_and_the_beginning_of_the_watch_counts_as_one(
    told: Told, tmp_path: Path
) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    told.follow(settings_of(tmp_path, "in"))
    (tmp_path / "in" / "deep" / "x.txt").write_text("x")
    assert told.wait() == "a"
    (tmp_path / "elsewhere.txt").write_text("x")
    told.quiet()
    assert told.quiet()


@pytest.mark.parametrize("way", [".", "link", "*.txt"])
def test_what_the_store_writes_wakes_nobody(told: Told, tmp_path: Path, way: str) -> None:
    """Else each run would bring the next, for ever, where a source's path holds the store."""
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    settings = settings_of(tmp_path, way)
    settings.store.mkdir()
    told.follow(settings)
    (settings.store / "catalog.db").write_text("x")
    (settings.store / "corpus").mkdir()
    (settings.store / "corpus" / "new.jsonl").write_text("x")
    assert told.quiet()
    (tmp_path / "x.txt").write_text("x")
    assert told.wait() == "a"


def test_a_store_reached_through_a_link_is_the_store(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    watched = watched_of(
        settings_of(tmp_path / "link", ".").source[0], settings_of(tmp_path / "link", ".")
    )
    assert not watched.touches(None, str(tmp_path / "link" / "store" / "lock"))
    assert not watched.touches(None, str(tmp_path / "real" / "store"))
    assert watched.touches(None, str(tmp_path / "link" / "storeroom"))


def test_a_single_file_is_watched_by_its_folder_and_nothing_below_that(
    told: Told, tmp_path: Path
) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "one.jsonl").write_text("{}")
    told.follow(settings_of(tmp_path, "one.jsonl"))
    (tmp_path / "below" / "x").write_text("x")
    assert told.quiet()
    (tmp_path / "one.jsonl").write_text("{}\n{}")
    assert told.wait() == "a"


def test_a_network_file_system_is_polled(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import watchfiles  # noqa: PLC0415 - to look over its shoulder

    asked: list[Any] = []
    real = watchfiles.watch
    monkeypatch.setattr(
        watchfiles,
        "watch",
        lambda *paths, **more: asked.append(more["force_polling"]) or real(*paths, **more),
    )
    (tmp_path / "in").mkdir()
    told.follow(settings_of(tmp_path, "in", network=True))
    (tmp_path / "in" / "x.txt").write_text("x")
    assert told.wait() == "a"
    assert asked == [True]


def test_a_folder_that_goes_and_comes_back_is_watched_again(told: Told, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    told.follow(settings_of(tmp_path, "in"))
    (tmp_path / "in").rmdir()
    assert told.wait() == "a"  # it is said that it went; the run says what is wrong
    (tmp_path / "in").mkdir()
    while not told.quiet():
        pass
    (tmp_path / "in" / "x.txt").write_text("x")
    assert told.wait() == "a"


def test_a_folder_that_has_the_number_of_the_one_before_is_watched_anew(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File systems give the number of a deleted folder to the next one; its watch is dead."""
    monkeypatch.setattr(watch, "_identity", lambda _: [(1, 1)])
    monkeypatch.setattr(watch, "RETRY_SECONDS", 0.1)
    (tmp_path / "in").mkdir()
    told.follow(settings_of(tmp_path, "in"))
    (tmp_path / "in").rmdir()
    assert told.wait() == "a"
    (tmp_path / "in").mkdir()
    while not told.quiet():
        pass
    (tmp_path / "in" / "x.txt").write_text("x")
    assert told.names.get(timeout=10) == "a"


def test_of_a_folder_that_is_not_there_the_run_is_to_tell(told: Told, tmp_path: Path) -> None:
    told.watcher.follow(settings_of(tmp_path, "nowhere"))
    assert [told.wait(), told.wait()] == ["a", "a"]
    (tmp_path / "nowhere").mkdir()
    while not told.quiet():
        pass
    (tmp_path / "nowhere" / "x.txt").write_text("x")
    assert told.wait() == "a"


def test_what_is_no_longer_followed_is_silent(told: Told, tmp_path: Path) -> None:
    for name in ("in", "other"):
        (tmp_path / name).mkdir()
    told.follow(settings_of(tmp_path, "in"))
    told.follow(settings_of(tmp_path, "other"))
    (tmp_path / "in" / "x.txt").write_text("x")
    assert told.quiet()
    (tmp_path / "other" / "x.txt").write_text("x")
    assert told.wait() == "a"


def test_addresses_are_not_watched(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, ["s3://bucket/x", "in"])
    assert watched_of(settings.source[0], settings).deep == (str(tmp_path / "in"),)
