"""Publishing: from what the catalog wants to a new generation, in steps that a kill cannot hurt.

    recover -> draft (shards, links, changes) -> manifest -> fsync -> seal the ledger
            -> rename `current`  (the one commit point)
            -> settle the ledger -> show the change file -> drop what is old

Until the rename the old generation is the corpus and everything new is rubbish that
`Publisher.recover` removes; from the rename on the new one is, and the rest is done
again by `recover` if need be.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol, Self

from ingest.errors import CorpusError, StoreError
from ingest.publish.draft import Draft, Site
from ingest.publish.files import link_file, point, remove, storing, sync_folder, write_file
from ingest.publish.layout import CHANGES, MANIFEST, SUFFIX, Compression, Layout
from ingest.publish.lines import SCHEMAS
from ingest.publish.manifest import Counts, Manifest, Shard, load
from ingest.publish.retention import clean_beyond, drop_generations, drop_history, spare
from ingest.publish.snapshot import companions
from ingest.publish.tiers import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from ingest.publish.ledger import Ledger, RepairableLedger

REPAIR = "run `ingest corpus verify --repair`"


class Checkpoint(Protocol):
    """Called with the name of each step once it is done; tests kill the process there."""

    def __call__(self, name: str, /) -> None:
        """Take note that the step is done."""


def pass_by(name: str, /) -> None:
    """Do nothing: the checkpoint outside of tests."""


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """How the corpus is laid out and what is kept.

    ``shard_bytes`` (of JSON, before compression) and ``shard_rows`` end a shard;
    ``fan_in`` neighbouring small shards of a tier become one.  ``history`` counts the
    change files kept; with ``history_days`` those older than that go too.
    """

    compression: Compression = "none"
    shard_bytes: int = 128 << 20
    shard_rows: int = 100_000
    fan_in: int = 8
    keep_generations: int = 2
    history: int = 10_000
    history_days: float | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for figures with which publishing could not work."""
        if min(self.shard_bytes, self.shard_rows, self.keep_generations, self.history) < 1:
            raise ValueError("shard sizes, generations and history to keep must be at least 1")
        if self.fan_in < 2:  # noqa: PLR2004 - merging one shard would never end
            raise ValueError("fan_in must be at least 2")

    @property
    def limits(self) -> Limits:
        """The figures that decide about merging."""
        return Limits(self.shard_bytes, self.shard_rows, self.fan_in)


@dataclass(frozen=True, slots=True)
class Publication:
    """What one publication did."""

    sequence: int
    run_id: str
    created: str
    counts: Counts


@dataclass(frozen=True, slots=True)
class Recovery:
    """What `Publisher.recover` found: the newest generation, and what had to be put right."""

    manifest: Manifest | None
    manifest_sha256: str = ""
    settled: bool = False
    removed: tuple[str, ...] = ()

    @property
    def sequence(self) -> int:
        """Sequence number of the corpus, 0 before the first publication."""
        return self.manifest.sequence if self.manifest else 0


@dataclass(frozen=True, slots=True)
class _Start:
    """What a publication starts from: the generation before it, and what is asked of it."""

    sequence: int
    manifest_sha256: str = ""
    base: tuple[Shard, ...] = ()
    needed: bool = False
    mending: bool = False
    compacting: bool = False

    @classmethod
    def after(cls, found: Recovery, **asked: bool) -> Self:
        shards = found.manifest.shards if found.manifest else ()
        return cls(found.sequence, found.manifest_sha256, shards, **asked)


@dataclass(frozen=True, slots=True)
class Publisher:
    """Writes the corpus in ``folder`` (``store/corpus``).

    ``clock`` gives the time that goes into the manifest (aware, any zone).  The caller
    holds the store's lock: there is one writer.
    """

    folder: Path
    options: PublishOptions
    clock: Callable[[], datetime]
    checkpoint: Checkpoint = field(default=pass_by)

    @property
    def layout(self) -> Layout:
        """Names of everything in the corpus."""
        return Layout(self.folder)

    def publish(self, ledger: Ledger, run_id: str) -> Publication | None:
        """Publish every pending line that differs from what is out.

        Gives None, and leaves every byte as it is, where none does; only the very
        first publication is made even if it is empty, so that ``current`` is there.
        Raises `StoreError` when the disk fails; the corpus is then as it was, and the
        next call publishes the same.
        """
        found = self.recover(ledger)
        start = _Start.after(found, needed=found.manifest is None)
        return self._publish(ledger, run_id, start)

    def compact(self, ledger: Ledger, run_id: str) -> Publication | None:
        """Publish, merging all shards that fit together; None where nothing would change."""
        start = _Start.after(self.recover(ledger), compacting=True)
        return self._publish(ledger, run_id, start)

    def mend(
        self, ledger: RepairableLedger, run_id: str, lost: Collection[str] | None
    ) -> Publication | None:
        """Publish anew, from the catalog, the lines of the ``lost`` shards (None: of all).

        They keep their revisions, and no change is recorded for a line that is as it was.
        With None the corpus need not be there any more.
        """
        if lost is None:
            ledger.discard()
            start = self._from_nothing(ledger.settled())
        else:
            found = self.recover(ledger)
            start = _Start.after(found, needed=True, mending=True)
            start = replace(start, base=tuple(s for s in start.base if s.name not in lost))
        ledger.pend(lost)
        return self._publish(ledger, run_id, start)

    def recover(self, ledger: Ledger) -> Recovery:
        """Finish or undo a publication that was cut short; call at the start of a run.

        Raises `CorpusError` where catalog and corpus have grown apart (one of them was
        restored or removed alone).
        """
        layout, settled = self.layout, ledger.settled()
        sequence = layout.sequence()
        if sequence not in ledger.possible():
            raise CorpusError(
                f"{layout.current} is at {sequence}, but the catalog at {settled}: "
                "one of the two was restored or removed alone",
                hint=REPAIR,
            )
        manifest, digest = load(layout.generation(sequence)) if sequence else (None, "")
        if sequence == settled:
            ledger.discard()
        else:  # what another run decided since is pending too
            ledger.settle(sequence, seen=False)
        with storing(self.folder):
            removed = clean_beyond(layout, sequence)
            if manifest:
                self._show_changes(sequence)
        return Recovery(manifest, digest, sequence != settled, tuple(removed))

    def drop_old(self, keep: int = 1, *, in_use_too: bool = False) -> list[int]:
        """Remove all but the newest ``keep`` generations (after ``forget``)."""
        with storing(self.folder):
            return drop_generations(self.layout, keep, in_use_too=in_use_too)

    def _publish(self, ledger: Ledger, run_id: str, start: _Start) -> Publication | None:
        site = self._site(ledger, start)
        draft = Draft(site)
        try:
            with storing(self.folder):
                for wanted, published in ledger.pending():
                    draft.take(wanted, published)
                if not (draft.begun or start.needed or draft.would_merge()):
                    ledger.settle(start.sequence)
                    return None
                manifest = self._complete(draft, start, run_id)
                ledger.seal(site.sequence)
                self.checkpoint("sealed")
                self._swap(site.sequence)
        except BaseException:
            self._undo(draft, ledger, site.sequence)
            raise
        self._after(ledger, site.sequence)
        return Publication(site.sequence, run_id, manifest.created, manifest.counts)

    def _from_nothing(self, settled: int) -> _Start:
        with storing(self.folder):
            clean_beyond(self.layout, settled)
            try:
                old = (self.layout.generation(settled) / MANIFEST).read_bytes()
            except FileNotFoundError:
                return _Start(settled, needed=True, mending=True)
            return _Start(settled, hashlib.sha256(old).hexdigest(), needed=True, mending=True)

    def _site(self, ledger: Ledger, start: _Start) -> Site:
        return Site(
            layout=self.layout,
            previous=start.sequence,
            sequence=start.sequence + 1,
            ledger=ledger,
            limits=self.options.limits,
            compression=self.options.compression,
            base=start.base,
            checkpoint=self.checkpoint,
            mending=start.mending,
            compacting=start.compacting,
        )

    def _complete(self, draft: Draft, start: _Start, run_id: str) -> Manifest:
        """Write what is left of the generation and make all of it durable."""
        shards, counts, changes = draft.finish()
        manifest = Manifest(
            sequence=start.sequence + 1,
            previous=start.manifest_sha256,
            created=_timestamp(self.clock()),
            run_id=run_id,
            schemas=dict(SCHEMAS),
            compression=self.options.compression,
            counts=counts,
            changes=changes,
            shards=shards,
        )
        folder = self.layout.generation(manifest.sequence)
        for name, data in companions(SUFFIX[self.options.compression]).items():
            self._companion(folder, name, data, start.sequence)
        self.checkpoint("companions")
        write_file(folder / MANIFEST, manifest.encode())
        self.checkpoint("manifest")
        for parent in (folder, self.layout.generations, self.folder):
            sync_folder(parent)
        self.checkpoint("synced")
        return manifest

    def _companion(self, folder: Path, name: str, data: bytes, previous: int) -> None:
        before = self.layout.generation(previous) / name
        if before.is_file() and before.read_bytes() == data:
            link_file(before, folder / name)
        else:
            write_file(folder / name, data)

    def _swap(self, sequence: int) -> None:
        """Make the generation the corpus."""
        layout = self.layout
        point(layout.current, f"generations/{sequence:09d}", spare(layout))
        self.checkpoint("renamed")
        sync_folder(self.folder)
        self.checkpoint("current")

    def _undo(self, draft: Draft, ledger: Ledger, sequence: int) -> None:
        """Leave no trace of a failed publication; the error under way is the one to report.

        Not where the rename came through: what is visible stays, and `recover` settles it.
        """
        with contextlib.suppress(OSError, StoreError):
            if self.layout.sequence() != sequence:
                draft.abandon()
                ledger.discard()

    def _after(self, ledger: Ledger, sequence: int) -> None:
        ledger.settle(sequence)
        self.checkpoint("settled")
        with storing(self.folder):
            self._show_changes(sequence)
            self.checkpoint("shown")
            drop_generations(self.layout, self.options.keep_generations)
            drop_history(self.layout, self.options.history, self._horizon())
            remove(self.layout.tmp)
        self.checkpoint("cleaned")

    def _show_changes(self, sequence: int) -> None:
        """Give the generation's change file its name under ``changes/``.

        Only now, after the commit point: what a consumer sees there is never taken back.
        """
        layout = self.layout
        own, shown = layout.generation(sequence) / CHANGES, layout.change(sequence)
        if shown.exists() or not own.exists():
            return
        layout.changes.mkdir(exist_ok=True)
        remove(layout.tmp)
        layout.tmp.mkdir()
        stamp = self.clock().timestamp()
        link_file(own, layout.tmp / shown.name)
        os.utime(layout.tmp / shown.name, (stamp, stamp))
        (layout.tmp / shown.name).rename(shown)
        sync_folder(layout.changes)

    def _horizon(self) -> datetime | None:
        days = self.options.history_days
        return None if days is None else self.clock() - timedelta(days=days)


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
