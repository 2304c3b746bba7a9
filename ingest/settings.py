"""The settings: the only place that reads settings files and environment variables.

Command line > environment (``INGEST_…``) > file > default.  Everything that is
unknown or wrong is reported at once, each with its key and what was expected.
What comes out is frozen and passed on; nothing else looks at files or environment.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from ingest.errors import SettingsError
from ingest.read import registry
from ingest.read.http_settings import FetchSettings
from ingest.schedule import Timing, check_zone, duration, parse
from ingest.settings_tables import Corpus, Limits, folder_named
from ingest.validation import explain, suggest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PREFIX = "INGEST_"
DEFAULT_FILE = Path("config/ingest.toml")

Policy = Literal["drop", "link", "ignore"]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
Seconds = Annotated[float, BeforeValidator(duration)]
Zone = Annotated[str, AfterValidator(check_zone)]


def _known_schedule(text: str) -> str:
    parse(text)
    return text


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Dedup(_Table):
    """``[dedup]``: what counts as a copy or the same story, and what becomes of it."""

    exact: Policy = "drop"
    """Same canonical text: drop, link or ignore."""
    near: Policy = "drop"
    """Copies and light edits: drop, link or ignore."""
    story: Policy = "link"
    """Other words, same event: drop, link or ignore."""
    near_threshold: float = Field(default=0.8, ge=0.1, le=1.0)
    """Exact Jaccard of word 5-grams from which two texts are near copies."""
    near_recall: float = Field(default=0.995, ge=0.5, lt=1.0)
    """Least probability that a pair at the threshold is found; chooses bands and rows."""
    near_containment: float = Field(default=0.0, ge=0.0, le=1.0)
    """Also near where this share of the smaller text's 5-grams is in the other; 0: off.
    Found as surely as at the threshold where the smaller text has at least half of the
    other's 5-grams; shorter excerpts by chance only."""
    story_threshold: float | None = Field(default=None, gt=0.0, le=1.0)
    """Similarity from which two texts tell the same story; the shipped value where unset."""
    story_days: int | None = Field(default=None, gt=0.0)
    """Days that the dates of one story may lie apart, where both have one."""
    survivor: Literal["first", "priority", "longest"] = "first"
    """Which copy stays."""


class Daemon(_Table):
    """``[daemon]``: how `ingest daemon` goes about it.  Durations: ``90s``, ``15m``, ``6h``."""

    listen: str = "127.0.0.1:8460"
    """Where HTTP is served (HOST:PORT); ``off`` for nowhere."""
    token: SecretStr = SecretStr("")
    """What HTTP clients must show; required on any address other machines can reach."""
    concurrency: int = Field(default=4, ge=1, le=64)
    """How many sources may be read at once."""
    timezone: Zone = "UTC"
    """Time zone of cron schedules, where a source names none."""
    time_limit: Seconds = 6 * 3600.0
    """How long a run of a source may take, where it sets none; 0: for ever."""
    shutdown: Seconds = 30.0
    """How long runs may take to finish the batch in hand when the daemon is stopped."""
    grace: Seconds = 30.0
    """How long a run over its time limit may take to end, before it is given up."""
    backoff: Seconds = 60.0
    """How long a source rests after one failure; twice as long after each further one."""
    backoff_max: Seconds = 3600.0
    """How long a source rests at most."""


class Step(BaseModel):
    """``[[step]]``: one filter or transform between normalising and signing."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)

    use: str
    """Name of the step (`ingest sources --available` lists them); other keys are its own."""

    @property
    def options(self) -> dict[str, Any]:
        """The step's own keys."""
        return dict(self.model_extra or {})


class Source(BaseModel):
    """``[[source]]``: one place that documents come from; other keys are its reader's."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)

    name: Name
    """Name of the source; part of the identity of its documents."""
    reader: str = "files"
    """Which reader reads it (`ingest sources --available` lists them)."""
    schedule: Annotated[str, AfterValidator(_known_schedule)] = ""
    """When the daemon runs it: ``every 10m``, five cron fields with day names, or ``on change``."""
    timezone: Annotated[str, AfterValidator(lambda name: name and check_zone(name))] = ""
    """Time zone of a cron schedule; the daemon's where unset."""
    jitter: Seconds = 0.0
    """Runs are put off by up to so long, so that not all sources start at once."""
    time_limit: Seconds | None = None
    """How long a run under the daemon may take (0: for ever); the daemon's where unset."""
    network: bool = False
    """Its folders are on a network file system, which ``on change`` must poll."""
    on_missing: Literal["keep", "remove"] = "keep"
    """What becomes of documents that the source no longer lists."""
    max_removed: float = Field(default=0.5, ge=0.0, le=1.0)
    """With ``remove``, the share that may go in one run; fewer than 20 documents always may."""
    extract: Literal["auto", "plain", "html", "none"] = "auto"
    """How main text is found; ``auto`` goes by the item's form."""
    priority: int = 0
    """With ``survivor = "priority"``, the copy of the larger number stays."""
    step: tuple[Step, ...] = ()
    """Steps of this source, after the common ones."""

    @property
    def reader_settings(self) -> dict[str, Any]:
        """The reader's own keys."""
        return dict(self.model_extra or {})

    def make_reader(self, fetch: FetchSettings = FetchSettings()) -> Any:
        """The reader with its settings; raises `SettingsError` for an unknown reader."""
        reader = registry.load(self.reader)
        return reader(**{**fetch.defaults_for(reader), **self.reader_settings})


def _unique_names(sources: tuple[Source, ...]) -> tuple[Source, ...]:
    names = [source.name for source in sources]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two sources have the name {', '.join(twice)}")
    return sources


def _whole_core(value: object) -> object:
    return (os.cpu_count() or 1) if value == "auto" else value


class Settings(_Table):
    """All settings of one service.  ``base`` is what relative paths are relative to."""

    base: Path = Field(default_factory=Path.cwd, exclude=True)
    """The project's folder: the parent of ``config/``."""
    store: Annotated[Path, BeforeValidator(folder_named)] = Path("store")
    """Folder of the state and the corpus."""
    workers: Annotated[int, BeforeValidator(_whole_core)] = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=0, le=512
    )
    """Worker processes, by default one per core; 0 works in the main process."""
    dedup: Dedup = Dedup()
    corpus: Corpus = Corpus()
    limits: Limits = Limits()
    daemon: Daemon = Daemon()
    fetch: FetchSettings = FetchSettings()
    step: tuple[Step, ...] = ()
    source: Annotated[tuple[Source, ...], AfterValidator(_unique_names)] = ()

    @model_validator(mode="after")
    def _resolve(self) -> Settings:
        object.__setattr__(self, "store", (self.base / self.store.expanduser()).absolute())
        return self

    def timing(self, source: Source) -> Timing:
        """When the daemon runs a source, and for how long."""
        zone = source.timezone or self.daemon.timezone
        limit = self.daemon.time_limit if source.time_limit is None else source.time_limit
        return Timing(source.name, parse(source.schedule, zone), source.jitter, limit)

    def source_or_default(self, name: str) -> Source:
        """The source of that name, else one with default settings (inputs have none)."""
        named = (source for source in self.source if source.name == name)
        return next(named, Source(name=name))

    def source_named(self, name: str) -> Source:
        """The source of that name; raises `SettingsError` with a suggestion."""
        for source in self.source:
            if source.name == name:
                return source
        names = [source.name for source in self.source]
        raise SettingsError(
            f"there is no source {name!r}{suggest(name, names)}",
            hint=f"Known sources: {', '.join(names) or 'none'}.",
        )


# --- loading --------------------------------------------------------------------------


def load(
    path: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """Read ``path`` (by default ``config/ingest.toml`` here), environment and overrides.

    Raises `SettingsError` that lists everything that is wrong.
    """
    explicit = path is not None or environment.get(f"{PREFIX}CONFIG")
    file = path or Path(environment.get(f"{PREFIX}CONFIG") or DEFAULT_FILE)
    if file.is_dir():
        raise SettingsError(f"{file}: this is a folder, not a settings file", hint="See --config.")
    if not file.is_file():
        if not explicit:
            raise SettingsError(
                f"{file}: there is no settings file here",
                hint="Run in a project folder, name one with --config, or give inputs:"
                " `ingest run FILE…`. `ingest init DIR` makes a project.",
            )
        raise SettingsError(f"{file}: no such settings file", hint="See --config.")
    table = _parse(file)
    base = file.absolute().parent
    return build(
        _merged(table, _from_environment(environment), overrides or {}),
        base=base.parent if base.name == "config" else base,
        origin=str(file),
        variables=_variables(environment),
    )


def has_file(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a settings file is there, or is named, without any being asked for."""
    return bool(environment.get(f"{PREFIX}CONFIG")) or DEFAULT_FILE.is_file()


def from_defaults(
    overrides: Mapping[str, Any], environment: Mapping[str, str] = os.environ
) -> Settings:
    """Settings without a file: defaults, environment and overrides, relative to this folder."""
    values = _merged(_from_environment(environment), overrides)
    return build(values, base=Path.cwd(), variables=_variables(environment))


def build(
    values: Mapping[str, Any],
    *,
    base: Path,
    origin: str = "settings",
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Settings:
    """Validate a table of settings, readers' and steps' own keys too.

    Raises `SettingsError` with one line for every key that is unknown or wrong, and the
    variable of the environment that set it, where ``variables`` names one.
    """
    problems: list[str] = []
    settings: Settings | None = None
    try:
        settings = Settings.model_validate({**values, "base": base})
    except ValidationError as error:
        problems += explain(error, Settings)
    problems += _check_readers(values.get("source", ()))
    problems += _check_steps(values)
    if problems or settings is None:
        split = (line.partition(":") for line in problems)
        set_by = {key: f" ({name})" for key, name in variables.items()}
        lines = "\n  ".join(f"{key}{set_by.get(key, '')}:{said}" for key, _, said in split)
        raise SettingsError(
            f"{origin}: {len(problems)} setting{'s' * (len(problems) != 1)} cannot be used:\n"
            f"  {lines}",
            hint="docs/settings.md lists every key; `ingest check` tries them without a run.",
        )
    return settings


def _parse(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file}: this is not valid TOML: {error}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file}: this is not UTF-8 text: {error}") from error
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """``INGEST_STORE=/x``, ``INGEST_DEDUP__NEAR=link``: two underscores part table and key."""
    values: dict[str, Any] = {}
    for key, name in _variables(environment).items():
        first, _, last = key.partition(".")
        table = values.setdefault(first, {}) if last else values
        table[last or first] = environment[name]
    return values


def _variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Which variable sets a key: ``INGEST_DEDUP__NEAR`` for ``dedup.near``."""
    known = set(Settings.model_fields) - {"base", "source", "step"}
    named = {}
    for name in environment:
        parts = name.removeprefix(PREFIX).lower().split("__")
        length = 2 if parts[0] in _TABLES else 1
        ours = name.startswith(PREFIX) and parts[0] in known and len(parts) == length
        if ours and environment[name]:  # `INGEST_STORE=$UNSET` sets nothing
            named[".".join(parts)] = name
    return named


_TABLES = frozenset({"dedup", "corpus", "limits", "daemon", "fetch"})


def _merged(*tables: Mapping[str, Any]) -> dict[str, Any]:
    """Later tables win, key by key; None never wins."""
    merged: dict[str, Any] = {}
    for table in tables:
        for key, value in table.items():
            if isinstance(value, dict) and isinstance(merged.get(key, {}), dict):
                merged[key] = _merged(merged.get(key, {}), value)
            elif value is not None:
                merged[key] = value
    return merged


# --- what pydantic cannot check --------------------------------------------------------


def _check_readers(sources: object) -> Iterable[str]:
    """Problems of the keys that belong to each source's reader."""
    if not isinstance(sources, list | tuple):
        return
    for number, table in enumerate(sources):
        if not isinstance(table, dict) or not isinstance(table.get("name", ""), str):
            continue
        where = f"source.{number} ({table.get('name', 'without a name')})"
        try:
            reader = registry.load(str(table.get("reader", "files")))
        except SettingsError as error:
            yield f"{where}: {error}"
            continue
        own = {key: value for key, value in table.items() if key not in Source.model_fields}
        try:
            reader(**own)
        except ValidationError as error:
            known = [*Source.model_fields, *getattr(reader, "model_fields", ())]
            yield from (f"{where}: {line}" for line in explain(error, reader, known))


def _check_steps(values: Mapping[str, Any]) -> Iterable[str]:
    """Problems of the steps that the settings name: their names and own keys."""
    sources = values.get("source", ())
    tables = [("step", values.get("step", ()))]
    if isinstance(sources, list | tuple):
        tables += [
            (f"source.{number}", table.get("step", ()))
            for number, table in enumerate(sources)
            if isinstance(table, dict)
        ]
    for where, steps in tables:
        try:
            made = [Step.model_validate(step) for step in steps or ()]
        except (TypeError, ValidationError):  # told by the settings' own check
            continue
        if made:
            yield from (f"{where}: {line}" for line in _problems_of_steps(made))


def _problems_of_steps(steps: list[Step]) -> list[str]:
    from ingest.normalise import load_steps  # noqa: PLC0415 - heavy, and few settings have steps

    try:
        load_steps([(step.use, step.options) for step in steps])
    except SettingsError as error:
        return str(error).splitlines()
    return []
