"""The one HTTP client: manners and safety of everything that fetches.

    fetch -> robots.txt -> the host's turn -> connect (addresses) -> head -> body -> result
      ^          |  redirect, each hop from the start                        |
      +----------+--------------- 429, 5xx, broken connection: again --------+

Built on httpx2's transport layer (httpcore2) and URLs: its client has no place for a
check of the address that is connected to, keeps cookies, and unpacks bodies whole.
Proxies from the environment are not used: behind one, no address could be checked.
"""

from __future__ import annotations

import random
import re
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote

import httpx2

from ingest.errors import SettingsError
from ingest.read import optout
from ingest.read.addresses import is_loopback
from ingest.read.exchange import OK, Exchange, FetchError, Wanted
from ingest.read.http_settings import FetchSettings
from ingest.read.pace import CancelledError, Pace
from ingest.read.retry import retry_after
from ingest.read.robots import AGENT, MAX_BYTES, SOON, RobotsCache, Rules, rules_from

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ingest.read.exchange import Answer
    from ingest.read.raw import Answers, Keeper

__all__ = ["FetchFailed", "FetchSettings", "Fetched", "Fetcher", "NotModified"]

CONTACT_HINT = (
    'Say who you are, so that its owner can reach you: contact = "you@example.org" in the'
    " settings, under [fetch] or in the [[source]]; or, for one run, in the environment:"
    " INGEST_FETCH__CONTACT=you@example.org"
)
_PERMANENT = frozenset({301, 308})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NOT_MODIFIED = 304
_TOO_MANY = 429
_ERROR = 500
_ROBOTS_HOPS = 5
"""RFC 9309: at least five redirects of robots.txt are followed; beyond them, it has none."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A page: its bytes, decompressed, and what the server said of them.

    ``url`` is where the bytes came from, without credentials; ``moved_to`` is the same
    where every redirect on the way was permanent, else ``""``.  ``headers`` have names
    in lower case; ``opt_outs`` are the signals of `optout.signals`.
    """

    url: str
    content: bytes
    media_type: str
    headers: Mapping[str, str]
    fetched: datetime
    moved_to: str = ""
    opt_outs: tuple[str, ...] = ()

    @property
    def etag(self) -> str:
        """The ETag, to be sent with the next request; ``""`` where there is none."""
        return self.headers.get("etag", "")

    @property
    def last_modified(self) -> str:
        """Last-Modified as it was sent; ``""`` where there is none."""
        return self.headers.get("last-modified", "")


@dataclass(frozen=True, slots=True)
class NotModified:
    """The page is as it was when ``etag`` or ``last_modified`` were given (304)."""

    url: str
    headers: Mapping[str, str]
    moved_to: str = ""


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """No page: ``reason`` for counting, ``detail`` for a person.

    ``retry_after``: seconds after which another try makes sense, where the server (or a
    robots.txt that could not be read) says so.
    """

    url: str
    reason: str
    detail: str = ""
    retry_after: float | None = None


@dataclass(slots=True)
class _Trip:
    """A fetch under way: where it is, what it asks for, and the places it was sent on from."""

    url: httpx2.URL
    wanted: Wanted
    most_hops: int
    credentials: bytes = b""
    permanent: bool = True
    left: list[httpx2.URL] = field(default_factory=list)

    @property
    def moved_to(self) -> str:
        return str(self.url) if self.left and self.permanent else ""

    def request(self) -> Wanted:
        """What to ask for here; credentials go to the host that they were given for only."""
        start = self.left[0] if self.left else self.url
        if not self.credentials or _origin(self.url) != _origin(start):
            return self.wanted
        user, _, password = self.credentials.decode().partition(":")
        basic = httpx2.BasicAuth(unquote(user), unquote(password))
        signed = next(basic.auth_flow(httpx2.Request("GET", self.url)))
        header = ("Authorization", signed.headers["Authorization"])
        return replace(self.wanted, headers=(*self.wanted.headers, header))

    def redirect(self, answer: Answer) -> None:
        """Go on to where the answer points; raises `FetchError`."""
        self.left.append(self.url)
        if len(self.left) > self.most_hops:
            raise FetchError("too many redirects", f"more than {self.most_hops}")
        self.permanent = self.permanent and answer.status in _PERMANENT
        try:
            target = self.url.join(answer.headers["location"])
        except httpx2.InvalidURL as error:
            raise FetchError("bad URL", f"redirect to: {error}") from error
        self.url = _parsed(str(target)).copy_with(userinfo=b"", fragment=None)
        if self.url in self.left:
            raise FetchError("redirect loop", f"back at {self.url}")


class Fetcher:
    """Fetches pages one by one; safe for threads, which share connections and pace.

    ``cancelled`` is asked at least five times a second while something is waited for,
    and at every piece of a body.  ``keeper`` is given what servers answered, but for
    robots.txt and what is not read; ``answers`` stands in the net's place.
    """

    def __init__(
        self,
        settings: FetchSettings,
        *,
        cancelled: Callable[[], bool] = lambda: False,
        keeper: Keeper | None = None,
        answers: Answers | None = None,
    ) -> None:
        self._settings = settings
        self._keeper = keeper
        contact = f" (+{settings.contact})" if settings.contact else ""
        self._agent = f"{AGENT}/{version('ingest')}{contact}"
        self._exchange = answers or Exchange(settings, self._agent, cancelled)
        self._pace = Pace(cancelled)
        self._robots = RobotsCache(self._load_rules, time.monotonic)

    def fetch(
        self,
        url: str,
        *,
        etag: str = "",
        last_modified: str = "",
        media_types: tuple[str, ...] = (),
        max_bytes: int = 0,
    ) -> Fetched | NotModified | FetchFailed:
        """Fetch one page, following redirects; only if changed, where a mark is given.

        ``media_types``: prefixes of what is wanted (``text/html``, ``application/``);
        none means anything.  ``max_bytes``: another limit than that of the settings.
        Raises `SettingsError` where a contact is needed and not set.
        """
        marks = (("If-None-Match", etag), ("If-Modified-Since", last_modified))
        conditions = tuple((name, value) for name, value in marks if value)
        wanted = Wanted(conditions, media_types, max_bytes or self._settings.max_bytes)
        try:
            start = _parsed(url)
            trip = _Trip(
                start.copy_with(userinfo=b"", fragment=None),
                wanted,
                self._settings.max_redirects,
                start.userinfo,
            )
            if self._keeper is not None and not self._keeper.has(str(trip.url)):
                trip.wanted = replace(wanted, headers=())  # a 304 would leave nothing to keep
            return self._follow(trip)
        except FetchError as error:
            return FetchFailed(_bare(url), error.reason, error.detail, error.retry_after)
        except CancelledError:
            return FetchFailed(_bare(url), "cancelled")

    def close(self) -> None:
        """Close the connections, and what keeps the answers."""
        self._exchange.close()
        if self._keeper is not None:
            self._keeper.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _follow(self, trip: _Trip) -> Fetched | NotModified:
        while True:
            answer = self._visit(trip)
            if answer.fetched is None:
                answer = replace(answer, fetched=datetime.now(UTC))
            page = self._page(trip, answer) if answer.status == OK else None
            if self._keeper is not None:
                asked = (("User-Agent", self._agent), *trip.wanted.headers)
                self._keeper.keep(str(trip.url), asked, answer)
            if page is not None:
                return page
            if answer.status in _REDIRECTS and "location" in answer.headers:
                trip.redirect(answer)
            elif answer.status == _NOT_MODIFIED:
                return NotModified(str(trip.url), answer.headers, trip.moved_to)
            else:
                raise FetchError(
                    f"http {answer.status}", f"at {trip.url}", retry_after=_asked(answer)
                )

    def _page(self, trip: _Trip, answer: Answer) -> Fetched:
        opt_outs = optout.signals(answer.headers, answer.content)
        refused = optout.BINDING.intersection(opt_outs)
        if refused and self._settings.obey_opt_outs:
            raise FetchError("opted out", ", ".join(sorted(refused)))
        return Fetched(
            str(trip.url),
            answer.content,
            answer.headers.get("content-type", ""),
            answer.headers,
            answer.fetched or datetime.now(UTC),
            trip.moved_to,
            opt_outs,
        )

    def _visit(self, trip: _Trip) -> Answer:
        """One hop: with a contact, with leave of robots.txt, in the host's turn."""
        host = trip.url.host
        if not self._settings.contact and not is_loopback(host):
            if trip.left:  # one page's way out of loopback is no reason to end the run
                raise FetchError("no contact", f"redirected to {host}; {CONTACT_HINT}")
            raise SettingsError(
                f"fetching from {host} needs a contact address",
                hint=CONTACT_HINT,
            )
        delay = self._leave(trip.url)
        for attempt in range(self._settings.retries):
            pause = min(random.uniform(0.5, 1) * 2**attempt, self._settings.max_wait)  # noqa: S311 - jitter
            try:
                answer = self._ask(trip, delay)
            except FetchError as error:
                if not error.again:
                    raise
            else:
                if answer.status < _ERROR and answer.status != _TOO_MANY:
                    return answer
                asked = _asked(answer)
                if asked is not None and asked > self._settings.max_wait:
                    return answer
                pause = pause if asked is None else asked
            self._pace.hold_off(host, pause)
        return self._ask(trip, delay)

    def _ask(self, trip: _Trip, delay: float) -> Answer:
        with self._pace.turn(trip.url.host, delay):
            return self._exchange.get(trip.url, trip.request())

    def _leave(self, url: httpx2.URL) -> float:
        """Seconds to leave between requests; raises where robots.txt does not let us."""
        if not self._settings.obey_robots:
            return self._settings.delay
        rules = self._robots.rules(_origin(url))
        if rules.deferred:
            raise FetchError(rules.deferred, f"robots.txt: {rules.detail}", retry_after=SOON)
        if not rules.allows(str(url)):
            raise FetchError("robots", f"robots.txt does not allow {url}")
        return max(self._settings.delay, min(rules.delay, self._settings.max_delay))

    def _load_rules(self, url: str) -> Rules:
        trip = _Trip(httpx2.URL(url), Wanted(limit=MAX_BYTES, cut=True), _ROBOTS_HOPS)
        while True:
            try:
                answer = self._ask(trip, 0)
                if answer.status not in _REDIRECTS or "location" not in answer.headers:
                    return rules_from(answer.status, answer.content)
                trip.redirect(answer)
            except FetchError as error:
                if error.reason in {"too many redirects", "redirect loop", "bad URL"}:
                    return Rules()
                return Rules(None, error.reason, error.detail)


def _asked(answer: Answer) -> float | None:
    return retry_after(answer.headers.get("retry-after", ""), datetime.now(UTC))


def _parsed(url: str) -> httpx2.URL:
    try:
        parsed = httpx2.URL(url.strip())
    except httpx2.InvalidURL as error:
        raise FetchError("bad URL", str(error)) from error
    if parsed.scheme not in {"http", "https"} or not parsed.host or "%" in parsed.host:
        raise FetchError("bad URL", f"neither http nor https: {_bare(url)}")
    return parsed


def _origin(url: httpx2.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode()}"


def _bare(url: str) -> str:
    """The URL without credentials, which must never be shown."""
    return re.sub(r"//[^/?#]*@", "//", url.strip(), count=1)
