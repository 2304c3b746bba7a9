"""Signals by which a site says that its text is not for mining or for training models.

Seen are the header ``X-Robots-Tag`` and its meta tag (``noai``, ``noimageai`` and the
rest are recorded as they stand), and the W3C community group's TDM Reservation
Protocol: the header ``tdm-reservation: 1`` and its meta tag.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BINDING = frozenset({"noai", "tdm-reservation"})
"""The signals that speak of what a corpus is for; ``noindex`` and such are of search."""
_HEAD = 64 << 10
_META = re.compile(rb"<meta\s[^>]{1,1000}>", re.IGNORECASE)
_ATTRIBUTE = re.compile(
    rb"""(name|content)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE
)


def signals(headers: Mapping[str, str], content: bytes) -> tuple[str, ...]:
    """The signals of one response, lower case, each once; header names in lower case."""
    found = [*_directives(headers.get("x-robots-tag", ""))]
    if headers.get("tdm-reservation", "").strip() == "1":
        found.append("tdm-reservation")
    for name, value in _metas(content[:_HEAD]):
        if name in {"robots", "ingest"}:
            found += _directives(value)
        elif name == "tdm-reservation" and value.strip() == "1":
            found.append(name)
    return tuple(dict.fromkeys(found))


def _directives(value: str) -> Iterator[str]:
    """Directives that are for everybody, or for us: ``googlebot: noindex`` is not."""
    ours = True
    for part in value.lower().split(","):
        agent, colon, rest = part.partition(":")
        if colon and agent.strip() not in {"unavailable_after", "max-snippet", "max-image-preview"}:
            ours = agent.strip() in {"*", "ingest"}
            part = rest  # noqa: PLW2901 - what stands behind the agent's name
        if ours and part.strip():
            yield part.strip()


def _metas(head: bytes) -> Iterator[tuple[str, str]]:
    for tag in _META.findall(head):
        values = {
            match[1].lower(): match[2] or match[3] or match[4] or b""
            for match in _ATTRIBUTE.finditer(tag)
        }
        name = values.get(b"name", b"").decode("latin-1").lower()
        yield name, values.get(b"content", b"").decode("latin-1")
