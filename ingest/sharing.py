"""What stores of one user share: compiled code and tables, in the user's cache folder.

A store has them in a ``cache`` of its own, which is all that a run reads and writes.  A new
store would begin with half a minute of compiling; so before a run it gets what earlier runs
left in ``$XDG_CACHE_HOME/ingest`` (else ``~/.cache/ingest``), and leaves there what it made.
Files are linked where both are on one file system: none is ever written to, only replaced,
but for the counts of what was done without compiled code, which all stores then keep together.
Else code is copied (some megabytes), and the others stay where they are.

numba's files are pickled code, so the folder is the user's alone.
"""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.compiling import SPENT

if TYPE_CHECKING:
    from collections.abc import Iterator

_INDEX = ".nbi"
_COPIED = (".nbc", _INDEX)
_SHARED = (*_COPIED, ".npy", SPENT)


@contextmanager
def shared(cache: Path) -> Iterator[None]:
    """Complete a store's ``cache`` before a run, and the user's folder after it.

    Where there is no such folder, or it cannot be written, a store keeps what it has to itself.
    """
    try:
        folder = _users_folder()
    except (OSError, RuntimeError):  # a user without a home
        yield
        return
    with suppress(OSError):
        _copy(folder, cache, renew=False)
    yield
    with suppress(OSError):
        _copy(cache, folder, renew=True)


def _users_folder() -> Path:
    """The user's cache folder, made where it is missing; a home that is missing is not made."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if base.is_absolute():
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
    else:
        base = Path.home() / ".cache"
        base.mkdir(mode=0o700, exist_ok=True)
    folder = base / "ingest"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _copy(source: Path, target: Path, *, renew: bool) -> None:
    """Copy files that ``target`` lacks, or has older ones of, if they are to be renewed.

    0.4 ms for forty files with nothing to do, by strings: a daemon asks twice with every run.
    """
    due: list[tuple[str, str]] = []
    for folder, _, names in os.walk(source):
        beside = os.path.join(target, os.path.relpath(folder, source))  # noqa: PTH118 - see above
        for name in names:
            path, to = f"{folder}/{name}", f"{beside}/{name}"
            if name.endswith(_SHARED) and _is_due(path, to, renew=renew):
                due.append((path, to))
    for path, to in sorted(due, key=lambda pair: pair[0].endswith(_INDEX)):  # after what it names
        _put(Path(path), Path(to))


def _is_due(path: str, to: str, *, renew: bool) -> bool:
    try:
        there = os.stat(to)  # noqa: PTH116 - see above
    except FileNotFoundError:
        return True
    return renew and there.st_mtime_ns < os.stat(path).st_mtime_ns  # noqa: PTH116 - see above


def _put(path: Path, to: Path) -> None:
    """Link a file, or copy it if it is small, by rename."""
    to.parent.mkdir(parents=True, exist_ok=True)
    # Unlike any there is: a copy into one that is a link would be one into its other name.
    draft = to.with_name(f"{to.name}.{secrets.token_hex(8)}")
    try:
        os.link(path, draft)
    except OSError:  # another file system, or one without links
        if path.suffix not in _COPIED:
            return
        shutil.copy2(path, draft)
    draft.replace(to)
    draft.unlink(missing_ok=True)  # there still if another has just linked the same file
