"""Steps in a row, as the settings name them: found, made, and run on each document.

A step is found through the entry-point group ``ingest.steps``.  It is either

- a class: a pydantic model whose fields are its settings and which is called with a
  document (`ingest.normalise.steps` holds three), or
- a plain function ``step(document, settings)``, ``settings`` a mapping.

Both give the document, changed or not, or `Rejected`, as the item pipelines of Scrapy do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson
from pydantic import ValidationError

from ingest.documents import Document, Rejected
from ingest.errors import SettingsError
from ingest.normalise.canonical import canonical
from ingest.normalise.words import count_words
from ingest.plugins import entry_points
from ingest.validation import explain, suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from importlib.metadata import EntryPoint

    Step: TypeAlias = Callable[[Document], Document | Rejected]
    StepConfig: TypeAlias = tuple[str, Mapping[str, Any]]

GROUP = "ingest.steps"


def available_steps() -> dict[str, EntryPoint]:
    """Every installed step by name, in order of name; nothing is imported yet."""
    found = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return {point.name: point for point in found}


def load_steps(configs: Sequence[StepConfig]) -> tuple[Step, ...]:
    """Make the steps that the settings name, in their order; done anew in each worker.

    Raises `SettingsError` that lists every unknown name and every wrong setting.
    """
    available = available_steps()
    problems: list[str] = []
    steps: list[Step] = []
    for name, settings in configs:
        if name not in available:
            problems.append(_unknown(name, list(available)))
            continue
        try:
            steps.append(_Link(name, _make(available[name], settings)))
        except ValidationError as error:
            told = explain(error, available[name].load())
            problems += [f"step {name!r}: {line}" for line in told]
        except (ImportError, AttributeError) as error:
            problems.append(f"step {name!r} ({available[name].value}) cannot be loaded: {error}")
    if problems:
        raise SettingsError("\n".join(problems), hint="the [[step]] tables name what runs")
    return tuple(steps)


def run_steps(steps: Sequence[Step], document: Document) -> Document | Rejected:
    """Pass a document through the steps, up to the first that refuses it."""
    result: Document | Rejected = document
    for step in steps:
        if isinstance(result, Rejected):
            break
        result = step(result)
    return result


def steps_version(configs: Sequence[StepConfig]) -> str:
    """Name the chain: every step, the release that brings it, and its settings."""
    available = available_steps()
    return ";".join(
        f"{name}/{_release(available.get(name))}{_settings_text(settings)}"
        for name, settings in configs
    )


@dataclass(frozen=True, slots=True)
class _Link:
    """A step in a chain: what it gives is held to what every document keeps."""

    name: str
    step: Step

    def __call__(self, document: Document) -> Document | Rejected:
        """Run the step; one that fails on a document refuses it, and the run goes on."""
        try:
            result: object = self.step(document)
        except Exception as error:  # noqa: BLE001  # the boundary to third-party code; counted
            return self._refused("step failed", f"{type(error).__name__}: {error}")
        if isinstance(result, Rejected):
            return replace(result, stage=f"step:{self.name}")
        if not isinstance(result, Document):
            return self._refused("step failed", f"gave {type(result).__name__}, not a document")
        return result if result.text == document.text else self._rewritten(result)

    def _rewritten(self, document: Document) -> Document | Rejected:
        """Bring a text that the step changed back into canonical form."""
        text = canonical(document.text)
        if not text:
            return self._refused("no text", "the step left nothing of the text")
        return replace(document, text=text, words=count_words(text))

    def _refused(self, reason: str, detail: str) -> Rejected:
        return Rejected(f"step:{self.name}", reason, detail)


def _make(point: EntryPoint, settings: Mapping[str, Any]) -> Step:
    found = point.load()
    if isinstance(found, type):
        made: Step = found(**settings)
        return made
    return lambda document: found(document, dict(settings))


def _unknown(name: str, known: list[str]) -> str:
    guess = suggest(name, known) or f". Installed: {', '.join(known)}"
    return f"there is no step {name!r}{guess}"


def _release(point: EntryPoint | None) -> str:
    """Release of the distribution; the built-in steps change with the normaliser's rules."""
    if point is None or point.dist is None:
        return "?"
    return "built-in" if point.dist.name == "ingest" else f"{point.dist.name}-{point.dist.version}"


def _settings_text(settings: Mapping[str, Any]) -> str:
    return orjson.dumps(dict(settings), default=_plain, option=orjson.OPT_SORT_KEYS).decode()


def _plain(value: object) -> object:
    return sorted(value, key=str) if isinstance(value, set | frozenset) else str(value)
