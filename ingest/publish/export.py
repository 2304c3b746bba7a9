"""Exports: the corpus, or a part of it, as one file or as train, valid and test files.

    corpus.lines() | filters | without run_id and added, sorted by id (canonical) | splits

What is written appears under its name only once it is complete.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from array import array
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from math import isclose
from typing import IO, TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import orjson

from ingest.errors import UsageError
from ingest.publish.files import remove, storing
from ingest.publish.lines import CHANGE_FIELDS, DOCUMENT_FIELDS, LINK_FIELDS, METADATA_FIELDS
from ingest.publish.reading import as_promised

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ingest.publish.corpus import Corpus
    from ingest.publish.ledger import Table

Format: TypeAlias = Literal["jsonl", "parquet"]

CANONICAL_WITHOUT = frozenset({"run_id", "added"})
SPLITS = ("train", "valid", "test")
_BEGINNING = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d(:\d\d(:\d\d(\.\d{3}Z?)?)?)?)?)?)?")
_BATCH = 2000
"""Rows of a Parquet row group: some 10 MB of text."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which documents to take; an empty field lets everything pass.

    ``created_from`` and ``created_to`` are the beginning of a time as a record has it, such
    as ``2024``, ``2024-05-06`` or all of it, the first included, the second not; a document
    without a date passes neither.  ``one_per_story`` takes the first, in order of arrival,
    of those that pass.
    """

    sources: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    created_from: str = ""
    created_to: str = ""
    one_per_story: bool = False

    def __post_init__(self) -> None:
        """Raise `UsageError` for a date in another form: they are compared as texts."""
        for text in (self.created_from, self.created_to):
            if text and not _begins_a_time(text):
                raise UsageError(f"dates are bounded by a day such as 2024-05-06, not {text!r}")


@dataclass(frozen=True, slots=True)
class Splits:
    """Shares of train, valid and test, by story: all its documents fall into the same one.

    Which one depends on the story's id and ``salt`` alone, so a corpus that grows never
    moves a document from one to another.
    """

    train: float
    valid: float
    test: float
    salt: str = ""

    def __post_init__(self) -> None:
        """Raise `UsageError` for shares that are no parts of a whole."""
        shares = (self.train, self.valid, self.test)
        if min(shares) < 0 or not isclose(sum(shares), 1, abs_tol=1e-6):
            raise UsageError(
                "shares of train, valid and test must add up to 1", hint="such as 0.9,0.05,0.05"
            )

    def of(self, story_id: str) -> str:
        """``train``, ``valid`` or ``test``."""
        digest = hashlib.sha256(f"{self.salt}\n{story_id}".encode()).digest()
        place = int.from_bytes(digest[:8]) / 2**64
        if place < self.train:
            return "train"
        return "valid" if place < self.train + self.valid else "test"


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What to export and how.

    ``canonical`` sorts by id and leaves out ``run_id`` and ``added``: two corpora that
    hold the same are then equal byte for byte, however they came about.  With ``splits``
    the target is a folder, else a file.
    """

    format: Format = "jsonl"
    canonical: bool = False
    filters: Filters = field(default_factory=Filters)
    splits: Splits | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """How many documents went into each file, by its path."""

    files: Mapping[str, int]

    @property
    def documents(self) -> int:
        """Documents in all files together."""
        return sum(self.files.values())


def export(corpus: Corpus, target: Path, options: ExportOptions) -> Exported:
    """Write the documents of a snapshot; replaces what was there.

    Raises `StoreError` where the target cannot be written, `UsageError` where it is
    something that a file must not replace, such as the corpus itself, or where Parquet is
    asked for and pyarrow is not installed, `CorpusError` for a damaged corpus.
    """
    _check_target(target, options)
    refuse_within(corpus.path.parents[1], target)
    suffix = f".{options.format}"
    with storing(target, "the export"), as_promised(corpus.path), ExitStack() as stack:
        sinks = {}
        for split in SPLITS if options.splits else ("",):
            path = target / f"{split}{suffix}" if split else target
            path.parent.mkdir(parents=True, exist_ok=True)
            sinks[split] = stack.enter_context(_sink(path, options))
        for document in _documents(corpus, options):
            split = options.splits.of(document["story_id"]) if options.splits else ""
            sinks[split].write(document)
    return Exported({str(sink.path): sink.rows for sink in sinks.values()})


def _check_target(target: Path, options: ExportOptions) -> None:
    """Raise `UsageError` for what a file that is renamed into its place would destroy."""
    if options.splits is None and target.is_dir():
        raise UsageError(
            f"{target} is a folder", hint="Name a file in it; folders go with --splits."
        )
    if options.splits and target.is_file():
        raise UsageError(f"{target} is a file", hint="--splits writes three files into a folder.")
    if target.exists() and not (target.is_file() or target.is_dir()):
        raise UsageError(
            f"{target} is a pipe or device, which is not to be replaced by a file",
            hint="`ingest export -` writes to standard output.",
        )


def check_sources(corpus: Corpus, wanted: frozenset[str], configured: frozenset[str]) -> None:
    """Raise `UsageError` for a name that is no source's, of today or of some document."""
    if wanted <= configured:
        return
    known = configured | {document["source"] for document in corpus.bodies()}
    for name in sorted(wanted - known):
        there = ", ".join(sorted(known))
        raise UsageError(f"no source is called {name!r}", hint=f"There are: {there}.")


def refuse_within(folder: Path, target: Path) -> None:
    """Raise `UsageError` for a target in a folder that is the store's own."""
    if target.resolve().is_relative_to(folder.resolve()):
        raise UsageError(
            f"{target} is in {folder}, whose files are not to be replaced",
            hint="Name a file elsewhere.",
        )


def export_lines(corpus: Corpus, options: ExportOptions) -> Iterator[bytes]:
    """Give the lines of a JSONL export, newlines included: for standard output."""
    with as_promised(corpus.path):
        for document in _documents(corpus, options):
            yield orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def _documents(corpus: Corpus, options: ExportOptions) -> Iterator[dict[str, Any]]:
    chosen: Iterator[dict[str, Any]] = (
        document for document in corpus.bodies() if _passes(document, options.filters)
    )
    if options.filters.one_per_story:
        chosen = _first_of_story(chosen)
    if not options.canonical:
        return chosen
    return (
        {name: value for name, value in document.items() if name not in CANONICAL_WITHOUT}
        for document in _sorted(chosen)
    )


def _begins_a_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text + "2000-01-01T00:00:00.000Z"[len(text) :])
    except ValueError:
        return False
    return _BEGINNING.fullmatch(text) is not None


def _passes(document: Mapping[str, Any], filters: Filters) -> bool:
    created = document["created"]
    return (
        (not filters.sources or document["source"] in filters.sources)
        and (not filters.languages or document["language"] in filters.languages)
        and (not filters.created_from or (bool(created) and created >= filters.created_from))
        and (not filters.created_to or (bool(created) and created < filters.created_to))
    )


def _first_of_story(documents: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    seen: set[bytes] = set()
    for document in documents:
        story = bytes.fromhex(document["story_id"])
        if story not in seen:
            seen.add(story)
            yield document


def _sorted(documents: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Sort by id on disk; in memory are the ids and 8 bytes of place each (80 bytes together)."""
    with tempfile.TemporaryFile() as spill:
        ids: list[bytes] = []
        places = array("Q")
        for document in documents:
            ids.append(bytes.fromhex(document["id"]))
            places.append(spill.tell())
            spill.write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))
        for number in sorted(range(len(ids)), key=ids.__getitem__):
            spill.seek(places[number])
            yield orjson.loads(spill.readline())


class _Sink(Protocol):
    path: Path
    rows: int

    def write(self, document: dict[str, Any]) -> None: ...

    def close(self) -> None: ...

    def abandon(self) -> None: ...


class _JSONLines:
    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path = path
        self.rows = 0
        self._file = file

    def write(self, document: dict[str, Any]) -> None:
        self.rows += 1
        self._file.write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        pass

    def abandon(self) -> None:
        pass


class _Parquet:
    """Row groups of `_BATCH` documents, zstd, every column with its type."""

    def __init__(self, path: Path, file: IO[bytes], *, canonical: bool) -> None:
        from pyarrow import parquet  # noqa: PLC0415 - the extra `parquet`, and 100 ms

        self.path = path
        self.rows = 0
        self._schema = arrow_schema("documents", canonical=canonical)
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._batch: list[dict[str, Any]] = []

    def write(self, document: dict[str, Any]) -> None:
        self.rows += 1
        self._batch.append(document)
        if len(self._batch) >= _BATCH:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def abandon(self) -> None:
        self._writer.is_open = False  # else it would write its footer when it is collected

    def _flush(self) -> None:
        import pyarrow as pa  # noqa: PLC0415 - as above

        if self._batch:
            self._writer.write_table(pa.Table.from_pylist(self._batch, schema=self._schema))
            self._batch.clear()


def arrow_schema(table: Table | Literal["changes"], *, canonical: bool = False) -> Any:
    """Schema of a table for pyarrow; raises `UsageError` where it is not installed."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - the extra `parquet`
    except ImportError as error:
        raise UsageError(
            "Parquet needs pyarrow", hint="install it with `pip install 'ingest[parquet]'`"
        ) from error
    from ingest.publish.snapshot import kind_of  # noqa: PLC0415 - beside its only use

    metadata = pa.struct([(name, pa.string()) for name in METADATA_FIELDS])
    types = {
        "string": pa.string(),
        "int64": pa.int64(),
        "float64": pa.float64(),
    }
    names = {"documents": DOCUMENT_FIELDS, "links": LINK_FIELDS, "changes": CHANGE_FIELDS}[table]
    return pa.schema(
        (name, metadata if name == "metadata" else types[kind_of(name)])
        for name in names
        if not (canonical and name in CANONICAL_WITHOUT)
    )


@contextmanager
def _sink(path: Path, options: ExportOptions) -> Iterator[_Sink]:
    """Write beside the target and rename at the end; on an error nothing is left."""
    spare = path.with_name(f".{path.name}.part")
    try:
        with spare.open("wb") as file:
            sink: _Sink
            if options.format == "parquet":
                arrow_schema("documents")  # says it clearly where pyarrow is missing
                sink = _Parquet(path, file, canonical=options.canonical)
            else:
                sink = _JSONLines(path, file)
            try:
                yield sink
            except BaseException:
                sink.abandon()
                raise
            sink.close()
            file.flush()
            os.fsync(file.fileno())
        spare.replace(path)
    finally:
        remove(spare)
