"""For texts that need no extraction: see `ingest.preload`."""

from ingest.preload import warm
from ingest.recipe import WARM_UP

warm(WARM_UP)
