"""What must not be kept raw again, since it was forgotten: hashes of addresses and ids.

They lie in the source's folder, one a line; neither an address nor a text can be had
from them.
"""

from __future__ import annotations

import hashlib
import html
import os
import re
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from ingest.read import feedfile
from ingest.read.streams import ReadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

REFUSED = "refused"
_LINK = re.compile(rb"<link\b[^>]*\bcanonical\b[^>]*>", re.IGNORECASE)
_HREF = re.compile(rb"""\bhref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""", re.IGNORECASE)
_HEAD = 256 << 10
"""Bytes of a page in which it may say what its canonical address is."""


def named(content: bytes, url: str, canonical_url: Callable[[str], str]) -> set[str]:
    """The address of a page in its canonical form, and the one that it gives itself."""
    names = {canonical_url(url)}
    for link in _LINK.findall(content[:_HEAD]):
        if href := _HREF.search(link):
            told = b"".join(href.groups(b"")).decode("utf-8", "replace")
            names.add(canonical_url(urljoin(url, html.unescape(told).strip())))
    return names - {""}


def mark(kind: str, name: str) -> str:
    """What stands for an address (``page``, ``feed``) or the id of a feed's entry (``entry``)."""
    return hashlib.sha256(f"{kind}\0{name}".encode("utf-8", "replace")).hexdigest()[:32]


def refuse(folder: Path, marks: Iterable[str]) -> None:
    """Add marks to those of a source, for good."""
    folder.mkdir(parents=True, exist_ok=True)
    old = _marks(folder)
    partial = folder / f"{REFUSED}.partial"
    with partial.open("w") as file:
        file.writelines(f"{one}\n" for one in sorted(old | set(marks)))
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / REFUSED)


class Refused:
    """What a source's folder says is not to be kept."""

    def __init__(self, folder: Path, canonical_url: Callable[[str], str]) -> None:
        self._marks = _marks(folder)
        self._canonical_url = canonical_url

    def address(self, url: str) -> bool:
        """Whether the page at this address is not to be kept, or what it lists as a feed."""
        if not self._marks:
            return False
        name = self._canonical_url(url)
        return bool({mark("page", name), mark("feed", name)} & self._marks)

    def page(self, url: str, content: bytes, media_type: str) -> bool:
        """Whether this page is not to be kept: by its addresses, or by a feed's entries."""
        if not self._marks:
            return False
        names = named(content, url, self._canonical_url)
        if any(mark("page", name) in self._marks for name in names):
            return True
        if mark("feed", self._canonical_url(url)) not in self._marks:
            return False
        try:
            entries = feedfile.parse(content, media_type, url).entries
        except ReadError:
            return bool(content)  # what cannot be looked into is not kept
        return any(mark("entry", entry.guid) in self._marks for entry in entries)


def _marks(folder: Path) -> set[str]:
    try:
        return set((folder / REFUSED).read_text().split())
    except FileNotFoundError:
        return set()
