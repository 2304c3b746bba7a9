"""What people read: plain text on stdout, figures before names, nothing that needs a colour."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ingest.catalog.views import View
    from ingest.outcome import RunReport, SourceReport
    from ingest.reports import Group

_TITLE_WIDTH = 72
_SHOWN_MEMBERS = 8
_PAIRED_MEMBERS = 5
# Names and titles come from anywhere: a page's title must not write on the user's terminal.
_ONE_LINE = {
    code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code != ord("\t")
}
_LINES = {code: seen for code, seen in _ONE_LINE.items() if code != ord("\n")}


def line(text: str = "") -> None:
    """One line of output; what would move a terminal's cursor or colours is escaped."""
    sys.stdout.write(text.translate(_ONE_LINE) + "\n")


def block(text: str) -> None:
    """Text of several lines, escaped as `line` does."""
    sys.stdout.write(text.translate(_LINES) + "\n")


def raw(lines: Iterable[bytes]) -> None:
    """Lines as they are, each with its newline."""
    sys.stdout.flush()
    sys.stdout.buffer.writelines(lines)


def json(value: Any) -> None:
    """One JSON value on one line; UTF-8 whatever the terminal speaks."""
    sys.stdout.flush()
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))


def plural(count: int, noun: str) -> str:
    """``1 document``, ``5 documents``, ``2 copies``."""
    many = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else many}"


def short(text: str, width: int = _TITLE_WIDTH) -> str:
    """The text on one line, cut where it is too long."""
    return text if len(text) <= width else text[: width - 1] + "…"


def near_here(path: Path) -> Path:
    """The path as seen from this folder, where it lies below it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def from_here(source_id: str) -> str:
    """A source_id that is an absolute path, as it is from this folder; commands take both."""
    return source_id.removeprefix(f"{Path.cwd()}/")


# --- a run ----------------------------------------------------------------------------


def run_report(report: RunReport, store: Path, *, dry_run: bool) -> None:
    """What a run did, source by source."""
    counts = report.counts
    line(f"{plural(report.documents, 'document')} in the corpus, {_changes(counts)}")
    for source in report.sources:
        line(f"  {source.name}: {_source(source)}")
        for reason, count in sorted(source.reasons.items()):
            line(f"    quarantined, {reason}: {count:,}")
        if source.error:
            line(f"    failed: {source.error}")
            if source.hint:
                line(f"    {source.hint}")
    where = near_here(store / "corpus" / "current")
    if dry_run:
        line("nothing was written (--dry-run)")
    elif report.published:
        line(f"published as sequence {report.sequence}: {where}")
    else:
        line(f"nothing to publish; sequence {report.sequence} stands: {where}")
    line(f"{report.seconds:.2f} s, run {report.run_id}")


def _changes(counts: Mapping[str, int]) -> str:
    named = [f"{counts[name]:,} {name}" for name in ("new", "updated", "removed") if counts[name]]
    found = [f"{counts[name]:,} {name}" for name in ("exact", "near", "story") if counts[name]]
    changes = ", ".join(named) or "nothing new"
    return f"{changes}; found: {', '.join(found)}" if found else changes


def _source(source: SourceReport) -> str:
    counts = source.counts
    parts = [f"{counts['read']:,} read"]
    parts += [
        f"{counts[name]:,} {name}"
        for name in ("unchanged", "new", "updated", "removed", "quarantined")
        if counts[name]
    ]
    return ", ".join(parts) + (f" ({source.status})" if source.status != "done" else "")


def groups(found: Sequence[Group], limit: int) -> None:
    """Groups of duplicates with titles and figures; ``found`` holds one too many where cut."""
    if not found:
        return
    shown = found[:limit]
    more = len(found) > limit
    line()
    said = f"{plural(len(shown), 'group')} of near-duplicates"
    line(f"the newest {said}; `ingest dups` lists all" if more else said)
    for group in shown:
        line(f"  kind {group.kind}, {plural(len(group.members), 'document')}")
        for view in group.members[:_SHOWN_MEMBERS]:
            line(f"    {_name(view, group)}  {short(view.title)}".rstrip())
        if len(group.members) > _SHOWN_MEMBERS:
            line(f"    … and {len(group.members) - _SHOWN_MEMBERS:,} more: `ingest dups`")
        elif group.kind != "exact":  # those are all 1
            _pairs(group)


def _name(view: View, group: Group) -> str:
    """The source_id, with the source where the group's members come from several."""
    sources = {member.source for member in group.members}
    name = from_here(view.source_id)
    return name if len(sources) == 1 else f"{name} ({view.source})"


def _pairs(group: Group) -> None:
    """Every pair of a small group; of a large one, between which figures they lie."""
    measure = "similarity" if group.kind == "story" else "Jaccard"
    if len(group.members) > _PAIRED_MEMBERS:
        figures = [figure for _, _, figure in group.pairs]
        line(f"    pairs: {measure} from {min(figures):.3f} to {max(figures):.3f}")
        return
    shown = [from_here(view.source_id) for view in group.members]
    width = max(map(len, shown))
    for first, second, figure in group.pairs:
        names = [shown[index].ljust(width) for index in (first, second)]
        line(f"    {names[0]} ~ {names[1]}  {measure} {figure:.3f}")


def alone(views: Sequence[Any], limit: int) -> None:
    """Documents in no group, where they are few."""
    if not views or len(views) > limit:
        return
    line()
    line("alone")
    for view in views:
        line(f"  {from_here(view.source_id)}  {short(view.title)}")


# --- tables and records ---------------------------------------------------------------


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Rows under their column names, each column as wide as it needs."""
    cells = [[str(row.get(column, "")) for column in columns] for row in rows]
    heads = [column.replace("_", " ") for column in columns]
    widths = [max(len(row[i]) for row in [heads, *cells]) for i in range(len(columns))]
    for row in [heads, *cells]:
        line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def record(values: Mapping[str, Any], indent: str = "") -> None:
    """Names and values, one a line; empty ones left out, nested ones indented."""
    width = max((len(name) for name in values), default=0)
    for name, value in values.items():
        if value in ("", None, [], {}):
            continue
        label = name.replace("_", " ") or "(unknown)"
        if isinstance(value, dict):
            line(f"{indent}{label}")
            record(value, indent + "  ")
        elif isinstance(value, list):
            line(f"{indent}{label}")
            for each in value:
                _item(each, indent + "  ")
        else:
            line(f"{indent}{label.ljust(width)}  {value}")


def _item(value: Any, indent: str) -> None:
    if isinstance(value, dict):
        line(indent + "  ".join(f"{each}" for each in value.values() if each not in ("", None)))
    else:
        line(f"{indent}{value}")
