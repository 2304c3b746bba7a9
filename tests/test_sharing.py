from __future__ import annotations

import errno
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from ingest.compiling import spend, spent
from ingest.sharing import shared

if TYPE_CHECKING:
    from pathlib import Path

    from support import Project

NAME = "kernels/sign-1.nbi"


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "ingest"


def write(path: Path, text: str, age: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    now = path.stat().st_mtime
    os.utime(path, (now - age, now - age))


def test_what_one_store_made_another_begins_with(tmp_path: Path, users: Path):
    with shared(tmp_path / "one"):
        write(tmp_path / "one" / NAME, "code")
        write(tmp_path / "one" / "rarity.npy", "table")
        write(tmp_path / "one" / "rarity.lock", "")
    assert users.stat().st_mode & 0o777 == 0o700
    with shared(tmp_path / "other"):
        assert (tmp_path / "other" / NAME).read_text() == "code"
        assert (tmp_path / "other" / "rarity.npy").read_text() == "table"
        assert not (tmp_path / "other" / "rarity.lock").exists()


def test_a_store_keeps_its_own_and_renews_what_others_begin_with(tmp_path: Path, users: Path):
    write(users / NAME, "old", age=100)
    write(tmp_path / "one" / NAME, "own", age=50)
    with shared(tmp_path / "one"):
        assert (tmp_path / "one" / NAME).read_text() == "own"
    assert (users / NAME).read_text() == "own"
    write(tmp_path / "older" / NAME, "older", age=200)
    with shared(tmp_path / "older"):
        assert (tmp_path / "older" / NAME).read_text() == "older"
    assert (users / NAME).read_text() == "own"


@pytest.mark.usefixtures("users")
def test_stores_count_together_what_they_did_without_compiled_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    with shared(one):
        spend("signed", str(one))
    with shared(other):
        spend("signed", str(other))
    assert spent("signed", str(other)) == spent("signed", str(one)) == 2


def test_a_replaced_file_of_a_store_leaves_that_of_others_alone(tmp_path: Path, users: Path):
    write(users / NAME, "code")
    with shared(tmp_path / "one"):
        write(tmp_path / "draft", "new", age=10)
        (tmp_path / "draft").replace(tmp_path / "one" / NAME)
        assert (users / NAME).read_text() == "code"


@pytest.mark.parametrize("base", ["", "relative"])
def test_without_a_setting_it_is_in_the_users_home_if_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: str
):
    monkeypatch.setenv("XDG_CACHE_HOME", base)
    for home in ("there", "missing"):
        monkeypatch.setenv("HOME", str(tmp_path / home))
        (tmp_path / "there").mkdir(exist_ok=True)
        with shared(tmp_path / home / "store"):
            write(tmp_path / "one" / NAME, "code")
    assert (tmp_path / "there" / ".cache" / "ingest").is_dir()
    assert not (tmp_path / "missing").exists()


def test_without_links_code_is_copied_and_tables_are_made_again(
    tmp_path: Path, users: Path, monkeypatch: pytest.MonkeyPatch
):
    write(users / NAME, "code")
    write(users / "rarity.npy", "table")

    def fails(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", fails)
    write(users / "signed.spent", "..")
    with shared(tmp_path / "one"):
        assert (tmp_path / "one" / NAME).read_text() == "code"
        assert not (tmp_path / "one" / "rarity.npy").exists()
        assert not (tmp_path / "one" / "signed.spent").exists()


def test_stores_that_leave_the_same_at_once_do_each_other_no_harm(tmp_path: Path, users: Path):
    stores = [tmp_path / str(number) for number in range(8)]
    everyone = threading.Barrier(len(stores))

    def leave(store: Path) -> None:
        with shared(store):
            for number in range(50):
                write(store / f"{number}.nbc", store.name * 1000)
            everyone.wait()

    with ThreadPoolExecutor(len(stores)) as threads:
        list(threads.map(leave, stores))
    for number in range(50):
        left = [(store / f"{number}.nbc").read_text() for store in stores]
        assert left == [store.name * 1000 for store in stores]
        assert (users / f"{number}.nbc").read_text() in left


def test_a_folder_that_cannot_be_made_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write(tmp_path / "file", "in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with shared(tmp_path / "one"):
        write(tmp_path / "one" / NAME, "code")
    assert (tmp_path / "one" / NAME).read_text() == "code"


def test_a_run_begins_with_what_that_of_another_store_left(project: Project, users: Path):
    project.cli("run", "--workers", "1")
    (table,) = users.glob("rarity-en-*.npy")
    made = table.stat()
    shutil.rmtree(project.store)
    project.cli("run", "--workers", "1")
    brought = (project.store / "cache" / table.name).stat()
    assert (brought.st_ino, brought.st_mtime_ns) == (made.st_ino, made.st_mtime_ns)
