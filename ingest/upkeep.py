"""What is done to a store beside runs: forgetting, retrying, compacting, mending, backing up.

Each takes the store's lock, leaves the store as it was where it fails, and publishes what
it changed.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ingest import forgetting
from ingest.app import (
    RunOptions,
    make_publisher,
    new_run_id,
    open_ledger,
    run_parts,
    timestamp,
)
from ingest.catalog.database import catalog_errors
from ingest.catalog.lock import writer_lock
from ingest.catalog.store import Store
from ingest.catalog.views import Views
from ingest.documents import Checkpoint, Complete
from ingest.errors import StoreError, UsageError
from ingest.publish.repair import repair
from ingest.read import rawforget
from ingest.read.rawforget import Target
from ingest.settings import Source
from ingest.wiring import (
    Part,
    canonical_url,
    check_version,
    fetches,
    make_judge,
    raw_folder,
)

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


def as_json(forgotten: Forgotten) -> dict[str, Any]:
    """What `ingest forget --json` prints."""
    return {
        "forgotten": list(forgotten.forgotten),
        "copies": list(forgotten.copies),
        "raw": forgotten.raw,
        "corpus": {"seq": forgotten.sequence},
    }
