"""Kept raw responses, read again: a source as it was read, visit by visit, without the net.

    raw:store/raw/paper -> visits, oldest first -> the reader that fetched -> its events
                             '- its settings, its time, its answers

Each visit is gone through by the very reader that made it, at the time at which it was
made, with what the servers said then.  So the documents have the same ids, texts and
addresses, whatever the reader makes them of: pages, a feed's entries, a sitemap's pages.
The cursor names the last visit that was gone through; later ones are all that the next
run looks at.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ingest.documents import Checkpoint, Complete, Event, Failed, Gone
from ingest.errors import SettingsError, SourceError
from ingest.read import rawfile, registry
from ingest.read.base import ReaderSettings
from ingest.read.exchange import Answer, FetchError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingest.documents import JSON
    from ingest.read.base import Context
    from ingest.read.exchange import Wanted
    from ingest.read.rawfile import Entry

_CALM = {
    "contact": "replay", "delay": 0, "retries": 0, "obey_robots": False, "keep_raw": False,
}  # fmt: skip
"""Settings that make no sense without a net; what robots.txt refused was never fetched."""
_LINE = re.compile(rb"^(\w+): (.*?)\r?$", re.MULTILINE)
_NOT_MODIFIED = 304


class Raw(ReaderSettings):
    """Responses kept with ``keep_raw``, read again by the reader that fetched them."""

    path: str
    """The folder that they are kept in, such as ``store/raw/NAME``."""

    @classmethod
    def for_inputs(cls, inputs: Sequence[str]) -> Raw:
        """The reader for ``raw:FOLDER`` on the command line; one folder at a time."""
        if len(inputs) > 1:
            raise SettingsError("one raw: folder at a time, since each is a source of its own")
        return cls(path=str(Path(inputs[0].removeprefix("raw:")).absolute()))

    def check(self, context: Context) -> None:
        """Raise `SourceError` where nothing is kept in the folder."""
        folder = context.base / self.path
        if not rawfile.archives(folder):
            raise SourceError(
                f"{folder}: there are no kept responses (*.warc.gz) here",
                hint="They lie in store/raw/NAME for a source with keep_raw = true.",
            )

    def read(self, cursor: JSON, context: Context) -> Iterator[Event]:
        """Go through every visit that is not done yet; the cursor also has the readers' own."""
        self.check(context)
        run = _Run(context.base / self.path, context, cursor if isinstance(cursor, dict) else {})
        yield from run.events()


@dataclass(slots=True)
class _Visit:
    """One visit: what there was to read (``answers``: by address, in order)."""

    entry: Entry
    answers: dict[str, list[Entry]] = field(default_factory=dict)


@dataclass(slots=True)
class _Run:
    """The visits of a folder, gone through one after the other.

    ``known``: fingerprints of what this run has yielded, which the catalog may not have
    yet; about 200 bytes an item.
    """

    folder: Path
    context: Context
    cursor: dict[str, JSON]
    known: dict[str, str] = field(default_factory=dict)

    def events(self) -> Iterator[Event]:
        entries = rawfile.load(self.folder)
        by_id = {entry.id: entry for entry in entries if entry.kind == "response"}
        before: dict[str, Entry] = {}
        visits = _visits(entries)
        done = self.cursor.get("done")
        passed = [visit.entry.id for visit in visits]
        skip = passed.index(done) + 1 if done in passed else 0
        for number, visit in enumerate(visits):
            if self.context.cancelled():
                return
            newest = _newest(visit)
            if number >= skip:
                source = _Answers(self.folder, visit, before, by_id)
                yield from self._visit(visit, source, last=number == len(visits) - 1)
            before |= newest

    def _visit(self, visit: _Visit, source: _Answers, *, last: bool) -> Iterator[Event]:
        try:
            name, reader = self._reader(visit)
        except (SettingsError, SourceError, ValidationError, ValueError) as error:
            detail = f"the visit of {visit.entry.date}: {error}"
            yield Failed(f"visit {visit.entry.id}", "bad visit", detail=detail, fingerprint="bad")
            return
        cursors = self._cursors()
        given: set[str] = set()
        then = _Then(self.context, source, self.known, _moment(visit.entry.date))
        for event in reader.read(cursors.get(name), then):
            if isinstance(event, Checkpoint):
                cursors = {**cursors, name: event.cursor}
                yield self._checkpoint(self.cursor.get("done"), cursors)
            elif isinstance(event, Complete):
                yield from self._absent(given)
                yield from (event,) if last else ()
            else:
                given.add(event.source_id)
                self._note(event)
                yield event
        if not self.context.cancelled():
            yield self._checkpoint(visit.entry.id, cursors)

    def _reader(self, visit: _Visit) -> tuple[str, Any]:
        """The reader of a visit, with the settings that it had."""
        block = rawfile.read_entry(self.folder, visit.entry).block
        told = {key.decode(): value.decode() for key, value in _LINE.findall(block)}
        name = told.get("reader", "")
        return name, registry.load(name)(**{**json.loads(told.get("settings", "{}")), **_CALM})

    def _cursors(self) -> dict[str, JSON]:
        known = self.cursor.get("readers")
        return dict(known) if isinstance(known, dict) else {}

    def _checkpoint(self, done: JSON, cursors: dict[str, JSON]) -> Checkpoint:
        self.cursor = {"done": done, "readers": cursors}
        return Checkpoint(self.cursor)

    def _note(self, event: Any) -> None:
        """Remember what the catalog would."""
        if isinstance(event, Gone):
            self.known[event.source_id] = ""
        elif event.fingerprint:
            self.known[event.source_id] = event.fingerprint

    def _absent(self, given: set[str]) -> Iterator[Event]:
        """What earlier visits of this run gave and a complete one did not: gone by then.

        For the catalog all of them are of one run, so that it cannot tell.
        """
        for name in [name for name, mark in self.known.items() if mark and name not in given]:
            self.known[name] = ""
            yield Gone(name)


@dataclass(frozen=True, slots=True)
class _Then:
    """The context of a visit: the run's, at the time of the visit, with its answers."""

    context: Context
    answers: _Answers
    known: dict[str, str]
    moment: datetime

    def __getattr__(self, name: str) -> Any:
        """What is no other than in the run itself."""
        return getattr(self.context, name)

    def now(self) -> datetime:
        """When the visit was made."""
        return self.moment

    def fingerprint(self, source_id: str) -> str:
        """What this run, or an earlier one, remembers of an item."""
        mark = self.known.get(source_id)
        return self.context.fingerprint(source_id) if mark is None else mark


@dataclass(slots=True)
class _Answers:
    """What servers said in one visit (`raw.Answers`).

    An address that was not asked then, or whose answer was not kept, has the answer of
    the visit before, and is else a failure: it may be kept of a later visit.
    """

    folder: Path
    visit: _Visit
    before: dict[str, Entry]
    by_id: dict[str, Entry]

    def get(self, url: Any, wanted: Wanted) -> Answer:
        """The answer that was kept; raises `FetchError` where none was, or it is not wanted."""
        address = str(url)
        queue = self.visit.answers.get(address, [])
        entry = queue[0] if queue else self.before.get(address)
        if len(queue) > 1:
            queue.pop(0)
        if entry is None:
            raise FetchError("not kept", f"no answer of {address} is kept of {self._date}")
        try:
            answer = self._answer(entry)
        except SourceError as error:
            raise FetchError("not kept", str(error)) from error
        _check(answer, wanted)
        return answer

    def close(self) -> None:
        """Nothing is open."""

    @property
    def _date(self) -> str:
        return self.visit.entry.date

    def _answer(self, entry: Entry) -> Answer:
        from ingest.read.warc import parse_response  # noqa: PLC0415 - imports `files`

        member = rawfile.read_entry(self.folder, entry)
        status, headers, body = parse_response(member.block)
        if entry.kind == "revisit" and status != _NOT_MODIFIED:
            first = self.by_id.get(member.headers.get("warc-refers-to", ""))
            if first is None:
                raise SourceError(f"{entry.url}: what its revisit refers to is not kept")
            body = parse_response(rawfile.read_entry(self.folder, first).block)[2]
        return Answer(status, headers, body, _moment(entry.date))


def _check(answer: Answer, wanted: Wanted) -> None:
    """Refuse what the client would have refused; settings and limits may be others now."""
    media_type = answer.headers.get("content-type", "").lower()
    if not answer.content:
        return
    if wanted.media_types and media_type and not media_type.startswith(wanted.media_types):
        raise FetchError("content type", f"{media_type}, not {', '.join(wanted.media_types)}")
    if len(answer.content) > wanted.limit:
        raise FetchError("too large", f"{len(answer.content):,} bytes")


def _visits(entries: Sequence[Entry]) -> list[_Visit]:
    """Entries by visit; a visit that goes on in the next file is one."""
    visits: dict[str, _Visit] = {}
    current: _Visit | None = None
    for entry in entries:
        if entry.kind == "visit":
            current = visits.setdefault(entry.id, _Visit(entry))
        elif current is not None:
            current.answers.setdefault(entry.url, []).append(entry)
    return list(visits.values())


def _newest(visit: _Visit) -> dict[str, Entry]:
    """The newest answers of a visit that are whole; a 304 is that of an earlier one."""
    found = {}
    for url, entries in visit.answers.items():
        whole = [entry for entry in entries if entry.status != _NOT_MODIFIED]
        if whole:
            found[url] = whole[-1]
    return found


def _moment(date: str) -> datetime:
    try:
        return datetime.fromisoformat(date)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
