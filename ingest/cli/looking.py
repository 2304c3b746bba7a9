"""The commands that only look."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Literal

from ingest import reports
from ingest.catalog.views import Views
from ingest.cli import printing
from ingest.errors import UsageError
from ingest.read.walk import readable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest.catalog.store import Store
    from ingest.settings import Settings

_SHOWN_PASSAGES = 5


def document_id(store: Store, name: str) -> str:
    """The id that a name means: one of the catalog's, or a path as it is from this folder.

    Inputs of the command line are called by their absolute paths.  Raises `UsageError`.
    """
    views = Views(store.connection)
    try:
        return views.named(readable(name)).id
    except UsageError as error:
        try:
            return views.named(_absolute(name)).id
        except UsageError:
            raise _with_tail(views, name, error) from None


def _with_tail(views: Views, name: str, error: UsageError) -> UsageError:
    """The error, for a path with what a source may call that file: by the path below its folder.

    It is said and not taken for it: another folder's file may be called the same.
    """
    parts = readable(name).split("/")
    for at in range(1, len(parts)):
        tail = "/".join(parts[at:])
        try:
            view = views.named(tail)
        except UsageError:
            continue
        if view.source_id == tail:
            hint = f"Source {view.source!r} calls its files by the path below its folder: {tail!r}."
            return UsageError(str(error), hint=hint)
    return error


def _absolute(name: str) -> str:
    """A path as the catalog calls it, whatever bytes it is of."""
    return readable(os.path.realpath(name))


def known_id(store: Store, name: str) -> str:
    """The same, also of an item that is in quarantine alone."""
    try:
        return document_id(store, name)
    except UsageError:
        quarantine = store.quarantine
        entry = quarantine.named(readable(name)) or quarantine.named(_absolute(name))
        if entry is None:
            raise
        return entry.id


def dups(settings: Settings, kind: str, *, as_json: bool) -> None:
    """`ingest dups`: one Link a line, or a list for a person."""
    with reports.opened(settings) as store:
        count = 0
        for view, leader in reports.links(store, kind):
            count += 1
            if as_json:
                printing.json(reports.link_line(view, leader))
                continue
            figure = view.figures["similarity"]
            printing.line(f"{view.kind}  {figure:.3f}  {view.state}  ({view.rule})")
            for each in (view, leader):
                title = printing.short(reports.label(store, each))
                printing.line(f"  {each.id[:12]}  {printing.from_here(each.source_id)}  {title}")
        if not count and not as_json:
            printing.line("no duplicates" if not kind else f"no duplicates of kind {kind}")


def explain(settings: Settings, first: str, second: str | None, *, as_json: bool) -> None:
    """`ingest explain`: one document's decision, or a comparison of two."""
    with reports.opened(settings) as store:
        one = document_id(store, first)
        answer = (
            reports.explain(store, one)
            if second is None
            else reports.compare(store, one, document_id(store, second))
        )
    if as_json:
        printing.json(answer)
    elif second is None:
        _print_decision(answer)
    else:
        for document in answer["documents"]:
            printing.line(_named(document))
        printing.line()
        _print_comparison(answer["comparison"])


def _print_decision(answer: dict[str, Any]) -> None:
    printing.line(_named(answer))
    if "of" not in answer:
        printing.line("kept: it matches no document that came before it")
    else:
        printing.line(f"{answer['state']} as {answer['kind']} of {_named(answer['of'])}")
        printing.line()
        printing.record(_rounded(answer["evidence"]))
        _print_shared(answer["comparison"], answer["kind"])
    if answer["decided_against_it"]:
        printing.line()
        printing.record({"decided_against_it": answer["decided_against_it"]})


def _named(document: dict[str, Any]) -> str:
    return f"{document['id']}  {printing.from_here(document['source_id'])}  {document['title']}"


def _print_comparison(compared: dict[str, Any]) -> None:
    names = ("jaccard", "containment", "story_similarity")
    printing.record(_rounded({name: compared[name] for name in names}))
    _print_shared(compared, "")


def _print_shared(compared: dict[str, Any], kind: str) -> None:
    """What two texts share, as far as it says why: the same text shares all of it."""
    passages, words = compared["shared_passages"], compared["shared_rare_words"]
    if passages and kind != "exact":
        printing.line("shared passages")
        for passage in passages[:_SHOWN_PASSAGES]:
            parts = passage.split()
            printing.line(f"  {len(parts):5,} words  {printing.short(' '.join(parts))}")
        if len(passages) > _SHOWN_PASSAGES:
            printing.line(f"  … and {len(passages) - _SHOWN_PASSAGES:,} more: --json")
    if words and kind not in ("exact", "near"):
        printing.line("shared rare words, with their weight in the similarity")
        for word in words:
            printing.line(f"  {word['weight']:.4f}  {word['word']}")


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: round(v, 4) if isinstance(v, float) else v for key, v in values.items()}


def show(settings: Settings, name: str, *, as_json: bool) -> None:
    """`ingest show`: a document with its text."""
    with reports.opened(settings) as store:
        document = reports.show(store, document_id(store, name))
    if as_json:
        printing.json(document)
        return
    text = document.pop("text")
    printing.record(document)
    printing.line()
    printing.block(text)


def status(settings: Settings, *, as_json: bool) -> None:
    """`ingest status`: the store at a glance."""
    with reports.opened(settings) as store:
        answer = reports.status(store, settings)
    if as_json:
        printing.json(answer)
        return
    last = answer.pop("last_run")
    printing.record(answer)
    if last:
        printing.line(f"last run  {last['run_id']}  {last['status']}  {last['ended']}")


def runs(settings: Settings, limit: int, *, as_json: bool) -> None:
    """`ingest runs`: the newest runs."""
    with reports.opened(settings) as store:
        lines = reports.runs(store, limit)
    if as_json:
        for each in lines:
            printing.json(each)
        return
    columns = ("run_id", "status", "started", "ended", "read", "new", "updated", "removed")
    printing.table(({**each, **each["counts"]} for each in lines), columns)


def sources(settings: Settings, *, as_json: bool) -> None:
    """`ingest sources`: the configured sources."""
    if (settings.store / "catalog.db").exists():
        with reports.opened(settings) as store:
            lines = reports.sources(store, settings)
    else:
        lines = reports.sources(None, settings)
    if as_json:
        for each in lines:
            printing.json(each)
        return
    columns = ("name", "reader", "schedule", "documents", "last_status", "last_run", "last_error")
    printing.table(lines, columns)


def quarantine(settings: Settings, source: str, reason: str, *, as_json: bool) -> None:
    """`ingest quarantine`: every item that could not be processed, and why."""
    with reports.opened(settings) as store:
        entries = [
            {
                "source": entry.source,
                "source_id": entry.source_id,
                "stage": entry.stage,
                "reason": entry.reason,
                "detail": entry.detail,
                "bytes": entry.size,
                "seen": entry.seen,
            }
            for entry in store.quarantine.entries(source=source, reason=reason)
        ]
    if as_json:
        for entry in entries:
            printing.json(entry)
    elif entries:
        printing.table(entries, ("source", "source_id", "stage", "reason", "bytes", "detail"))
    else:
        printing.line("nothing in quarantine")


def raw_bytes(settings: Settings, source_id: str, source: str) -> None:
    """`ingest quarantine SOURCE_ID`: the kept bytes of an item, as they were read."""
    with reports.opened(settings) as store:
        held = {entry.source_id for entry in store.quarantine.entries(source=source)}
        here = _absolute(source_id)
        name = here if source_id not in held and here in held else source_id
        raw = reports.quarantined_bytes(store, name, source)
    sys.stdout.flush()
    sys.stdout.buffer.write(raw)


def available(*, as_json: bool) -> None:
    """`ingest sources --available`: what is installed, with every setting."""
    lines = reports.available()
    if as_json:
        for each in lines:
            printing.json(each)
        return
    for each in lines:
        printing.line(f"{each['type']} {each['name']}: {each['summary']}")
        for setting in each["settings"]:
            default = f" [{setting['default']}]" if setting["default"] else ""
            default = " (required)" if setting["required"] else default
            printing.line(f"  {setting['name']}: {setting['type']}{default}  {setting['meaning']}")


def schema(table: Literal["record", "link"]) -> None:
    """`ingest schema`: the JSON Schema of a line."""
    from ingest.publish.record import Link, Record  # noqa: PLC0415 - not for the other commands
    from ingest.publish.snapshot import json_schema  # noqa: PLC0415 - as above

    sys.stdout.write(json_schema(Record if table == "record" else Link).decode().rstrip() + "\n")
