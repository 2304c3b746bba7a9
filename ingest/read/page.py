"""One page of the web: fetched only if it changed, as the event that this makes.

A page's fingerprint is its ETag, its Last-Modified and a hash of its bytes, so that
the next run can ask for it on condition, and sees that it is the same where the
server has no such marks.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import orjson

from ingest.documents import Event, Failed, Gone, RawDocument, Unchanged
from ingest.errors import SettingsError
from ingest.read import raw
from ingest.read.addresses import is_loopback
from ingest.read.http import CONTACT_HINT, Fetched, Fetcher, FetchFailed, NotModified

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ingest.read.base import Context
    from ingest.read.http_settings import FetchSettings

PAGES = ("text/html", "application/xhtml+xml", "text/plain")
GONE = frozenset({"http 404", "http 410"})
LASTING = GONE | {
    "robots", "opted out", "content type", "too large", "bad URL", "redirect loop",
    "too many redirects",
}  # fmt: skip
"""What fails again until the page changes; the rest may be better on the next run."""


def fetcher(settings: FetchSettings, context: Context) -> Fetcher:
    """The HTTP client for one run of a source."""
    most = min(settings.max_bytes, context.max_bytes)
    return Fetcher(
        settings.model_copy(update={"max_bytes": most}),
        cancelled=context.cancelled,
        keeper=raw.keeper(settings, context),
        answers=raw.answers(context),
    )


def each_once(url: str | tuple[str, ...]) -> tuple[str, ...]:
    """The addresses of a setting that takes one or several, in their order."""
    return (url,) if isinstance(url, str) else tuple(dict.fromkeys(url))


def check(settings: FetchSettings, urls: Iterable[str]) -> None:
    """Raise `SettingsError` for what is no web address, or needs a contact that is not set."""
    import httpx2  # noqa: PLC0415  # only where something is fetched

    for url in urls:
        try:
            parsed = httpx2.URL(url)
        except httpx2.InvalidURL as error:
            raise SettingsError(f"{url!r} is no web address: {error}") from error
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            raise SettingsError(f"{url!r} is neither an http nor an https address")
        if not settings.contact and not is_loopback(parsed.host):
            raise SettingsError(
                f"fetching from {parsed.host} needs a contact address",
                hint=CONTACT_HINT,
            )


def ask(client: Fetcher, url: str, known: str) -> Fetched | NotModified | FetchFailed:
    """Fetch a page, on condition where its fingerprint ``known`` has marks."""
    etag, modified, _ = _marks(known)
    return client.fetch(url, etag=etag, last_modified=modified, media_types=PAGES)


def event_of(
    result: Fetched | NotModified | FetchFailed,
    source_id: str,
    known: str,
    metadata: Mapping[str, str] | None = None,
) -> Event:
    """What the answer for an item says, whose fingerprint was ``known``."""
    if isinstance(result, NotModified):
        return Unchanged(source_id)
    if isinstance(result, FetchFailed):
        return _failed(result, source_id, known)
    digest = hashlib.sha256(result.content).hexdigest()[:32]
    fingerprint = orjson.dumps([result.etag, result.last_modified, digest]).decode()
    if known and _marks(known)[2] == digest:
        return Unchanged(source_id, fingerprint)
    return document(result, source_id, fingerprint, metadata)


def document(
    result: Fetched, source_id: str, fingerprint: str, metadata: Mapping[str, str] | None = None
) -> RawDocument | Failed:
    """A page that was fetched, as the document ``source_id``; an empty one is a failure."""
    if not result.content.strip():
        return Failed(source_id, "empty", b"", f"{result.url} has no content", fingerprint)
    told = dict(metadata or {})
    if result.opt_outs:
        told["opt_outs"] = ", ".join(result.opt_outs)
    return RawDocument(
        source_id,
        result.content,
        media_type=result.media_type or "text/html",
        url=result.url,
        fetched=result.fetched,
        metadata=told,
        fingerprint=fingerprint,
    )


def _failed(result: FetchFailed, source_id: str, known: str) -> Event:
    if result.reason in GONE and known and _marks(known)[2]:
        return Gone(source_id)
    fingerprint = failure_mark(result)
    if fingerprint and known == fingerprint:
        return Unchanged(source_id)
    return failure(result, source_id)


def failure(result: FetchFailed, source_id: str) -> Failed:
    """That an item could not be fetched."""
    detail = f"{result.url}: {result.detail or result.reason}"
    return Failed(source_id, result.reason, detail=detail, fingerprint=failure_mark(result))


def asks_for_rest(result: FetchFailed, settings: FetchSettings) -> bool:
    """Whether a host is to be left alone for longer than a fetch waits (``Retry-After``)."""
    return result.retry_after is not None and result.retry_after > settings.max_wait


def failure_mark(result: FetchFailed) -> str:
    """The fingerprint of a failure that lasts; ``""`` for one that may pass."""
    return f"failed: {result.reason}" if result.reason in LASTING else ""


def _marks(fingerprint: str) -> tuple[str, str, str]:
    """ETag, Last-Modified and hash of a fingerprint; all empty for that of a failure."""
    try:
        etag, modified, digest = orjson.loads(fingerprint)
    except ValueError:
        return "", "", ""
    return etag, modified, digest
