"""One open file or archive member, and what holds for all files of a source."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

from ingest.read import streams
from ingest.read.records import Fields, Records
from ingest.read.streams import Budget

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.read.base import Context
    from ingest.read.forms import Format
    from ingest.read.walk import Selection

_SPOOL = 32 << 20


@dataclass(frozen=True, slots=True)
class Job:
    """What holds for all files of one source in one run."""

    context: Context
    fields: Fields
    selection: Selection
    tag: str
    format: Format | None = None
    encoding: str = ""
    delimiter: str = ""
    records: str = ""
    max_json: int = 256 << 20
    max_unpacked: int = 64 << 30
    max_ratio: int = 500

    def budget(self, packed: int) -> Budget:
        """What may come out of a file of ``packed`` bytes."""
        return Budget(packed, self.max_unpacked, self.max_ratio)


@dataclass(slots=True)
class Blob:
    """One open file or archive member, at its start.

    ``name`` is its source_id, ``container`` that of the file on disk; ``depth`` counts
    the archives around it.  ``fingerprint`` is that of the file on disk; ``single`` is
    set where the file turns out to be one document (a JSON object) and no container.
    """

    name: str
    container: str
    format: Format
    packing: str
    file: BinaryIO
    budget: Budget
    depth: int = 0
    fingerprint: str = ""
    single: bool = False

    def unpacked(self) -> Iterator[bytes]:
        """Its bytes in chunks, decompressed."""
        return streams.chunks(self.file, self.packing, self.budget)

    @contextmanager
    def seekable(self) -> Iterator[BinaryIO]:
        """Its bytes as a file to move about in; over 32 MiB in an unnamed temporary file."""
        if self.file.seekable():
            packed = streams.compression(self.file.read(6)) or self.packing
            self.file.seek(0)
            if not packed:
                yield self.file
                return
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as spool:
            for chunk in self.unpacked():
                spool.write(chunk)
            spool.seek(0)
            yield cast("BinaryIO", spool)

    def records(self, job: Job) -> Records:
        """Where its records get their ids."""
        return Records(self.name, self.container, job.tag, job.fields, job.context)
