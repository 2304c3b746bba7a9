"""Text to canonical text, language and dates; pure, versioned, per document.

Extracted -> mend -> canonical -> language, words, dates, addresses -> Document
    -> steps -> Document | Rejected
"""

from ingest.normalise.chain import available_steps, load_steps, run_steps, steps_version
from ingest.normalise.document import NormaliseOptions, normalise, version

__all__ = [
    "NormaliseOptions",
    "available_steps",
    "load_steps",
    "normalise",
    "run_steps",
    "steps_version",
    "version",
]
