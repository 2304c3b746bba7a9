"""Where files lie: open one, and tell whether it is still the same."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class State:
    """What tells a file from itself at another time, without reading it.

    ``mark`` is its time of modification in ns, or whatever a remote store gives instead
    (an ETag); ``""`` where there is nothing, so that it is always read.  ``changed`` is
    that time in ns since 1970 where the mark is a time, and a change soon after might
    leave it as it is; 0 for marks that always change.
    """

    size: int
    mark: str
    changed: int = 0


class Disk(Protocol):
    """A file system, local or remote; both methods raise `OSError`."""

    def open(self, path: str) -> BinaryIO:
        """The file for reading, seekable."""
        ...

    def state(self, path: str, file: BinaryIO) -> State:
        """How the open file is now."""
        ...


class Local:
    """The files of this machine."""

    def open(self, path: str) -> BinaryIO:
        """The file for reading."""
        return open(path, "rb")  # noqa: PTH123  # the caller closes it; see walk.py

    def state(self, path: str, file: BinaryIO) -> State:
        """Size and time of the open file, even if another has taken its path."""
        del path
        status = os.fstat(file.fileno())
        return State(status.st_size, str(status.st_mtime_ns), status.st_mtime_ns)


LOCAL = Local()
