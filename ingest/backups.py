"""A store copied while nothing writes to it, and put back in its place in one step."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.app import RunOptions, make_publisher, new_run_id, open_ledger
from ingest.catalog.backup import copy_catalog
from ingest.catalog.database import store_errors
from ingest.catalog.lock import writer_lock
from ingest.catalog.store import Store
from ingest.errors import StoreError, UsageError
from ingest.publish.files import exchange, link_file, sync_folder
from ingest.publish.layout import Layout
from ingest.publish.repair import repair
from ingest.upkeep import locked

if TYPE_CHECKING:
    from ingest.settings import Settings


def backup(settings: Settings, target: Path, options: RunOptions = RunOptions()) -> Path:
    """Copy catalog, corpus and kept responses into the new folder ``target``.

    Between runs, so that they agree: waits for a run that is under way, up to
    ``options.wait`` seconds.  The band index is left out: it is made anew.
    Raises `UsageError` where the target is there already, `StoreError` where the store is
    read-only, since nothing keeps a run elsewhere out then.
    """
    if target.exists():
        raise UsageError(f"{target} is there already", hint="Name a new folder.")
    if settings.store.exists() and not os.access(settings.store, os.W_OK):
        raise StoreError(
            f"{settings.store} is read-only: no lock can be taken that keeps runs out",
            hint="Back up where it is writable; or, if nothing writes to it, copy the folder.",
        )
    partial = target.with_name(f"{target.name}.partial")
    with locked(settings, options) as store, store_errors(target):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        copy_catalog(store.connection, partial / "catalog.db")
        for folder in (store.corpus, settings.store / "raw"):
            if folder.exists():
                _copy_tree(folder, partial / folder.name)
        os.sync()  # what has its name is all there, also after a power cut
        partial.rename(target)
    return target


def restore(settings: Settings, origin: Path, options: RunOptions = RunOptions()) -> Path | None:
    """Put a backup in the store's place; what was there is moved aside, and its new name given.

    Where the store that it replaces has published since, the corpus is published anew under
    a number that no consumer has seen, without history: all are told to start over.
    """
    if not (origin / "catalog.db").is_file():
        raise UsageError(f"{origin} is no backup: it holds no catalog.db")
    with closing(Store(origin, write=False)) as backed_up:
        backed_up.check_whole()
    folder = settings.store
    stamp = f"{options.clock():%Y%m%dT%H%M%S}"
    aside = folder.with_name(f"{folder.name}.before-{stamp}")
    with store_errors(folder), writer_lock(folder, wait=options.wait, label="restore"):
        fresh = folder.with_name(f"{folder.name}.partial")
        shutil.rmtree(fresh, ignore_errors=True)
        _copy_tree(origin, fresh)
        _move_past(settings, fresh, Layout(folder / "corpus").newest(), options)
        os.sync()
        used = (folder / "catalog.db").exists()
        fresh.rename(aside)
        exchange(aside, folder)
        sync_folder(folder.parent)
        if not used:
            _keep_page(aside, folder)
            return None
        return aside


def _move_past(settings: Settings, fresh: Path, seen: int, options: RunOptions) -> None:
    """Bring a copied store beyond a sequence number that its corpus would give out again."""
    with closing(Store(fresh, write=True)) as store:
        ledger = open_ledger(store)
        publisher = make_publisher(settings.model_copy(update={"store": fresh}), options)
        if publisher.recover(ledger).sequence < seen:
            ledger.skip(seen + 1)
            repair(publisher, ledger, options.run_id or new_run_id(options.clock()))


def _copy_tree(origin: Path, target: Path) -> None:
    """Copy a folder; a shard that two generations share stays one file under two names."""
    copied: dict[tuple[int, int], str] = {}

    def copy(source: str, to: str) -> str:
        file = Path(source).stat()
        first = copied.setdefault((file.st_dev, file.st_ino), to)
        if first == to:
            return shutil.copy2(source, to)
        link_file(Path(first), Path(to))
        return to

    shutil.copytree(origin, target, symlinks=True, copy_function=copy)


def _keep_page(aside: Path, folder: Path) -> None:
    """A store that was never used holds a page at most: keep that, and drop the rest."""
    page = aside / "README.md"
    if page.exists():
        page.rename(folder / "README.md")
    shutil.rmtree(aside)
