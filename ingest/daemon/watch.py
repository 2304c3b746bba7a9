"""``on change``: a thread for each source watches its folders, and says when they change.

What happens before a watch stands is not seen, so that each watch that begins counts as
a change too: a scan follows it.  The same holds where a folder went and came back.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from ingest.read.walk import is_glob, split_glob
from ingest.schedule import OnChange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ingest.settings import Settings, Source

log = structlog.get_logger()

LOOK_SECONDS = 0.5
"""How often it is looked whether the folders are still the same ones."""
RETRY_SECONDS = 5.0
POLL_SECONDS = 1.0
_DEBOUNCE = 0.3
"""Changes that come closer together than this are one."""


@dataclass(frozen=True)
class Watched:
    """What one source wants watched: folders with all below them, and folders of single files."""

    name: str
    deep: tuple[str, ...]
    shallow: tuple[str, ...]
    network: bool
    store: str

    def touches(self, _change: Any, path: str) -> bool:
        """Whether a change matters; what we write ourselves, below ``store``, does not."""
        return not (os.path.realpath(path) + os.sep).startswith(self.store + os.sep)


class Watcher:
    """Watches for all sources that are ``on change``; ``changed`` is told their names."""

    def __init__(self, changed: Callable[[str], None]) -> None:
        self._changed = changed
        self._stops: dict[Watched, threading.Event] = {}

    def follow(self, settings: Settings) -> None:
        """Watch what these settings name, and nothing else."""
        wanted = {
            watched_of(source, settings)
            for source in settings.source
            if isinstance(settings.timing(source).schedule, OnChange)
        }
        for watched in set(self._stops) - wanted:
            self._stops.pop(watched).set()
        for watched in wanted - set(self._stops):
            stop = self._stops[watched] = threading.Event()
            for paths, deep in ((watched.deep, True), (watched.shallow, False)):
                if paths:
                    threading.Thread(
                        target=_watch,
                        args=(watched, paths, deep, self._changed, stop),
                        name=f"watch-{watched.name}",
                        daemon=True,
                    ).start()

    def close(self) -> None:
        """Stop watching."""
        for stop in self._stops.values():
            stop.set()
        self._stops.clear()


def watched_of(source: Source, settings: Settings) -> Watched:
    """What to watch for a source: the places that its ``path`` names on this machine."""
    given = source.reader_settings.get("path", ())
    deep, shallow = [], []
    for path in [given] if isinstance(given, str) else given:
        if "://" in path:
            continue
        place = str(settings.base / Path(path).expanduser())
        if is_glob(place):
            deep.append(split_glob(place)[0])
        elif Path(place).is_file():
            shallow.append(str(Path(place).parent))
        else:
            deep.append(place)
    store = str(settings.store.resolve())
    return Watched(source.name, tuple(deep), tuple(shallow), source.network, store)


def _watch(
    watched: Watched,
    paths: tuple[str, ...],
    deep: bool,  # noqa: FBT001 - a thread's arguments
    changed: Callable[[str], None],
    stop: threading.Event,
) -> None:
    while not stop.is_set():
        try:
            _watch_while_there(watched, paths, deep, changed, stop)
        except (
            OSError,
            RuntimeError,
        ) as error:  # watchfiles raises RuntimeError for the limits of inotify
            log.warning("cannot watch", source=watched.name, reason=str(error))
            changed(watched.name)
            stop.wait(RETRY_SECONDS)


def _watch_while_there(
    watched: Watched,
    paths: tuple[str, ...],
    deep: bool,  # noqa: FBT001 - as above
    changed: Callable[[str], None],
    stop: threading.Event,
) -> None:
    from watchfiles import watch  # noqa: PLC0415 - only for this kind of schedule

    before = _identity(paths)
    stands = False
    for changes in watch(
        *paths,
        watch_filter=watched.touches,
        debounce=int(_DEBOUNCE * 1000),
        stop_event=stop,
        rust_timeout=int(LOOK_SECONDS * 1000),
        yield_on_timeout=True,
        force_polling=watched.network or None,
        poll_delay_ms=int(POLL_SECONDS * 1000),
        recursive=deep,
        raise_interrupt=False,
    ):
        if changes or not stands:
            changed(watched.name)
        stands = True
        if _deleted(changes, paths) or _identity(paths) != before:
            return


def _deleted(changes: Iterable[tuple[int, str]], paths: tuple[str, ...]) -> bool:
    """Whether a folder that was watched went: one in its place may have its number too."""
    from watchfiles import Change  # noqa: PLC0415 - as above

    return any(change == Change.deleted and path in paths for change, path in changes)


def _identity(paths: tuple[str, ...]) -> list[tuple[int, int]]:
    """Which folders these are now; raises `OSError` where one is not there."""
    found = [os.stat(path) for path in paths]  # noqa: PTH116 - the strings that watchfiles has
    return [(each.st_dev, each.st_ino) for each in found]
