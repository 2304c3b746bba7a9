"""Parquet: one document a row.  Needs pyarrow (the extra ``parquet``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest.read.records import canonical
from ingest.read.streams import ReadError, line_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.documents import Event
    from ingest.read.blob import Blob, Job

_ROWS = 64  # at a time: a row may be a whole book


def read(blob: Blob, job: Job) -> Iterator[Event]:
    """The events of a Parquet file; raises `ReadError` where it is damaged or names no text."""
    try:
        import pyarrow as pa  # noqa: PLC0415  # optional and slow to load
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        detail = "reading Parquet needs pyarrow: pip install 'ingest[parquet]'"
        raise ReadError("not supported", detail) from None
    try:
        with blob.seekable() as file, parquet.ParquetFile(file) as table:
            _check(table, job)
            _spend(table, blob)
            yield from _rows(table, blob, job)
    except (pa.ArrowException, OSError) as error:
        raise ReadError("damaged", f"Parquet: {' '.join(str(error).split())}") from error


def _check(table: Any, job: Job) -> None:
    wanted = (*job.fields.text, *job.fields.html)
    names = table.schema_arrow.names
    if not {name.partition(".")[0] for name in wanted} & set(names):
        columns = ", ".join(repr(name) for name in names[:12])
        detail = f"no column is called {' or '.join(map(repr, wanted))}; its columns are {columns}"
        raise ReadError("no text", f"{detail} (set `fields`)")


def _spend(table: Any, blob: Blob) -> None:
    meta = table.metadata
    blob.budget.spend(sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups)))


def _rows(table: Any, blob: Blob, job: Job) -> Iterator[Event]:
    factory = blob.records(job)
    number = 0
    for batch in table.iter_batches(batch_size=_ROWS):
        for record in batch.to_pylist():
            if job.context.cancelled():
                return
            number += 1
            raw = canonical(record)
            yield factory.of(record, line_digest(raw), f"row {number}", raw)
