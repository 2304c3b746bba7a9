"""trafilatura, loaded when it is first needed, and silent."""

from __future__ import annotations

import logging
import warnings
from functools import cache
from importlib import import_module
from typing import Any

from ingest.compiling import untimed
from ingest.extract.selectors import remember


@cache
def trafilatura() -> Any:
    """Load it (0.3 s); what it would say of a page, the way taken tells.

    Its expressions remember their answers from then on, whoever calls it in this process.
    """
    for name in ("trafilatura", "htmldate", "courlan"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    with untimed(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its downloader misses PySocks, and is never used
        import trafilatura as library  # noqa: PLC0415 - heavy

    for name in ("xpaths", "baseline"):
        remember(import_module(f"trafilatura.{name}"))
    return library
