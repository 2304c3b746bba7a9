"""Items of any Scrapy project into a store, by one line of its settings (extra ``scrapy``).

    ITEM_PIPELINES = {"ingest.scrapy.StorePipeline": 800}

    Scrapy's process                          a process of its own
    spider -> items -> event  ==== pipe ====> batch -> run: extract .. decide, commit, publish
                 stats, log  <=== reports ===

The store is written by another process, so that the reactor is never kept waiting, and
by one short run for each batch, so that a crawl of hours leaves the store to others
between them.  docs/scrapy.md is the page for users.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingest.scrapy.pipeline import StorePipeline

__all__ = ["StorePipeline"]


def __getattr__(name: str) -> Any:
    """`StorePipeline`, loaded on first use: the writing process needs no Scrapy."""
    if name != "StorePipeline":
        raise AttributeError(f"module 'ingest.scrapy' has no attribute {name!r}")
    from ingest.scrapy import pipeline  # noqa: PLC0415 - see above

    return pipeline.StorePipeline
