"""Serving the application beside the daemon: where, for whom, and in a thread of its own."""

from __future__ import annotations

import importlib.util
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

from ingest.console.guard import Guard, is_loopback
from ingest.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.console.control import Control
    from ingest.settings import Daemon

log = structlog.get_logger()

NEEDED = ("fastapi", "uvicorn", "prometheus_client")
_HINT = "pip install 'ingest[console]', or set `listen = \"off\"` under [daemon]."
_STOP_SECONDS = 2.0
_MOST_AT_ONCE = 64
_LAST_PORT = 65_535


@contextmanager
def serving(control: Control, settings: Daemon) -> Iterator[str]:
    """Serve while the block runs; the address that is served, ``""`` for none.

    Raises `SettingsError` for an address that cannot be used, one that other machines
    can reach where no token is set, and where the packages for it are not installed.
    """
    token = settings.token.get_secret_value()
    if settings.listen in ("", "off"):
        yield ""
        return
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing and "listen" not in settings.model_fields_set:
        log.info("HTTP is off", reason=f"not installed: {', '.join(missing)}")
        yield ""
        return
    host, port = parse(settings.listen)
    if not token and not is_loopback(host):
        raise SettingsError(
            f"daemon.listen: other machines can reach {settings.listen}, and no token is set",
            hint="Set INGEST_DAEMON__TOKEN, or listen on 127.0.0.1.",
        )
    if missing:
        raise SettingsError(f"daemon.listen: HTTP needs {', '.join(missing)}", hint=_HINT)
    with _bound(host, port) as bound, _served(control, bound, token, loopback=is_loopback(host)):
        address = f"http://{_shown(bound)}"
        log.info("serving HTTP", address=address)
        yield address


def parse(listen: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT``; raises `SettingsError`."""
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > _LAST_PORT:
        raise SettingsError(f"daemon.listen: expected HOST:PORT or off, not {listen!r}")
    return host.strip("[]"), int(port)


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        bound = socket.create_server((host, port), family=family)
    except OSError as error:
        raise SettingsError(
            f"daemon.listen: cannot listen on {host}:{port}: {error.strerror or error}",
            hint="Another daemon may listen there; name another port, or `off`.",
        ) from error
    with bound:
        yield bound


@contextmanager
def _served(
    control: Control, bound: socket.socket, token: str, *, loopback: bool
) -> Iterator[None]:
    import uvicorn  # noqa: PLC0415 - of the extra `console`

    from ingest.console.api import create_app  # noqa: PLC0415 - as above
    from ingest.console.metrics import Metrics  # noqa: PLC0415 - as above

    metrics = Metrics(control)
    control.finished = metrics.observe
    guarded = Guard(create_app(control, metrics), token=token, loopback=loopback)
    config = uvicorn.Config(
        guarded,
        log_config=None,
        access_log=False,
        lifespan="off",
        limit_concurrency=_MOST_AT_ONCE,
        timeout_graceful_shutdown=int(_STOP_SECONDS),
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [bound]}, name="http", daemon=True
    )
    thread.start()
    _wait_for(server, thread)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(2 * _STOP_SECONDS)


def _wait_for(server: object, thread: threading.Thread) -> None:
    while thread.is_alive() and not getattr(server, "started", False):
        time.sleep(0.01)


def _shown(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
