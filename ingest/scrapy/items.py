"""What a spider yields, as an event of a reader: items of every kind, and responses.

A mapping's fields are those of structured records (`read.records.Fields`); ``body`` is
a page too.  An item is named by its ``id``, else by its address, else by its hash.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
from itemadapter import ItemAdapter
from scrapy.http import Response

from ingest.documents import Failed, RawDocument
from ingest.normalise.urls import canonical_url
from ingest.read.records import Fields, as_string, take

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

HTML = ("html", "body")
_CLEAN = "text/plain; charset=utf-8"
_PAGE = "text/html; charset=utf-8"
_KNOWN = ("title", "author", "date", "language", "site", "description", "tags")


class _Unusable(Exception):
    """An item that is no document: ``reason`` for counting, ``detail`` for a person."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class _Content:
    data: bytes
    media_type: str
    clean: bool = False


@dataclass(slots=True)
class Items:
    """Turns what one crawl yields into events with ids that are unique in it.

    Of two items with one id the first is kept, the other is `Failed` as ``duplicate
    id``.  Memory: about 100 bytes for each item of the crawl.
    """

    fields: Fields
    max_bytes: int
    _seen: set[int] = field(default_factory=set)

    def event(self, item: object, now: datetime) -> RawDocument | Failed:
        """The event of an item; what is wrong with it is a `Failed`, whatever it is."""
        record: dict[str, Any] = {}
        try:
            record = _record(item)
            return self._document(dict(record), now)
        except _Unusable as error:
            return _failed(record, item, error)
        except Exception as error:  # noqa: BLE001 - items are foreign code; the reason is kept
            detail = f"{type(item).__name__}: {type(error).__name__}: {error}"
            return _failed(record, item, _Unusable("bad item", detail))

    def _document(self, record: dict[str, Any], now: datetime) -> RawDocument:
        response = record.pop("response", None)
        content = self._content(record, response)
        url = as_string(take(record, self.fields.url)) or getattr(response, "url", "")
        source_id = as_string(take(record, self.fields.id)) or canonical_url(url)
        metadata = self._metadata(record)
        digest = _digest(content.data, content.media_type, url, metadata)
        return RawDocument(
            self._unique(source_id or digest),
            content.data,
            media_type=content.media_type,
            url=url,
            fetched=now,
            metadata=metadata,
            fingerprint=digest,
            clean=content.clean,
        )

    def _content(self, record: dict[str, Any], response: object) -> _Content:
        """Text, else a page, else the response that the item brings along."""
        present = ", ".join(list(record)[:12])
        text, page = take(record, self.fields.text), take(record, self.fields.html)
        content = _of_text(text) or _of_page(page) or _of_response(response)
        if content is None or not content.data.strip():
            named = " or ".join(repr(name) for name in (*self.fields.text, *self.fields.html))
            detail = f"{named} hold none; its fields are: {present or 'none'}"
            raise _Unusable("no text", detail)
        if len(content.data) > self.max_bytes:
            detail = f"it has {len(content.data):,} bytes (item_bytes = {self.max_bytes:,})"
            raise _Unusable("too large", detail)
        return content

    def _metadata(self, record: dict[str, Any]) -> dict[str, str]:
        """Title, author and so on by their names, and what no field names by its own."""
        known = {name: _listing(take(record, getattr(self.fields, name))) for name in _KNOWN}
        rest = {key: as_string(value) for key, value in record.items()}
        return {key: value for key, value in (rest | known).items() if value}

    def _unique(self, source_id: str) -> str:
        mark = hash(source_id)
        if mark in self._seen:
            detail = (
                f"{source_id!r} was given before in this crawl; the first item is kept."
                " Items of one page need an id each"
            )
            raise _Unusable("duplicate id", detail)
        self._seen.add(mark)
        return source_id


def _record(item: object) -> dict[str, Any]:
    if isinstance(item, Response):
        return {"response": item}
    if not ItemAdapter.is_item(item):
        raise _Unusable("not an item", f"{type(item).__name__} is neither an item nor a response")
    return {str(key): value for key, value in ItemAdapter(item).asdict().items()}


def _of_text(text: object) -> _Content | None:
    """Clean text: a string, or a list of paragraphs."""
    if isinstance(text, list | tuple) and all(isinstance(each, str) for each in text):
        text = "\n\n".join(text)
    if not isinstance(text, str) or not text.strip():
        return None
    return _Content(_utf8(text), _CLEAN, clean=True)


def _of_page(page: object) -> _Content | None:
    """A page: a string, or bytes whose encoding is found out when it is extracted."""
    if isinstance(page, bytes) and page.strip():
        return _Content(page, "text/html")
    if isinstance(page, str) and page.strip():
        return _Content(_utf8(page), _PAGE)
    return None


def _of_response(response: object) -> _Content | None:
    if not isinstance(response, Response):
        return None
    told = response.headers.get("Content-Type") or b"text/html"
    return _Content(response.body, told.decode("latin-1"))


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _listing(value: Any) -> str:
    """A field's value as a string; lists of strings (authors, tags) joined by commas."""
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return as_string(value)


def _digest(content: bytes, media_type: str, url: str, metadata: Mapping[str, str]) -> str:
    told = orjson.dumps([media_type, url, sorted(metadata.items())])
    return hashlib.sha256(told + content).hexdigest()[:32]


def _failed(record: Mapping[str, Any], item: object, error: _Unusable) -> Failed:
    """An item for quarantine, named by its hash, with what can be shown of it."""
    raw = _utf8(_shown(record, item))
    digest = hashlib.sha256(raw + f"{error.reason}: {error.detail}".encode()).hexdigest()[:32]
    return Failed(f"item {digest}", error.reason, raw, error.detail, digest)


def _shown(record: Mapping[str, Any], item: object) -> str:
    fields = {key: value for key, value in record.items() if not isinstance(value, Response)}
    try:
        return as_string(fields) if fields else str(item)
    except Exception:  # noqa: BLE001 - as in `event`: what cannot be shown is left out
        return type(item).__name__
