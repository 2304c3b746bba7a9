"""Whether a corpus is what it says it is: every hash, row, id, link and change.

Each `Problem` says what is wrong, where, and which command mends it.  Reads everything
once; memory grows with the number of documents: 0.7 kB each, 0.9 with the catalog's side.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from sys import intern
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import orjson
from pydantic import ValidationError

from ingest.errors import CorpusError
from ingest.publish.corpus import Corpus, open_corpus
from ingest.publish.encode import digest_of
from ingest.publish.ids import PATTERN, IdsBuilder
from ingest.publish.layout import CHANGES, MANIFEST, TABLES, Layout
from ingest.publish.ledger import Published
from ingest.publish.lines import CHANGE_FIELDS, DOCUMENT_FIELDS, LINK_FIELDS
from ingest.publish.reading import DAMAGED, read_lines
from ingest.publish.record import Link, Record
from ingest.publish.snapshot import companions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from ingest.publish.ledger import Table
    from ingest.publish.manifest import Shard

REPAIR = "ingest corpus verify --repair"
RUN = "ingest run"

What: TypeAlias = Literal[
    "current", "manifest", "chain", "shard", "ids", "stray", "line", "id", "count", "link",
    "changes", "history", "companion", "catalog",
]  # fmt: skip

_MODELS: dict[Table, type[Record | Link]] = {"documents": Record, "links": Link}
_FIELDS = {"documents": DOCUMENT_FIELDS, "links": LINK_FIELDS}
_SHOWN = 5
"""Problems of one kind told one by one in each place; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; ``mend`` is a command line."""

    what: What
    where: str
    message: str
    mend: str = REPAIR

    def __str__(self) -> str:
        return f"{self.where}: {self.message} (mend with `{self.mend}`)"


class _Line(NamedTuple):
    """What is remembered of a line; a link's story is its group, a document's kind ``""``."""

    shard: str
    revision: int
    story_id: str
    of: str
    kind: str


class _Known(NamedTuple):
    """What the catalog says of a line."""

    shard: str
    digest: str


def verify(folder: Path, truth: Iterable[Published] | None = None) -> list[Problem]:
    """Check the corpus in ``folder`` (``store/corpus``); an empty list means that all is well.

    ``truth`` is what the catalog says is out (`RepairableLedger.published`); with it
    every line is compared with the catalog's digest and place.
    """
    layout = Layout(folder)
    try:
        if not layout.sequence():
            return [_no_current(layout)]
        with open_corpus(folder) as corpus:
            return list(_Check(corpus, layout, truth).all())
    except CorpusError as error:
        what: What = "manifest" if layout.current.is_symlink() else "current"
        return [Problem(what, str(layout.current), str(error))]


def strays(corpus: Corpus) -> list[Path]:
    """Files that look like a part of the generation and are none."""
    listed = {name for shard in corpus.manifest.shards for name in shard.files}
    patterns = (*(f"{table}-*" for table in TABLES), PATTERN)
    found = (file for pattern in patterns for file in corpus.path.glob(pattern))
    return sorted(file for file in found if file.name not in listed)


def damaged_shards(corpus: Corpus) -> list[Shard]:
    """Shards whose file is missing or has other bytes than the manifest says."""
    return [shard for shard in corpus.manifest.shards if _damage(corpus.path, shard)]


def rows_of(corpus: Corpus, lost: Collection[str] = ()) -> Iterator[Published]:
    """Every line of a corpus, but for the ``lost`` shards, as the catalog would remember it."""
    for shard in corpus.manifest.shards:
        if shard.name in lost:
            continue
        for line in read_lines(corpus.path / shard.name):
            body = orjson.loads(line)
            digest = digest_of(shard.table, body)
            yield Published(shard.table, body["id"], body.get("revision", 1), digest, shard.name)


def damaged_ids(corpus: Corpus) -> list[Shard]:
    """Shards whose file of ids is missing or has other bytes than the manifest says."""
    return [shard for shard in corpus.manifest.shards if shard.ids and _ids_damage(corpus, shard)]


def _ids_damage(corpus: Corpus, shard: Shard) -> str:
    try:
        data = (corpus.path / shard.ids).read_bytes()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if hashlib.sha256(data).hexdigest() != shard.ids_sha256:
        return "has other bytes than were published (SHA-256)"
    return ""


def _no_current(layout: Layout) -> Problem:
    if layout.kept():
        return Problem("current", str(layout.current), "there are generations, but no link to one")
    return Problem("current", str(layout.folder), "nothing was published yet", RUN)


def _damage(folder: Path, shard: Shard) -> str:
    try:
        with (folder / shard.name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if size != shard.bytes:
        return f"has {size} bytes instead of {shard.bytes}"
    return "" if digest == shard.sha256 else "has other bytes than were published (SHA-256)"


class _Check:
    """One pass over one generation."""

    def __init__(self, corpus: Corpus, layout: Layout, truth: Iterable[Published] | None) -> None:
        self._corpus = corpus
        self._layout = layout
        self._truth = None if truth is None else _by_table(truth)
        self._told: Counter[tuple[What, str]] = Counter()
        self._seen: dict[Table, dict[str, _Line]] = {"documents": {}, "links": {}}

    def all(self) -> Iterator[Problem]:
        yield from self._manifest()
        for shard in self._corpus.manifest.shards:
            yield from self._shard(shard)
        yield from self._counts()
        yield from self._links()
        yield from self._own_changes()
        yield from self._history()
        yield from self._companions()
        yield from self._lacking()
        for (what, where), count in self._told.items():
            if count > _SHOWN:
                yield Problem(what, where, f"and {count - _SHOWN} more of the same kind")

    def _manifest(self) -> Iterator[Problem]:
        manifest, path = self._corpus.manifest, self._corpus.path
        if path.name != f"{manifest.sequence:09d}":
            yield Problem("manifest", str(path), f"its manifest is of {manifest.sequence}")
        before = self._layout.generation(manifest.sequence - 1) / MANIFEST
        if before.exists() and hashlib.sha256(before.read_bytes()).hexdigest() != manifest.previous:
            yield Problem("chain", str(before), "is not the manifest that the newest one follows")
        for file in strays(self._corpus):
            yield Problem("stray", str(file), "is no file of the manifest")

    def _shard(self, shard: Shard) -> Iterator[Problem]:
        where = str(self._corpus.path / shard.name)
        damage = _damage(self._corpus.path, shard)
        if damage:
            yield Problem("shard", where, damage)
        rows, at, ids = 0, 0, IdsBuilder()
        try:
            for line in read_lines(self._corpus.path / shard.name):
                rows += 1
                ids.add(line, at)
                at += len(line)
                yield from self._line(shard, rows, line)
        except DAMAGED as error:
            if not damage:
                yield Problem("shard", where, f"cannot be read after row {rows}: {error}")
            return
        if rows != shard.rows:
            yield Problem("shard", where, f"has {rows} rows instead of {shard.rows}")
        if shard.ids and not damage:
            yield from self._ids(shard, ids)

    def _ids(self, shard: Shard, found: IdsBuilder) -> Iterator[Problem]:
        where = str(self._corpus.path / shard.ids)
        if damage := _ids_damage(self._corpus, shard):
            yield Problem("ids", where, damage)
            return
        with suppress(ValueError):  # a line that has no id: told by _line
            if hashlib.sha256(found.encode()).hexdigest() != shard.ids_sha256:
                yield Problem("ids", where, f"is not where the documents of {shard.name} lie")

    def _line(self, shard: Shard, row: int, line: bytes) -> Iterator[Problem]:
        where = f"{shard.name}:{row}"
        try:
            body = orjson.loads(line)
            _MODELS[shard.table].model_validate(body)
        except (ValueError, ValidationError) as error:
            yield from self._tell("line", shard.name, f"row {row} {_short(error)}")
            return
        if tuple(body) != _FIELDS[shard.table]:
            yield from self._tell("line", shard.name, f"row {row} has its fields out of order")
        seen = self._seen[shard.table]
        if body["id"] in seen:
            first = seen[body["id"]].shard
            yield from self._tell("id", shard.name, f"{where} has the id of a line in {first}")
        yield from self._text(shard, row, body)
        story, of = body.get("story_id") or body["group"], body.get("of", "")
        revision, kind = body.get("revision", 1), body.get("kind", "")
        seen[body["id"]] = _Line(shard.name, revision, story, of, kind)
        if self._truth is not None:
            yield from self._catalog(shard, body, self._truth[shard.table].get(body["id"]))

    def _text(self, shard: Shard, row: int, body: dict[str, Any]) -> Iterator[Problem]:
        if shard.table == "documents":
            digest = hashlib.sha256(body["text"].encode()).hexdigest()
            if body["content_hash"] != f"sha256:{digest}":
                yield from self._tell("line", shard.name, f"row {row}: not its content_hash")

    def _counts(self) -> Iterator[Problem]:
        counts = self._corpus.manifest.counts
        for table, count in (("documents", counts.documents), ("links", counts.links)):
            rows = sum(shard.rows for shard in self._corpus.manifest.shards if shard.table == table)
            if rows != count:
                message = f"counts {count} {table}, its shards hold {rows}"
                yield Problem("count", str(self._corpus.path / MANIFEST), message)

    def _links(self) -> Iterator[Problem]:
        """What a document is linked to is there, or was dropped itself, for a story only."""
        documents, links = self._seen["documents"], self._seen["links"]
        retold = {id_: link for id_, link in links.items() if link.kind == "story"}
        for id_, link in links.items():
            of, own = documents.get(link.of), documents.get(id_)
            if of is None and link.kind != "story":
                of = retold.get(link.of)
            if of is None:
                yield from self._tell("link", link.shard, f"{id_}: linked to {link.of}, not there")
            elif of.story_id != link.story_id:
                yield from self._tell("link", link.shard, f"{id_}: not the story of {link.of}")
            if own is not None and own.story_id != link.story_id:
                yield from self._tell("link", link.shard, f"{id_}: not the story of the document")

    def _own_changes(self) -> Iterator[Problem]:
        path = self._corpus.path / CHANGES
        wanted = self._corpus.manifest.changes
        try:
            data = path.read_bytes()
        except OSError as error:
            yield Problem("changes", str(path), f"cannot be read: {error.strerror}")
            return
        if hashlib.sha256(data).hexdigest() != wanted.sha256:
            yield Problem("changes", str(path), "has other bytes than were published (SHA-256)")

    def _history(self) -> Iterator[Problem]:
        """Replay the history: what it says last of each id must be what is there."""
        for number, message in broken_history(self._layout, self._corpus.sequence).items():
            yield Problem("history", str(self._layout.change(number)), message)
            return
        last: dict[str, tuple[str, int]] = {}
        files = [self._layout.change(n) for n in self._layout.history()]
        try:
            for file in [*files, self._corpus.path / CHANGES]:
                for change in _changes(file):
                    if change["seq"] <= self._corpus.sequence:
                        last[change["id"]] = (change["op"], change["revision"])
        except (OSError, ValueError, KeyError, TypeError):
            return  # the generation's own file: told already, by its hash
        yield from self._replayed(last)

    def _replayed(self, last: dict[str, tuple[str, int]]) -> Iterator[Problem]:
        documents = self._seen["documents"]
        where = str(self._layout.changes)
        for id_, (op, revision) in last.items():
            there = documents.get(id_)
            if (op == "remove") != (there is None):
                state = "there" if there else "not there"
                message = f"{id_} is {state}, but its last change is {op}"
                yield from self._tell("history", where, message)
            elif there and there.revision != revision:
                message = f"{id_} is at revision {there.revision}, its last change at {revision}"
                yield from self._tell("history", where, message)

    def _companions(self) -> Iterator[Problem]:
        for name in companions(""):
            if not (self._corpus.path / name).is_file():
                yield Problem("companion", str(self._corpus.path / name), "is missing")

    def _catalog(
        self, shard: Shard, body: dict[str, Any], known: _Known | None
    ) -> Iterator[Problem]:
        line = f"{shard.table} {body['id']}"
        if known is None:
            message = f"the catalog knows nothing of {line}"
            yield from self._tell("catalog", shard.name, message)
        elif known != (shard.name, digest_of(shard.table, body, like=known.digest)):
            message = f"{line} is not as, or where, the catalog says"
            yield from self._tell("catalog", shard.name, message)

    def _lacking(self) -> Iterator[Problem]:
        for table, rows in (self._truth or {}).items():
            for id_, known in rows.items():
                if id_ not in self._seen[table]:
                    yield from self._tell("catalog", known.shard, f"lacks {table} {id_}")

    def _tell(self, what: What, where: str, message: str) -> Iterator[Problem]:
        self._told[what, where] += 1
        if self._told[what, where] <= _SHOWN:
            yield Problem(what, where, message)


def _by_table(truth: Iterable[Published]) -> dict[Table, dict[str, _Known]]:
    known: dict[Table, dict[str, _Known]] = {table: {} for table in TABLES}
    for table, id_, _, digest, shard in truth:
        if shard:
            known[table][id_] = _Known(intern(shard), digest)
    return known


def broken_history(layout: Layout, sequence: int) -> dict[int, str]:
    """Numbers of the change files up to ``sequence`` that are missing in between or damaged.

    The newest may be missing: its generation has it, and the next run shows it.
    """
    history = [number for number in layout.history() if number <= sequence]
    broken = dict.fromkeys(range(min(history, default=sequence), sequence), "is missing")
    for number in history:
        try:
            wrong = any(change["seq"] != number for change in _changes(layout.change(number)))
            broken[number] = "holds changes of another number" if wrong else ""
        except (OSError, ValueError, KeyError, TypeError) as error:
            broken[number] = f"is damaged: {error}"
    return {number: message for number, message in broken.items() if message}


def _changes(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_bytes().splitlines():
        change = orjson.loads(line)
        if tuple(change) != CHANGE_FIELDS or change["op"] not in {"add", "update", "remove"}:
            raise ValueError("a line is no change")
        yield change


def _short(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"does not fit the schema: {'.'.join(map(str, first['loc']))}: {first['msg']}"
    return "is not JSON"
