"""The reading side: a corpus opened once is one consistent snapshot.

    from ingest import open_corpus

    with open_corpus("store") as corpus:
        for document in corpus.documents():
            print(document.title)

Needs orjson, and zstandard where the corpus is compressed with it; none of what
ingestion needs is imported.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import re
from operator import itemgetter
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, NamedTuple, Self

import orjson

from ingest.errors import CorpusError
from ingest.publish.ids import Ids
from ingest.publish.layout import CHANGES, MANIFEST, Layout, compression_of
from ingest.publish.lines import CHANGE_FIELDS, DOCUMENT_FIELDS, ID_AT, LINK_FIELDS, id_of
from ingest.publish.manifest import Manifest, Shard, decode
from ingest.publish.reading import DAMAGED, as_promised, line_at, open_shard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ingest.publish.ledger import Table

_START_OVER = "start over: read all documents, then follow the changes from that sequence number"
_AGAIN = "open the corpus again"
_REPAIR = "run `ingest corpus verify --repair`"
_MAPPED = 256
"""Files of ids kept open at once; a thousand open files is a usual limit."""


class CorpusDocument(NamedTuple):
    """A document as it lies in the corpus; `ingest.Record` says what each field means.

    A tuple and not the pydantic model, because a million of them are made in a loop:
    ``Record.model_validate(document._asdict())`` where a model is wanted.
    """

    schema: str
    id: str
    revision: int
    source: str
    source_id: str
    url: str
    title: str
    author: str
    language: str
    created: str
    added: str
    text: str
    words: int
    content_hash: str
    story_id: str
    story_similarity: float
    extractor: str
    run_id: str
    metadata: Mapping[str, str]


class CorpusLink(NamedTuple):
    """Why a document was dropped, or linked to a story."""

    schema: str
    kind: Literal["exact", "near", "story"]
    id: str
    of: str
    group: str
    source: str
    source_id: str
    of_source: str
    of_source_id: str
    similarity: float
    jaccard: float
    containment: float
    story_similarity: float
    shared_bands: int
    rule: str
    run_id: str


class Change(NamedTuple):
    """One step of the change sequence: apply them in order to stay equal to the corpus."""

    seq: int
    op: Literal["add", "update", "remove"]
    id: str
    revision: int
    reason: str


class Story(NamedTuple):
    """Documents that tell the same event, and copies of them that were dropped.

    ``members`` and ``dropped`` are ids, in the order in which their links stand.
    """

    id: str
    members: tuple[str, ...]
    dropped: tuple[str, ...]
    links: tuple[CorpusLink, ...]


_document = itemgetter(*DOCUMENT_FIELDS)
_link = itemgetter(*LINK_FIELDS)
_change = itemgetter(*CHANGE_FIELDS)


def open_corpus(path: str | os.PathLike[str]) -> Corpus:
    """Open the newest snapshot of a store (or of its ``corpus`` folder), or one generation.

    The snapshot stays as it is, and on disk, until it is closed, however much is
    published meanwhile.  Raises `CorpusError` where there is none, or no longer.
    """
    return Corpus(Path(path))


class Corpus:
    """One generation, held open by a shared lock on its manifest.  Not for use by threads."""

    def __init__(self, path: Path) -> None:
        self._layout, self.path, self._handle = _hold(path)
        self._ids: dict[str, Ids] = {}
        try:
            self.manifest: Manifest = decode(self._handle.read(), self.path / MANIFEST)
        except BaseException:
            self._handle.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the snapshot: from now on it may be deleted."""
        self._handle.close()
        for ids in self._ids.values():
            ids.close()
        self._ids.clear()

    @property
    def sequence(self) -> int:
        """The number to remember for `changes`."""
        return self.manifest.sequence

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of a document's line."""
        schema: dict[str, Any] = orjson.loads(self._read("record-v1.schema.json"))
        return schema

    def __len__(self) -> int:
        """Count the documents."""
        return self.manifest.counts.documents

    def lines(self, table: Table = "documents") -> Iterator[bytes]:
        """Give every line as it lies there, in order, in constant memory.

        Raises `CorpusError` where a shard cannot be read, or has not the rows that the
        manifest says.
        """
        for shard in self.manifest.of(table):
            yield from self._lines(shard)

    def bodies(self, table: Table = "documents") -> Iterator[dict[str, Any]]:
        """Give every line as a dictionary, its fields in order."""
        return map(self._parse, self.lines(table))

    def documents(self) -> Iterator[CorpusDocument]:
        """Give every document, in order of arrival, in constant memory."""
        with as_promised(self.path):
            for body in self.bodies():
                yield CorpusDocument._make(_document(body))

    def links(self) -> Iterator[CorpusLink]:
        """Give every link, in order of arrival."""
        with as_promised(self.path):
            for body in self.bodies("links"):
                yield CorpusLink._make(_link(body))

    def document(self, id_: str) -> CorpusDocument | None:
        """Give one document, or None.

        Costs a bisection for each shard; of a compressed shard, what is before the line
        is decompressed too.  Shards older than the files of ids are searched.
        """
        if not re.fullmatch("[0-9a-f]{32}", id_):
            return None
        with as_promised(self.path):
            for shard in self.manifest.of("documents"):
                line = self._find(shard, id_)
                if line:
                    return CorpusDocument._make(_document(self._parse(line)))
        return None

    def changes(self, since: int) -> Iterator[Change]:
        """Give every change after ``since``, up to this snapshot, in order.

        Raises `CorpusError` at the call where the history does not reach back so far, or
        ``since`` is ahead of the corpus (it was restored): the consumer must start over.
        """
        if since < 0:
            raise ValueError("a sequence number is 0 or more")
        if since > self.sequence:
            raise CorpusError(
                f"the corpus is at {self.sequence}, before {since}: it was restored or made anew",
                hint=_START_OVER,
            )
        if since < self.sequence - 1:
            self._change_file(since + 1)
        return self._changes(since)

    def groups(self) -> Iterator[Story]:
        """Give every story with two members or more, or with dropped copies.

        Memory grows with the links, not with the documents.
        """
        stories: dict[str, list[CorpusLink]] = {}
        for link in self.links():
            stories.setdefault(link.group, []).append(link)
        named = {id_ for links in stories.values() for link in links for id_ in (link.id, link.of)}
        with as_promised(self.path):
            present = {id_ for line in self.lines() if (id_ := id_of(line)) in named}
        for group, links in stories.items():
            ids = dict.fromkeys(id_ for link in links for id_ in (link.of, link.id))
            yield Story(
                id=group,
                members=tuple(id_ for id_ in ids if id_ in present),
                dropped=tuple(id_ for id_ in ids if id_ not in present),
                links=tuple(links),
            )

    def _changes(self, since: int) -> Iterator[Change]:
        with as_promised(self.path):
            for number in range(since + 1, self.sequence + 1):
                for line in self._change_file(number).splitlines():
                    yield Change._make(_change(self._parse(line)))

    def _change_file(self, number: int) -> bytes:
        if number == self.sequence:
            return self._read(CHANGES)
        try:
            return self._layout.change(number).read_bytes()
        except FileNotFoundError as error:
            raise CorpusError(
                f"the history no longer reaches back to change {number}", hint=_START_OVER
            ) from error

    def _find(self, shard: Shard, id_: str) -> bytes:
        if shard.ids:
            return self._look_up(shard, id_)
        key = b'"id":"' + id_.encode() + b'"'
        if compression_of(shard.name) != "none":
            return next((line for line in self._lines(shard) if key in line[:120]), b"")
        with self._open(shard) as file:
            if not shard.bytes:
                return b""
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
                # The quotes make the match exact: inside a value they would be escaped.
                at = view.find(key)
                if at < 0:
                    return b""
                return view[view.rfind(b"\n", 0, at) + 1 : view.find(b"\n", at) + 1]

    def _look_up(self, shard: Shard, id_: str) -> bytes:
        place = self._ids_of(shard).find(id_)
        if place is None:
            return b""
        try:
            line = line_at(self.path / shard.name, place)
        except FileNotFoundError as error:
            raise self._gone(shard.name) from error
        except DAMAGED as error:
            raise CorpusError(f"{shard.name} cannot be read: {error}", hint=_REPAIR) from error
        if line[ID_AT : ID_AT + 32] != id_.encode():
            raise CorpusError(f"{shard.ids} does not fit {shard.name}", hint=_REPAIR)
        return line

    def _ids_of(self, shard: Shard) -> Ids:
        if shard.ids not in self._ids:
            if len(self._ids) >= _MAPPED:
                self._ids.pop(next(iter(self._ids))).close()
            try:
                self._ids[shard.ids] = Ids(self.path / shard.ids, shard.rows)
            except FileNotFoundError as error:
                raise self._gone(shard.ids) from error
        return self._ids[shard.ids]

    def _lines(self, shard: Shard) -> Iterator[bytes]:
        rows = 0
        with self._open(shard) as file:
            try:
                for line in file:
                    rows += 1
                    yield line
            except DAMAGED as error:
                raise CorpusError(
                    f"{self.path / shard.name} cannot be read after row {rows}: {error}",
                    hint=_REPAIR,
                ) from error
        if rows != shard.rows:
            raise CorpusError(
                f"{self.path / shard.name} has {rows} rows instead of {shard.rows}", hint=_REPAIR
            )

    def _open(self, shard: Shard) -> IO[bytes]:
        try:
            file = open_shard(self.path / shard.name)
            size = (self.path / shard.name).stat().st_size
        except FileNotFoundError as error:
            raise self._gone(shard.name) from error
        if size != shard.bytes:
            file.close()
            raise CorpusError(
                f"{self.path / shard.name} has {size} bytes instead of {shard.bytes}", hint=_REPAIR
            )
        return file

    def _gone(self, name: str) -> CorpusError:
        return CorpusError(
            f"generation {self.sequence} was removed while it was open: something in it "
            f"was forgotten (or {name} is missing)",
            hint=_AGAIN,
        )

    def _read(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError as error:
            raise CorpusError(f"{self.path / name} is missing", hint=_AGAIN) from error

    def _parse(self, line: bytes) -> dict[str, Any]:
        try:
            value: dict[str, Any] = orjson.loads(line)
        except ValueError as error:
            raise CorpusError(f"{self.path} holds a line that is not JSON", hint=_REPAIR) from error
        return value


def _hold(path: Path) -> tuple[Layout, Path, IO[bytes]]:
    """Find the generation that is meant, and lock it against deletion."""
    find = _finder(path)
    while True:
        layout, generation = find()
        try:
            handle = (generation / MANIFEST).open("rb")
        except FileNotFoundError as error:
            if generation != find()[1]:
                continue  # replaced and deleted since we looked
            raise _missing(layout, generation) from error
        fcntl.flock(handle, fcntl.LOCK_SH)
        if _still(generation / MANIFEST, handle):
            return layout, generation, handle
        handle.close()  # deleted between opening and locking: look again


def _finder(path: Path) -> Callable[[], tuple[Layout, Path]]:
    for folder in (path, path / "corpus"):
        if (folder / "current").is_symlink():
            layout = Layout(folder)
            return lambda: (layout, layout.generation(layout.sequence()))
    resolved = path.resolve()
    if (resolved / MANIFEST).exists() or resolved.parent.name == "generations":
        return lambda: (Layout(resolved.parent.parent), resolved)
    raise CorpusError(f"there is no corpus in {path}", hint="publish one with `ingest run`")


def _missing(layout: Layout, generation: Path) -> CorpusError:
    newest = layout.sequence()
    if str(newest) == generation.name.lstrip("0"):
        return CorpusError(f"{generation} has no {MANIFEST}", hint=_REPAIR)
    return CorpusError(
        f"generation {generation.name} is too old and no longer there; the newest is {newest}",
        hint=_AGAIN,
    )


def _still(path: Path, handle: IO[bytes]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(handle.fileno()))
    except FileNotFoundError:
        return False
