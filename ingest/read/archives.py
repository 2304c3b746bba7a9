"""Members of zip and tar archives.

Nothing is ever unpacked to disk: a member's name is only part of a source_id
(``a.zip!/news/1.html``), and one that would lead out of the archive is refused.
Members are chosen as files in a folder are: those of a known form, none hidden.
"""

from __future__ import annotations

import errno
import io
import stat
import tarfile
import zipfile
import zlib
from dataclasses import dataclass, field
from functools import partial
from typing import IO, TYPE_CHECKING, BinaryIO, TypeAlias, cast

from ingest.documents import Failed, Unchanged
from ingest.read.blob import Blob
from ingest.read.forms import form_of
from ingest.read.streams import ChunkFile, ReadError, line_digest
from ingest.read.walk import excluded, readable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ingest.documents import Event
    from ingest.read.blob import Job

_DEEPEST = 3  # archives in one another; a zip may hold itself
_HEADER = 1 << 20  # a tar header beyond this is no name
_ENCRYPTED = 1  # bit of a zip member's flags

_Events: TypeAlias = "Callable[[Blob, Job], Iterator[Event]]"


def read(blob: Blob, job: Job, inner: _Events) -> Iterator[Event]:
    """The events of every member; ``inner`` reads one.  Raises `ReadError` for a broken archive."""
    if blob.depth >= _DEEPEST:
        raise ReadError("nested too deep", f"more than {_DEEPEST} archives within one another")
    members = _Members(blob, job, inner)
    if blob.format == "zip":
        yield from _zip(blob, members)
    else:
        yield from _tar(blob, members)


@dataclass(slots=True)
class _Members:
    """Gives members their ids, and turns what is wrong with one of them into `Failed`."""

    blob: Blob
    job: Job
    inner: _Events
    _names: dict[str, int] = field(default_factory=dict)

    def wants(self, name: str) -> bool:
        """Whether a member of this name is to be read."""
        selection = self.job.selection
        if not selection.hidden and any(map(_is_hidden, _slashed(name).split("/"))):
            return False
        return form_of(name).format is not None and not excluded(selection.exclude, name)

    def events(self, name: str, opened: Callable[[], IO[bytes]]) -> Iterator[Event]:
        """The events of one member; ``name`` is as the archive has it."""
        source_id = self._source_id(name)
        try:
            _refuse_unsafe(name)
            with opened() as file:
                form = form_of(name)
                inside = Blob(
                    source_id,
                    self.blob.container,
                    form.format or "text",
                    form.packing,
                    cast("BinaryIO", file),
                    self.blob.budget,
                    self.blob.depth + 1,
                )
                yield from self.inner(inside, self.job)
        except ReadError as error:
            if self.blob.budget.exhausted:
                raise
            yield self._failed(source_id, error)

    def _source_id(self, name: str) -> str:
        plain = "/".join(part for part in _slashed(name).split("/") if part not in {"", "."})
        count = self._names[plain] = self._names.get(plain, 0) + 1
        return f"{self.blob.name}!/{readable(plain)}" + (f"~{count}" if count > 1 else "")

    def _failed(self, source_id: str, error: ReadError) -> Event:
        fingerprint = self.job.tag + line_digest(f"{error.reason}: {error.detail}".encode())
        if self.job.context.fingerprint(source_id) == fingerprint:
            return Unchanged(source_id, fingerprint)
        return Failed(
            source_id,
            error.reason,
            detail=error.detail,
            fingerprint=fingerprint,
            container=self.blob.container,
        )


def _slashed(name: str) -> str:
    """The name with the slashes of Windows turned, as some zip programs write them."""
    return name.replace("\\", "/")


def _is_hidden(part: str) -> bool:
    return part.startswith(".") and part not in {".", ".."}


def _refuse_unsafe(name: str) -> None:
    path = _slashed(name)
    if path.startswith("/") or ".." in path.split("/") or path[1:2] == ":":
        raise ReadError("unsafe name", f"the member {name!r} would lie outside of the archive")


def _zip(blob: Blob, members: _Members) -> Iterator[Event]:
    with blob.seekable() as file, _directory(file) as archive:
        for info in archive.infolist():
            if members.job.context.cancelled():
                return
            if _is_file(info) and members.wants(info.filename):
                yield from members.events(info.filename, partial(_open, archive, info, blob))


def _directory(file: BinaryIO) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise _zip_damage(error) from error


def _zip_damage(error: Exception) -> Exception:
    """What zipfile raised, as `ReadError`; a failing disk stays what it is."""
    if isinstance(error, OSError) and error.errno != errno.EINVAL:
        return error
    words = "it points to a place before its start" if isinstance(error, OSError) else error
    return ReadError("damaged", f"zip: {words}")


def _is_file(info: zipfile.ZipInfo) -> bool:
    kind = stat.S_IFMT(info.external_attr >> 16)
    return not info.is_dir() and kind in {0, stat.S_IFREG}


def _open(archive: zipfile.ZipFile, info: zipfile.ZipInfo, blob: Blob) -> IO[bytes]:
    if info.flag_bits & _ENCRYPTED:
        raise ReadError("encrypted", "the member is protected by a password")
    try:
        file = archive.open(info)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise _zip_damage(error) from error
    return io.BufferedReader(ChunkFile(_checked(file, blob)))


def _checked(file: IO[bytes], blob: Blob) -> Iterator[bytes]:
    """A zip member's bytes in chunks, within the budget; what zipfile raises as `ReadError`."""
    import lzma  # noqa: PLC0415  # for its error alone

    with file:
        while True:
            try:
                chunk = file.read(1 << 18)
            except EOFError as error:
                raise ReadError("cut short", "the zip data end in the middle") from error
            except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError) as error:
                raise ReadError("damaged", f"zip: {error}") from error
            if not chunk:
                return
            blob.budget.spend(len(chunk))
            yield chunk


class _Header(tarfile.TarInfo):
    """A tar header that does not take damage for the end of the archive, as tarfile does."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> _Header:
        """The next header; `ReadError` where it is damaged or missing."""
        try:
            return super().fromtarfile(archive)
        except tarfile.HeaderError as error:
            # Its subclasses are in no stub; the end mark is the one that is no damage.
            kind = type(error).__name__
            if kind == "EOFHeaderError":
                raise
            if kind in {"TruncatedHeaderError", "EmptyHeaderError"}:
                raise ReadError("cut short", "the tar archive has no end mark") from error
            raise ReadError("damaged", f"tar: {error}") from error

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        """One block as a header; tarfile would load an extended one whole, however long."""
        header = super().frombuf(buf, encoding, errors)
        if header.size > _HEADER and header.type in _EXTENDED:
            raise ReadError("damaged", f"tar: an extended header of {header.size:,} bytes")
        return header


_EXTENDED = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


def _tar(blob: Blob, members: _Members) -> Iterator[Event]:
    stream = io.BufferedReader(ChunkFile(blob.unpacked()), 1 << 18)
    try:
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as archive:
            while (header := archive.next()) is not None:
                if members.job.context.cancelled():
                    return
                archive.members = []  # type: ignore[attr-defined]  # it keeps every header it met
                if header.isfile() and members.wants(header.name):
                    yield from members.events(header.name, partial(_extract, archive, header))
    except tarfile.TarError as error:
        raise ReadError("damaged", f"tar: {error}") from error


def _extract(archive: tarfile.TarFile, header: tarfile.TarInfo) -> IO[bytes]:
    file = archive.extractfile(header)
    if file is None:
        raise ReadError("damaged", "tar: the member has no data")
    # tarfile's own file object cannot say whether it is seekable, and fails when asked.
    return io.BufferedReader(ChunkFile(iter(lambda: file.read(1 << 18), b"")))
