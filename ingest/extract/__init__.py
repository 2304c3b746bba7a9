"""Bytes to main text and metadata, pure per document.

bytes -> decode (encoding) -> way (dispatch) -> html | plain | as it is -> Extracted
"""

from ingest.extract.dispatch import ExtractOptions, Mode, extract, version, way_of

__all__ = ["ExtractOptions", "Mode", "extract", "version", "way_of"]
