"""CSV and TSV: one document a row, the first row names the fields.

A quote that is left open would swallow the rest of the file; such a row fails alone,
and reading goes on at the line after its first.
"""

from __future__ import annotations

import csv
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ingest.read import sniff, streams
from ingest.read.streams import Line, ReadError, line_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.documents import Event
    from ingest.read.blob import Blob, Job

_DELIMITERS = ",;\t|"
# Bytes that may be read again after quotes left open, over a whole file.
_REREAD = 256 << 20


@dataclass(slots=True)
class Row:
    """Cells of one row, the bytes that it was made of, and the line that it starts on."""

    number: int
    raw: bytes
    cells: list[str]
    error: ReadError | None = None


def read(blob: Blob, job: Job) -> Iterator[Event]:
    """The events of a table; raises `ReadError` where its header names no text."""
    limit = job.context.max_bytes
    # The module's own limit is 128 KiB a field, for the whole process; it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), limit))
    source = sniff.text_only(streams.as_utf8(blob.unpacked(), job.encoding))
    lines = streams.lines(source, limit, bare=True)
    first = next(lines, None)
    if first is None:
        raise ReadError("empty", "it holds nothing but white space")
    rows = _Rows(lines, _delimiter(first, blob, job), limit, deque((first,)))
    header = next(iter(rows), None)
    if header is None or header.error:
        raise (header and header.error) or ReadError("empty", "it has no header")
    names = [name.strip() for name in header.cells]
    _check_header(names, job)
    yield from _events(rows, names, blob, job)


def _delimiter(first: Line, blob: Blob, job: Job) -> str:
    if job.delimiter:
        return job.delimiter
    if blob.format == "tsv":
        return "\t"
    header = first.data.decode("utf-8", "replace")
    return max(_DELIMITERS, key=header.count)


def _check_header(names: list[str], job: Job) -> None:
    wanted = (*job.fields.text, *job.fields.html)
    if not set(wanted) & set(names):
        columns = ", ".join(repr(name) for name in names[:12])
        detail = f"no column is called {' or '.join(map(repr, wanted))}; its columns are {columns}"
        raise ReadError("no text", f"{detail} (set `fields`)")


def _events(rows: _Rows, names: list[str], blob: Blob, job: Job) -> Iterator[Event]:
    factory = blob.records(job)
    for row in rows:
        if job.context.cancelled():
            return
        digest = line_digest(row.raw)
        where = f"line {row.number}"
        error = row.error or _too_wide(row, names)
        if error:
            yield factory.failed(
                digest, ReadError(error.reason, f"{where}: {error.detail}"), row.raw
            )
            continue
        record = dict(zip(names, row.cells, strict=False))
        yield factory.of(record, digest, where, row.raw)


def _too_wide(row: Row, names: list[str]) -> ReadError | None:
    if len(row.cells) <= len(names):
        return None
    return ReadError("bad row", f"{len(row.cells)} cells under a header of {len(names)}")


@dataclass(slots=True)
class _Rows:
    """Rows out of lines; a row may take several lines, where a quoted cell holds line ends."""

    lines: Iterator[Line]
    delimiter: str
    limit: int
    back: deque[Line] = field(default_factory=deque)
    reread: int = 0

    def __iter__(self) -> Iterator[Row]:
        while (row := self._next()) is not None:
            if row.cells or row.error:
                yield row

    def _next(self) -> Row | None:
        used: list[Line] = []
        reader = csv.reader(self._feed(used), delimiter=self.delimiter, strict=True)
        try:
            cells = next(reader, None)
        except (csv.Error, UnicodeDecodeError, ReadError) as error:
            return self._failed(used, error)
        if cells is None:
            return None
        return Row(used[0].number, b"\n".join(line.data for line in used).strip(), cells)

    def _feed(self, used: list[Line]) -> Iterator[str]:
        size = 0
        while (line := self.back.popleft() if self.back else next(self.lines, None)) is not None:
            used.append(line)
            size += line.size
            if size > self.limit:
                raise ReadError(
                    "too large", f"the row has more than max_bytes = {self.limit:,} bytes"
                )
            yield line.data.decode() + "\n"

    def _failed(self, used: list[Line], error: Exception) -> Row:
        self.back.extendleft(reversed(used[1:]))
        self.reread += sum(line.size for line in used[1:])
        if self.reread > _REREAD:
            raise ReadError("bad row", "too many quotes are left open to go on reading")
        return Row(used[0].number, used[0].data.strip(), [], _told(error))


def _told(error: Exception) -> ReadError:
    if isinstance(error, ReadError):
        return error
    if isinstance(error, UnicodeDecodeError):
        return ReadError("invalid UTF-8", "set `encoding` if the file is in another one")
    words = str(error)
    left_open = "a quote is left open" if words == "unexpected end of data" else words
    return ReadError("bad row", left_open)
