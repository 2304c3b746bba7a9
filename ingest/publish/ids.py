"""Where each document lies in its shard: a file of ids with their places, beside the shard.

After 16 bytes of `_HEAD` come 24 for each line, sorted: the id as 16 bytes, then where
its line begins in the shard before compression, as an unsigned little-endian integer.
So one document is found by bisecting a memory map.  Derived from the shard's lines, and
the same bytes for the same lines.
"""

from __future__ import annotations

import mmap
from array import array
from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from ingest.errors import CorpusError
from ingest.publish.lines import ID_AT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_HEAD: Final = b"ingest-ids/v1\n\0\0"
_ID: Final = 16
_ENTRY: Final = 24
_HEX: Final = slice(ID_AT, ID_AT + 2 * _ID)
_PREFIX: Final = "ids-"
PATTERN: Final = f"{_PREFIX}*"


def ids_name(shard: str) -> str:
    """Name of the file of ids of a shard; no pattern that finds shards finds it."""
    return _PREFIX + shard.removeprefix("documents-").split(".", 1)[0] + ".bin"


class IdsBuilder:
    """Collects the places of a shard's lines; 40 bytes a line, and twice as much to sort."""

    def __init__(self) -> None:
        self._ids = bytearray()  # in hex, as they stand in the lines
        self._places = array("Q")

    def add(self, line: bytes, at: int) -> None:
        """Add the line that begins at ``at``."""
        self._ids += line[_HEX]
        self._places.append(at)

    def add_all(self, lines: Sequence[bytes], at: int) -> None:
        """Add lines that follow one another, the first of them at ``at``."""
        self._ids += b"".join([line[_HEX] for line in lines])
        self._places.extend(accumulate(map(len, lines[:-1]), initial=at))

    def extend(self, other: bytes, at: int) -> None:
        """Add all lines of a shard that was put behind what is there, by its own file's bytes."""
        import numpy as np  # noqa: PLC0415 - only writing needs it

        table = np.frombuffer(other, _dtype(), offset=len(_HEAD))
        self._ids += table["id"].tobytes().hex().encode()
        self._places.frombytes((table["place"] + np.uint64(at)).tobytes())

    def encode(self) -> bytes:
        """The bytes of the file; raises ValueError where a line was none of a document."""
        import numpy as np  # noqa: PLC0415 - only writing needs it

        ids = bytes.fromhex(self._ids.decode("ascii"))
        halves = np.frombuffer(ids, ">u8").reshape(-1, 2).astype(np.uint64)
        order = np.lexsort((halves[:, 1], halves[:, 0]))
        table = np.empty(len(order), _dtype())
        table["id"] = np.frombuffer(ids, f"V{_ID}")[order]
        table["place"] = np.frombuffer(self._places, np.uint64)[order]
        return _HEAD + table.tobytes()


def _dtype() -> Any:
    return [("id", f"V{_ID}"), ("place", "<u8")]


class Ids:
    """The file of one shard, mapped; raises `CorpusError` where it cannot be that."""

    def __init__(self, path: Path, rows: int) -> None:
        self._rows = rows
        with path.open("rb") as file:
            if file.read(len(_HEAD)) != _HEAD or file.seek(0, 2) != len(_HEAD) + rows * _ENTRY:
                raise CorpusError(f"{path} is damaged", hint="run `ingest corpus verify --repair`")
            self._view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def find(self, id_: str) -> int | None:
        """Where the line of ``id_`` begins, in bytes before compression."""
        wanted = bytes.fromhex(id_)
        row = bisect_left(range(self._rows), wanted, key=self._id)
        if row == self._rows or self._id(row) != wanted:
            return None
        end = len(_HEAD) + (row + 1) * _ENTRY
        return int.from_bytes(self._view[end - _ENTRY + _ID : end], "little")

    def close(self) -> None:
        """Let go of the file."""
        self._view.close()

    def _id(self, row: int) -> bytes:
        start = len(_HEAD) + row * _ENTRY
        return self._view[start : start + _ID]
