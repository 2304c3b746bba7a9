"""From settings to the parts of a run: sources, recipes, rules, index, engine."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ingest.dedup.bands import Bands, choose_for
from ingest.dedup.decide import Rules
from ingest.dedup.signatures import Signer
from ingest.dedup.story import StoryRule
from ingest.documents import Checkpoint, Complete, RawDocument
from ingest.engine.base import Limits
from ingest.errors import SettingsError, StoreVersion, UsageError
from ingest.judge import Judge
from ingest.neighbours import Neighbours
from ingest.preload import kinds
from ingest.read import registry
from ingest.recipe import Recipe
from ingest.settings import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from ingest.catalog.store import Store
    from ingest.documents import JSON, Event
    from ingest.engine.base import Engine
    from ingest.read.base import Reader
    from ingest.read.http_settings import FetchSettings
    from ingest.settings import Dedup, Settings

COMMAND_LINE = "cli"
"""Name of the source that inputs on the command line belong to, unless --name says another."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """What a reader may ask of its run (`read.base.Context`)."""

    source: str
    base: Path
    max_bytes: int
    clock: Callable[[], datetime]
    stop: Callable[[], bool] = lambda: False
    store: Path | None = None
    raw: Path | None = None
    known: Callable[[str], str] = lambda _: ""

    def fingerprint(self, source_id: str) -> str:
        """What was remembered of an item; ``""`` where it must be read."""
        return self.known(source_id)

    def canonical_url(self, url: str) -> str:
        """The address as `Document.url` has it."""
        return canonical_url(url)

    def now(self) -> datetime:
        """The run's time."""
        return self.clock()

    def cancelled(self) -> bool:
        """Whether the run is being stopped."""
        return self.stop()


@dataclass(frozen=True, slots=True)
class Part:
    """One source of a run, with its readers (several only for inputs of several forms)."""

    source: Source
    readers: tuple[Reader, ...]
    inputs: bool = False
    """Of the command line, where one run's readers are not another's: a cursor for each kind."""

    def read(self, cursor: JSON, context: RunContext, limit: int) -> Iterator[Event]:
        """What the source holds; after ``limit`` documents (0: none) it is left as it is."""
        documents = 0
        for event in self._by_kind(cursor, context) if self.inputs else self._all(cursor, context):
            if isinstance(event, Complete) and len(self.readers) > 1:
                continue
            documents += isinstance(event, RawDocument)
            yield event
            if limit and documents >= limit:
                return

    def _all(self, cursor: JSON, context: RunContext) -> Iterator[Event]:
        for reader in self.readers:
            yield from reader.read(cursor, context)

    def _by_kind(self, cursor: JSON, context: RunContext) -> Iterator[Event]:
        cursors: dict[str, JSON] = dict(cursor) if isinstance(cursor, dict) else {}
        for reader in self.readers:
            kind = type(reader).__name__
            for event in reader.read(cursors.get(kind), context):
                if isinstance(event, Checkpoint):
                    cursors = {**cursors, kind: event.cursor}
                    yield Checkpoint(cursors)
                else:
                    yield event


# --- sources --------------------------------------------------------------------------


def sources_of(
    settings: Settings, inputs: Sequence[str], *, name: str, only: Sequence[str]
) -> list[Part]:
    """The parts of a run: of ``inputs`` where there are any, else of the settings.

    Raises `UsageError` where there is nothing to run or an input is missing.
    """
    if inputs:
        if only:
            raise UsageError("--source chooses among configured sources; inputs are not among them")
        return [_part_of_inputs(settings.fetch, inputs, name)]
    if name:
        raise UsageError("--name is for inputs; configured sources have names of their own")
    sources = [settings.source_named(one) for one in only] or list(settings.source)
    if not sources:
        raise SettingsError(
            "the settings name no [[source]]",
            hint="Add one to the settings file, or name inputs: `ingest run FILE…`.",
        )
    return [Part(source, (source.make_reader(settings.fetch),)) for source in sources]


def _part_of_inputs(fetch: FetchSettings, inputs: Sequence[str], name: str) -> Part:
    """Inputs grouped by the reader that fits their form, in the order given."""
    groups: dict[str, list[str]] = {}
    for given in inputs:
        groups.setdefault(registry.for_input(given), []).append(given)
    readers = [
        _input_reader(kind, paths, fetch, named=bool(name)) for kind, paths in groups.items()
    ]
    kind = next(iter(groups)) if len(groups) == 1 else "several"
    return Part(_source_of_inputs(name or COMMAND_LINE, kind), tuple(readers), inputs=True)


def _source_of_inputs(name: str, kind: str) -> Source:
    try:
        return Source(name=name, reader=kind)
    except ValidationError:
        raise UsageError(
            f"--name {name!r}: a source is named by letters, digits, '.', '_' and '-'"
        ) from None


def _input_reader(kind: str, inputs: list[str], fetch: FetchSettings, *, named: bool) -> Any:
    reader: Any = registry.load(kind)
    if kind == "files":
        _check_paths(inputs)
        paths = tuple(given if "://" in given else os.path.abspath(given) for given in inputs)  # noqa: PTH100 - globs are no paths
        return reader(path=paths, ids="relative" if named else "absolute")
    made = reader.for_inputs(inputs) if hasattr(reader, "for_inputs") else reader()
    return made.model_copy(update=fetch.defaults_for(reader))


def _check_paths(inputs: list[str]) -> None:
    missing = [
        given
        for given in inputs
        if "://" not in given
        and not any(mark in given for mark in "*?[")
        and not (given and Path(given).exists())
    ]
    if missing:
        names = ", ".join(repr(given) for given in missing)
        raise UsageError(
            f"no such file or folder: {names}", hint="Check the path; globs may be quoted."
        )


# --- stages ---------------------------------------------------------------------------


def furniture_key(source: str) -> str:
    """Name under which the catalog keeps what `ingest learn` found in a source."""
    return f"furniture:{source}"


def canonical_url(url: str) -> str:
    """The one spelling of an address."""
    from ingest.normalise import urls  # noqa: PLC0415 - readers of files need none

    return urls.canonical_url(url)


def fetches(source: Source) -> bool:
    """Whether a source's reader asks servers, so that what they say may be kept."""
    from ingest.read.http_settings import FetchSettings  # noqa: PLC0415 - for some sources only

    return issubclass(registry.load(source.reader), FetchSettings)


def raw_folder(settings: Settings, source: Source) -> Path:
    """Where the raw responses of a source are kept, with ``keep_raw``."""
    return settings.store / "raw" / source.name


def make_recipe(settings: Settings, source: Source, furniture: str = "") -> Recipe:
    """How the documents of one source are prepared; ``furniture`` is what was learnt of it."""
    from ingest.extract import ExtractOptions  # noqa: PLC0415 - not needed to decide or publish
    from ingest.extract.furniture import FurnitureTable  # noqa: PLC0415 - as above
    from ingest.normalise import NormaliseOptions  # noqa: PLC0415 - as above

    steps = (*settings.step, *source.step)
    return Recipe(
        source=source.name,
        extract=ExtractOptions(
            mode=source.extract,
            furniture=FurnitureTable.from_json(furniture) if furniture else None,
            cache=_code_folder(settings),
        ),
        normalise=NormaliseOptions(),
        steps=tuple((step.use, step.options) for step in steps),
        signer=make_signer(settings),
    )


def make_signer(settings: Settings) -> Signer:
    """What signs; compiled code is kept under the store."""
    return Signer(cache=_code_folder(settings))


def _code_folder(settings: Settings) -> str:
    return str(settings.store / "cache")


def make_rules(dedup: Dedup) -> Rules:
    """What decides."""
    stories = StoryRule()
    if dedup.story_threshold is not None or dedup.story_days is not None:
        stories = StoryRule(
            threshold=dedup.story_threshold or stories.threshold,
            window_days=dedup.story_days or stories.window_days,
        )
    return Rules(
        exact=dedup.exact,
        near=dedup.near,
        story=dedup.story,
        near_threshold=dedup.near_threshold,
        near_containment=dedup.near_containment,
        survivor=dedup.survivor,
        stories=stories,
    )


def make_bands(settings: Settings) -> Bands:
    """Bands and rows of the near index."""
    dedup = settings.dedup
    permutations = make_signer(settings).permutations
    return choose_for(dedup.near_threshold, dedup.near_containment, dedup.near_recall, permutations)


def rules_version(settings: Settings) -> str:
    """All that decisions depend on beside the documents; a store keeps to one."""
    priorities = {source.name: source.priority for source in settings.source if source.priority}
    ranked = settings.dedup.survivor == "priority"
    dedup = " ".join(f"{key}={value}" for key, value in settings.dedup.model_dump().items())
    return f"{make_signer(settings).version} {dedup}" + (f" {priorities}" if ranked else "")


def check_version(store: Store, settings: Settings) -> None:
    """Note, in a new store, what decides; refuse an old one that something else decided."""
    version = rules_version(settings)
    known = store.meta("decided_by")
    if known and known != version:
        raise StoreVersion(
            f"{store.folder}: its documents were decided with other rules\n"
            f"  in the store: {known}\n  now:          {version}",
            hint="`ingest reindex` decides all of them again; or undo the change of settings.",
        )
    if not known:
        with store.transaction():
            store.set_meta("decided_by", version)


@contextmanager
def store_to_try(settings: Settings) -> Iterator[Settings]:
    """Settings for a run that changes nothing: where there is no store, those of a passing one."""
    if (settings.store / "catalog.db").exists():
        yield settings
        return
    with TemporaryDirectory(prefix="ingest-") as folder:
        yield settings.model_copy(update={"store": Path(folder)})


def make_judge(store: Store, settings: Settings, run: int, added: str) -> Judge:
    """The deciding stage over an open store."""
    rules = make_rules(settings.dedup)
    return Judge(
        store,
        rules,
        Neighbours(store, make_bands(settings), rules.stories.rows),
        run=run,
        added=added,
        priorities={source.name: source.priority for source in settings.source},
    )


def make_engine(
    settings: Settings, preload: Callable[[RawDocument], Sequence[str]] = kinds
) -> Engine:
    """Where documents are prepared: worker processes, or here where there are none.

    ``preload``: what the server that workers are forked from imports (`ingest.preload`).
    """
    limits = Limits(seconds=settings.limits.seconds, memory=settings.limits.memory)
    if settings.workers == 0:
        from ingest.engine.inline import Inline  # noqa: PLC0415 - one of two

        return Inline()
    from ingest.engine.processes import Processes  # noqa: PLC0415 - one of two

    return Processes(settings.workers, limits, lambda first: ("ingest.cli", *preload(first)))
