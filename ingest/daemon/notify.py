"""What systemd wants to hear (sd_notify): ready, reloading, stopping, status, still alive.

One datagram a message, to the socket that ``NOTIFY_SOCKET`` names; without one nothing
is sent.  See sd_notify(3); the protocol is stable and a library of its own is not needed.
"""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Notifier:
    """Sends to the service manager; silent where there is none."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        mine = environment.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
        microseconds = environment.get("WATCHDOG_USEC", "") if mine else ""
        self.watchdog = int(microseconds) / 1e6 if microseconds.isdigit() else 0.0
        """Seconds in which systemd wants a sign of life; 0 where it wants none."""
        self._status = ""

    def ready(self) -> None:
        """Say that the service is up."""
        self._send("READY=1")

    def reloading(self) -> None:
        """Say that settings are being loaded; `ready` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the service is ending."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """Say what `systemctl status` shows; only when it changes."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={text}")

    def alive(self) -> None:
        """Keep the watchdog quiet."""
        if self.watchdog:
            self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.settimeout(1.0)
            try:
                sender.sendto(message.encode(), self._address)
            except OSError:
                return  # the manager is gone or busy: its watchdog decides, not we
