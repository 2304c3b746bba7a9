"""What a page of HTML says of addresses: where its links lead, and what it calls itself.

Tags are found by one pass of a pattern that never looks behind the next ``<``, so its time
is linear in the page whatever the page does.  A parser that builds a tree is not used
here, in the process that cannot be killed: libxml2 takes minutes for a tag of 4 MB.  A
link whose tag has a bare ``<`` in a value is missed.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin, urlsplit

import webencodings  # type: ignore[import-untyped]  # has no types

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOST_BYTES = 8 << 20
"""Links behind the first 8 MiB of a page are not looked for."""
_MOST_LINKS = 20_000
"""More links of one page are not looked at; a canonical address takes 45 µs."""
_KEPT = 1 << 14
_HEAD = 4096
_TAG = re.compile(
    rb"<!--.*?(?:-->|\Z)"
    rb"|<(script|style|textarea|title|template)[\s/>].*?(?:</\1|\Z)"
    rb"""|<(a|area|base|link)([\s/](?:[^<>"']|"[^"<]*"|'[^'<]*')*+)>""",
    re.IGNORECASE | re.DOTALL,
)
_ATTRIBUTE = re.compile(
    rb"""([^\s=<>"'/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""", re.IGNORECASE
)
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|\w{1,32});", re.IGNORECASE)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_NO_PAGE = re.compile(
    r"\.(?:7z|avi|bmp|bz2|css|csv|docx?|eot|epub|exe|gif|gz|ico|iso|jpe?g|js|json|m4[av]|mkv|mov"
    r"|mp[34]|mpe?g|og[gv]|otf|pdf|png|pptx?|rar|svg|tar|tgz|tiff?|ttf|wav|web[mp]|wmv|woff2?"
    r"|xlsx?|xz|zip|zst)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class PageLinks:
    """Canonical addresses: the page's own (``""`` where it names none), and its links', each once.

    Links that say ``nofollow`` and those to images, archives and such are left out.
    """

    canonical: str = ""
    links: tuple[str, ...] = ()


class Resolver:
    """Addresses as they stand in pages, to canonical ones.

    A site's navigation is the same on every page: what was made of an address is kept, of
    the last 16,384 of them.
    """

    def __init__(self, canonical_url: Callable[[str], str]) -> None:
        self.canonical = lru_cache(maxsize=_KEPT)(canonical_url)
        self._link = lru_cache(maxsize=_KEPT)(self._made)

    def link(self, base: str, root: str, href: str) -> str:
        """The page that ``href`` leads to; ``""`` for what is none.  ``root``: of the base."""
        is_absolute = href.startswith(("/", "http://", "https://"))
        return self._link(root if is_absolute else base, href)

    def _made(self, base: str, href: str) -> str:
        link = self.canonical(joined(base, href))
        if not link.startswith(("http://", "https://")) or _NO_PAGE.search(urlsplit(link).path):
            return ""
        return link


class _Link(NamedTuple):
    tag: bytes
    href: str
    rel: list[bytes]


def page_links(content: bytes, media_type: str, url: str, resolver: Resolver) -> PageLinks:
    """The links of the page at ``url``; none where it is no HTML."""
    if "html" not in media_type.lower():
        return PageLinks()
    base, named = "", ""
    found: list[str] = []
    for tag, href, rel in _links(content[:_MOST_BYTES], media_type):
        if tag == b"base":
            base = base or joined(url, href)
        elif tag == b"link":
            named = named or (href if b"canonical" in rel else "")
        elif b"nofollow" not in rel and len(found) < _MOST_LINKS:
            found.append(href)
    base = base or url
    root = joined(base, "/")
    links = dict.fromkeys(resolver.link(base, root, href) for href in found)
    own = resolver.canonical(joined(base, named)) if named else ""
    return PageLinks(_believed(own, url), tuple(link for link in links if link))


def _links(content: bytes, media_type: str) -> Iterator[_Link]:
    """Every ``a``, ``area``, ``base`` and ``link`` with an address, in order."""
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        content, media_type = content.decode("utf-16", "replace").encode(), ""
    told = _CHARSET.search(media_type) or _CHARSET.search(content[:_HEAD].decode("latin-1"))
    encoding = webencodings.lookup(told[1]) if told else None
    codec = encoding.codec_info.name if encoding else "utf-8"
    for match in _TAG.finditer(content):
        if not match[2]:
            continue
        values: dict[bytes, bytes] = {}
        for name, *value in _ATTRIBUTE.findall(match[3]):
            values.setdefault(name.lower(), b"".join(value))
        href = _text(values.get(b"href", b""), codec).strip()
        if href:
            yield _Link(match[2].lower(), href, values.get(b"rel", b"").lower().split())


def _text(value: bytes, codec: str) -> str:
    """An attribute's text.  References need their ``;`` here: ``&region=1`` is no sign."""
    try:
        text = value.decode(codec)
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    return _REFERENCE.sub(lambda match: html.unescape(match[0]), text)


def _believed(named: str, url: str) -> str:
    """The page's name for itself; a whole site that calls itself its front page is not believed."""
    if not named.startswith(("http://", "https://")):
        return ""
    is_front = urlsplit(named).path == "/" and not urlsplit(named).query
    return "" if is_front and urlsplit(url).path != "/" else named


def joined(base: str, href: str) -> str:
    """An address as it is meant on the page ``base``; ``""`` for what is none."""
    try:
        return urljoin(base, href)
    except ValueError:  # a bracket that opens no IPv6 address
        return ""
