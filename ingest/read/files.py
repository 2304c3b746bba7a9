"""Files, folders and globs: text and pages as they are, and files that hold many documents.

    walk -> stat (unchanged?) -> bytes -> hash (unchanged?) -> RawDocument | records

A file's fingerprint is ``tag:size:mtime:sha256``, where the tag stands for the
settings that it is read with.  As long as size and time are the same it is not
opened; with the same hash it is unchanged still.
"""

from __future__ import annotations

import codecs
import hashlib
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import orjson
import structlog
from pydantic import Field, field_validator

from ingest.documents import Complete
from ingest.errors import SourceError
from ingest.read import remote
from ingest.read.base import ReaderSettings
from ingest.read.blob import Job
from ingest.read.forms import Format  # noqa: TC001  # pydantic reads the annotation
from ingest.read.onefile import changed_or_not, failed_place
from ingest.read.records import Fields
from ingest.read.walk import (
    Glob,
    Selection,
    Trouble,
    is_glob,
    one,
    readable,
    split_glob,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ingest.documents import JSON, Event
    from ingest.read.base import Context
    from ingest.read.walk import Seen


log = structlog.get_logger()


class Files(ReaderSettings):
    """Text files, pages, and files and archives that hold many documents."""

    path: str | tuple[str, ...]
    """A file, folder, glob (``**`` for any folders) or fsspec address, or several of them."""
    include: tuple[str, ...] = ()
    """Patterns of the files to read; without any, all files of a known form."""
    exclude: tuple[str, ...] = ()
    """Patterns of files, folders and archive members to pass over."""
    fields: Fields = Fields()
    """Names of the fields in JSONL, JSON, CSV, TSV and Parquet."""
    ids: Literal["relative", "absolute"] = "relative"
    """Documents are named by their path below ``path``, or by their absolute path."""
    format: Format | None = None
    """The format of the files, where their names do not tell it."""
    encoding: str = ""
    """The encoding of the files, where it cannot be told from them."""
    delimiter: str = Field(default="", max_length=1)
    """What separates the columns of CSV; found out from the first line if not set."""
    records: str = ""
    """Dotted path to the list of documents in a JSON file."""
    hidden: bool = False
    """Read files and folders whose name begins with a dot, too."""
    follow_links: bool = True
    """Follow symbolic links."""
    storage_options: dict[str, Any] = Field(default={}, repr=False)
    """Options for the store behind an fsspec address; best left to its own configuration."""
    max_json: int = Field(default=256 << 20, gt=0)
    """The most bytes of a JSON file, which takes ten times that in memory; JSONL has no limit."""
    max_unpacked: int = Field(default=64 << 30, gt=0)
    """The most bytes that may come out of one compressed file or archive."""
    max_ratio: int = Field(default=500, gt=1)
    """The most bytes that may come out of a byte of a compressed file or archive."""

    @field_validator("path")
    @classmethod
    def _some_path(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if not value or (not isinstance(value, str) and "" in value):
            raise ValueError("expected a file, a folder or a glob")
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        if value:
            try:
                codecs.lookup(value)
            except LookupError:
                raise ValueError(f"Python knows no encoding {value!r}") from None
        return value

    def check(self, context: Context) -> None:
        """Raise `SourceError` where a path does not exist or cannot be listed."""
        for place in self._places(context):
            if remote.is_address(place):
                remote.check(place, self.storage_options)
            else:
                _check(place, context.source)

    def read(self, cursor: JSON, context: Context) -> Iterator[Event]:
        """Yield every file in order of path; ``cursor`` is not used, fingerprints serve."""
        del cursor
        self.check(context)
        job = self.job(context)
        whole = True
        for found, source_id in self.named(context):
            if context.cancelled():
                return
            if isinstance(found, Trouble):
                whole = whole and not found.hides
                yield failed_place(found, source_id, job)
            else:
                yield from changed_or_not(found, source_id, job)
        if whole and not context.cancelled():
            yield Complete()

    def _places(self, context: Context) -> list[str]:
        paths = (self.path,) if isinstance(self.path, str) else self.path
        return [path if remote.is_address(path) else _on_disk(path, context) for path in paths]

    def named(self, context: Context) -> Iterator[tuple[Seen, str]]:
        """Every place with its source_id, each id once."""
        places = self._places(context)
        names = _Names(alone=len(places) == 1)
        for place in places:
            root, found = self._below(place, _identity(context.store))
            prefix = "" if self.ids == "relative" else _folder_name(root)
            is_empty = True
            for each in found:
                is_empty = False
                yield from names.of(each, prefix + each.name)
            if is_empty:
                _tell_empty(place)

    def _below(self, place: str, avoid: tuple[int, int] | None) -> tuple[str, Iterator[Seen]]:
        """The root of a place, and what is found below it, but for one folder."""
        selection = replace(self._selection(), avoid=avoid)
        if remote.is_address(place):
            return remote.listed(place, self.storage_options, selection)
        if is_glob(place):
            root, pattern = split_glob(place)
            return root, walk(root, replace(selection, glob=Glob(pattern)))
        if os.path.isdir(place):  # noqa: PTH112  # see walk.py
            return place, walk(place, selection)
        parent, name = os.path.split(os.path.realpath(place) if self.ids == "absolute" else place)
        return parent, iter((one(place, readable(name)),))

    def _selection(self) -> Selection:
        return Selection(self.include, self.exclude, self.hidden, self.follow_links)

    def job(self, context: Context) -> Job:
        """What holds for all files of this source in one run."""
        return Job(
            context,
            self.fields,
            self._selection(),
            self._tag(context),
            self.format,
            self.encoding,
            self.delimiter,
            self.records,
            self.max_json,
            self.max_unpacked,
            self.max_ratio,
        )

    def _tag(self, context: Context) -> str:
        """Eight digits that change with every setting that changes what is read of a file."""
        how = {"fields", "format", "encoding", "delimiter", "records"}
        how |= {"max_json", "max_unpacked", "max_ratio"}
        told = self.model_dump(mode="json", include=how, exclude_defaults=True)
        told["max_bytes"] = context.max_bytes
        return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()[:8] + ":"


def _check(place: str, source: str) -> None:
    root, pattern = split_glob(place) if is_glob(place) else (place, "")
    try:
        if os.path.isdir(root):  # noqa: PTH112  # see walk.py
            os.scandir(root).close()
        else:
            os.stat(root)  # noqa: PTH116  # see walk.py
    except OSError as error:
        name = readable(place)
        what = (
            "there is no such file or folder"
            if isinstance(error, FileNotFoundError)
            else error.strerror
        )
        of = f" (the folder of the pattern {pattern!r})" if pattern else ""
        message = f"source {source!r}: {readable(root) if pattern else name}{of}: {what}"
        hint = "check `path`; relative paths start at the folder above config/"
        raise SourceError(message, hint=hint) from error


def _tell_empty(place: str) -> None:
    """Say that a place gave nothing: an empty inbox is in order, a wrong pattern is not."""
    if is_glob(place):
        log.info("no file found", pattern=readable(place), hint="nothing there matches it")
    else:
        hint = "a folder's files are read where their form is known, or `include` names them"
        log.info("no file found", folder=readable(place), hint=hint)


def _identity(folder: Path | None) -> tuple[int, int] | None:
    """Device and inode, so that the folder is known by whatever path it is reached."""
    try:
        status = folder.stat() if folder else None
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status else None


def _on_disk(path: str, context: Context) -> str:
    joined = os.path.join(context.base, os.path.expanduser(path))  # noqa: PTH111, PTH118  # pathlib would take "//" and "/." out of a pattern
    return "/" + "/".join(part for part in joined.split("/") if part not in {"", "."})


def _folder_name(root: str) -> str:
    if remote.is_address(root):
        return root.rstrip("/") + "/"
    return readable(os.path.realpath(root)).rstrip("/") + "/"


@dataclass(slots=True)
class _Names:
    """Sees to it that no two files get one id, where a source has several paths.

    A file that lies under two of the paths is read once.  Of two files whose paths
    below their roots are the same the first is kept, the other is a `Trouble` under
    its absolute path.
    """

    alone: bool
    _taken: dict[str, str] = field(default_factory=dict)

    def of(self, found: Seen, source_id: str) -> Iterator[tuple[Seen, str]]:
        first = found.path if self.alone else self._taken.setdefault(source_id, found.path)
        if first is found.path:
            yield found, source_id
        elif os.path.realpath(first) != os.path.realpath(found.path):
            detail = (
                f"{found.path} would be called {source_id!r} as {first} is, which is kept;"
                " make two sources of the paths, or give the folder above both"
            )
            name = readable(os.path.abspath(found.path))  # noqa: PTH100  # see walk.py
            yield Trouble(found.path, name, "duplicate id", detail, hides=False), name
