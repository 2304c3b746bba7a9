"""Names and places of the corpus on disk; used by the writing and the reading side alike.

    FOLDER/current -> generations/000000012            the newest complete snapshot
    FOLDER/generations/000000012/documents-*.jsonl     also links-*.jsonl, manifest.json, ...
    FOLDER/changes/000000012.jsonl                     what that generation changed
    FOLDER/tmp/                                        a publication under way

A shard's name is ``TABLE-BIRTH-INDEX-SEQUENCE.jsonl[.gz|.zst]``: the generation in
which its first line's shard came into being and the shard's place in it, then the
generation that wrote the file.  So a name is never used twice, and the order of names
is the order of arrival of what lies in them, whatever was rewritten or merged.
"""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from ingest.errors import CorpusError

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.publish.ledger import Table

Compression: TypeAlias = Literal["none", "gzip", "zstd"]

TABLES: tuple[Table, ...] = ("documents", "links")
SUFFIX: dict[Compression, str] = {"none": "", "gzip": ".gz", "zstd": ".zst"}

MANIFEST = "manifest.json"
CHANGES = "changes.jsonl"

_NUMBER = re.compile(r"\d{9,}")
_TARGET = re.compile(r"generations/(\d{9,})/?")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things lie under the corpus folder (``store/corpus``)."""

    folder: Path

    @property
    def current(self) -> Path:
        """The symbolic link that names the newest generation: the one commit point."""
        return self.folder / "current"

    @property
    def generations(self) -> Path:
        """Parent of the snapshots."""
        return self.folder / "generations"

    @property
    def changes(self) -> Path:
        """Parent of the change files."""
        return self.folder / "changes"

    @property
    def tmp(self) -> Path:
        """What a publication under way needs; never part of the corpus."""
        return self.folder / "tmp"

    def generation(self, sequence: int) -> Path:
        """Folder of one snapshot."""
        return self.generations / f"{sequence:09d}"

    def change(self, sequence: int) -> Path:
        """Change file of one sequence number."""
        return self.changes / f"{sequence:09d}.jsonl"

    def sequence(self) -> int:
        """Sequence number that ``current`` names, 0 where there is no such link.

        Raises `CorpusError` where ``current`` is something other than the link that
        publishing makes.
        """
        try:
            target = str(self.current.readlink())
        except FileNotFoundError:
            return 0
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise CorpusError(
                    f"{self.current} cannot be read: {error.strerror}",
                    hint="make the store readable for this user",
                ) from error
            raise CorpusError(
                f"{self.current} is not a symbolic link, so it was not made by ingest",
                hint="run `ingest corpus verify --repair`, which sets it aside",
            ) from error
        match = _TARGET.fullmatch(target)
        if not match:
            raise CorpusError(
                f"{self.current} points to {target}, not to a generation",
                hint="run `ingest corpus verify --repair`",
            )
        return int(match[1])

    def kept(self) -> list[int]:
        """Sequence numbers of the generation folders that exist, ascending."""
        return _numbers(self.generations, "")

    def history(self) -> list[int]:
        """Sequence numbers of the change files that exist, ascending."""
        return _numbers(self.changes, ".jsonl")

    def newest(self) -> int:
        """The highest sequence number of which anything is there, 0 where there is nothing.

        Consumers have seen no higher one, whatever `current` names.
        """
        return max([*self.kept(), *self.history()], default=0)


def shard_name(table: Table, birth: tuple[int, int], sequence: int, suffix: str) -> str:
    """Name of the shard that ``sequence`` writes; ``birth`` is that of its first line's shard."""
    return f"{table}-{birth[0]:09d}-{birth[1]:05d}-{sequence:09d}.jsonl{suffix}"


def birth(name: str) -> tuple[int, int]:
    """Generation and place in which the shard of ``name`` came into being."""
    _, first, index, _ = name.split("-", 3)
    return int(first), int(index)


def compression_of(name: str) -> Compression:
    """How the file of that name is compressed."""
    if name.endswith(".gz"):
        return "gzip"
    return "zstd" if name.endswith(".zst") else "none"


def _numbers(folder: Path, suffix: str) -> list[int]:
    if not folder.is_dir():
        return []
    stems = (
        entry.name.removesuffix(suffix) for entry in folder.iterdir() if entry.name.endswith(suffix)
    )
    return sorted(int(stem) for stem in stems if _NUMBER.fullmatch(stem))
