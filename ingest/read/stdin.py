"""Standard input: JSON Lines, names of files between NULs, or texts between NULs.

    find news -name '*.html' -print0 | ingest run -
    zcat dump.jsonl.gz | ingest run -

A stream cannot be listed again, so it is never `Complete`, and nothing that it does
not hold counts as removed.
"""

from __future__ import annotations

import os
import select
import sys
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from pydantic import Field, PrivateAttr

from ingest.documents import RawDocument, Unchanged
from ingest.errors import SourceError
from ingest.read import records, streams
from ingest.read.base import ReaderSettings
from ingest.read.files import Files
from ingest.read.onefile import changed_or_not, failed_place
from ingest.read.records import Fields, Records
from ingest.read.streams import CHUNK, ReadError
from ingest.read.walk import Trouble, one, readable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.documents import JSON, Event
    from ingest.read.base import Context
    from ingest.read.blob import Job
    from ingest.read.streams import Line

_NAME = "stdin"
_LONGEST_PATH = 4096  # bytes: Linux's PATH_MAX
_PATIENCE = 0.25  # seconds between two looks at whether the run is being stopped


class Stdin(ReaderSettings):
    """Documents from standard input."""

    format: Literal["auto", "jsonl", "files", "texts"] = "auto"
    """JSON Lines, or NUL-separated names of files, or NUL-separated texts; else found out."""
    fields: Fields = Fields()
    """Names of the fields in JSON Lines."""
    encoding: str = Field(default="", pattern=r"^[\w.-]*$")
    """The encoding of the stream, where it cannot be told from it."""
    ids: Literal["relative", "absolute"] = "absolute"
    """How files that are named on the stream are called: as given, or by absolute path."""

    _stream: BinaryIO | None = PrivateAttr(default=None)

    @classmethod
    def of(cls, stream: BinaryIO, **settings: Any) -> Stdin:
        """A reader of another stream than the process's own."""
        made = cls(**settings)
        made._stream = stream  # its own class
        return made

    def check(self, context: Context) -> None:
        """Raise `SourceError` where nothing is piped in."""
        del context
        stream = self._stream or sys.stdin.buffer
        if stream.isatty():
            message = "standard input is a terminal; nothing is piped in"
            raise SourceError(message, hint="for example: zcat dump.jsonl.gz | ingest run -")

    def read(self, cursor: JSON, context: Context) -> Iterator[Event]:
        """Yield every document of the stream; ``cursor`` is not used."""
        del cursor
        self.check(context)
        source = streams.as_utf8(_chunks(self._stream or sys.stdin.buffer, context), self.encoding)
        head = next(source, b"")
        form = self.format if self.format != "auto" else _form(head)
        source = chain((head,), source)
        factory = Records(_NAME, "", "", self.fields, context)
        if form == "jsonl":
            yield from records.rows(streams.lines(source, context.max_bytes), factory, context)
            return
        job = Files(path=".").job(context)
        for piece in streams.lines(source, context.max_bytes, end=b"\0"):
            if context.cancelled():
                return
            yield from self._file(piece, job) if form == "files" else (_text(piece, factory),)

    def _file(self, piece: Line, job: Job) -> Iterator[Event]:
        path = os.path.abspath(os.fsdecode(piece.data))  # noqa: PTH100  # see walk.py
        name = os.path.realpath(path) if self.ids == "absolute" else os.fsdecode(piece.data)
        seen = one(path, readable(name))
        if isinstance(seen, Trouble):
            yield failed_place(seen, seen.name, job)
        else:
            yield from changed_or_not(seen, seen.name, job)


def _chunks(stream: BinaryIO, context: Context) -> Iterator[bytes]:
    """What comes in, as it comes, until the end or until the run is stopped."""
    try:
        number = stream.fileno()
    except OSError:  # not a file of the system's (a test's, another program's)
        yield from iter(lambda: stream.read(CHUNK), b"")
        return
    while not context.cancelled():
        if not select.select([number], [], [], _PATIENCE)[0]:
            continue
        data = os.read(number, CHUNK)
        if not data:
            return
        yield data


def _form(head: bytes) -> str:
    """What the stream holds, by its start: objects are JSON Lines, existing paths are names."""
    if head.lstrip()[:1] == b"{" or b"\0" not in head:
        return "jsonl"
    first = head.lstrip(b"\0").partition(b"\0")[0]
    is_path = len(first) < _LONGEST_PATH and os.path.lexists(os.fsdecode(first))
    return "files" if is_path else "texts"


def _text(piece: Line, factory: Records) -> Event:
    if not piece.data:
        detail = f"text {piece.number} has {piece.size:,} bytes"
        return factory.failed(piece.digest, ReadError("too large", detail))
    source_id = factory.by_digest(piece.digest)
    if factory.context.fingerprint(source_id) == piece.digest:
        return Unchanged(source_id, piece.digest)
    return RawDocument(source_id, piece.data, fingerprint=piece.digest)
