"""What a page of HTML says of addresses: where its links lead, and what it calls itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import webencodings  # type: ignore[import-untyped]  # has no types

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOST_BYTES = 4 << 20
"""Links behind the first 4 MiB of a page are not looked for."""
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


def page_links(
    content: bytes, media_type: str, url: str, canonical_url: Callable[[str], str]
) -> PageLinks:
    """The links of the page at ``url``; none where it is no HTML."""
    if "html" not in media_type.lower():
        return PageLinks()
    tree = _tree(content, media_type)
    if tree is None:
        return PageLinks()
    base, named, found = url, "", []
    for element in tree.iter("base", "link", "a", "area"):
        href = (element.get("href") or "").strip()
        rel = (element.get("rel") or "").lower().split()
        if element.tag == "base":
            base = _joined(url, href) if base == url else base
        elif element.tag == "link":
            named = named or (href if "canonical" in rel else "")
        elif href and "nofollow" not in rel:
            found.append(href)
    links = dict.fromkeys(_usable(base, found, canonical_url))
    own = _own(canonical_url(_joined(base, named)) if named else "", canonical_url(url))
    return PageLinks(own, tuple(links))


def _usable(base: str, found: list[str], canonical_url: Callable[[str], str]) -> Iterator[str]:
    for href in dict.fromkeys(found):
        link = canonical_url(_joined(base, href))
        if link.startswith(("http://", "https://")) and not _NO_PAGE.search(urlsplit(link).path):
            yield link


def _own(named: str, url: str) -> str:
    """The page's name for itself; a whole site that calls itself its front page is not believed."""
    if not named.startswith(("http://", "https://")):
        return ""
    is_front = urlsplit(named).path == "/" and not urlsplit(named).query
    return "" if is_front and urlsplit(url).path != "/" else named


def _joined(base: str, href: str) -> str:
    try:
        return urljoin(base, href)
    except ValueError:  # a bracket that opens no IPv6 address
        return ""


def _tree(content: bytes, media_type: str) -> Any:
    from lxml import etree  # noqa: PLC0415  # only where pages are fetched

    told = _CHARSET.search(media_type)
    encoding = webencodings.lookup(told[1]) if told else None
    parser = etree.HTMLParser(
        encoding=encoding.codec_info.name if encoding else None,
        no_network=True,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(content[:_MOST_BYTES], parser)
    except (etree.LxmlError, LookupError):  # empty, or an encoding that libxml2 lacks
        return None
