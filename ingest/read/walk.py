"""What lies under a file, folder or glob, in an order that does not hang on the file system.

The order is bytewise by the path below the root, the same on every machine; a folder
is listed only when its turn comes, so memory stays that of the fullest folder.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from ingest.read.disk import LOCAL, Disk
from ingest.read.forms import form_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MAGIC = re.compile(r"[*?[]")
_ENDING = re.compile(r"\.[^*?\[\]./]+\Z")


@dataclass(slots=True)
class Found:
    """A file: its path on ``disk``, the path below the root, and what `disk.State` is made of."""

    path: str
    name: str
    size: int
    mark: str
    disk: Disk = LOCAL


@dataclass(slots=True)
class Trouble:
    """A place that cannot be listed or read.

    With ``hides`` there may be files behind it, so that the listing is not complete.
    """

    path: str
    name: str
    reason: str
    detail: str
    hides: bool


Seen: TypeAlias = Found | Trouble


@dataclass(frozen=True, slots=True)
class Selection:
    """Which of the files below a root are wanted.

    A pattern without a slash is matched against the last part of the path, one with a
    slash against all of it; ``**`` stands for any number of folders.  Without
    ``include``, files whose form is known are wanted.  ``avoid`` is the device and inode
    of a folder that is passed over wherever it is met below the root.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    hidden: bool = False
    follow_links: bool = True
    avoid: tuple[int, int] | None = None
    glob: Glob | None = None

    def wants(self, name: str) -> bool:
        """Whether the file at this path below the root is to be read."""
        if self.exclude and matches(self.exclude, name):
            return False
        if self.glob and not self.glob.reaches(name):
            return False
        if self.include:
            return matches(self.include, name)
        return form_of(name).format is not None or bool(self.glob and self.glob.means(name))

    def enters(self, name: str) -> bool:
        """Whether the folder at this path below the root is to be looked into."""
        if self.exclude and matches(self.exclude, name):
            return False
        return self.glob is None or self.glob.enters(name)


@dataclass(frozen=True, slots=True)
class Glob:
    """The part of a glob below its root folder; a folder that it matches is read whole."""

    pattern: str

    def reaches(self, name: str) -> bool:
        """Whether the path, or a folder that it lies in, matches."""
        return bool(_compiled(self.pattern, below=True)(name))

    def means(self, name: str) -> bool:
        """Whether the glob asks for this file by the end of its name (``*.log``)."""
        return bool(_ENDING.search(self.pattern) and _compiled(self.pattern)(name))

    def enters(self, name: str) -> bool:
        """Whether a path below this folder may match."""
        folders = [part for part in self.pattern.split("/") if part]
        for folder, part in zip(name.split("/"), folders, strict=False):
            if part == "**":
                return True
            if not _compiled(part)(folder):
                return False
        return True


def matches(patterns: tuple[str, ...], name: str) -> bool:
    """Whether one of the patterns fits the path, or, if it has no slash, the path's last part."""
    last = name.rpartition("/")[2]
    return any(_compiled(p)(name if "/" in p else last) for p in patterns)


def excluded(patterns: tuple[str, ...], name: str) -> bool:
    """Whether one of the patterns fits the path or a folder that it lies in."""
    if not patterns:
        return False
    parts = name.split("/")
    return any(matches(patterns, "/".join(parts[:end])) for end in range(1, len(parts) + 1))


@lru_cache(maxsize=1024)
def _compiled(pattern: str, *, below: bool = False) -> Callable[[str], object]:
    """A matcher for a glob in which ``*`` stays within one folder."""
    parts = [p for p in pattern.split("/") if p not in {"", "."}]
    out = []
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part == "**":
            out.append(".*" if last else "(?:[^/]+/)*")
        else:
            out.append(_part(part) + ("" if last else "/"))
    end = r"(?:/.*)?\Z" if below else r"\Z"
    try:
        return re.compile("(?s:" + "".join(out) + end + ")").match
    except re.error:  # [z-a] stands for nothing but itself
        return re.compile(re.escape(pattern) + end).match


def _part(part: str) -> str:
    """The regular expression of one part of a path; ``[!a]`` negates, as in a shell."""
    out, index = [], 0
    while index < len(part):
        sign = part[index]
        # The first sign within the brackets is never the one that closes them.
        close = part.find("]", index + 2 + (part[index + 1 : index + 2] == "!"))
        if sign == "[" and close > 0:
            out.append(_set(part[index + 1 : close]))
            index = close
        else:
            out.append({"*": "[^/]*", "?": "[^/]"}.get(sign) or re.escape(sign))
        index += 1
    return "".join(out)


def _set(inside: str) -> str:
    """The regular expression of the signs between two brackets."""
    negated = inside.startswith("!")
    signs = "".join(sign if sign == "-" else re.escape(sign) for sign in inside[negated:])
    return f"[^/{signs}]" if negated else f"[{signs}]"


def is_glob(path: str) -> bool:
    """Whether the path is a pattern and no existing file is called so."""
    return is_pattern(path) and not os.path.lexists(path)


def is_pattern(path: str) -> bool:
    """Whether the path has a wildcard in it."""
    return _MAGIC.search(path) is not None


def split_glob(path: str) -> tuple[str, str]:
    """The folder before the first part with a wildcard, and the pattern from there on."""
    parts = path.split("/")
    first = next(i for i, part in enumerate(parts) if _MAGIC.search(part))
    return "/".join(parts[:first]) or ("/" if path.startswith("/") else "."), "/".join(
        parts[first:]
    )


def walk(root: str, selection: Selection) -> Iterator[Seen]:
    """Every wanted file below the folder ``root``, and every place that could not be looked at."""
    try:
        status = os.stat(root)  # noqa: PTH116  # pathlib costs 3x in this module's loops
    except OSError as error:
        yield Trouble(root, ".", *_told(error, root), hides=True)
        return
    yield from _folder(root, "", selection, ((status.st_dev, status.st_ino),))


def one(path: str, name: str) -> Seen:
    """A single path as `walk` would find it."""
    try:
        status = os.stat(path)  # noqa: PTH116  # as above
    except OSError as error:
        return _broken(path, name, error)
    return _regular(path, name, status)


_Above: TypeAlias = "tuple[tuple[int, int], ...]"


def _folder(path: str, prefix: str, selection: Selection, above: _Above) -> Iterator[Seen]:
    try:
        with os.scandir(path) as entries:
            listed = sorted((_place(e) for e in entries if _visible(e, selection)), key=_key)
    except OSError as error:
        yield Trouble(path, readable(prefix.rstrip("/")) or ".", *_told(error, path), hides=True)
        return
    for entry, is_folder, wrong in listed:
        name = prefix + entry.name
        if wrong is not None:
            if selection.enters(name):
                yield _broken(entry.path, readable(name), wrong)
        elif is_folder:
            if selection.enters(name):
                yield from _below(entry, name, selection, above)
        elif selection.wants(name) or (_leads_nowhere(entry) and selection.enters(name)):
            yield _file(entry, readable(name))


def _visible(entry: os.DirEntry[str], selection: Selection) -> bool:
    if not selection.hidden and entry.name.startswith("."):
        return False
    return selection.follow_links or not entry.is_symlink()


_Place: TypeAlias = "tuple[os.DirEntry[str], bool, OSError | None]"


def _place(entry: os.DirEntry[str]) -> _Place:
    """An entry, whether it is a folder, and what went wrong in finding out (a loop of links)."""
    try:
        return entry, entry.is_dir(), None
    except OSError as error:
        return entry, False, error


def _key(place: _Place) -> bytes:
    # With its slash a folder sorts as all the paths in it do: "a.txt" < "a/b" < "a0".
    return os.fsencode(place[0].name) + (b"/" if place[1] else b"")


def _leads_nowhere(entry: os.DirEntry[str]) -> bool:
    """Whether it is a broken link, which may have led to a folder."""
    return (
        entry.is_symlink() and form_of(entry.name).format is None and not os.path.exists(entry.path)  # noqa: PTH110  # as above
    )


def _below(
    entry: os.DirEntry[str], name: str, selection: Selection, above: _Above
) -> Iterator[Seen]:
    try:
        status = entry.stat()
    except OSError as error:
        yield Trouble(entry.path, readable(name), *_told(error, entry.path), hides=True)
        return
    here = (status.st_dev, status.st_ino)
    if here == selection.avoid:
        return
    if here in above:
        detail = f"{entry.path} is a link to a folder that it lies in; it is not followed"
        yield Trouble(entry.path, readable(name), "link loop", detail, hides=False)
        return
    yield from _folder(entry.path, name + "/", selection, (*above, here))


def _file(entry: os.DirEntry[str], name: str) -> Seen:
    try:
        status = entry.stat()
    except OSError as error:
        return _broken(entry.path, name, error)
    return _regular(entry.path, name, status)


def _regular(path: str, name: str, status: os.stat_result) -> Seen:
    if stat.S_ISREG(status.st_mode):
        return Found(path, name, status.st_size, str(status.st_mtime_ns))
    what = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe, socket or device"
    detail = f"{path} is {what}; it is not opened"
    return Trouble(path, name, "not a regular file", detail, hides=False)


def _broken(path: str, name: str, error: OSError) -> Trouble:
    if error.errno == errno.ELOOP:
        return Trouble(
            path, name, "link loop", f"{path} is a link that leads back to itself", hides=False
        )
    if isinstance(error, FileNotFoundError) and os.path.islink(path):  # noqa: PTH114  # as above
        target = readable(os.readlink(path))  # noqa: PTH115  # as above
        detail = f"{path} is a link to {target}, which does not exist"
        # It may have led to a folder (a disk that is not mounted), unless its name is a file's.
        return Trouble(path, name, "broken link", detail, hides=form_of(name).format is None)
    return Trouble(path, name, *_told(error, path), hides=False)


def _told(error: OSError, path: str) -> tuple[str, str]:
    return reason_of(error), f"{path}: {error.strerror or error}"


def reason_of(error: OSError) -> str:
    """The reason to count a failure of the operating system under."""
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, FileNotFoundError):
        return "vanished"
    return "cannot be read"


def readable(name: str) -> str:
    r"""The name as valid Unicode, fit to be stored: bytes that are no UTF-8 as ``\xNN``."""
    if name.isascii():
        return name
    return os.fsencode(name).decode("utf-8", "backslashreplace")
