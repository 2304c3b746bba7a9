"""What `ingest check` and `ingest corpus verify` find out; nothing here changes anything."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ingest.app import open_ledger
from ingest.catalog.store import Store
from ingest.documents import Failed, RawDocument
from ingest.errors import IngestError, SourceError
from ingest.recipe import Prepared
from ingest.wiring import (
    RunContext,
    check_version,
    make_bands,
    make_engine,
    make_recipe,
    sources_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ingest.publish.verify import Problem
    from ingest.settings import Settings
    from ingest.wiring import Part

LOW_SPACE = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``exit_code`` is that of a command that finds it bad."""

    what: str
    said: str
    hint: str = ""
    exit_code: int = 0

    @property
    def ok(self) -> bool:
        """Whether all is well."""
        return self.exit_code == 0


def check(settings: Settings, *, deep: bool = False) -> list[Finding]:
    """Look at sources, store, disk and what the index guarantees.

    ``deep`` also fetches one document from each source and prepares it, storing nothing.
    """
    return [
        Finding("settings", f"sources: {len(settings.source)}, store in {settings.store}"),
        *_check_sources(settings, deep=deep),
        _check_store(settings),
        _check_disk(settings.store),
        Finding("near copies", make_bands(settings).guarantee()),
    ]


def verify_corpus(settings: Settings) -> list[Finding]:
    """Look at every line of the published corpus, its hashes, and what the catalog says is out."""
    problems = [
        Finding(
            problem.what,
            f"{problem.where}: {problem.message}",
            f"Mend it with `{problem.mend}`.",
            exit_code=3,
        )
        for problem in _problems(settings)
    ]
    return problems or [Finding("corpus", "every hash, count and line is as the manifest says")]


def _problems(settings: Settings) -> list[Problem]:
    from ingest.publish.verify import verify  # noqa: PLC0415 - only for this command

    with closing(Store(settings.store, write=False)) as store:
        return verify(settings.store / "corpus", open_ledger(store).published())


# --- sources --------------------------------------------------------------------------


def _check_sources(settings: Settings, *, deep: bool) -> Iterator[Finding]:
    for part in sources_of(settings, (), name="", only=()):
        yield _check_source(settings, part, deep=deep)


def _check_source(settings: Settings, part: Part, *, deep: bool) -> Finding:
    what = f"source {part.source.name}"
    context = RunContext(
        source=part.source.name,
        base=settings.base,
        max_bytes=settings.limits.item_bytes,
        clock=lambda: datetime.now(UTC),
        store=settings.store,
    )
    said = f"reader {part.source.reader}, {part.source.schedule or 'no schedule'}"
    try:
        for reader in part.readers:
            reader.check(context)
        if deep:
            said += f"; {_fetch_one(settings, part, context)}"
    except IngestError as error:
        return Finding(what, str(error), error.hint, exit_code=1)
    return Finding(what, said)


def _fetch_one(settings: Settings, part: Part, context: RunContext) -> str:
    """What came of the source's first document; raises `SourceError` where none does."""
    events = part.read(None, context, 1)
    first = next((event for event in events if isinstance(event, RawDocument | Failed)), None)
    if first is None:
        return "it holds no document now"
    if isinstance(first, Failed):
        raise SourceError(f"{first.source_id}: {first.reason}", hint=first.detail)
    make: Any = make_recipe(settings, part.source).make
    with closing(make_engine(settings.model_copy(update={"workers": 1}))) as engine:
        ((_, result),) = engine.map(make, [first], lambda _: True)
    if isinstance(result, Prepared):
        return f"fetched {first.source_id}: {result.document.words} words"
    why = getattr(result, "reason", "nothing came of it")
    return f"fetched {first.source_id}, which would be quarantined: {why}"


# --- store ----------------------------------------------------------------------------


def _check_store(settings: Settings) -> Finding:
    folder = settings.store
    if not (folder / "catalog.db").exists():
        where = next(parent for parent in (folder, *folder.parents) if parent.exists())
        if not where.is_dir():
            return Finding("store", f"{where} is no folder", "See --store.", exit_code=3)
        if not os.access(where, os.W_OK):
            return Finding("store", f"{where} is not writable", "See --store.", exit_code=3)
        return Finding("store", f"{folder} is new; the first run makes it")
    try:
        with closing(Store(folder, write=False)) as store:
            check_version(store, settings)
            store.check_whole()
    except IngestError as error:
        return Finding("store", str(error), error.hint, exit_code=3)
    said = f"{folder} opens, its catalog is whole"
    if not os.access(folder, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        hint = "What only reads works; for runs see its owner and mount options."
        return Finding("store", f"{said}, but it is not writable", hint, exit_code=3)
    return Finding("store", said)


def _check_disk(folder: Path) -> Finding:
    where = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(where).free
    said = f"{free / 1e9:.1f} GB free at {where}"
    if free < LOW_SPACE:
        return Finding(
            "disk", said, "Publishing writes a new shard beside the old one.", exit_code=3
        )
    return Finding("disk", said)
