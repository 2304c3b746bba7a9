"""The generation under way: takes what the catalog wants, line by line, and writes what differs."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any, TypeAlias

from ingest.errors import CorpusError
from ingest.publish.changing import ChangeWriter
from ingest.publish.edits import Edit, Edits
from ingest.publish.encode import digest_of, encode_new, line_of
from ingest.publish.files import link_file, remove
from ingest.publish.layout import (
    CHANGES,
    SUFFIX,
    TABLES,
    Compression,
    Layout,
    birth,
    compression_of,
    shard_name,
)
from ingest.publish.ledger import Ledger, Published, Wanted
from ingest.publish.lines import id_of
from ingest.publish.manifest import Counts, Shard
from ingest.publish.reading import read_lines
from ingest.publish.shards import ShardWriter
from ingest.publish.tiers import Limits, Part, pack_all, plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from ingest.publish.changing import Op
    from ingest.publish.ledger import Table
    from ingest.publish.manifest import ChangeFile


@dataclass(frozen=True, slots=True)
class Site:
    """Where a draft is written and what it starts from.

    ``base`` are the shards of the newest generation that can be relied on; with
    ``mending`` a line that lies in none of them is written again, else that is an error.
    """

    layout: Layout
    previous: int
    sequence: int
    ledger: Ledger
    limits: Limits
    compression: Compression
    base: tuple[Shard, ...]
    checkpoint: Callable[[str], None]
    mending: bool = False
    compacting: bool = False

    @property
    def folder(self) -> Path:
        """The new generation's folder."""
        return self.layout.generation(self.sequence)

    @property
    def before(self) -> Path:
        """The folder in which the base's shards lie."""
        return self.layout.generation(self.previous)


_TOGETHER = 16
"""New lines that are written together; more cost as much a line."""
_LARGE = 1 << 16
"""Characters of a text that waits for no other: orjson leaves eight bytes for each to its line."""


class Draft:
    """Collects differences; nothing is on disk until there is one.

    Memory: eight bytes for each changed line, and the rows of the newest shard.
    """

    def __init__(self, site: Site) -> None:
        self.begun = False
        self._site = site
        self._tables = {table: _Table(site, table) for table in TABLES}
        self._changes: ChangeWriter | None = None
        self._new: list[Wanted] = []
        self._kind: tuple[Table, str] | None = None

    def begin(self) -> None:
        """Make the generation's folder: from here on there is something to publish."""
        if self.begun:
            return
        site = self._site
        remove(site.layout.tmp)
        for folder in (site.layout.tmp, site.layout.changes, site.layout.generations):
            folder.mkdir(parents=True, exist_ok=True)
        site.folder.mkdir()
        self._changes = ChangeWriter(site.folder / CHANGES, site.sequence)
        self.begun = True
        site.checkpoint("begun")

    def take(self, wanted: Wanted, published: Published | None) -> None:
        """Compare one line as it ought to be with how it is, and write the difference."""
        name, id_, body, reason = wanted
        if published is None and body is not None:
            if len(self._new) == _TOGETHER or (name, reason) != self._kind:
                self._write_new()
                self.begin()
                self._kind = (name, reason)
            self._new.append(wanted)
            if len(body.get("text", "")) > _LARGE:
                self._write_new()
            return
        self._write_new()
        table = self._tables[name]
        if body is None:
            if published is not None and published.shard:
                self._change("remove", name, (id_,), published.revision, reason)
                table.edit(published.shard, Edit(id_, published.revision, published.digest))
        elif published is not None:
            self._compare(wanted, body, published)

    def _write_new(self) -> None:
        """Write the lines that were never out: all of one table and reason."""
        if self._new:
            name, reason = self._new[0].table, self._new[0].reason
            _, ids, bodies, _ = zip(*self._new, strict=True)
            digests, lines = encode_new(name, bodies)
            self._change("add", name, ids, 1, reason)
            self._tables[name].append_all(ids, digests, lines)
            self._new.clear()

    def _compare(self, wanted: Wanted, body: dict[str, Any], published: Published) -> None:
        """Write a line that was out once, if it differs or lies where it cannot stay."""
        table, out = self._tables[wanted.table], published.shard != ""
        digest = digest_of(wanted.table, body, like=published.digest)
        same = out and published.digest == digest
        if same and table.holds(published.shard):
            return
        revision = published.revision + (not same)
        if not same:
            op: Op = "update" if out else "add"
            self._change(op, wanted.table, (wanted.id,), revision, wanted.reason)
        self.begin()
        edit = Edit(wanted.id, revision, digest, line_of(wanted.table, body, revision))
        if out:
            table.edit(published.shard, edit)
        else:
            table.append(*edit)

    def would_merge(self) -> bool:
        """Whether a compaction would leave fewer shards than there are."""
        return self._site.compacting and any(
            len(group) > 1 for table in self._tables.values() for group in table.groups()
        )

    def finish(self) -> tuple[tuple[Shard, ...], Counts, ChangeFile]:
        """Write what is left, merge what is small, link what is unchanged."""
        self._write_new()
        self.begin()
        shards: list[Shard] = []
        for table in TABLES:
            shards += self._tables[table].finish()
            self._site.checkpoint(table)
        assert self._changes is not None  # noqa: S101 - begin() made it
        changes = self._changes.close()
        made = self._changes.made
        self._site.checkpoint("changes")
        counts = Counts(
            documents=sum(shard.rows for shard in shards if shard.table == "documents"),
            links=sum(shard.rows for shard in shards if shard.table == "links"),
            added=made["add"],
            updated=made["update"],
            removed=made["remove"],
        )
        return tuple(shards), counts, changes

    def abandon(self) -> None:
        """Remove every trace of the draft."""
        for table in self._tables.values():
            table.abandon()
        if self._changes is not None:
            self._changes.abandon()
        if self.begun:
            remove(self._site.folder)
            remove(self._site.layout.tmp)

    def _change(self, op: Op, table: Table, ids: Iterable[str], revision: int, reason: str) -> None:
        self.begin()
        assert self._changes is not None  # noqa: S101 - begin() made it
        if table == "documents":
            self._changes.put(op, ids, revision, reason)


_Row: TypeAlias = tuple[str, int, str]
"""Id, revision and digest of a line: a plain tuple, which the garbage collector lets be."""


@dataclass(slots=True)
class _Fresh:
    """A shard of new lines; the rows of one that may still be merged wait for its last name."""

    shard: Shard
    rows: list[_Row]
    name: str


class _Table:
    """One table's part of a draft."""

    def __init__(self, site: Site, table: Table) -> None:
        self._site = site
        self._table: Table = table
        self._suffix = SUFFIX[site.compression if table == "documents" else "none"]
        self._base = {shard.name: shard for shard in site.base if shard.table == table}
        self._edits = Edits(site.layout.tmp / f"{table}.edits")
        self._fresh: list[_Fresh] = []
        self._writer: ShardWriter | None = None
        self._opened: ShardWriter | None = None
        self._rows: list[_Row] = []

    def holds(self, shard: str) -> bool:
        """Whether the base has that shard."""
        return shard in self._base

    def edit(self, shard: str, edit: Edit) -> None:
        """Change a line that lies in ``shard``."""
        if self.holds(shard):
            self._edits.put(shard, edit)
            return
        if not self._site.mending:
            raise CorpusError(
                f"the catalog says that {edit.id} lies in {shard}, which the corpus does not have",
                hint="run `ingest corpus verify --repair`",
            )
        if edit.line:
            self.append(*edit)
        else:
            self._site.ledger.stage(self._site.sequence, [self._published(edit, "")])

    def append(self, id_: str, revision: int, digest: str, line: bytes) -> None:
        """Write a line to a new shard, after all that are there."""
        if self._writer is None:
            self._writer = self._open((self._site.sequence, len(self._fresh)))
        writer, limits = self._writer, self._site.limits
        writer.write(line)
        self._rows.append((id_, revision, digest))
        if writer.rows >= limits.rows or writer.size >= limits.bytes:
            self._roll()

    def append_all(self, ids: Sequence[str], digests: list[str], lines: list[bytes]) -> None:
        """Write lines of a first revision; they end up as if they were appended one by one."""
        writer, limits = self._writer, self._site.limits
        if (
            writer is not None
            and writer.rows + len(lines) < limits.rows
            and writer.size + sum(map(len, lines)) < limits.bytes
        ):
            writer.write_all(lines)
            self._rows += zip(ids, repeat(1), digests)
            return
        for id_, digest, line in zip(ids, digests, lines, strict=True):
            self.append(id_, 1, digest, line)

    def finish(self) -> list[Shard]:
        """Give the table's shards in the new generation."""
        self._roll()
        shards = [self._write(group) for group in self.groups()]
        self._stage_fresh()
        self._edits.close()
        return [shard for shard in shards if shard is not None] or [self._empty()]

    def groups(self) -> list[tuple[Part, ...]]:
        """Give the shards as they will be, those together that become one."""
        parts = [self._part(shard) for shard in self._base.values() if shard.rows]
        parts += [
            Part(fresh.shard, fresh.shard.json_bytes, fresh.shard.rows) for fresh in self._fresh
        ]
        return (pack_all if self._site.compacting else plan)(parts, self._site.limits)

    def abandon(self) -> None:
        """Close what is open, as far as a failing disk lets us."""
        if self._opened is not None:
            self._opened.abandon()
        with contextlib.suppress(OSError):  # closing flushes what nobody needs any more
            self._edits.close()

    def _roll(self) -> None:
        """Finish the shard of new lines; only the last of them can be small enough to merge."""
        if self._writer is None:
            return
        self._stage_fresh()
        self._fresh.append(_Fresh(self._writer.close(), self._rows, self._writer.name))
        self._writer, self._rows = None, []
        self._site.checkpoint("shard")

    def _stage_fresh(self) -> None:
        for fresh in self._fresh:
            if fresh.rows:
                rows = ((self._table, *row, fresh.name) for row in fresh.rows)
                self._site.ledger.stage(self._site.sequence, rows)
                fresh.rows = []

    def _part(self, shard: Shard) -> Part:
        rows = shard.rows - self._edits.gone(shard.name)
        return Part(
            shard,
            size=shard.json_bytes * rows // shard.rows,
            rows=rows,
            rewrite=self._edits.touches(shard.name)
            or SUFFIX[compression_of(shard.name)] != self._suffix,
        )

    def _write(self, group: tuple[Part, ...]) -> Shard | None:
        first = group[0].shard
        if len(group) == 1 and not group[0].rewrite:
            if self.holds(first.name):
                self._link(first)
            return first
        writer = self._open(birth(first.name))
        old = []
        for part in group:
            if self.holds(part.shard.name):
                old.append(part.shard.name)
                self._take_over(part.shard, writer)
            else:
                self._absorb(part.shard, writer)
        self._site.ledger.moved(self._site.sequence, self._table, old, writer.name)
        shard = writer.close()
        self._site.checkpoint("rewritten")
        if shard.rows:
            return shard
        remove(writer.path)
        return None

    def _take_over(self, shard: Shard, writer: ShardWriter) -> None:
        """Copy an older shard into the new one, with its edits in place."""
        if not self._edits.touches(shard.name):
            writer.copy(shard, self._site.before)
            return
        edits = {edit.id: edit for edit in self._edits.of(shard.name)}
        staged = [
            self._published(edit, writer.name if edit.line else "") for edit in edits.values()
        ]
        for line in read_lines(self._site.before / shard.name):
            edit = edits.pop(id_of(line), None)
            if edit is None:
                writer.write(line)
            elif edit.line:
                writer.write(edit.line)
        if edits:
            raise CorpusError(
                f"{shard.name} lacks {len(edits)} lines that the catalog says lie in it, "
                f"{next(iter(edits))} among them",
                hint="run `ingest corpus verify --repair`",
            )
        self._site.ledger.stage(self._site.sequence, staged)

    def _absorb(self, shard: Shard, writer: ShardWriter) -> None:
        """Move a shard of new lines into a merged one."""
        writer.copy(shard, self._site.folder)
        for name in shard.files:
            remove(self._site.folder / name)
        for fresh in self._fresh:
            if fresh.shard.name == shard.name:
                fresh.name = writer.name

    def _empty(self) -> Shard:
        """One shard of no lines, so that a glob over the table always finds a file."""
        for shard in self._base.values():
            if not shard.rows and SUFFIX[compression_of(shard.name)] == self._suffix:
                self._link(shard)
                return shard
        return self._open((self._site.sequence, len(self._fresh))).close()

    def _open(self, born: tuple[int, int]) -> ShardWriter:
        name = shard_name(self._table, born, self._site.sequence, self._suffix)
        path = self._site.folder / name
        self._opened = ShardWriter(path, self._table, ids=self._table == "documents")
        return self._opened

    def _link(self, shard: Shard) -> None:
        """Take a shard over as it is."""
        for name in shard.files:
            link_file(self._site.before / name, self._site.folder / name)

    def _published(self, edit: Edit, shard: str) -> Published:
        return Published(self._table, edit.id, edit.revision, edit.digest, shard)
