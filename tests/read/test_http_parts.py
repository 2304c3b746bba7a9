"""The HTTP client's parts that need no server."""

from __future__ import annotations

import threading
import time
import tracemalloc
import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.read.addresses import is_loopback, is_public
from ingest.read.bodies import BodyError, collect
from ingest.read.pace import CancelledError, Pace
from ingest.read.retry import retry_after
from ingest.read.robots import DAY, SOON, RobotsCache, Rules, rules_from

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("127.0.0.1", False),
        ("127.8.8.8", False),
        ("0.0.0.0", False),  # noqa: S104 - an address to refuse
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::5db8:d822", True),
        ("2002:7f00:1::", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("a.localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost.example.org", False),
        ("10.0.0.1", False),
    ],
)
def test_which_hosts_are_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@given(st.binary(max_size=2000), st.integers(1, 50), st.sampled_from([31, 15, -15]))
def test_bodies_come_out_as_they_went_in(data: bytes, piece: int, bits: int) -> None:
    packer = zlib.compressobj(wbits=bits)
    packed = packer.compress(data) + packer.flush()
    pieces = [packed[n : n + piece] for n in range(0, len(packed), piece)]
    if bits == -15 and piece == 1:  # a bare body is told from its first two bytes
        pieces = [packed]
    assert collect(pieces, "gzip" if bits == 31 else "deflate", 2000) == data


@given(st.binary(min_size=1, max_size=300))
def test_bodies_never_pass_the_limit(data: bytes) -> None:
    for limit in (0, len(data) - 1):
        with pytest.raises(BodyError):
            collect([data], "", limit)
        assert collect([data], "", limit, cut=True) == data[:limit]
    assert collect([data], "", len(data)) == data


def test_bombs_are_never_held_whole() -> None:
    bomb = zlib.compress(bytes(40 << 20))
    tracemalloc.start()
    with pytest.raises(BodyError):
        collect([bomb], "deflate", 1 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60),
        ("Wed, 31 Dec 2025 23:00:00 GMT", 0),
        ("", None),
        ("-5", None),
        ("soon", None),
        ("9" * 400, 999_999_999),
        ("²", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


def test_robots_are_kept_a_day_and_failures_ten_minutes() -> None:
    now = [0.0]
    loads: list[str] = []
    answers = [Rules(None, "timeout"), Rules(), Rules()]

    def load(url: str) -> Rules:
        loads.append(url)
        return answers.pop(0)

    cache = RobotsCache(load, lambda: now[0])
    for moment, count in [(0, 1), (SOON - 1, 1), (SOON, 2), (SOON + DAY - 1, 2), (SOON + DAY, 3)]:
        now[0] = moment
        cache.rules("https://example.org")
        assert len(loads) == count
    assert set(loads) == {"https://example.org/robots.txt"}


def test_every_real_robots_file_can_be_read(data_archive: Callable[[str], Path]) -> None:
    files = [path for path in data_archive("robots").rglob("*") if path.is_file()]
    assert len(files) > 200
    for path in files:
        rules = rules_from(200, path.read_bytes())
        assert rules.delay >= 0
        assert isinstance(rules.allows("https://example.org/a?b=c"), bool)


def test_a_waiting_turn_ends_when_the_run_is_stopped() -> None:
    stop = threading.Event()
    pace = Pace(stop.is_set)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with pace.turn("a", 0):
            held.set()
            release.wait(5)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(5)
    stop.set()
    with pytest.raises(CancelledError), pace.turn("a", 0):
        pytest.fail("the host's turn was held by another")
    release.set()
    holder.join()


def test_hosts_do_not_wait_for_each_other() -> None:
    pace = Pace(lambda: False)
    started = time.monotonic()
    for host in "abcdef":
        with pace.turn(host, 60):
            pass
    assert time.monotonic() - started < 5
