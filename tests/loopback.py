"""A real HTTP server on loopback, for tests of what fetches."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

PAGE = b"<html><body>The bridge is open.</body></html>"


def answer(status: int = 200, body: bytes = PAGE, **headers: str) -> bytes:
    named = {"content-type": "text/html", **{k.replace("_", "-"): v for k, v in headers.items()}}
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in named.items())]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


class Site:
    """An HTTP/1.1 server in a thread; ``pages`` maps paths to what is sent, byte for byte."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.pages: dict[str, Any] = {"/robots.txt": answer(404, b"")}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.times: list[float] = []
        self.connections = 0
        self.at_once = 0
        self.most_at_once = 0
        self._context = context
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(5)

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.requests if path != "/robots.txt"]

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{'https' if self._context else 'http'}://{host}:{self.port}{path}"

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        start = asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        server = self._loop.run_until_complete(start)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while (head := await reader.readuntil(b"\r\n\r\n")) and await self._reply(head, writer):
                pass
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _reply(self, head: bytes, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; false where the connection is to be closed."""
        first, *lines = head.decode("latin-1").strip().split("\r\n")
        path = first.split(" ")[1]
        headers = dict(line.lower().split(": ", 1) for line in lines)
        self.requests.append((path, headers))
        self.times.append(time.monotonic())
        page = self.pages.get(path, answer(404, b"no such page"))
        if isinstance(page, list):
            page = page.pop(0) if len(page) > 1 else page[0]
        if not isinstance(page, bytes):
            page = page(headers)
        if isinstance(page, bytes):
            writer.write(page)
        else:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            try:
                async for piece in page:
                    writer.write(piece)
                    await writer.drain()
            finally:
                self.at_once -= 1
        await writer.drain()
        return isinstance(page, bytes) and b"connection: close" not in page


def marked(body: bytes = PAGE, **headers: str) -> Callable[[dict[str, str]], bytes]:
    """A page with an ETag, which answers 304 to who has it."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:12]}"'

    def page(asked: dict[str, str]) -> bytes:
        if asked.get("if-none-match") == etag:
            return answer(304, b"", etag=etag, **headers)
        return answer(200, body, etag=etag, **headers)

    return page
