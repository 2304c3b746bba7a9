"""The conformance suite for readers that fetch, over a site of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest
from loopback import Site

from ingest.testing import ReaderConformance

if TYPE_CHECKING:
    from collections.abc import Iterator

NOWHERE = "http://127.0.0.1:9/"
"""An address that nothing answers at: the port of the discard service, long out of use."""
QUICK = {"delay": 0, "retries": 0, "allow_private": True}
"""Settings of whatever fetches from `Site`."""


class Served(ReaderConformance):
    """``self.site`` is what the reader reads."""

    missing_raises: ClassVar[bool] = False

    @pytest.fixture(autouse=True)
    def _served(self) -> Iterator[None]:
        self.site = Site()
        yield
        self.site.stop()
