"""What may be deleted, and when: old generations that nobody reads, and old history."""

from __future__ import annotations

import fcntl
from itertools import takewhile
from typing import TYPE_CHECKING

from ingest.publish.files import remove
from ingest.publish.layout import MANIFEST, Layout

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


def clean_beyond(layout: Layout, sequence: int) -> list[str]:
    """Remove what an interrupted publication left: all that lies beyond ``current``."""
    left = [layout.generation(n) for n in layout.kept() if n > sequence]
    left += [layout.change(n) for n in layout.history() if n > sequence]
    left += [path for path in (layout.tmp, spare(layout)) if path.exists() or path.is_symlink()]
    left += list(layout.generations.glob("gone-*"))
    for path in left:
        remove(path)
    return [path.name for path in left]


def drop_generations(layout: Layout, keep: int, *, in_use_too: bool = False) -> list[int]:
    """Remove all but the newest ``keep`` generations; gives the numbers of those removed.

    One that a reader holds open (a shared lock on its manifest) stays until a later
    call, unless ``in_use_too``.
    """
    old = layout.kept()[: -max(keep, 1)]
    return [number for number in old if _drop(layout, number, in_use_too=in_use_too)]


def _drop(layout: Layout, number: int, *, in_use_too: bool) -> bool:
    folder = layout.generation(number)
    grave = layout.generations / f"gone-{folder.name}"
    try:
        with (folder / MANIFEST).open("rb") as manifest:
            fcntl.flock(manifest, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The rename comes under the lock: a reader that gets its lock later sees
            # that the manifest is no longer where it opened it.
            folder.rename(grave)
    except BlockingIOError:
        if not in_use_too:
            return False
        folder.rename(grave)
    except FileNotFoundError:
        folder.rename(grave)
    remove(grave)
    return True


def drop_history(layout: Layout, keep: int, since: datetime | None = None) -> list[int]:
    """Remove change files beyond the newest ``keep``, and those from before ``since``.

    The newest one always stays: it says that the history reaches to the present.
    """
    history = layout.history()
    old = history[: -max(keep, 1)]
    if since is not None:
        # Only from the old end: a clock that was set back must not leave a gap.
        rest, horizon = history[len(old) : -1], since.timestamp()
        old += takewhile(lambda number: _made(layout.change(number)) < horizon, rest)
    for number in old:
        remove(layout.change(number))
    return old


def _made(path: Path) -> float:
    return path.stat().st_mtime


def spare(layout: Layout) -> Path:
    """Name under which the next ``current`` is made before it replaces the last."""
    return layout.folder / ".current-next"
