"""Which addresses belong to what is read: the same site, and patterns."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ingest.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable


_KEPT = 1 << 14  # addresses; the links of a site's navigation are asked for on every page


@dataclass(slots=True)
class Scope:
    """A site's hosts, and which of its addresses are wanted; addresses are canonical.

    A pattern that begins with ``/`` is matched against path and query, another against
    the whole address; ``*`` stands for anything, ``/`` included.  Without ``include``
    everything is wanted that is not excluded.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    _hosts: set[str] = field(default_factory=set)
    _known: dict[str, bool] = field(default_factory=dict)

    def add(self, hosts: Iterable[str]) -> None:
        """Count hosts (``example.org``, with ``:port`` where it is no default) to the site."""
        self._hosts.update(_plain(host) for host in hosts)
        self._known.clear()

    def add_host_of(self, url: str) -> None:
        """Count the host of an address to the site."""
        self.add([urlsplit(url).netloc])

    def is_site(self, url: str) -> bool:
        """Whether an address is on one of the site's hosts, ``www.`` or not."""
        return _plain(urlsplit(url).netloc) in self._hosts

    def wants(self, url: str) -> bool:
        """Whether an address is on the site and wanted by the patterns."""
        known = self._known.get(url)
        if known is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            known = self._known[url] = self._is_wanted(url)
        return known

    def _is_wanted(self, url: str) -> bool:
        if not self.is_site(url) or _matches(self.exclude, url):
            return False
        return not self.include or _matches(self.include, url)


def check_hosts(hosts: Iterable[str]) -> None:
    """Raise `SettingsError` where one of ``hosts`` is an address, which would match nothing."""
    for host in hosts:
        if not host or re.search(r"[/@\s]", host):
            raise SettingsError(f"hosts: {host!r} is no host name", hint="e.g. news.example.org")


def _plain(host: str) -> str:
    return host.lower().rpartition("@")[2].removeprefix("www.")


def _matches(patterns: tuple[str, ...], url: str) -> bool:
    parts = urlsplit(url)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return any(
        fnmatch.fnmatchcase(path if pattern.startswith("/") else url, pattern)
        for pattern in patterns
    )
