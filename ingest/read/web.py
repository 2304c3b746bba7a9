"""Pages of the web: a list of them, or a crawl of one site from its start pages.

    start pages -> round -> fetch, on condition -> links -> (next pages)
                                  '-> identity -> RawDocument | Unchanged | Failed | Gone

A page is named by its canonical address: the one that it gives itself
(``<link rel="canonical">``), that it moved to for good, or else that it was asked at.  It
keeps the id that it had first, also when it moves or names itself differently later.

What is remembered of an address (``GET https://…`` among the source's items) are the marks
for the next conditional request, its links, and the round in which it was last asked; so
a page that answers 304 still leads to others, and a crawl that was killed goes on where
it was (`rounds`).  Such a record takes 4 to 25 bytes for each of the page's links.
"""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson
from pydantic import Field

from ingest.documents import ContainerRead, Event, Gone, Unchanged
from ingest.read import page
from ingest.read.http import Fetched, FetchFailed
from ingest.read.http_settings import FetchSettings
from ingest.read.packing import packed, unpacked
from ingest.read.pagelinks import Resolver, page_links
from ingest.read.rounds import Round
from ingest.read.scope import Scope, check_hosts

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from ingest.documents import JSON
    from ingest.read.base import Context
    from ingest.read.http import Fetcher, NotModified

_UNFOLLOWED = frozenset({"nofollow", "none"})


class Web(FetchSettings):
    """Pages of the web: a list of them, or a bounded crawl of one site."""

    url: str | tuple[str, ...]
    """The address of a page, or several of them."""
    depth: int = Field(default=0, ge=0)
    """How many links away from these pages others are read too; 0: none."""
    max_pages: int = Field(default=1000, ge=1, le=1_000_000)
    """The most addresses that a crawl asks for in one round."""
    include: tuple[str, ...] = ()
    """Patterns (``/news/*``, ``https://*.org/*``) of links to follow; none: all of the site."""
    exclude: tuple[str, ...] = ()
    """Patterns of links not to follow."""
    hosts: tuple[str, ...] = ()
    """More hosts that belong to the site, beside those of the start pages."""

    @classmethod
    def for_inputs(cls, inputs: Sequence[str]) -> Web:
        """The reader for web addresses on the command line: those pages alone."""
        return cls(url=tuple(inputs))

    def check(self, context: Context) -> None:
        """Raise `SettingsError` where an address is none or a contact is needed and not set."""
        del context
        page.check(self, self.urls())
        check_hosts(self.hosts)

    def read(self, cursor: JSON, context: Context) -> Iterator[Event]:
        """Yield every page once a round; `Complete` where the whole site was seen."""
        self.check(context)
        current = Round.begin(cursor, [*self.urls(), str(self.depth), self.selection()])
        with page.fetcher(self, context) as client:
            yield from current.over(_Crawl(self, client, context, current))

    def selection(self) -> str:
        """A hash of what decides which links of a page are remembered."""
        asked = [self.depth > 0, self.max_pages, self.include, self.exclude, self.hosts]
        return hashlib.sha256(orjson.dumps(asked)).hexdigest()[:8]

    def urls(self) -> tuple[str, ...]:
        """The start pages, each once."""
        return page.each_once(self.url)


@dataclass(frozen=True, slots=True)
class _Record:
    """What is remembered of an address that gave a page.

    ``number``: the round; ``selection``: what chose its links; ``id``: of the page's
    document, ``""`` for a page off the site; ``at``: where its redirects ended.
    """

    number: int
    selection: str
    id: str
    at: str
    etag: str = ""
    modified: str = ""
    digest: str = ""
    links: tuple[str, ...] = ()

    def dumps(self) -> str:
        named = [self.number, self.selection, self.id, self.at]
        marks = [self.etag, self.modified, self.digest]
        return orjson.dumps([*named, *marks, packed(self.links)]).decode()

    @classmethod
    def loads(cls, text: str) -> _Record | None:
        """The record in a fingerprint; None for that of a failure, or for none."""
        try:
            number, selection, name, at, etag, modified, digest, links = orjson.loads(text)
        except (ValueError, TypeError):
            return None
        return cls(number, selection, name, at, etag, modified, digest, unpacked(links))


@dataclass(slots=True)
class _Crawl:
    """One pass over a round.

    ``given``: ids that this pass has named; ``done``: addresses that redirects ended at;
    ``whole``: whether everything was listed; ``stopped``: whether the run is being stopped;
    ``resting``: hosts that asked to be left alone, which the next run goes on with;
    ``answered``: how many pages were got.
    """

    settings: Web
    client: Fetcher
    context: Context
    round: Round
    whole: bool = True
    stopped: bool = False
    answered: int = 0
    given: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    resting: set[str] = field(default_factory=set)
    scope: Scope = field(init=False)
    starts: dict[str, str] = field(init=False)
    _resolver: Resolver = field(init=False)

    def __post_init__(self) -> None:
        self._resolver = Resolver(self.context.canonical_url)
        self.starts = {self._resolver.canonical(url) or url: url for url in self.settings.urls()}
        self.scope = Scope(self.settings.include, self.settings.exclude)
        self.scope.add(self.settings.hosts)
        for url in self.starts:
            self.scope.add_host_of(url)

    def events(self) -> Iterator[Event]:
        """Breadth first, so that a round that is gone through again takes the same way."""
        queue = deque((address, 0) for address in self.starts)
        known = set(self.starts)
        while queue and not self.stopped:
            address, depth = queue.popleft()
            if address in self.done:
                continue
            if self.context.cancelled():
                self.stopped = True
                return
            moved = len(self.round.moved)
            links = yield from self._visit(address)
            if len(self.round.moved) > moved:
                yield self.round.checkpoint(is_open=True)
            if depth == self.settings.depth:
                continue
            for link in links:
                if link in known:
                    continue
                if len(known) >= self.settings.max_pages:
                    self.whole = False
                    break
                known.add(link)
                queue.append((link, depth + 1))

    def _visit(self, address: str) -> Generator[Event, None, Sequence[str]]:
        """The events of one address; returns the links to follow from there."""
        record = _Record.loads(self.context.fingerprint(_key(address)))
        if record is not None and record.number == self.round.number and self._is_held(record):
            self._arrive(address, record.at)
            yield from self._same(address, record)
            return record.links
        if urlsplit(address).netloc in self.resting:
            self.whole = False
            return ()
        etag, modified = self._marks(record)
        result = self.client.fetch(
            self.starts.get(address, address),
            etag=etag,
            last_modified=modified,
            media_types=page.PAGES,
        )
        if isinstance(result, FetchFailed):
            return (yield from self._failed(result, address, record))
        self.answered += 1
        at = self._resolver.canonical(result.url)
        is_outside = not self._arrive(address, at)
        if result.moved_to:
            self.done.add(at)
        if isinstance(result, Fetched):
            record = self._read(result, address, record, is_outside=is_outside)
            yield from self._page(result, address, record)
        elif record is not None:  # without one, no condition was sent
            record = self._again(result, address, record, at)
            yield from self._same(address, record)
        return record.links if record is not None else ()

    # --- what is known of an address ---

    def _is_held(self, record: _Record) -> bool:
        return not record.id or bool(self.context.fingerprint(record.id))

    def _marks(self, record: _Record | None) -> tuple[str, str]:
        """What to ask on condition with: only if the document is what this address last gave."""
        if record is None or not record.id or record.selection != self.settings.selection():
            return "", ""
        if record.id not in self.given and self.context.fingerprint(record.id) != record.digest:
            return "", ""
        return record.etag, record.modified

    def _arrive(self, address: str, at: str) -> bool:
        """Whether what an address leads to is on the site; start pages say what the site is."""
        if address in self.starts:
            self.scope.add_host_of(at)
        return self.scope.is_site(at)

    def _identity(self, address: str, record: _Record | None, named: str) -> str:
        """The id of the page at an address that names itself ``named``."""
        if named in self.round.moved:
            return self.round.moved[named]
        old = record.id if record is not None else ""
        if old in {"", named} or old in self.given or named in self.given:
            return named
        if not self.context.fingerprint(old) or self.context.fingerprint(named):
            return named
        if named != address:
            self.round.moved[named] = old
        return old

    # --- what an answer says ---

    def _read(
        self, result: Fetched, address: str, record: _Record | None, *, is_outside: bool
    ) -> _Record:
        """A page's new record."""
        at = self._resolver.canonical(result.url)
        if is_outside:
            return _Record(self.round.number, self.settings.selection(), "", at)
        found = page_links(result.content, result.media_type, result.url, self._resolver)
        own = found.canonical if self.scope.is_site(found.canonical) else ""
        unfollowed = self.settings.obey_opt_outs and _UNFOLLOWED.intersection(result.opt_outs)
        links = () if unfollowed else tuple(filter(self.scope.wants, found.links))
        return _Record(
            self.round.number,
            self.settings.selection(),
            self._identity(address, record, own or (at if result.moved_to else address)),
            at,
            result.etag,
            result.last_modified,
            hashlib.sha256(result.content).hexdigest()[:32],
            links[: self.settings.max_pages] if self.settings.depth else (),
        )

    def _again(self, result: NotModified, address: str, record: _Record, at: str) -> _Record:
        """The record of a page that is as it was."""
        known = record.id
        if result.moved_to and known == address:
            known = self._identity(address, record, at)
        return replace(record, number=self.round.number, id=known, at=at)

    def _page(self, result: Fetched, address: str, record: _Record) -> Iterator[Event]:
        if record.id and record.id not in self.given:
            self.given.add(record.id)
            if self.context.fingerprint(record.id) == record.digest:
                yield Unchanged(record.id)
            else:
                yield page.document(result, record.id, record.digest)
        yield self._note(address, record)

    def _same(self, address: str, record: _Record) -> Iterator[Event]:
        if record.id and record.id not in self.given:
            self.given.add(record.id)
            yield Unchanged(record.id)
        yield self._note(address, record)

    def _note(self, address: str, record: _Record) -> Event:
        """What is remembered of the address; the first time, it ends an earlier failure's entry."""
        key, text = _key(address), record.dumps()
        is_known = _Record.loads(self.context.fingerprint(key)) is not None
        return Unchanged(key, text) if is_known else ContainerRead(key, text)

    def _failed(
        self, result: FetchFailed, address: str, record: _Record | None
    ) -> Generator[Event, None, Sequence[str]]:
        if result.reason == "cancelled":
            self.stopped = True
            return ()
        if page.asks_for_rest(result, self.settings):
            self.resting.add(urlsplit(address).netloc)
        lasts = result.reason in page.LASTING
        # Behind a page that was never seen and fails for now there may be all the others.
        self.whole = self.whole and (lasts or record is not None)
        if record is not None:
            yield Unchanged(_key(address))
        name = record.id if record is not None and record.id else _key(address)
        if name in self.given:
            name = _key(address)
        known = self.context.fingerprint(name)
        if lasts and known == page.failure_mark(result):
            yield Unchanged(name)
        elif result.reason in page.GONE and record is not None and known == record.digest:
            yield Gone(name)
        elif name != _key(address) or record is None:
            yield page.failure(result, name)
        return () if lasts or record is None else record.links


def _key(address: str) -> str:
    """The name of what is remembered of an address, beside the document that it gave."""
    return f"GET {address}"
