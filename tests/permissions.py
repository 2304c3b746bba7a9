"""Permissions that hold for the tests too, which often run as root."""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_VERSION_3 = 0x20080522
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1 << 1, 1 << 2


@contextmanager
def bound() -> Iterator[None]:
    """Let this thread go without root's right to read and write everything (capset(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    rights = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, rights) == 0, ctypes.get_errno()
    before = rights[0]
    rights[0] = before & ~(_DAC_OVERRIDE | _DAC_READ_SEARCH)
    assert libc.capset(header, rights) == 0, ctypes.get_errno()
    try:
        yield
    finally:
        rights[0] = before
        assert libc.capset(header, rights) == 0, ctypes.get_errno()


@contextmanager
def sealed(folder: Path) -> Iterator[None]:
    """A folder in which nothing can be written, for as long as the block lasts."""
    paths = [path for path in (folder, *folder.rglob("*")) if not path.is_symlink()]
    modes = {path: path.stat().st_mode for path in paths}
    for path in reversed(paths):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        with bound():
            yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
