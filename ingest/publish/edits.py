"""Changes to lines that are out already, kept on disk until their shard is rewritten."""

from __future__ import annotations

from array import array
from typing import IO, TYPE_CHECKING, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Edit(NamedTuple):
    """A line's new state; ``line`` is empty where it goes away."""

    id: str
    revision: int
    digest: str
    line: bytes = b""


class Edits:
    """A spill file of edits, and where in it those of each shard lie: 8 bytes an edit in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self._places: dict[str, array[int]] = {}
        self._gone: dict[str, int] = {}
        self._end = 0

    def put(self, shard: str, edit: Edit) -> None:
        """Keep one edit of a line that lies in ``shard``."""
        if self._file is None:
            self._file = self._path.open("xb+", buffering=1 << 20)
        head = orjson.dumps([edit.id, edit.revision, edit.digest, len(edit.line)]) + b"\n"
        self._places.setdefault(shard, array("Q")).append(self._end)
        self._gone[shard] = self._gone.get(shard, 0) + (not edit.line)
        self._end += self._file.write(head) + self._file.write(edit.line)

    def touches(self, shard: str) -> bool:
        """Whether any line of that shard changes."""
        return shard in self._places

    def gone(self, shard: str) -> int:
        """How many lines of that shard go away."""
        return self._gone.get(shard, 0)

    def of(self, shard: str) -> Iterator[Edit]:
        """Edits of one shard, in the order in which they were put."""
        if self._file is None:
            return
        for place in self._places.get(shard, ()):
            self._file.seek(place)
            id_, revision, digest, length = orjson.loads(self._file.readline())
            yield Edit(id_, revision, digest, self._file.read(length))

    def close(self) -> None:
        """Remove the spill file."""
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)
