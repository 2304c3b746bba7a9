"""For dumps of pages: see `ingest.preload`."""

from ingest.documents import RawDocument
from ingest.preload import warm

TEXT = b"""\
A title of some words

Home
About us

The harbour was rebuilt on 5 May 2023, after the storm; its council has paid for the work.

Subscribe to our newsletter
"""

DUMP = RawDocument("dump", TEXT)

warm(DUMP)
