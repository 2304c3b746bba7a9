"""Which addresses may be connected to, checked where the connection is made.

A name is resolved once and the very address that was checked is connected to, so
neither a redirect nor a name that changes its address between check and use (DNS
rebinding) leads into a private network.  The stream keeps the request's deadline too:
the client's own time limits are for each read, which a server that sends a byte now
and then never meets.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import httpcore2

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressRefusedError(httpcore2.ConnectError):
    """A name that leads to no address that may be connected to."""


class DeadlineError(httpcore2.ReadTimeout):
    """The request as a whole took longer than it may."""


def is_public(address: str) -> bool:
    """Whether an IP address is a host on the public internet, seen through any wrapping.

    Wrapped means IPv4 in IPv6: mapped, 6to4, Teredo and NAT64 addresses are judged by
    the IPv4 address that they lead to.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def is_loopback(host: str) -> bool:
    """Whether a URL's host names this machine, without looking the name up."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Guard(httpcore2.NetworkBackend):
    """Connects to public addresses only (or any, where ``allow_private``), within a deadline.

    The deadline is the calling thread's: set ``deadline`` (monotonic seconds) before a
    request.  Looking up a name is the system's and has the system's own time limit.
    """

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._inner = httpcore2.SyncBackend()
        self._local = threading.local()

    @property
    def deadline(self) -> float:
        """Monotonic seconds at which this thread's request must have ended."""
        return float(getattr(self._local, "deadline", float("inf")))

    @deadline.setter
    def deadline(self, moment: float) -> None:
        self._local.deadline = moment

    def left(self, timeout: float | None) -> float | None:
        """The time limit for one operation: its own, or what is left of the request's."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise DeadlineError("the request took too long")
        return left if timeout is None else min(timeout, left)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first address of the host that is allowed and answers."""
        failure: Exception = AddressRefusedError(f"{host} has no public address")
        for address in _lookup(host, port):
            if not (self._allow_private or is_public(address)):
                continue
            try:
                stream = self._inner.connect_tcp(
                    address, port, self.left(timeout), local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return _Stream(stream, self)
        raise failure


class _Stream(httpcore2.NetworkStream):
    """A connection whose every operation also keeps the guard's deadline."""

    def __init__(self, inner: httpcore2.NetworkStream, guard: Guard) -> None:
        self._inner = inner
        self._guard = guard

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._guard.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._guard.left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        timeout = self._guard.left(timeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout), self._guard)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _lookup(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore2.ConnectError(f"{host}: {error}") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
