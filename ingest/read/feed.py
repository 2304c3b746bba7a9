"""Feeds: RSS, Atom and JSON Feed, visited no oftener than they ask for.

    due? -> fetch, on condition -> entries -> full content | linked page -> RawDocument

An entry is named by its feed's address as configured and by its GUID, so that it
stays the same document when the feed moves.  Feeds drop old entries: what a feed no
longer has is not gone, and a feed is never `Complete`.  The cursor keeps of each feed
its marks, the next visit, its failures in a row, and where it moved to.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import Field

from ingest.documents import Checkpoint, ContainerRead, Event, Failed, RawDocument, Unchanged
from ingest.read import feedfile, page
from ingest.read.http import Fetched, FetchFailed
from ingest.read.http_settings import FetchSettings
from ingest.read.streams import ReadError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ingest.documents import JSON
    from ingest.read.base import Context
    from ingest.read.feedfile import Entry, FeedContent
    from ingest.read.http import Fetcher, NotModified

_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=(\d{1,9})", re.IGNORECASE)
_FIRST_PAUSE = 300.0  # seconds after the first failure; doubled with each further one
_MOST_DOUBLINGS = 16


class Feed(FetchSettings):
    """RSS, Atom and JSON feeds."""

    url: str | tuple[str, ...]
    """The feed's address, or several of them."""
    pages: bool = True
    """Fetch the linked page of an entry whose feed has no full content of it."""
    max_interval: float = Field(default=86_400.0, gt=0)
    """The most seconds between two visits, whatever the feed or failures ask for."""

    @classmethod
    def for_inputs(cls, inputs: Sequence[str]) -> Feed:
        """The reader for ``feed:URL`` on the command line."""
        return cls(url=tuple(given.removeprefix("feed:") for given in inputs))

    def check(self, context: Context) -> None:
        """Raise `SettingsError` where an address is none or a contact is needed and not set."""
        del context
        page.check(self, self._urls())

    def read(self, cursor: JSON, context: Context) -> Iterator[Event]:
        """Yield the entries of every feed that is due; the cursor holds the feeds' states."""
        self.check(context)
        states: dict[str, JSON] = dict(cursor) if isinstance(cursor, dict) else {}
        with page.fetcher(self, context) as client:
            for url in self._urls():
                visit = _Visit(self, url, client, context, _table(states.get(url)))
                if not visit.due():
                    continue
                yield from visit.events()
                if context.cancelled():
                    return
                states = {**states, url: visit.state}
                yield Checkpoint(states)

    def _urls(self) -> tuple[str, ...]:
        return page.each_once(self.url)


@dataclass(slots=True)
class _Visit:
    """One look at one feed; ``state`` is what the cursor keeps of it."""

    settings: Feed
    url: str
    client: Fetcher
    context: Context
    state: dict[str, JSON]
    _seen: dict[str, str] = field(default_factory=dict)

    def due(self) -> bool:
        after = self._text("next")
        return not self.state.get("gone") and (not after or self.context.now().isoformat() >= after)

    def events(self) -> Iterator[Event]:
        etag, modified = (
            (self._text("etag"), self._text("modified")) if self._is_known() else ("", "")
        )
        address = self._text("moved") or self.url
        result = self.client.fetch(address, etag=etag, last_modified=modified)
        if isinstance(result, FetchFailed):
            if result.reason != "cancelled":
                yield self._failed(result)
            return
        if result.moved_to:
            self.state["moved"] = result.moved_to
        if not isinstance(result, Fetched):
            yield from self._recovered()
            self._come_back(result, self._number("ttl"))
            return
        try:
            content = feedfile.parse(result.content, result.media_type, result.url)
        except ReadError as error:
            yield self._failed(FetchFailed(result.url, error.reason, error.detail))
            return
        yield from self._recovered()
        yield from self._entries(content)
        self._keep(result, content)

    def _recovered(self) -> Iterator[Event]:
        """Where the last visit failed: that the feed could be read, which ends its entry."""
        if self.state.pop("failures", None):
            yield ContainerRead(self.context.canonical_url(self.url), "visited")

    def _entries(self, content: FeedContent) -> Iterator[Event]:
        self.state.pop("entry", None)
        self.state.pop("again", None)
        for entry in content.entries:
            if self.context.cancelled():
                return
            source_id = f"{self.context.canonical_url(self.url)}#{entry.guid}"
            if self._seen.setdefault(source_id, entry.digest) != entry.digest:
                yield self._duplicate(entry, source_id)
                continue
            event = self._event(entry, source_id)
            if event is None:
                continue
            if isinstance(event, Failed) and not event.fingerprint:
                self.state["again"] = True
            else:
                self.state.setdefault("entry", source_id)
            yield event

    def _event(self, entry: Entry, source_id: str) -> Event | None:
        """The event of an entry; None where the run is being stopped."""
        if self.context.fingerprint(source_id) == entry.digest:
            return Unchanged(source_id)
        link = self.context.canonical_url(entry.link)
        if entry.content or not (self.settings.pages and link.startswith("http")):
            return self._own(entry, source_id, link)
        result = page.ask(self.client, link, "")
        if isinstance(result, FetchFailed) and result.reason == "cancelled":
            return None
        made = page.event_of(result, source_id, "", entry.metadata)
        return _with_fingerprint(made, entry.digest)

    def _own(self, entry: Entry, source_id: str, link: str) -> Event:
        """An entry that is a document as it stands in the feed."""
        text = entry.content or entry.summary
        if not text.strip():
            detail = f"{source_id} has neither content nor a link that can be fetched"
            return Failed(source_id, "no text", detail=detail, fingerprint=entry.digest)
        plain = entry.media_type.startswith("text/plain")
        return RawDocument(
            source_id,
            text.encode() if plain else feedfile.page(entry, text),
            media_type=entry.media_type or "text/html; charset=utf-8",
            url=link,
            fetched=self.context.now(),
            metadata=entry.metadata,
            fingerprint=entry.digest,
        )

    def _duplicate(self, entry: Entry, source_id: str) -> Event:
        named = f"{source_id}~{entry.digest[:8]}"
        if self.context.fingerprint(named) == entry.digest:
            return Unchanged(named)
        detail = f"an earlier entry of the feed has the GUID {entry.guid!r} too, which is kept"
        return Failed(named, "duplicate id", detail=detail, fingerprint=entry.digest)

    # --- the state that the cursor keeps ---

    def _is_known(self) -> bool:
        """Whether entries need not be seen again: the software that read them is the same."""
        entry = self._text("entry")
        return not self.state.get("again") and bool(entry and self.context.fingerprint(entry))

    def _keep(self, result: Fetched, content: FeedContent) -> None:
        self.state["etag"], self.state["modified"] = result.etag, result.last_modified
        self.state["ttl"] = content.ttl
        self._come_back(result, content.ttl)

    def _come_back(self, result: Fetched | NotModified, ttl: int) -> None:
        """Set the next visit: what Cache-Control and the feed's TTL (minutes) ask for."""
        headers: Mapping[str, str] = result.headers
        age = _MAX_AGE.search(headers.get("cache-control", ""))
        self._rest(max(float(age[1]) if age else 0.0, ttl * 60.0))

    def _failed(self, result: FetchFailed) -> Event:
        source_id = self.context.canonical_url(self.url)
        if result.reason == "http 410":
            self.state["gone"] = True
            detail = f"{result.url} is gone for good (410); it is not visited any more"
            return Failed(source_id, "feed gone", detail=detail, fingerprint="gone")
        failures = self._number("failures") + 1
        self.state["failures"] = failures
        pause = _FIRST_PAUSE * 2 ** min(failures - 1, _MOST_DOUBLINGS)
        pause = min(pause, self.settings.max_interval) * random.uniform(0.5, 1)  # noqa: S311 - jitter
        self._rest(max(pause, result.retry_after or 0.0))
        detail = f"{result.url}: {result.detail or result.reason}; failed {failures} times in a row"
        return Failed(source_id, result.reason, detail=detail)

    def _rest(self, seconds: float) -> None:
        after = self.context.now() + timedelta(seconds=min(seconds, self.settings.max_interval))
        self.state["next"] = after.isoformat()

    def _text(self, name: str) -> str:
        value = self.state.get(name)
        return value if isinstance(value, str) else ""

    def _number(self, name: str) -> int:
        value = self.state.get(name)
        return value if isinstance(value, int) else 0


def _table(value: JSON) -> dict[str, JSON]:
    return dict(value) if isinstance(value, dict) else {}


def _with_fingerprint(event: Event, digest: str) -> Event:
    """The same event, remembered by the entry that it came from and not by its page."""
    if isinstance(event, RawDocument) or (isinstance(event, Failed) and event.fingerprint):
        return replace(event, fingerprint=digest)
    return event
