"""The forms that a file can have, known by the end of its name.

``page.html.gz`` is HTML packed with gzip, ``crawl.tgz`` a tar archive packed with gzip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Format: TypeAlias = Literal[
    "text", "markdown", "html", "xhtml", "jsonl", "json", "csv", "tsv", "parquet", "zip", "tar",
    "warc",
]  # fmt: skip

_ENDINGS: dict[str, Format] = {
    "txt": "text",
    "text": "text",
    "md": "markdown",
    "markdown": "markdown",
    "html": "html",
    "htm": "html",
    "xhtml": "xhtml",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "json": "json",
    "csv": "csv",
    "tsv": "tsv",
    "tab": "tsv",
    "parquet": "parquet",
    "zip": "zip",
    "tar": "tar",
    "warc": "warc",
    "arc": "warc",
    "wet": "warc",
}
_PACKED = {"gz": "gz", "bz2": "bz2", "xz": "xz", "zst": "zst"}
_PACKED_TAR = {"tgz": "gz", "tbz2": "bz2", "tbz": "bz2", "txz": "xz", "tzst": "zst"}

MEDIA_TYPES: dict[Format, str] = {
    "text": "text/plain",
    "markdown": "text/markdown",
    "html": "text/html",
    "xhtml": "application/xhtml+xml",
}


@dataclass(frozen=True, slots=True)
class Form:
    """A file's format (None: its name does not say) and its packing (``""``: none)."""

    format: Format | None
    packing: str = ""

    @property
    def media_type(self) -> str:
        """Media type of a file that is one document; ``""`` where it holds many."""
        return "" if self.format is None else MEDIA_TYPES.get(self.format, "")


def form_of(name: str) -> Form:
    """The form that the end of a file's name tells."""
    stem, _, ending = name.lower().rpartition(".")
    if ending in _PACKED_TAR:
        return Form("tar", _PACKED_TAR[ending])
    packing = _PACKED.get(ending, "")
    if packing or (ending == "lz4" and _ENDINGS.get(stem.rpartition(".")[2]) == "warc"):
        _, _, ending = stem.rpartition(".")
    return Form(_ENDINGS.get(ending), packing)
