"""Files behind an fsspec address (``s3://``, ``memory://``, ``sftp://``, …).

Needs fsspec and the package of the address's kind; credentials come from where
those look for them (environment, configuration files), or from ``storage_options``.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from ingest.errors import SourceError
from ingest.read.disk import State
from ingest.read.walk import (
    Found,
    Glob,
    Selection,
    Trouble,
    excluded,
    is_pattern,
    reason_of,
    split_glob,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ingest.read.walk import Seen

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+(?:::|://)", re.IGNORECASE)
_MARKS = (
    "ETag",
    "etag",
    "md5Hash",
    "mtime",
    "LastModified",
    "last_modified",
    "modified",
    "created",
)


def is_address(path: str) -> bool:
    """Whether the path is an fsspec address and not one of this machine."""
    return _ADDRESS.match(path) is not None


@dataclass(frozen=True, slots=True)
class Remote:
    """A remote file system as a `disk.Disk`."""

    system: Any

    def open(self, path: str) -> BinaryIO:
        """The file for reading."""
        return cast("BinaryIO", self.system.open(path, "rb"))

    def state(self, path: str, file: BinaryIO) -> State:
        """How the store describes the file now."""
        del file
        self.system.invalidate_cache()
        return _state(self.system.info(path))


def connect(address: str, options: Mapping[str, Any]) -> tuple[Any, str]:
    """The file system and the path on it; `SourceError` where that cannot be."""
    kind = address.partition("://")[0]
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415  # optional

        system, path = url_to_fs(address, **options)
    except ImportError as error:
        message = f"{address}: reading {kind}:// needs another package: {error}"
        raise SourceError(message, hint="pip install fsspec and the package it names") from error
    except (ValueError, OSError) as error:
        raise SourceError(f"{address}: {error}") from error
    return system, path


def check(address: str, options: Mapping[str, Any]) -> None:
    """Raise `SourceError` where there is nothing at the address."""
    system, path = connect(address, options)
    root = split_glob(path)[0] if is_pattern(path) else path
    try:
        system.info(root)
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError)
        message = f"{address}: {'there is nothing at this address' if missing else error}"
        raise SourceError(message, hint="check `path` and the credentials for it") from error


def listed(
    address: str, options: Mapping[str, Any], selection: Selection
) -> tuple[str, Iterator[Seen]]:
    """The root, as an address, and the files below it, in order of path."""
    system, path = connect(address, options)
    root, pattern = split_glob(path) if is_pattern(path) else (path, "")
    if pattern:
        selection = Selection(
            selection.include, selection.exclude, selection.hidden, glob=Glob(pattern)
        )
    elif not system.isdir(path):
        root = path.rpartition("/")[0]
        return system.unstrip_protocol(root), iter((_one(system, path, root),))
    return system.unstrip_protocol(root), _below(system, root, selection)


def _one(system: Any, path: str, root: str) -> Seen:
    name = path[len(root) :].lstrip("/")
    try:
        state = _state(system.info(path))
    except OSError as error:
        return Trouble(path, name, reason_of(error), f"{path}: {error}", hides=False)
    return Found(path, name, state.size, state.mark, Remote(system))


def _below(system: Any, root: str, selection: Selection) -> Iterator[Seen]:
    try:
        found = system.find(root, detail=True)
    except OSError as error:
        yield Trouble(root, ".", reason_of(error), f"{root}: {error}", hides=True)
        return
    disk = Remote(system)
    for path in sorted(found, key=str.encode):
        name = path[len(root) :].lstrip("/")
        if not _passed_over(name, selection) and selection.wants(name):
            state = _state(found[path])
            yield Found(path, name, state.size, state.mark, disk)


def _passed_over(name: str, selection: Selection) -> bool:
    hidden = not selection.hidden and any(part.startswith(".") for part in name.split("/"))
    return hidden or excluded(selection.exclude, name)


def _state(info: Mapping[str, Any]) -> State:
    mark = next((info[key] for key in _MARKS if info.get(key)), None)
    size = int(info.get("size") or 0)
    if mark is None:
        return State(size, "")
    return State(size, hashlib.sha256(str(mark).encode()).hexdigest()[:16], _when(mark))


def _when(mark: object) -> int:
    """A mark that is a time, in ns since 1970; 0 for any other."""
    try:
        time = mark if isinstance(mark, datetime) else datetime.fromisoformat(str(mark))
    except ValueError:
        return 0
    return int(time.timestamp() * 1_000_000_000)
