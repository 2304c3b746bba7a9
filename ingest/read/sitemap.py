"""Sitemaps: the pages that a site lists itself, asked for when their date says so.

    sitemap -> index? its sitemaps -> pages -> date as it was? Unchanged
                                            '-> fetch, on condition -> RawDocument

A page is named by its address in the sitemap, which is the canonical one by the protocol.
The date of last change (``lastmod``) that each page and each sitemap had is remembered
with it, and only what has another, or none, is asked for again.  One newest date as the
cursor would lose a page that failed, or that was added with an older date.

What a sitemap listed is remembered too (4 to 25 bytes an address, in the catalog), so
that all is known of one that answers 304, or whose date in the index is as it was.
"""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson
from pydantic import Field

from ingest.documents import ContainerRead, Event, Failed, RawDocument, Unchanged
from ingest.read import page, sitemapfile
from ingest.read.http import FetchFailed, NotModified
from ingest.read.http_settings import FetchSettings
from ingest.read.packing import packed, unpacked
from ingest.read.rounds import Round
from ingest.read.scope import Scope, check_hosts
from ingest.read.sitemapfile import Entry, Listing
from ingest.read.streams import ReadError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from ingest.documents import JSON
    from ingest.read.base import Context
    from ingest.read.http import Fetched, Fetcher

_DEEPEST = 3  # indexes within one another; the protocol has them not at all


class Sitemap(FetchSettings):
    """The pages that a site's sitemap lists."""

    url: str | tuple[str, ...]
    """The sitemap's address, or several of them; it may be an index of others."""
    include: tuple[str, ...] = ()
    """Patterns (``/news/*``, ``https://*.org/*``) of pages to read; none: all."""
    exclude: tuple[str, ...] = ()
    """Patterns of pages to leave out."""
    hosts: tuple[str, ...] = ()
    """More hosts whose pages are read, beside those of the sitemaps."""
    max_pages: int = Field(default=100_000, ge=1)
    """The most pages that are read in one round."""
    max_files: int = Field(default=1000, ge=1)
    """The most sitemaps that are read in one round, those that an index lists included."""

    @classmethod
    def for_inputs(cls, inputs: Sequence[str]) -> Sitemap:
        """The reader for ``sitemap:URL`` on the command line."""
        return cls(url=tuple(given.removeprefix("sitemap:") for given in inputs))

    def check(self, context: Context) -> None:
        """Raise `SettingsError` where an address is none or a contact is needed and not set."""
        del context
        page.check(self, self.urls())
        check_hosts(self.hosts)

    def read(self, cursor: JSON, context: Context) -> Iterator[Event]:
        """Yield every page once a round; `Complete` where every sitemap was read whole."""
        self.check(context)
        current = Round.begin(cursor, [*self.urls(), *self.include, *self.exclude, *self.hosts])
        with page.fetcher(self, context) as client:
            yield from current.over(_Walk(self, client, context, current.number))

    def urls(self) -> tuple[str, ...]:
        """The sitemaps, each once."""
        return page.each_once(self.url)


@dataclass(frozen=True, slots=True)
class _State:
    """What is remembered of a sitemap: its date in the index, its marks, what it listed."""

    lastmod: str
    etag: str
    modified: str
    listing: Listing

    def dumps(self) -> str:
        entries = [("f", one) for one in self.listing.files]
        entries += [("p", one) for one in self.listing.pages]
        lines = packed(f"{kind}\t{one.lastmod}\t{one.url}" for kind, one in entries)
        return orjson.dumps([self.lastmod, self.etag, self.modified, lines]).decode()

    @classmethod
    def loads(cls, text: str) -> _State | None:
        """The state in a fingerprint; None for that of a failure, or for none."""
        try:
            lastmod, etag, modified, lines = orjson.loads(text)
        except (ValueError, TypeError):
            return None
        split = [line.split("\t") for line in unpacked(lines)]
        listing = Listing(
            tuple(Entry(url, date) for kind, date, url in split if kind == "p"),
            tuple(Entry(url, date) for kind, date, url in split if kind == "f"),
        )
        return cls(lastmod, etag, modified, listing)


@dataclass(slots=True)
class _Walk:
    """One pass over a round; ``whole``, ``stopped`` and the others as for a crawl."""

    settings: Sitemap
    client: Fetcher
    context: Context
    number: int
    whole: bool = True
    stopped: bool = False
    answered: int = 0
    resting: set[str] = field(default_factory=set)
    scope: Scope = field(init=False)
    _seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.scope = Scope(self.settings.include, self.settings.exclude)
        self.scope.add(self.settings.hosts)
        for url in self.settings.urls():
            self.scope.add_host_of(self.context.canonical_url(url))

    def events(self) -> Iterator[Event]:
        queue = deque((Entry(url), 0) for url in self.settings.urls())
        known = {self.context.canonical_url(entry.url) for entry, _ in queue}
        while queue and not self.stopped:
            file, depth = queue.popleft()
            listing = yield from self._listing(file)
            for child in listing.files if depth < _DEEPEST else ():
                name = self.context.canonical_url(child.url)
                if name in known or not name.startswith("http"):
                    continue
                if len(known) >= self.settings.max_files:
                    self.whole = False
                    break
                known.add(name)
                queue.append((child, depth + 1))
            yield from self._pages(file, listing)

    # --- sitemaps ---

    def _listing(self, file: Entry) -> Generator[Event, None, Listing]:
        """What a sitemap lists; nothing where it cannot be read."""
        name = self.context.canonical_url(file.url)
        known = self.context.fingerprint(name)
        state = _State.loads(known)
        if state is not None and file.lastmod and state.lastmod == file.lastmod:
            yield Unchanged(name)
            return state.listing
        marks = (state.etag, state.modified) if state is not None else ("", "")
        result = self.client.fetch(
            file.url, etag=marks[0], last_modified=marks[1], max_bytes=sitemapfile.MOST_BYTES
        )
        if isinstance(result, FetchFailed):
            yield from self._unread(result, name, known)
        elif isinstance(result, NotModified):
            if state is not None:  # without one, no condition was sent
                yield Unchanged(name, replace(state, lastmod=file.lastmod).dumps())
                return state.listing
        else:
            return (yield from self._parsed(result, file, name, known))
        return Listing()

    def _unread(self, result: FetchFailed, name: str, known: str) -> Iterator[Event]:
        if result.reason == "cancelled":
            self.stopped = True
            return
        self.whole = False
        mark = page.failure_mark(result)
        yield Unchanged(name) if mark and known == mark else page.failure(result, name)

    def _parsed(
        self, result: Fetched, file: Entry, name: str, known: str
    ) -> Generator[Event, None, Listing]:
        digest = hashlib.sha256(result.content).hexdigest()[:32]
        try:
            listing = sitemapfile.parse(result.content, result.media_type, result.url)
        except ReadError as error:
            yield self._damaged(name, error.reason, error.detail, (digest, known))
            return Listing()
        if listing.damage:
            detail = f"{result.url}: {listing.damage}; what stands before that was read"
            yield self._damaged(name, "damaged", detail, (digest, known))
            return listing
        state = _State(file.lastmod, result.etag, result.last_modified, listing)
        is_known = _State.loads(known) is not None
        text = state.dumps()
        yield Unchanged(name, text) if is_known else ContainerRead(name, text)
        return listing

    def _damaged(self, name: str, reason: str, detail: str, marks: tuple[str, str]) -> Event:
        self.whole = False
        digest, known = marks
        if known == f"damaged: {digest}":
            return Unchanged(name)
        return Failed(name, reason, detail=detail, fingerprint=f"damaged: {digest}")

    # --- pages ---

    def _pages(self, file: Entry, listing: Listing) -> Iterator[Event]:
        foreign: list[str] = []
        for entry in listing.pages:
            if self.context.cancelled():
                self.stopped = True
            if self.stopped:
                return
            source_id = self.context.canonical_url(entry.url)
            if source_id in self._seen or not source_id.startswith("http"):
                continue
            if not self.scope.is_site(source_id):
                foreign.append(source_id)
                continue
            if not self.scope.wants(source_id):
                continue
            if len(self._seen) >= self.settings.max_pages:
                self.whole = False
                break
            self._seen.add(source_id)
            yield from self._page(source_id, entry.lastmod)
        if foreign:
            yield self._foreign(self.context.canonical_url(file.url), foreign)

    def _page(self, source_id: str, lastmod: str) -> Iterator[Event]:
        number, date, known = _loads(self.context.fingerprint(source_id))
        is_failure = known.startswith("failed:")
        if known and (number == self.number or (lastmod and date == lastmod and not is_failure)):
            yield Unchanged(source_id)
            return
        host = urlsplit(source_id).netloc
        if host in self.resting:
            self.whole = False
            return
        result = page.ask(self.client, source_id, known)
        if isinstance(result, FetchFailed) and page.asks_for_rest(result, self.settings):
            self.resting.add(host)
        self.answered += not isinstance(result, FetchFailed)
        if isinstance(result, FetchFailed) and result.reason == "cancelled":
            self.stopped = True
            return
        yield self._dated(page.event_of(result, source_id, known), known, lastmod)

    def _dated(self, event: Event, known: str, lastmod: str) -> Event:
        """The same event, remembered with its round and date."""
        if isinstance(event, Unchanged):
            return replace(event, fingerprint=self._dumps(lastmod, event.fingerprint or known))
        if isinstance(event, RawDocument | Failed) and event.fingerprint:
            return replace(event, fingerprint=self._dumps(lastmod, event.fingerprint))
        return event

    def _dumps(self, lastmod: str, known: str) -> str:
        return orjson.dumps([self.number, lastmod, known]).decode()

    def _foreign(self, name: str, found: list[str]) -> Event:
        """Pages on hosts that are not the site's: told once a sitemap, as what is wrong with it."""
        source_id = f"{name}#other-hosts"
        detail = (
            f"{len(found):,} pages on other hosts were left out, {found[0]} the first;"
            " add their hosts to `hosts` if they are to be read"
        )
        if self.context.fingerprint(source_id) == detail:
            return Unchanged(source_id)
        return Failed(source_id, "other host", detail=detail, fingerprint=detail)


def _loads(fingerprint: str) -> tuple[int, str, str]:
    """Round, date and fingerprint of a page; 0 and empty where nothing is remembered."""
    try:
        number, date, known = orjson.loads(fingerprint)
    except ValueError:
        return 0, "", ""
    return number, date, known
