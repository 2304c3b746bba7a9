"""robots.txt: who may fetch what, and how fast (RFC 9309, read by protego).

An answer of 4xx allows everything; 5xx, or none at all, defers: nothing of the origin
is fetched until the file could be read.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from protego import Protego

if TYPE_CHECKING:
    from collections.abc import Callable

AGENT = "ingest"
"""The product token that robots.txt addresses us by."""
MAX_BYTES = 512 << 10
"""RFC 9309 asks for at least 500 KiB to be read."""
DAY = 86_400.0
SOON = 600.0
"""Seconds until a robots.txt that could not be read is tried again."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What an origin's robots.txt says to us.

    ``deferred``, with ``detail``: why it could not be read, so that nothing is allowed yet.
    """

    parsed: Protego | None = None
    deferred: str = ""
    detail: str = ""

    def allows(self, url: str) -> bool:
        """Whether we may fetch the URL."""
        return self.parsed is None or bool(self.parsed.can_fetch(url, AGENT))

    @property
    def delay(self) -> float:
        """Seconds to leave between requests, by Crawl-delay or Request-rate."""
        if self.parsed is None:
            return 0.0
        delay = float(self.parsed.crawl_delay(AGENT) or 0)
        rate = self.parsed.request_rate(AGENT)
        if rate is not None and rate.requests:
            delay = max(delay, rate.seconds / rate.requests)
        return delay


def rules_from(status: int, content: bytes) -> Rules:
    """The rules that an answer to the request for robots.txt makes."""
    if status >= 500 or status == 429:  # noqa: PLR2004 - HTTP's own numbers
        return Rules(None, "robots unreachable", f"HTTP {status}")
    if not 200 <= status < 300:  # noqa: PLR2004 - HTTP's own numbers
        return Rules()
    return Rules(Protego.parse(content[:MAX_BYTES].decode("utf-8-sig", "replace")))


class RobotsCache:
    """The rules of each origin (``https://host:port``), kept a day; safe for threads."""

    def __init__(self, load: Callable[[str], Rules], clock: Callable[[], float]) -> None:
        self._load = load
        self._clock = clock
        self._known: dict[str, tuple[float, Rules]] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def rules(self, origin: str) -> Rules:
        """The origin's rules, loaded from ``origin/robots.txt`` when they are not known."""
        with self._lock:
            lock = self._locks.setdefault(origin, threading.Lock())
        with lock:
            until, rules = self._known.get(origin, (0.0, Rules()))
            if self._clock() >= until:
                rules = self._load(f"{origin}/robots.txt")
                self._known[origin] = (self._clock() + (SOON if rules.deferred else DAY), rules)
            return rules
