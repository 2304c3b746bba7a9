"""What stands before the API: who may ask, from where, and how much they may send.

A page in a browser on the same machine can reach a loopback address: what does not name
the service as its host (DNS rebinding), or comes from another site (``Origin``), is
refused.
"""

from __future__ import annotations

import contextlib
import hmac
import ipaddress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

MAX_BODY = 64 << 10
"""Bytes that a request may send; the API takes next to nothing."""
OPEN_PATHS = frozenset({"/healthz", "/readyz"})


class TooLarge(Exception):
    """More was sent than is taken."""


class Guard:
    """ASGI middleware.  ``token``: "" asks for none; ``loopback``: check host and origin."""

    def __init__(self, app: Any, *, token: str, loopback: bool) -> None:
        self._app = app
        self._token = token
        self._loopback = loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 400, 401, 403 or 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        status, detail = self._refusal(scope["path"], headers)
        if status:
            await _answer(send, status, detail)
            return
        await self._pass_on(scope, receive, send)

    def _refusal(self, path: str, headers: dict[bytes, bytes]) -> tuple[int, str]:
        host = _host(headers.get(b"host", b"").decode("latin-1"))
        if self._loopback and not is_loopback(host):
            return 403, "this service answers to localhost only"
        origin = headers.get(b"origin", b"").decode("latin-1")
        if origin and origin.split("://")[-1] != headers.get(b"host", b"").decode("latin-1"):
            return 403, "requests from other sites are refused"
        length = headers.get(b"content-length", b"0")
        if not length.isdigit():
            return 400, "Content-Length is no number"
        if int(length) > MAX_BODY:
            return 413, f"at most {MAX_BODY} bytes may be sent"
        if self._token and path not in OPEN_PATHS and not self._knows_token(headers):
            return 401, "this needs `Authorization: Bearer TOKEN`"
        return 0, ""

    def _knows_token(self, headers: dict[bytes, bytes]) -> bool:
        kind, _, given = headers.get(b"authorization", b"").partition(b" ")
        right = hmac.compare_digest(given.strip(), self._token.encode())
        return right and kind.lower() == b"bearer"

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        taken, begun = 0, False

        async def limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > MAX_BODY:
                raise TooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal begun
            if taken > MAX_BODY and not begun:
                return  # FastAPI has made a 400 of `TooLarge`
            begun = True
            await send(message)

        with contextlib.suppress(TooLarge):
            await self._app(scope, limited, watched)
        if taken > MAX_BODY and not begun:
            await _answer(send, 413, f"at most {MAX_BODY} bytes may be sent")


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(header: str) -> str:
    """The host of a Host header, without port and brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.rsplit(":", 1)[0] if header.count(":") == 1 else header


async def _answer(send: Send, status: int, detail: str) -> None:
    body = b'{"detail":"%s"}' % detail.encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:  # noqa: PLR2004 - as HTTP has it
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
