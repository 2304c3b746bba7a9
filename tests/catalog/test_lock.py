"""One writer: who holds the lock, who waits for it, and that a dead holder lets go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from ingest.catalog.lock import contended, writer_lock
from ingest.errors import StoreError, StoreLocked

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import sys
from pathlib import Path
from ingest.catalog.lock import writer_lock
with writer_lock(Path(sys.argv[1]), label="run-9"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_second_is_told_who_holds_it(tmp_path: Path) -> None:
    with writer_lock(tmp_path, label="run-7"):
        with pytest.raises(StoreLocked) as caught, writer_lock(tmp_path):
            pass
        assert f"process {os.getpid()} (run run-7)" in str(caught.value)
        assert "--wait" in caught.value.hint
    with writer_lock(tmp_path):
        pass


def test_nothing_is_told_of_who_held_it_before(tmp_path: Path) -> None:
    with writer_lock(tmp_path, label="a-run-with-a-long-name"):
        pass
    with writer_lock(tmp_path), pytest.raises(StoreLocked) as caught, writer_lock(tmp_path):
        pass
    assert f"process {os.getpid()} is writing" in str(caught.value)
    assert (tmp_path / "lock").read_text() == f"{os.getpid()} \n"


def test_waiting_ends_with_the_time_given(tmp_path: Path) -> None:
    with writer_lock(tmp_path):
        began = time.monotonic()
        with pytest.raises(StoreLocked, match=r"after 0\.2 s"), writer_lock(tmp_path, wait=0.2):
            pass
        assert 0.2 <= time.monotonic() - began < 5


def test_the_second_waits_and_can_be_seen_to(tmp_path: Path) -> None:
    done = threading.Event()

    def second() -> None:
        with writer_lock(tmp_path, wait=30):
            done.set()

    with writer_lock(tmp_path):
        assert not contended(tmp_path)
        thread = threading.Thread(target=second)
        thread.start()
        while not contended(tmp_path):
            time.sleep(0.001)
        assert not done.is_set()
    thread.join(30)
    assert done.is_set()
    assert not contended(tmp_path)


def test_who_waited_while_the_folder_was_replaced_holds_the_lock_of_the_new_one(
    tmp_path: Path,
) -> None:
    folder, done, enough = tmp_path / "store", threading.Event(), threading.Event()

    def second() -> None:
        with writer_lock(folder, wait=30):
            done.set()
            enough.wait(30)

    thread = threading.Thread(target=second)
    with writer_lock(folder):
        thread.start()
        while not contended(folder):
            time.sleep(0.001)
        folder.rename(tmp_path / "aside")
        folder.mkdir()
    assert done.wait(30)
    with pytest.raises(StoreLocked), writer_lock(folder):
        pass
    enough.set()
    thread.join(30)


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(StoreLocked, match=rf"process {holder.pid} \(run run-9\)"),
            writer_lock(tmp_path),
        ):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait(30)
    with writer_lock(tmp_path):
        pass


def test_a_failed_run_lets_go(tmp_path: Path) -> None:
    with pytest.raises(KeyError), writer_lock(tmp_path):
        raise KeyError
    with writer_lock(tmp_path):
        pass


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="file"), writer_lock(tmp_path / "file"):
        pass


def test_no_store_is_not_contended(tmp_path: Path) -> None:
    assert not contended(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
