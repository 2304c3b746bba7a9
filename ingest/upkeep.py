"""What is done to a store beside runs: forgetting, retrying, compacting, mending, backing up.

Each takes the store's lock, leaves the store as it was where it fails, and publishes what
it changed.
"""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest import forgetting
from ingest.app import (
    RunOptions,
    check_version,
    make_publisher,
    new_run_id,
    open_ledger,
    run_parts,
    timestamp,
)
from ingest.catalog.backup import copy_catalog
from ingest.catalog.database import catalog_errors, store_errors
from ingest.catalog.lock import writer_lock
from ingest.catalog.store import Store
from ingest.catalog.views import Views
from ingest.documents import Checkpoint, Complete
from ingest.errors import StoreError, UsageError
from ingest.publish.files import exchange, link_file, sync_folder
from ingest.publish.layout import Layout
from ingest.publish.repair import repair
from ingest.read import rawforget
from ingest.read.rawforget import Target
from ingest.settings import Source
from ingest.wiring import Part, canonical_url, fetches, make_judge, raw_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ingest.catalog.quarantine import Quarantined
    from ingest.catalog.views import View
    from ingest.documents import JSON, Event, RawDocument
    from ingest.outcome import RunReport
    from ingest.publish.publish import Publication
    from ingest.read.base import Context
    from ingest.settings import Settings


@contextmanager
def locked(settings: Settings, options: RunOptions) -> Iterator[Store]:
    """The store, open for writing, with its lock held; it must be there already."""
    if not (settings.store / "catalog.db").exists():
        raise StoreError(
            f"{settings.store}: there is no store here", hint="`ingest run` makes one."
        )
    with (
        catalog_errors(settings.store / "catalog.db"),
        writer_lock(settings.store, wait=options.wait, label="upkeep"),
        closing(Store(settings.store, write=True)) as store,
    ):
        yield store


# --- forgetting -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was forgotten, and the copies of it that were not.

    ``raw``: how many kept responses went with it.
    """

    forgotten: tuple[str, ...]
    copies: tuple[str, ...]
    sequence: int
    raw: int = 0


def forget(
    settings: Settings, names: Sequence[str], *, copies: bool, options: RunOptions = RunOptions()
) -> Forgotten:
    """Remove documents for good: text, signatures, links, quarantine, raw, published lines.

    An item that is in quarantine alone may be named too.  Their identities go on the refuse
    list, so that no run brings them back.  Exact and near copies are named, and forgotten too
    with ``copies``.
    Raises `UsageError` where a name means no document, before anything is changed.
    """
    with locked(settings, options) as store:
        check_version(store, settings)
        named, held = _named(store, names)
        chosen, left = _with_copies(store, named, copies=copies)
        going: list[View | Quarantined] = [*chosen, *held]
        run_id = options.run_id or new_run_id(options.clock())
        now = timestamp(options.clock())
        publisher, ledger = make_publisher(settings, options), open_ledger(store)
        publisher.recover(ledger)
        # The documents are still known if this is cut short, and can be forgotten again.
        raw = _forget_raw(settings, _targets(store, chosen, held), left)
        number = store.runs.begin(run_id, now, 0)
        judge = make_judge(store, settings, number, now)
        judge.checkpoint = options.fault
        with judge.batch([]):
            for each in going:
                judge.withdraw(each.id, "forgotten")
                store.refuse(each.id, each.source, each.source_id, now)
            forgetting.note(store)
        publisher.publish(ledger, run_id)
        store.runs.end(number, timestamp(options.clock()), "done", {"removed": len(chosen)})
        forgetting.finish(store, settings, publisher)
        return Forgotten(
            tuple(each.id for each in going),
            tuple(view.id for view in left),
            ledger.settled(),
            raw,
        )


def _named(store: Store, names: Sequence[str]) -> tuple[list[View], list[Quarantined]]:
    """The documents that are meant, and the items that are in quarantine alone."""
    views = Views(store.connection)
    documents: list[View] = []
    held: list[Quarantined] = []
    for name in names:
        try:
            documents.append(views.named(name))
        except UsageError:
            entry = store.quarantine.named(name)
            if entry is None:
                raise
            held.append(entry)
    return documents, held


def _targets(
    store: Store, chosen: Sequence[View], held: Sequence[Quarantined]
) -> dict[str, list[Target]]:
    """What is looked for among kept responses, by source."""
    targets: dict[str, list[Target]] = defaultdict(list)
    for view in chosen:
        text = store.documents.text(view.number)
        targets[view.source].append(Target(view.source_id, view.url, text))
    for entry in held:
        item = store.quarantine.item(entry.source, entry.source_id)
        targets[entry.source].append(Target(entry.source_id, item.url if item else "", ""))
    return targets


def _forget_raw(
    settings: Settings, targets: Mapping[str, Sequence[Target]], left: Sequence[View]
) -> int:
    """Take documents out of the kept responses of their sources; how many of these went."""
    spared = {name for view in left for name in (view.source_id, view.url)}
    went = 0
    for name in sorted(targets):
        source = settings.source_or_default(name)
        folder = raw_folder(settings, source)
        if folder.exists() or fetches(source):
            went += rawforget.forget(folder, targets[name], spared, canonical_url)
    return went


def _with_copies(
    store: Store, named: Sequence[View], *, copies: bool
) -> tuple[list[View], list[View]]:
    """Documents to forget, and the copies of them that stay."""
    views = Views(store.connection)
    chosen = {view.id: view for view in named}
    found = {copy.id: copy for view in named for copy in _copies(views, view)}
    others = [view for id_, view in found.items() if id_ not in chosen]
    return ([*chosen.values(), *others], []) if copies else (list(chosen.values()), others)


def _copies(views: Views, view: View) -> list[View]:
    """Exact and near copies: of the same survivor, that survivor, or of this document."""
    survivor = view
    if view.of_number is not None and view.kind in ("exact", "near"):
        survivor = views.numbered(view.of_number)
    against = views.decided_against(survivor.number)
    return [survivor, *(each for each in against if each.kind in ("exact", "near"))]


# --- retrying -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _FromQuarantine:
    """A reader of what was kept of one source's quarantined items."""

    items: tuple[RawDocument, ...]

    def check(self, context: Context) -> None:
        """Nothing to check: the bytes are in the catalog."""

    def read(self, cursor: JSON, context: Context) -> Iterator[Event]:  # noqa: ARG002 - the contract's
        """The kept items."""
        yield from self.items


def retry(
    settings: Settings, *, source: str = "", reason: str = "", options: RunOptions = RunOptions()
) -> tuple[RunReport, int]:
    """Try quarantined items again, all or by source and reason; the report of that run.

    Items of which no bytes were kept, or that could not be read at all, are read again from
    their source by its next run; their number comes second.
    """
    with locked(settings, options) as store:
        parts, later = [], 0
        for name in sorted({entry.source for entry in store.quarantine.entries(source=source)}):
            kept, again = _kept_items(store, name, reason)
            later += again
            if kept:
                part = Part(settings.source_or_default(name), (_FromQuarantine(kept),))
                parts.append(part)
    return run_parts(settings, parts, replace(options, full=False)), later


def _kept_items(store: Store, name: str, reason: str) -> tuple[tuple[RawDocument, ...], int]:
    """A source's kept items; the others are marked to be read again, and counted."""
    kept: list[RawDocument] = []
    later = 0
    with store.transaction():
        for entry in list(store.quarantine.entries(source=name, reason=reason)):
            item = store.quarantine.item(name, entry.source_id) if entry.stage != "read" else None
            if item is None:
                store.forget_fingerprint(name, entry.source_id)
                later += 1
            else:
                kept.append(item)
    return tuple(kept), later


# --- dropping a source ----------------------------------------------------------------


class _Emptied:
    """A reader of a source that holds nothing any more."""

    def check(self, context: Context) -> None:
        """Nothing to check."""

    def read(self, cursor: JSON, context: Context) -> Iterator[Event]:  # noqa: ARG002 - the contract's
        """That it was listed completely."""
        yield Checkpoint(None)
        yield Complete()


def drop(settings: Settings, name: str, options: RunOptions = RunOptions()) -> RunReport:
    """Take everything out that came from a source which has left the settings; a run's report.

    Nothing is refused: configured again, the source is read anew.  Kept responses stay.
    Raises `UsageError` for a source that is configured, or that the store does not know.
    """
    if any(source.name == name for source in settings.source):
        raise UsageError(
            f"{name} is configured: its next run would bring everything back",
            hint="Take it out of the settings first.",
        )
    with locked(settings, options) as store:
        known = {*Views(store.connection).sources(), *store.quarantine.sources()}
    if name not in known:
        raise UsageError(
            f"no source is called {name!r}", hint=f"The store has: {', '.join(sorted(known))}."
        )
    source = Source(name=name, on_missing="remove", max_removed=1.0)
    return run_parts(settings, [Part(source, (_Emptied(),))], options)


# --- the corpus -----------------------------------------------------------------------


def compact(settings: Settings, options: RunOptions = RunOptions()) -> Publication | None:
    """Merge the corpus's shards as far as they fit together; None where nothing changes."""
    with locked(settings, options) as store:
        run_id = options.run_id or new_run_id(options.clock())
        return make_publisher(settings, options).compact(open_ledger(store), run_id)


def mend(settings: Settings, options: RunOptions = RunOptions()) -> list[str]:
    """Put right what can be derived from the catalog or from the corpus; what was done."""
    with locked(settings, options) as store:
        run_id = options.run_id or new_run_id(options.clock())
        return repair(make_publisher(settings, options), open_ledger(store), run_id)


# --- backups --------------------------------------------------------------------------


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


def as_json(forgotten: Forgotten) -> dict[str, Any]:
    """What `ingest forget --json` prints."""
    return {
        "forgotten": list(forgotten.forgotten),
        "copies": list(forgotten.copies),
        "raw": forgotten.raw,
        "corpus": {"seq": forgotten.sequence},
    }
