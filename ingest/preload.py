"""Imported by the fork server, after `ingest.engine.forkserver`: what every worker needs.

It acts when it is imported because a fork server offers no other moment.  One document
of each kind goes through extraction, normalising and signing, so that models and tables
(1 s of processor time) are in memory before workers are forked.  A worker then starts
with them, a worker that replaces a killed one too, and no document's time limit pays for
what is loaded on first use.  The signing kernel is left out: a run of a few documents
never needs it.  So are rarity tables, which a store keeps and workers map into memory.

Whatever fails here fails again in a worker, where it is reported.
"""

from __future__ import annotations

import contextlib
import gc

PAGE = b"<!DOCTYPE html><html><head><title>Doors open</title></head><body><article>%s</article>"
LINE = b"The doors of the old harbour opened on Monday, and many people came to see them. "


def warm() -> None:
    """Take one page and one text through the stages that run in workers."""
    from ingest.dedup.signatures import Signer  # noqa: PLC0415 - heavy
    from ingest.documents import UNKNOWN, Extracted, RawDocument  # noqa: PLC0415 - heavy
    from ingest.extract import ExtractOptions, extract  # noqa: PLC0415 - heavy
    from ingest.normalise import NormaliseOptions, normalise  # noqa: PLC0415 - heavy
    from ingest.recipe import WARM_UP  # noqa: PLC0415 - heavy

    page = PAGE % (b"<p>" + LINE * 10) * 3
    for raw in (RawDocument("a", page, "text/html"), WARM_UP):
        found = extract(raw, ExtractOptions())
        if isinstance(found, Extracted):
            normalise(raw, found, "", NormaliseOptions())
    Signer().sign("warm", "up", UNKNOWN)


with contextlib.suppress(Exception):  # the server must live: see above
    warm()
# What is here stays: collections in workers pass over it, and leave its memory shared.
gc.collect()
gc.freeze()
