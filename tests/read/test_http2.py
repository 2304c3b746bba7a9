"""The HTTP client over HTTP/2: a real server with TLS, which both sides choose it by."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import logging
import socket
import ssl
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config
from hyperframe.frame import ContinuationFrame, HeadersFrame, SettingsFrame

from ingest.read.http import Fetched, Fetcher, FetchFailed, FetchSettings, NotModified

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = b"<html><body>The bridge is open.</body></html>"


class Server:
    """Hypercorn in a thread, with pages of every kind; ``seen`` has (version, path, client)."""

    def __init__(self, folder: Path) -> None:
        self.seen: list[tuple[str, str, Any]] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        config = Config()
        config.bind = [f"127.0.0.1:{self.port}"]
        config.certfile, config.keyfile = str(folder / "certificate.pem"), str(folder / "key.pem")
        config.errorlog = logging.getLogger("hypercorn.silent")
        config.graceful_timeout = 0.1
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, args=(config,), daemon=True)
        self._thread.start()
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            time.sleep(0.02)

    def url(self, path: str) -> str:
        return f"https://127.0.0.1:{self.port}{path}"

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self, config: Config) -> None:
        asyncio.set_event_loop(self._loop)
        app: Any = self._app
        self._loop.run_until_complete(serve(app, config, shutdown_trigger=self._stop.wait))
        self._loop.close()

    async def _app(self, scope: Any, _: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        path = scope["path"]
        self.seen.append((scope["http_version"], path, scope["client"]))
        status, headers, pieces, pause = self._answer(path, dict(scope["headers"]))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for _ in range(pieces[1]):
            await send({"type": "http.response.body", "body": pieces[0], "more_body": True})
            await asyncio.sleep(pause)
        await send({"type": "http.response.body", "body": b""})

    def _answer(self, path: str, asked: dict[bytes, bytes]) -> Any:
        """Status, headers, a piece and how often it comes, seconds between."""
        if path == "/marked" and asked.get(b"if-none-match") == b'"1"':
            return 304, [(b"etag", b'"1"')], (b"", 0), 0
        return ANSWERS.get(path, (200, HTML, (PAGE, 1), 0))


HTML = [(b"content-type", b"text/html")]
ANSWERS: dict[str, Any] = {
    "/robots.txt": (404, [], (b"", 0), 0),
    "/marked": (200, [*HTML, (b"etag", b'"1"')], (PAGE, 1), 0),
    "/moved": (301, [(b"location", b"/page")], (b"", 0), 0),
    "/packed": (200, [*HTML, (b"content-encoding", b"gzip")], (gzip.compress(PAGE), 1), 0),
    "/busy": (503, [], (b"", 0), 0),
    "/endless": (200, HTML, (b"x" * 65_536, 1 << 20), 0),
    "/drip": (200, HTML, (b"x", 1 << 20), 0.05),
}


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a key, and a certificate that the client trusts."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem"),
            *("-out", folder / "certificate.pem"),
        ],
        check=True,
        capture_output=True,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(folder / "certificate.pem"))
        yield folder


@pytest.fixture(scope="module")
def server(trusted: Path) -> Iterator[Server]:
    server = Server(trusted)
    yield server
    server.stop()


def fetch(server: Server, *paths: str, **marks: str) -> list[Fetched | NotModified | FetchFailed]:
    settings = FetchSettings(
        delay=0, retries=0, allow_private=True, total_seconds=2, max_bytes=1 << 20
    )
    server.seen.clear()
    with Fetcher(settings) as fetcher:
        return [fetcher.fetch(server.url(path), **marks) for path in paths]


def test_pages_come_over_one_connection_of_http_2(server: Server) -> None:
    results = fetch(server, *["/page", "/packed", "/moved"] * 5)
    assert [result.content for result in results if isinstance(result, Fetched)] == [PAGE] * 15
    assert {version for version, _, _ in server.seen} == {"2"}
    assert len({client for _, _, client in server.seen}) == 1


def test_redirects_and_conditions(server: Server) -> None:
    moved, first = fetch(server, "/moved", "/marked")
    assert isinstance(moved, Fetched)
    assert moved.moved_to == server.url("/page")
    assert isinstance(first, Fetched)
    (again,) = fetch(server, "/marked", etag=first.etag)
    assert isinstance(again, NotModified)


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/busy", "http 503"), ("/endless", "too large"), ("/drip", "timeout")],
)
def test_what_goes_wrong_has_its_name_and_the_next_page_comes(
    server: Server, path: str, reason: str
) -> None:
    bad, good = fetch(server, path, "/page")
    assert isinstance(bad, FetchFailed)
    assert bad.reason == reason, bad.detail
    assert isinstance(good, Fetched), good


def _endless_head(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Answer the first request with a head whose continuation frames never end."""
    plain, _ = listener.accept()
    with context.wrap_socket(plain, server_side=True) as client:
        client.recv(65_536)
        client.sendall(SettingsFrame(0).serialize())
        client.recv(65_536)
        client.sendall(HeadersFrame(1, b"\x88").serialize())
        # A header that is never indexed: name and value of 16,000 bytes.
        entry = b"\x10\x04x-no\x7f\x81\x7c" + b"1" * 16_000
        with contextlib.suppress(OSError):
            while True:
                client.sendall(ContinuationFrame(1, entry).serialize())


def test_a_head_without_end(trusted: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(trusted / "certificate.pem", trusted / "key.pem")
    context.set_alpn_protocols(["h2"])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        thread = threading.Thread(target=_endless_head, args=(listener, context), daemon=True)
        thread.start()
        settings = FetchSettings(
            delay=0, retries=0, allow_private=True, obey_robots=False, total_seconds=10
        )
        with Fetcher(settings) as fetcher:
            result = fetcher.fetch(f"https://127.0.0.1:{port}/")
        thread.join(5)
    assert isinstance(result, FetchFailed)
    assert result.reason == "protocol", result.detail
