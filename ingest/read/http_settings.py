"""Settings of everything that fetches, the same for every source that does."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ingest.read.base import ReaderSettings


class FetchSettings(ReaderSettings):
    """``[fetch]``: how pages are fetched; a source's table may set each of these for itself.

    A source asks for one page at a time, whatever hosts they are on, so that its documents
    come in one order.  What is to be read side by side are sources of their own: the daemon
    runs `concurrency` of them at once.
    """

    contact: str = ""
    """An address or URL where a site's owner reaches you; needed for anything but loopback."""
    delay: float = Field(default=1.0, ge=0)
    """Seconds between two requests to one host; robots.txt may ask for more."""
    max_delay: float = Field(default=60.0, ge=0)
    """The most seconds between requests that robots.txt is given."""
    connect_seconds: float = Field(default=10.0, gt=0)
    """Time limit for a connection to be made."""
    read_seconds: float = Field(default=20.0, gt=0)
    """Time limit for a server's silence."""
    total_seconds: float = Field(default=120.0, gt=0)
    """Time limit for one request and its answer, from connecting to the last byte."""
    max_bytes: int = Field(default=32 << 20, gt=0)
    """The most bytes of a body, after decompression."""
    max_redirects: int = Field(default=10, ge=0)
    """The most redirects that are followed for one page."""
    retries: int = Field(default=2, ge=0)
    """How often 429, 5xx and broken connections are tried again at once."""
    max_wait: float = Field(default=60.0, ge=0)
    """The most seconds waited before such a retry; a longer Retry-After ends the fetch."""
    obey_robots: bool = True
    """Whether robots.txt is read and kept to."""
    obey_opt_outs: bool = True
    """Whether pages that refuse mining or training (noai, TDM reservation) are left out."""
    allow_private: bool = False
    """Whether private, loopback and link-local addresses may be connected to."""
    keep_raw: bool = False
    """Whether the servers' answers are kept, as WARC, in ``raw`` under the store."""
    raw_bytes: int = Field(default=1 << 30, ge=1 << 10)
    """A new file of kept answers is begun after this many bytes."""

    def defaults_for(self, reader: type[ReaderSettings]) -> dict[str, Any]:
        """What was set here, as defaults for a reader that fetches; nothing for another."""
        return self.model_dump(exclude_unset=True) if issubclass(reader, FetchSettings) else {}
