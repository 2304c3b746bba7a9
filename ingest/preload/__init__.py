"""What the fork server imports, after `ingest.engine.forkserver`: all that workers need.

    clean    normalising and signing of texts that need no extraction
    plain    the same, and the model of plain text
    html     the same, and trafilatura

These modules act when they are imported because a fork server offers no other moment: each
takes documents of its kind through the stages that run in workers, so that what is loaded on
first use (up to a second of processor time) is in memory before workers are forked.  A worker
then starts with it, a worker that replaces a killed one too.  Which one is imported follows from
the first document (`kinds`); documents of other kinds may come later, and load what they need.

The signing kernel is left out: a run of a few documents never needs it.  So are rarity tables,
which a store keeps and workers map into memory.
"""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.documents import RawDocument

EVERY = ("ingest.preload.plain", "ingest.preload.html")
"""For whoever stays, and does not know what will come."""


def kinds(first: RawDocument) -> tuple[str, ...]:
    """Name the modules for documents as the first one is."""
    from ingest.extract import way_of  # noqa: PLC0415 - heavy, late

    way = way_of(first, "auto")
    return (f"ingest.preload.{'clean' if way == 'none' else way}",)


def warm(raw: RawDocument) -> None:
    """Take a document through the stages."""
    # The server must live: what fails here fails again in a worker, where it is reported.
    with contextlib.suppress(Exception):
        _prepare(raw)
    # What is here stays: collections in workers pass over it, and leave its memory shared.
    gc.collect()
    gc.freeze()


def _prepare(raw: RawDocument) -> None:
    from ingest.dedup.signatures import Signer  # noqa: PLC0415 - heavy
    from ingest.documents import UNKNOWN, Extracted  # noqa: PLC0415 - heavy
    from ingest.extract import ExtractOptions, extract  # noqa: PLC0415 - heavy
    from ingest.normalise import NormaliseOptions, normalise  # noqa: PLC0415 - heavy

    found = extract(raw, ExtractOptions())
    if isinstance(found, Extracted):
        normalise(raw, found, "", NormaliseOptions())
    Signer().sign("warm", "up", UNKNOWN)
