"""The figures that the command line and the HTTP API show: one function each, for both.

All of them only look: they open the store for reading and hold no lock.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import combinations, islice
from typing import TYPE_CHECKING, Any

from ingest.catalog.store import Store
from ingest.catalog.views import Views
from ingest.dedup.rarity import load
from ingest.dedup.shingles import shingles
from ingest.dedup.story import shared_terms, similarity, unpack
from ingest.dedup.verify import overlap
from ingest.described import toml_default, toml_type
from ingest.errors import SettingsError, UsageError
from ingest.neighbours import CROWDED
from ingest.normalise import available_steps
from ingest.publish.lines import link_body
from ingest.read import registry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ingest.catalog.views import View
    from ingest.settings import Settings

GROUP_MEMBERS = 12
"""Members of one group that are compared pair by pair; the pairs grow with the square."""


@dataclass(frozen=True, slots=True)
class Group:
    """A story, or a survivor with its copies of one kind, in order of arrival.

    ``pairs``: indices into the first `GROUP_MEMBERS` members with the figure of the kind.
    Those have a `label` for a title.
    """

    kind: str
    story_id: str
    members: tuple[View, ...]
    pairs: tuple[tuple[int, int, float], ...]


@contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """The store of the settings, for reading."""
    with closing(Store(settings.store, write=False)) as store:
        yield store


# --- links and groups -----------------------------------------------------------------


def link_line(view: View, leader: View) -> dict[str, Any]:
    """A document's link as the corpus's Link record."""
    return link_body(
        {
            **view.figures,
            "kind": view.kind,
            "id": view.id,
            "of": leader.id,
            "group": view.story_id,
            "source": view.source,
            "source_id": view.source_id,
            "of_source": leader.source,
            "of_source_id": leader.source_id,
            "rule": view.rule,
            "run_id": view.run_id,
        }
    )


def links(store: Store, kind: str = "") -> Iterator[tuple[View, View]]:
    """Every dropped or linked document with the one it was decided against, in order of arrival."""
    views = Views(store.connection)
    for view in views.linked(kind):
        if view.of_number is not None:
            yield view, views.numbered(view.of_number)


def groups(store: Store, limit: int = 20) -> list[Group]:
    """At most ``limit`` groups, newest first: stories, each before copies of its members."""
    views = Views(store.connection)
    return list(islice(_groups(store, views, views.group_leaders(limit)), limit))


def _groups(store: Store, views: Views, leaders: Iterable[View]) -> Iterator[Group]:
    for leader in leaders:
        against = _followed(views, leader)
        story = [view for view, _ in against.values()]
        if len(story) > 1:
            yield _group(store, "story", story)
        for survivor, followers in against.values():
            for kind in ("near", "exact"):
                copies = [view for view in followers if view.kind == kind]
                if copies:
                    yield _group(store, kind, [survivor, *copies])


def _followed(views: Views, leader: View) -> dict[int, tuple[View, list[View]]]:
    """Each member of the leader's story with what was decided against it, by number."""
    found: dict[int, tuple[View, list[View]]] = {}
    waiting = [leader]
    while waiting:
        view = waiting.pop()
        followers = views.decided_against(view.number)
        found[view.number] = (view, followers)
        waiting += [each for each in followers if each.kind == "story"]
    return dict(sorted(found.items()))


def alone(store: Store, limit: int) -> list[View]:
    """Documents in no group, in order of arrival; at most ``limit``."""
    return [_titled(store, view) for view in Views(store.connection).alone(limit)]


def label(store: Store, view: View) -> str:
    """The title, or where there is none the beginning of the text in quotation marks."""
    return view.title or f"“{store.documents.text(view.number)[:100].splitlines()[0]}”"


def _titled(store: Store, view: View) -> View:
    return replace(view, title=label(store, view))


def _group(store: Store, kind: str, members: Sequence[View]) -> Group:
    compared = members[:GROUP_MEMBERS]
    parts: list[Any]
    if kind == "story":
        parts = [unpack(store.documents.signed(view.number).terms) for view in compared]
    else:
        parts = [shingles(store.documents.text(view.number)) for view in compared]
    pairs = tuple(
        (first, second, _likeness(kind, parts[first], parts[second]))
        for first, second in combinations(range(len(compared)), 2)
    )
    titled = tuple(_titled(store, view) for view in members[:GROUP_MEMBERS])
    return Group(kind, members[0].story_id, titled + tuple(members[GROUP_MEMBERS:]), pairs)


def _likeness(kind: str, first: Any, second: Any) -> float:
    return similarity(first, second) if kind == "story" else overlap(first, second).jaccard


def _story_similarity(store: Store, first: View, second: View) -> float:
    terms = [unpack(store.documents.signed(view.number).terms) for view in (first, second)]
    return similarity(terms[0], terms[1])


# --- one document, or two -------------------------------------------------------------


def show(store: Store, name: str) -> dict[str, Any]:
    """Everything the catalog knows of a document, its text included."""
    views = Views(store.connection)
    return _described(store, views.named(name), with_text=True)


def explain(store: Store, name: str) -> dict[str, Any]:
    """Why a document was kept, dropped or linked, and what was decided against it."""
    views = Views(store.connection)
    view = views.named(name)
    answer = _described(store, view, with_text=False)
    answer["decided_against_it"] = [
        {"id": other.id, "source_id": other.source_id, "kind": other.kind, "title": other.title}
        for other in views.decided_against(view.number)
    ]
    if view.of_number is not None:
        leader = views.numbered(view.of_number)
        answer["of"] = {"id": leader.id, "source_id": leader.source_id, "title": leader.title}
        answer["evidence"] = {"rule": view.rule, **view.figures}
        answer["comparison"] = _comparison(store, view, leader)
    return answer


def compare(store: Store, first: str, second: str) -> dict[str, Any]:
    """How two documents compare: copies, stories, and what they share."""
    views = Views(store.connection)
    one, other = views.named(first), views.named(second)
    return {
        "documents": [_described(store, view, with_text=False) for view in (one, other)],
        "comparison": _comparison(store, one, other),
    }


def _comparison(store: Store, one: View, other: View) -> dict[str, Any]:
    from ingest.dedup.passages import longest_shared  # noqa: PLC0415 - only to explain

    texts = [store.documents.text(view.number) for view in (one, other)]
    common = overlap(shingles(texts[0]), shingles(texts[1]))
    return {
        "jaccard": round(common.jaccard, 6),
        "containment": round(common.containment, 6),
        "story_similarity": round(_story_similarity(store, one, other), 6),
        "shared_passages": [passage.text for passage in longest_shared(texts[0], texts[1])],
        "shared_rare_words": [
            {"word": word, "weight": round(weight, 4)}
            for word, weight in shared_terms(
                (texts[0], one.title), (texts[1], other.title), load(one.language)
            )
        ],
    }


def _described(store: Store, view: View, *, with_text: bool) -> dict[str, Any]:
    described: dict[str, Any] = {
        "id": view.id,
        "state": view.state,
        "kind": view.kind,
        "source": view.source,
        "source_id": view.source_id,
        "title": view.title,
        "url": view.url,
        "author": view.author,
        "language": view.language,
        "created": view.created,
        "added": view.added,
        "words": view.words,
        "story_id": view.story_id,
        "extractor": view.extractor,
        "metadata": dict(view.metadata),
        "run_id": view.run_id,
    }
    if with_text:
        described["text"] = store.documents.text(view.number)
    return described


# --- the store ------------------------------------------------------------------------


def status(store: Store, settings: Settings) -> dict[str, Any]:
    """The store at a glance."""
    views = Views(store.connection)
    latest = store.runs.latest(1)
    return {
        "store": str(store.folder),
        "corpus": {"seq": int(store.meta("settled", "0")), "documents": views.corpus_size()},
        "decided": views.counts(),
        "crowded": int(store.meta(CROWDED, "0")),
        "quarantined": store.quarantine.counts(),
        "sources": views.sources(),
        "last_run": run_line(latest[0]) if latest else None,
        "configured": [source.name for source in settings.source],
    }


def runs(store: Store, limit: int) -> list[dict[str, Any]]:
    """The newest runs, newest first."""
    return [run_line(run) for run in store.runs.latest(limit)]


def run_line(run: Any) -> dict[str, Any]:
    """A run of the ledger as a JSON object."""
    return {
        "run_id": run.run_id,
        "status": run.status,
        "started": run.started,
        "ended": run.ended,
        "counts": dict(run.counts),
        "sources": [
            {
                "name": part.source,
                "status": part.status,
                "counts": dict(part.counts),
                "error": part.error,
            }
            for part in run.sources
        ],
    }


def quarantined_bytes(store: Store, source_id: str, source: str = "") -> bytes:
    """The kept bytes of a quarantined item; raises `UsageError` where there are none."""
    for entry in store.quarantine.entries(source=source):
        if entry.source_id == source_id:
            item = store.quarantine.item(entry.source, source_id)
            if item is None:
                raise UsageError(
                    f"{source_id}: its {entry.size:,} bytes were too many to keep",
                    hint="See limits.raw_bytes in docs/settings.md.",
                )
            return item.content
    raise UsageError(f"{source_id} is not in quarantine", hint="`ingest quarantine` lists it.")


def sources(store: Store | None, settings: Settings) -> list[dict[str, Any]]:
    """The configured sources, with what each has in the store."""
    held = Views(store.connection).sources() if store else {}
    lines = []
    for source in settings.source:
        last = store.runs.latest_of(source.name) if store else None
        lines.append(
            {
                "name": source.name,
                "reader": source.reader,
                "schedule": source.schedule,
                "on_missing": source.on_missing,
                "documents": held.get(source.name, 0),
                "last_run": last.ended if last else "",
                "last_status": last.status if last else "",
                "last_error": last.error if last else "",
            }
        )
    return lines


def available() -> list[dict[str, Any]]:
    """Readers and steps that are installed, each with its settings and their meaning."""
    lines = [_described_reader(name) for name in registry.available()]
    for name, point in available_steps().items():
        lines.append(_described_class("step", name, point.load()))
    return lines


def _described_reader(name: str) -> dict[str, Any]:
    try:
        return _described_class("reader", name, registry.load(name))
    except SettingsError as error:
        return {"type": "reader", "name": name, "summary": str(error), "settings": []}


def _described_class(kind: str, name: str, found: Any) -> dict[str, Any]:
    doc = (found.__doc__ or "").strip().splitlines()
    fields = getattr(found, "model_fields", {})
    shared = {name for base in found.__mro__[1:] for name in getattr(base, "model_fields", {})}
    settings = [
        {
            "name": key,
            "type": toml_type(field.annotation),
            "required": field.is_required(),
            "default": toml_default(field),
            "meaning": " ".join((field.description or "").split()),
        }
        for key, field in sorted(fields.items(), key=lambda entry: entry[0] in shared)
    ]
    return {"type": kind, "name": name, "summary": doc[0] if doc else "", "settings": settings}
