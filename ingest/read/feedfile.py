"""The entries of a feed: RSS, Atom and their kin by feedparser, JSON Feed by its few rules."""

from __future__ import annotations

import hashlib
import html
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import orjson

from ingest.read.streams import ReadError

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENTITY = re.compile(
    rb"""<!ENTITY\s+(?:%\s+)?[\w.:-]+\s+(?:(SYSTEM|PUBLIC)\b|"([^"]*)"|'([^']*)')""", re.IGNORECASE
)
_HEAD = 64 << 10
_JSON = "https://jsonfeed.org/version/1"
_TEXT = "text/plain; charset=utf-8"
_HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; ``content`` is its full text, ``""`` where the feed has at most a summary."""

    guid: str
    link: str
    content: str
    media_type: str
    summary: str
    metadata: Mapping[str, str]

    @property
    def digest(self) -> str:
        """A hash over all that the feed says of it."""
        told = [self.link, self.content, self.summary, sorted(self.metadata.items())]
        return hashlib.sha256(orjson.dumps(told)).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class FeedContent:
    """A feed's entries, as they stand in it, and the minutes that it asks to be left alone."""

    entries: tuple[Entry, ...]
    ttl: int = 0


def parse(data: bytes, media_type: str, url: str) -> FeedContent:
    """The feed in ``data``; raises `ReadError` where there is none."""
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        return _json_feed(data, url)
    _refuse_entities(data[:_HEAD], url)
    import feedparser  # noqa: PLC0415  # 0.1 s

    headers = {"content-type": media_type or "application/xml", "content-location": url}
    parsed = feedparser.parse(io.BytesIO(data), response_headers=headers)
    if not parsed.entries and not parsed.get("version"):
        raise ReadError("not a feed", f"{url}: {parsed.get('bozo_exception', 'no feed in it')}")
    site = str(parsed.feed.get("title") or "")
    language = str(parsed.feed.get("language") or "")
    entries = tuple(_entry(one, site, language) for one in parsed.entries)
    ttl = str(parsed.feed.get("ttl") or "").strip()
    return FeedContent(entries, int(ttl[:6]) if ttl.isascii() and ttl.isdigit() else 0)


def _refuse_entities(head: bytes, url: str) -> None:
    """Raise `ReadError` where entities are declared that read files or that hold others.

    feedparser takes them out; but who sends them sends no feed that anybody should keep.
    Names of single characters (``nbsp``), which old feeds declare, do no harm.
    """
    for external, double, single in _ENTITY.findall(head):
        if external or re.search(rb"[&%]\w", double + single):
            raise ReadError("xml entities", f"{url} declares entities of entities, or of files")


def _entry(one: Any, site: str, language: str) -> Entry:
    content, media_type = _content(one.get("content") or ())
    metadata = {
        "title": one.get("title"),
        "author": one.get("author"),
        "date": one.get("published") or one.get("updated"),
        "language": language,
        "site": site,
        "tags": ", ".join(str(tag.get("term") or "") for tag in one.get("tags") or ()),
    }
    summary, link = str(one.get("summary") or ""), str(one.get("link") or "")
    return _made(str(one.get("id") or ""), link, (content, media_type), summary, metadata)


def _content(parts: Any) -> tuple[str, str]:
    """The longest part that is text; feeds may have it as HTML and as plain text."""
    texts = [part for part in parts if "html" in part.get("type", "") or "plain" in part["type"]]
    best = max(texts, key=lambda part: len(part.get("value") or ""), default=None)
    if best is None or not best.get("value"):
        return "", ""
    return str(best["value"]), _TEXT if "plain" in best["type"] else _HTML


def _made(
    guid: str, link: str, content: tuple[str, str], summary: str, metadata: Mapping[str, Any]
) -> Entry:
    told = {name: _clean(str(value)) for name, value in metadata.items() if value}
    if not guid and not link:
        text = f"{told.get('title', '')}\n{content[0] or summary}"
        guid = "sha256:" + hashlib.sha256(_clean(text).encode()).hexdigest()[:32]
    return Entry(
        _clean(guid or link), _clean(link), _clean(content[0]), content[1], _clean(summary), told
    )


def _clean(text: str) -> str:
    """Without lone surrogates, which broken feeds have and UTF-8 has not."""
    return text.encode("utf-8", "replace").decode()


# --- JSON Feed ------------------------------------------------------------------------


def _json_feed(data: bytes, url: str) -> FeedContent:
    """JSON Feed 1 and 1.1 (jsonfeed.org/version/1.1)."""
    try:
        feed = orjson.loads(data.lstrip(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise ReadError("not a feed", f"{url}: {error}") from error
    items = feed.get("items") if isinstance(feed, dict) else None
    if not isinstance(items, list) or not str(feed.get("version", "")).startswith(_JSON):
        raise ReadError("not a feed", f"{url}: JSON, but no JSON Feed")
    return FeedContent(tuple(_item(one, feed, url) for one in items if isinstance(one, dict)))


def _item(one: dict[str, Any], feed: dict[str, Any], url: str) -> Entry:
    page, text = one.get("content_html"), one.get("content_text")
    content = (str(page), _HTML) if page else (str(text), _TEXT) if text else ("", "")
    metadata = {
        "title": one.get("title"),
        "author": _authors(one) or _authors(feed),
        "date": one.get("date_published") or one.get("date_modified"),
        "language": one.get("language") or feed.get("language"),
        "site": feed.get("title"),
        "tags": ", ".join(str(tag) for tag in _listed(one.get("tags"))),
    }
    link = str(one.get("url") or one.get("external_url") or "")
    guid = one.get("id")
    return _made(
        "" if guid is None else str(guid),
        urljoin(url, link) if link else "",
        content,
        str(one.get("summary") or ""),
        metadata,
    )


def _authors(of: dict[str, Any]) -> str:
    people = [*_listed(of.get("authors")), of.get("author")]
    return ", ".join(
        str(each["name"]) for each in people if isinstance(each, dict) and each.get("name")
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def page(entry: Entry, text: str) -> bytes:
    """A fragment of HTML as a page with its title, as extraction expects it."""
    title = html.escape(entry.metadata.get("title", ""))
    head = f"<head><meta charset=utf-8><title>{title}</title></head>"
    return f"<html>{head}<body><article>{text}</article></body></html>".encode()
