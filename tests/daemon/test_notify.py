"""What systemd hears."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from ingest.daemon.notify import Notifier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "notify"))
        bound.settimeout(10)
        yield bound


def test_messages_are_those_of_sd_notify(manager: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "3000000"})
    assert notifier.watchdog == 3.0
    notifier.ready()
    notifier.status("2 running")
    notifier.status("2 running")  # told once
    notifier.alive()
    notifier.stopping()
    heard = [manager.recv(200) for _ in range(4)]
    assert heard == [b"READY=1", b"STATUS=2 running", b"WATCHDOG=1", b"STOPPING=1"]
    notifier.reloading()
    assert manager.recv(200).startswith(b"RELOADING=1\nMONOTONIC_USEC=")


def test_an_abstract_socket_is_found() -> None:
    name = f"\0ingest-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(name)
        bound.settimeout(10)
        Notifier({"NOTIFY_SOCKET": "@" + name[1:]}).ready()
        assert bound.recv(100) == b"READY=1"


def test_without_a_manager_nothing_is_sent(tmp_path: Path) -> None:
    Notifier({}).ready()
    gone = Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone"), "WATCHDOG_USEC": "x"})
    gone.ready()
    gone.alive()
    assert gone.watchdog == 0.0


def test_the_watchdog_of_another_process_is_not_ours() -> None:
    assert Notifier({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}).watchdog == 0.0
