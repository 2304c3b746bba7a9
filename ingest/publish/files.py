"""Files that are there for good once a call returns: written, synced, linked, swapped, removed."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ingest.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EROFS, errno.EACCES, errno.EPERM}
_HERE, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EXDEV, errno.EMLINK, errno.ENOSYS}


@contextmanager
def storing(folder: Path, what: str = "the corpus") -> Iterator[None]:
    """Turn a failing disk into a `StoreError` that says what failed and what to do."""
    try:
        yield
    except OSError as error:
        where = error.filename or folder
        raise StoreError(
            f"cannot write {what}: {where}: {error.strerror or error}", hint=_hint(error.errno)
        ) from error


def _hint(code: int | None) -> str:
    if code in _FULL:
        return "free some space and run again: the corpus is as it was, and nothing is lost"
    if code in _DENIED:
        return "make it writable for this user and run again"
    return "check the disk, then run again: what was decided is kept and will be published"


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_file(path: Path, data: bytes) -> None:
    """Write a new file and make its content durable; its entry needs `sync_folder`."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def link_file(old: Path, new: Path) -> None:
    """Give a file a second name; a durable copy where the file system knows no hard links."""
    try:
        os.link(old, new)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        with old.open("rb") as source, new.open("xb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
            target.flush()
            os.fsync(target.fileno())


def point(link: Path, target: str, spare: Path) -> None:
    """Make ``link`` a symbolic link to ``target`` in one step; ``spare`` is a free name."""
    spare.unlink(missing_ok=True)
    spare.symlink_to(target)
    spare.replace(link)


def exchange(one: Path, other: Path) -> None:
    """Let two folders change names, in one step where the system can (Linux's renameat2)."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    names = _HERE, os.fsencode(one), _HERE, os.fsencode(other)
    if rename is None or rename(*names, _EXCHANGE):
        spare = one.with_name(f"{one.name}.swap")
        other.rename(spare)
        one.rename(other)
        spare.rename(one)


def remove(path: Path) -> None:
    """Remove a file or a whole folder, whichever it is, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
