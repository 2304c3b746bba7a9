"""Forgetting in kept raw responses: the exchanges that hold a document leave their files.

    every kept page -> its addresses | a feed's entry | the text itself -> its exchanges
                                                                 files rewritten, marks kept

All versions of a page go: everything that was asked at an address which is the document's
own, or whose page gives itself that address.  Beside those goes any response in which the
text stands, such as a feed with the whole of it, and with it that response's other
entries.  Costs one reading of everything that is kept of the source.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ingest.errors import SourceError
from ingest.read import feedfile, rawfile, rawrefused
from ingest.read.rawrefused import mark
from ingest.read.streams import ReadError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from ingest.read.rawfile import Entry

_WORD = re.compile(r"[^\W_]+")
_TAG = re.compile(r"<[^<>]{0,2000}>")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_PROBES = 6
_PROBE_WORDS = 10
_FEWEST_WORDS = 4
"""Of a shorter text nothing is searched for but its addresses: it would be found anywhere."""
_OK = 200
_PAGE = ("text/html", "application/xhtml+xml")


@dataclass(frozen=True, slots=True)
class Target:
    """A document to forget; ``text`` as the catalog has it."""

    source_id: str
    url: str
    text: str


def forget(
    folder: Path,
    targets: Sequence[Target],
    spared: Collection[str],
    canonical_url: Callable[[str], str],
) -> int:
    """Take the documents out of a source's files, for good; how many exchanges went.

    ``spared``: addresses of documents that stay though they hold the same text (copies).
    """
    search = _Search(folder, targets, frozenset(spared), canonical_url)
    entries = rawfile.load(folder) if folder.exists() else []
    for entry in entries:
        if entry.kind == "response" and entry.status == _OK:
            search.look(entry)
    dropped = [entry for entry in entries if search.drops(entry)]
    # First the marks: a crash in between leaves what can be forgotten again, not what comes back.
    rawrefused.refuse(folder, search.marks)
    if dropped:
        rawfile.without(folder, dropped)
    return len(dropped)


@dataclass(slots=True)
class _Search:
    """What is looked for among the kept responses of a source, and what was found."""

    folder: Path
    targets: Sequence[Target]
    spared: frozenset[str]
    canonical_url: Callable[[str], str]
    pages: set[str] = field(default_factory=set)
    marks: set[str] = field(default_factory=set)
    _urls: set[str] = field(default_factory=set)
    _digests: set[str] = field(default_factory=set)
    _feeds: set[str] = field(default_factory=set)
    _guids: set[str] = field(default_factory=set)
    _probes: list[list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self._probes = [_probes_of(target.text) for target in self.targets]
        for target in self.targets:
            # An address with a fragment is a feed's, with the id of an entry.
            if self.canonical_url(target.source_id) == target.source_id:
                self.pages.add(target.source_id)
            else:
                feed, _, guid = target.source_id.partition("#")
                self._feeds.add(self.canonical_url(feed))
                self._guids.add(guid)
            self.pages.add(target.url)
        self.pages -= {""}
        self._guids -= {""}
        self.marks = {mark("page", name) for name in self.pages}

    def look(self, entry: Entry) -> None:
        """Note the addresses of a page that is to go, or that of one response alone."""
        from ingest.read.warc import parse_response  # noqa: PLC0415 - imports `files`

        try:
            block = rawfile.read_entry(self.folder, entry).block
        except SourceError:  # damaged: what cannot be looked into goes
            self._digests.add(entry.digest)
            return
        _, headers, content = parse_response(block)
        names = rawrefused.named(content, entry.url, self.canonical_url)
        if names & self.pages:
            self._urls.add(entry.url)
        elif self._of_feed(entry, content, headers.get("content-type", "")):
            self._digests.add(entry.digest)
            return
        elif not names & self.spared and self._holds(content):
            self._digests.add(entry.digest)
        else:
            return
        self.marks |= {mark("page", name) for name in names}

    def drops(self, entry: Entry) -> bool:
        """Whether an entry is to go: all of an address, or what has the same body."""
        return entry.url in self._urls or entry.digest in self._digests

    def _of_feed(self, entry: Entry, content: bytes, media_type: str) -> bool:
        """Whether a feed lists an entry that is to go, whose page then goes too."""
        is_page = media_type.lower().startswith(_PAGE)
        if not self._guids or (is_page and self.canonical_url(entry.url) not in self._feeds):
            return False
        try:
            listed = feedfile.parse(content, media_type, entry.url).entries
        except ReadError:
            return False
        found = [one for one in listed if one.guid in self._guids]
        for one in found:
            linked = {self.canonical_url(one.link)} - {""}
            self.pages |= linked
            self.marks |= {mark("entry", one.guid), *(mark("page", name) for name in linked)}
        if found:
            self.marks |= {mark("feed", self.canonical_url(entry.url))}
        return bool(found)

    def _holds(self, content: bytes) -> bool:
        """Whether most of a document's probes stand in the response."""
        words = ""
        for probes in self._probes:
            if probes and not words:
                words = f" {' '.join(_words(content.decode('utf-8', 'replace')))} "
            found = sum(f" {probe} " in words for probe in probes)
            if probes and 2 * found > len(probes):
                return True
        return False


def _probes_of(text: str) -> list[str]:
    """A few runs of words out of a text, evenly spaced: enough to know it by."""
    words = _WORD.findall(text.lower())
    if len(words) < _FEWEST_WORDS:
        return []
    step = max(1, (len(words) - _PROBE_WORDS) // _PROBES)
    starts = range(0, max(1, len(words) - _PROBE_WORDS), step)
    return [" ".join(words[at : at + _PROBE_WORDS]) for at in starts]


def _words(text: str) -> list[str]:
    """The words of a page or feed, without markup, escaped once or twice, and JSON's escapes."""
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    text = re.sub(r"\\[nrt]", " ", text)
    text = html.unescape(_TAG.sub(" ", html.unescape(text)))
    return _WORD.findall(_TAG.sub(" ", text).lower())
