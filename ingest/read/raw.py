"""Keeping raw responses (``keep_raw``): what a server said, as WARC, to be read again later.

    fetch -> answer -> refused? -> response | revisit, with its request -> rawfile.Archive

What is kept of an exchange is as it was, but for what must not be kept: cookies and
everything that has to do with logging in.  Bodies are kept unpacked, and the headers that
spoke of their packing under the names that Common Crawl gives them.  Bodies of other
answers than 200 are never read, and so not kept.  A page that is the same as when it was
kept last is a revisit record; so is a 304.
"""

from __future__ import annotations

import hashlib
import io
import re
import threading
import zlib
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable
from urllib.parse import quote
from uuid import uuid4

import orjson

from ingest.read import registry
from ingest.read.rawfile import Archive, Entry
from ingest.read.rawrefused import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ingest.read.base import Context
    from ingest.read.exchange import Answer, Wanted
    from ingest.read.http_settings import FetchSettings

_PROFILES = "http://netpreserve.org/warc/1.1/revisit/"
_PRIVATE = frozenset({
    "authorization", "authentication-info", "cookie", "cookie2", "proxy-authenticate",
    "proxy-authentication-info", "proxy-authorization", "set-cookie", "set-cookie2",
    "www-authenticate",
})  # fmt: skip
_PACKING = ("content-encoding", "content-length", "transfer-encoding")
_LOGIN = re.compile(r"//[^/?#\"\s@]*@")
_ODD = re.compile(r"[^\t\x20-\x7e]+")
_OK = 200
_ELSEWHERE = 3
_NOT_MODIFIED = 304
_GZIP = 16 + zlib.MAX_WBITS


@runtime_checkable
class Answers(Protocol):
    """What answers requests in the net's place: the kept responses of an earlier visit."""

    def get(self, url: Any, wanted: Wanted) -> Answer:
        """The answer, or `exchange.FetchError`."""
        ...

    def close(self) -> None:
        """Nothing is asked any more."""
        ...


class Keeper:
    """Keeps the exchanges of one visit of a source; safe for threads.

    The visit is noted (reader, settings without credentials) with the first of them.
    """

    def __init__(self, archive: Archive, refused: Refused, told: Mapping[str, str]) -> None:
        self._archive = archive
        self._refused = refused
        self._told = told
        self._visit = uuid4().hex
        self._began = False
        self._lock = threading.Lock()
        self._latest: dict[str, Entry] = {}
        self._moved: set[str] = set()
        for entry in archive.entries:
            self._note(entry)

    def has(self, url: str) -> bool:
        """Whether a request for it may be on condition: its page is kept, or must not be."""
        with self._lock:
            kept = url in self._latest or url in self._moved
            return kept or self._refused.address(url)

    def keep(self, url: str, asked: Sequence[tuple[str, str]], answer: Answer) -> None:
        """Keep an exchange, if its page was not forgotten."""
        with self._lock:
            known = self._latest.get(url)
            if answer.status == _NOT_MODIFIED and known is None:
                return
            if self._refused.page(url, answer.content, answer.headers.get("content-type", "")):
                return
            if self._archive.full:
                self._archive.roll()
            if not self._began or self._archive.fresh:
                self._begin()
            data, entry = exchange(url, asked, answer, known)
            self._archive.add(data, entry)
            self._note(self._archive.entries[-1])

    def close(self) -> None:
        """Have everything on disk."""
        self._archive.close()

    def _begin(self) -> None:
        self._began = True
        fields = {"isPartOf": self._visit, **self._told}
        record, date = _builder().create_warcinfo_record("", fields), _date(None)
        record.rec_headers.replace_header("WARC-Date", date)
        self._archive.add(_packed(record), Entry("", 0, 0, "visit", "", date, self._visit))

    def _note(self, entry: Entry) -> None:
        if entry.kind != "response":
            return
        self._moved.discard(entry.url)
        if entry.status == _OK:
            self._latest[entry.url] = entry
            return
        self._latest.pop(entry.url, None)
        if entry.status // 100 == _ELSEWHERE:
            self._moved.add(entry.url)


def keeper(settings: FetchSettings, context: Context) -> Keeper | None:
    """What keeps the responses of this run of a source; None where nothing is to be kept."""
    folder = context.raw
    if not settings.keep_raw or folder is None:
        return None
    archive = Archive(folder, context.source, settings.raw_bytes)
    return Keeper(archive, Refused(folder, context.canonical_url), _told(settings))


def answers(context: Context) -> Answers | None:
    """What answers instead of the net, where the run is one over kept responses."""
    found = getattr(context, "answers", None)
    return found if isinstance(found, Answers) else None


def exchange(
    url: str, asked: Sequence[tuple[str, str]], answer: Answer, known: Entry | None
) -> tuple[bytes, Entry]:
    """The records of an exchange, and their entry but for its place.

    ``known`` is what was kept of the page last.
    """
    from warcio.statusandheaders import StatusAndHeaders  # noqa: PLC0415 - with keep_raw only

    digest = "sha256:" + hashlib.sha256(answer.content).hexdigest()
    profile = _profile(answer, digest, known)
    headers = {"WARC-Date": _date(answer.fetched), "WARC-Record-ID": f"<urn:uuid:{uuid4()}>"}
    if profile and known is not None:
        digest = known.digest
        headers |= {
            "WARC-Profile": _PROFILES + profile,
            "WARC-Refers-To": known.id,
            "WARC-Refers-To-Target-URI": known.url,
            "WARC-Refers-To-Date": known.date,
        }
    headers["WARC-Payload-Digest"] = digest
    kind = "revisit" if profile else "response"
    head = StatusAndHeaders(_status(answer.status), _kept(answer), protocol="HTTP/1.1")
    request = StatusAndHeaders(_target(url), _asked(url, asked), protocol="GET")
    builder = _builder()
    body = b"" if profile else answer.content
    told = builder.create_warc_record(
        url, kind, io.BytesIO(body), len(body), warc_headers_dict=headers, http_headers=head
    )
    named = {"WARC-Date": headers["WARC-Date"], "WARC-Concurrent-To": headers["WARC-Record-ID"]}
    asking = builder.create_warc_record(
        url, "request", warc_headers_dict=named, http_headers=request
    )
    entry = Entry(
        "", 0, 0, kind, url, headers["WARC-Date"], headers["WARC-Record-ID"], answer.status, digest
    )
    return _packed(told) + _packed(asking), entry


def _profile(answer: Answer, digest: str, known: Entry | None) -> str:
    """What kind of revisit this is; ``""`` for a response."""
    if answer.status == _NOT_MODIFIED:
        return "server-not-modified"
    same = known is not None and answer.status == _OK and known.digest == digest
    return "identical-payload-digest" if same else ""


def _kept(answer: Answer) -> list[tuple[str, str]]:
    """The answer's headers, true of the body as it is kept, without what is private."""
    packing = [(f"X-Crawler-{name}", answer.headers.get(name, "")) for name in _PACKING]
    left = [
        (name, _ODD.sub(_quoted, _LOGIN.sub("//", value)))
        for name, value in answer.headers.items()
        if name not in _PRIVATE and name not in _PACKING
    ]
    told = [(name, value) for name, value in packing if value]
    return [*left, *told, ("Content-Length", str(len(answer.content)))]


def _quoted(odd: re.Match[str]) -> str:
    """What is no ASCII, percent-encoded as the bytes that came: WARC's writers refuse it."""
    return quote(odd[0].encode("latin-1", "replace"))


def _asked(url: str, asked: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    host = re.sub(r"^\w+://([^/?#]*).*", r"\1", url, flags=re.DOTALL)
    left = [(name, value) for name, value in asked if name.lower() not in _PRIVATE]
    return [("Host", host), *left]


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} "


def _target(url: str) -> str:
    return (re.sub(r"^\w+://[^/?#]*", "", url) or "/") + " HTTP/1.1"


def _date(moment: datetime | None) -> str:
    told = (moment or datetime.now(UTC)).isoformat(timespec="microseconds")
    return told.replace("+00:00", "Z")


def _builder() -> Any:
    from warcio.warcwriter import WARCWriter  # noqa: PLC0415 - with keep_raw only

    return WARCWriter(io.BytesIO(), gzip=False, warc_version="WARC/1.1")


def _packed(record: Any) -> bytes:
    """A record as a gzip member.  warcio packs at level 9: twice the time for 1 % of the size."""
    writer = _builder()
    writer.write_record(record)
    packed: bytes = zlib.compress(writer.out.getvalue(), 6, wbits=_GZIP)
    return packed


def _told(settings: FetchSettings) -> dict[str, str]:
    """What a visit is noted with, so that it can be gone through again."""
    kind = type(settings)
    place = f"{kind.__module__}:{kind.__qualname__}"
    names = [name for name, point in registry.available().items() if point.value == place]
    values = settings.model_dump(mode="json", exclude_unset=True)
    return {
        "software": f"ingest/{version('ingest')}",
        "format": "WARC File Format 1.1",
        "reader": names[0] if names else place,
        "settings": _LOGIN.sub("//", orjson.dumps(values).decode()),
    }
