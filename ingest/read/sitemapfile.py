"""What a sitemap lists: XML (sitemaps.org 0.9 and its kin), text, RSS or Atom, gzip or not.

XML is read without a DTD, entities or network; one that declares entities is refused,
for no sitemap needs them, and bombs and thefts of files do.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ingest.read import feedfile
from ingest.read.bodies import BodyError, collect
from ingest.read.streams import ReadError

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_BYTES = 50 << 20
"""What the protocol allows a sitemap, unpacked."""
MOST_ENTRIES = 50_000
"""As many addresses as the protocol allows; what stands behind them is not read."""
_ROOTS = {"urlset": "url", "sitemapindex": "sitemap"}
_FEEDS = frozenset({"rss", "feed", "RDF"})


@dataclass(frozen=True, slots=True)
class Entry:
    """An address as it stands in the sitemap, and when it last changed (``""``: not told)."""

    url: str
    lastmod: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """What one sitemap lists: pages, and (an index) other sitemaps.

    ``damage``: why not all of it could be read; ``""`` where it was.
    """

    pages: tuple[Entry, ...] = ()
    files: tuple[Entry, ...] = ()
    damage: str = ""


def parse(data: bytes, media_type: str, url: str) -> Listing:
    """What the sitemap in ``data`` lists; raises `ReadError` where it is none."""
    if data.startswith(b"\x1f\x8b"):
        try:
            data = collect((data,), "gzip", MOST_BYTES)
        except BodyError as error:
            reason = "damaged" if error.reason == "content encoding" else error.reason
            raise ReadError(reason, f"{url}: {error.detail}") from error
    head = data[:64].lstrip(b"\xef\xbb\xbf\xfe\xff \t\r\n\x00")
    if not head.startswith(b"<"):
        return _text(data, url)
    return _xml(data, media_type, url)


def _text(data: bytes, url: str) -> Listing:
    """One address a line, in UTF-8."""
    lines = data.decode("utf-8-sig", "replace").splitlines()
    found = [line.strip() for line in lines if line.strip().startswith(("http://", "https://"))]
    if not found:
        raise ReadError("not a sitemap", f"{url}: neither XML nor lines of addresses")
    return Listing(tuple(Entry(line) for line in found[:MOST_ENTRIES]), (), _beyond(found))


def _beyond(found: list[Any]) -> str:
    return f"more than {MOST_ENTRIES:,} entries" if len(found) > MOST_ENTRIES else ""


def _xml(data: bytes, media_type: str, url: str) -> Listing:
    from lxml import etree  # noqa: PLC0415  # only where sitemaps are read

    found: list[Entry] = []
    root, damage = "", ""
    try:
        for event, element in _parser(data):
            if not root:
                root = etree.QName(element).localname
                _refuse(element, root, url)
            if root in _FEEDS:
                return _feed(data, media_type, url)
            if event == "end" and etree.QName(element).localname == _ROOTS[root]:
                found += _entry(element)
                element.clear()
                while (before := element.getprevious()) is not None:
                    element.getparent().remove(before)
            if len(found) > MOST_ENTRIES:
                damage = _beyond(found)
                break
    except etree.XMLSyntaxError as error:
        damage = f"XML: {error}"
    if damage and not found:
        raise ReadError("damaged" if root else "not a sitemap", f"{url}: {damage}")
    entries = tuple(found[:MOST_ENTRIES])
    return Listing((), entries, damage) if root == "sitemapindex" else Listing(entries, (), damage)


def _parser(data: bytes) -> Iterator[tuple[str, Any]]:
    from lxml import etree  # noqa: PLC0415  # only where sitemaps are read

    pieces: Iterator[tuple[str, Any]] = etree.iterparse(
        io.BytesIO(data),
        events=("start", "end"),
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    return pieces


def _refuse(element: Any, root: str, url: str) -> None:
    """Raise `ReadError` for XML that declares entities, or that is no sitemap."""
    declared = element.getroottree().docinfo.internalDTD
    if declared is not None and any(True for _ in declared.iterentities()):
        raise ReadError("xml entities", f"{url} declares entities, which no sitemap needs")
    if root not in _ROOTS and root not in _FEEDS:
        raise ReadError("not a sitemap", f"{url}: XML or HTML whose root is <{root}>")


def _entry(element: Any) -> Iterator[Entry]:
    """The entry of a ``url`` or ``sitemap`` element; none without an address."""
    from lxml import etree  # noqa: PLC0415  # only where sitemaps are read

    told = {
        etree.QName(child).localname: "".join((child.text or "").split())
        for child in reversed(element)
        if isinstance(child.tag, str)
    }
    loc = told.get("loc", "").encode("utf-8", "replace").decode()
    if loc:
        yield Entry(loc, told.get("lastmod", ""))


def _feed(data: bytes, media_type: str, url: str) -> Listing:
    entries = feedfile.parse(data, media_type, url).entries
    dated = ((one.link.split(), one.metadata.get("date", "").split()) for one in entries)
    found = [Entry("".join(link), " ".join(date)) for link, date in dated if link]
    return Listing(tuple(found[:MOST_ENTRIES]), (), _beyond(found))
