"""Where it is served, and what is said of an address that cannot be."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import httpx
import pytest

from ingest.console.serving import serving
from ingest.errors import SettingsError
from ingest.settings import Daemon

if TYPE_CHECKING:
    from tests.console.conftest import FakeControl


def refusal(control: FakeControl, **settings: str) -> SettingsError:
    with (
        pytest.raises(SettingsError) as caught,
        serving(control, Daemon.model_validate(settings)),
    ):
        pass
    return caught.value


@pytest.mark.parametrize("listen", ["nowhere", "127.0.0.1:99999", "127.0.0.1:x", ":8460"])
def test_an_address_that_is_none_is_told(control: FakeControl, listen: str) -> None:
    assert "expected HOST:PORT or off" in str(refusal(control, listen=listen))


def test_an_address_in_use_is_told(control: FakeControl) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        error = refusal(control, listen=f"127.0.0.1:{port}")
    assert f"cannot listen on 127.0.0.1:{port}" in str(error)
    assert "another port" in error.hint


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "10.1.2.3"])  # noqa: S104 - what is refused
def test_what_other_machines_can_reach_needs_a_token(control: FakeControl, host: str) -> None:
    error = refusal(control, listen=f"{host}:8460")
    assert "no token is set" in str(error)
    assert "INGEST_DAEMON__TOKEN" in error.hint


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn", "prometheus_client"])
def test_without_its_packages_only_what_was_asked_for_is_an_error(
    control: FakeControl, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == missing else True)
    with serving(control, Daemon()) as address:
        assert address == ""
    error = refusal(control, listen="127.0.0.1:0")
    assert missing in str(error)
    assert "ingest[console]" in error.hint


def test_it_is_served_while_the_block_runs(control: FakeControl) -> None:
    with serving(control, Daemon(listen="127.0.0.1:0")) as address:
        assert httpx.get(f"{address}/healthz", timeout=30).status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/healthz", timeout=30)
