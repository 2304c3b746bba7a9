"""One HTTP request and its answer, within every limit; each failure has a name."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import httpcore2
import httpx2

from ingest.read.addresses import AddressRefusedError, Guard
from ingest.read.bodies import ACCEPTED, BodyError, collect
from ingest.read.pace import CancelledError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from ingest.read.http_settings import FetchSettings

OK = 200
_NOT_MODIFIED = 304
_SHORT = 64 << 10


class FetchError(Exception):
    """Nothing was fetched: ``reason`` for counting, ``detail`` for a person.

    ``again`` says that the connection broke, so that another try may help at once;
    ``retry_after`` that one will after so many seconds.
    """

    def __init__(
        self,
        reason: str,
        detail: str = "",
        *,
        again: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.again = again
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (names in lower case), and the body where the status is 200."""

    status: int
    headers: Mapping[str, str]
    content: bytes = b""
    fetched: datetime | None = None
    """When it came, once that is known."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: more request headers, prefixes of media types, bytes at most.

    ``cut``: take the first ``limit`` bytes of a longer body and not fail.
    """

    headers: Sequence[tuple[str, str]] = ()
    media_types: tuple[str, ...] = ()
    limit: int = 32 << 20
    cut: bool = False


class Exchange:
    """Sends requests over connections that are kept; safe for threads."""

    def __init__(self, settings: FetchSettings, agent: str, cancelled: Callable[[], bool]) -> None:
        self._agent = agent
        self._cancelled = cancelled
        self._seconds = settings.total_seconds
        self._timeouts = {
            "connect": settings.connect_seconds,
            "read": settings.read_seconds,
            "write": settings.read_seconds,
            "pool": settings.total_seconds,
        }
        self._guard = Guard(allow_private=settings.allow_private)
        self._pool = httpcore2.ConnectionPool(
            ssl_context=httpx2.create_ssl_context(),
            http2=True,
            max_connections=32,
            max_keepalive_connections=8,
            keepalive_expiry=30.0,
            network_backend=self._guard,
        )

    def get(self, url: httpx2.URL, wanted: Wanted) -> Answer:
        """The answer to a GET, body and all; raises `FetchError` or `CancelledError`."""
        self._guard.deadline = time.monotonic() + self._seconds
        headers = [
            ("User-Agent", self._agent),
            ("Accept", ", ".join(_pattern(kind) for kind in wanted.media_types) or "*/*"),
            ("Accept-Encoding", ACCEPTED),
            *wanted.headers,
        ]
        try:
            with self._pool.stream(
                "GET", _core(url), headers=headers, extensions={"timeout": self._timeouts}
            ) as response:
                return self._read(response, wanted)
        except BodyError as error:
            raise FetchError(error.reason, error.detail) from error
        except (
            httpcore2.NetworkError,
            httpcore2.TimeoutException,
            httpcore2.ProtocolError,
        ) as error:
            raise _named(error) from error
        finally:
            self._guard.deadline = float("inf")

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def _read(self, response: httpcore2.Response, wanted: Wanted) -> Answer:
        headers = _joined(response.headers)
        answer = Answer(response.status, headers)
        if response.status != OK:
            self._drain(response, headers)
            return answer
        media_type = headers.get("content-type", "").lower()
        if wanted.media_types and media_type and not media_type.startswith(wanted.media_types):
            raise FetchError("content type", f"{media_type}, not {', '.join(wanted.media_types)}")
        announced = headers.get("content-length", "")
        if announced.isdigit() and int(announced[:18]) > wanted.limit and not wanted.cut:
            raise FetchError("too large", f"{int(announced[:18]):,} bytes announced")
        encoding = headers.get("content-encoding", "")
        body = collect(self._pieces(response), encoding, wanted.limit, cut=wanted.cut)
        return replace(answer, content=body)

    def _drain(self, response: httpcore2.Response, headers: Mapping[str, str]) -> None:
        """Read a short body that nobody wants, so that its connection can be used again."""
        announced = headers.get("content-length", "")
        if response.status == _NOT_MODIFIED or (announced.isdigit() and int(announced) <= _SHORT):
            for _ in self._pieces(response):
                pass

    def _pieces(self, response: httpcore2.Response) -> Iterator[bytes]:
        for piece in response.iter_stream():
            if self._cancelled():
                raise CancelledError
            yield piece


def _core(url: httpx2.URL) -> httpcore2.URL:
    return httpcore2.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )


def _pattern(media_type: str) -> str:
    return f"{media_type}*" if media_type.endswith("/") else media_type


def _joined(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by lower-case name, repeated ones joined by commas as RFC 9110 has it."""
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip()
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _named(error: Exception) -> FetchError:
    detail = str(error) or type(error).__name__
    if isinstance(error, AddressRefusedError):
        return FetchError("address refused", detail)
    if isinstance(error, httpcore2.TimeoutException):
        return FetchError("timeout", detail)
    if _is_tls(error):
        return FetchError("TLS", detail)
    if isinstance(error, httpcore2.ConnectError):
        return FetchError("unreachable", detail, again=True)
    if isinstance(error, httpcore2.NetworkError):
        return FetchError("broken connection", detail, again=True)
    broken = "disconnected" in detail or "closed" in detail
    return FetchError("broken connection" if broken else "protocol", detail, again=broken)


def _is_tls(error: BaseException | None) -> bool:
    """Whether a failure of TLS is anywhere behind this one."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
