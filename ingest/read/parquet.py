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
        from pyarrow import ArrowException, parquet  # noqa: PLC0415  # optional and slow to load
    except ImportError:
        detail = "reading Parquet needs pyarrow: pip install 'ingest[parquet]'"
        raise ReadError("not supported", detail) from None
    # Damage shows as any of these: UnicodeDecodeError (a ValueError) for a cell, for one.
    damage = _Damage((ArrowException, OSError, ValueError))
    with blob.seekable() as file:
        with damage:
            table = parquet.ParquetFile(file)
        _check(table, job)
        _spend(table, blob)
        yield from _rows(table, blob, job, damage)


class _Damage:
    """Makes `ReadError` of what pyarrow raises for a damaged file."""

    def __init__(self, errors: tuple[type[Exception], ...]) -> None:
        self._errors = errors

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, self._errors):
            words = " ".join(str(error).split())
            raise ReadError("damaged", f"Parquet: {words}") from error


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


def _rows(table: Any, blob: Blob, job: Job, damage: _Damage) -> Iterator[Event]:
    factory = blob.records(job)
    for number, record in enumerate(_records(table, damage), 1):
        if job.context.cancelled():
            return
        raw = canonical(record)
        yield factory.of(record, line_digest(raw), f"row {number}", raw)


def _records(table: Any, damage: _Damage) -> Iterator[dict[str, Any]]:
    batches = table.iter_batches(batch_size=_ROWS)
    while True:
        with damage:
            batch = next(batches, None)
            records = batch.to_pylist() if batch is not None else None
        if records is None:
            return
        yield from records
