"""Structured records (a JSONL line, a row of a table) to events: fields, identity, fingerprint.

A record is one JSON object.  Its `text` is taken as clean; where it has none, its
`html` is to be extracted.  What no field names goes along as metadata, strings as
they are and all else as JSON.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from dataclasses import dataclass, field
from datetime import date, time
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict

from ingest.documents import Event, Failed, RawDocument, Unchanged
from ingest.read.streams import Line, ReadError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.read.base import Context


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Names: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_several)]

_SURROGATES = re.compile("[\ud800-\udfff]")
_POSITION = re.compile(r": line 1 column (\d+) \(char \d+\)\Z")
_TEXT = "text/plain; charset=utf-8"
_HTML = "text/html; charset=utf-8"
_NOTHING: tuple[Any, ...] = ("", None, [], {})
_KNOWN = ("title", "author", "date", "language", "site", "description", "tags")


class Fields(BaseModel):
    """Where a structured record keeps what is known about a document.

    Each is the name of a field, a dotted path into nested ones (``body.content``,
    ``authors.0.name``), or a list of such names of which the first that holds
    something counts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    text: Names = ("text",)
    """The main text; taken as clean."""
    html: Names = ("html",)
    """A page in HTML, extracted where there is no text."""
    id: Names = ("id",)
    """What names the record within its file; without it the hash of the record does."""
    url: Names = ("url",)
    """The address that the document was found at."""
    title: Names = ("title",)
    """The title."""
    author: Names = ("author",)
    """The author or authors."""
    date: Names = ("date", "created")
    """The day or time of publication."""
    language: Names = ("language",)
    """The language, as an ISO 639 code."""
    site: Names = ("site",)
    """The name of the site or publication."""
    description: Names = ("description",)
    """A summary."""
    tags: Names = ("tags",)
    """Key words."""


def parse(line: bytes) -> Any:
    """The JSON value of one line or file, in UTF-8.

    orjson reads it; what orjson refuses goes to the standard library's parser, which
    also takes lone surrogates (they become U+FFFD) and numbers beyond a double (they
    stay as they are written).  NaN and Infinity are no JSON.  Of a key given twice the
    last counts, in both.  Raises `ReadError` with the parser's words.
    """
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        if line.startswith(codecs.BOM_UTF8):  # files with marks were joined
            return parse(line.removeprefix(codecs.BOM_UTF8))
        return _parse_again(line, str(error))


def _parse_again(line: bytes, words: str) -> Any:
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        detail = (
            f"byte {error.start + 1} is {line[error.start]:#04x}, which no UTF-8 text has there"
        )
        raise ReadError("invalid UTF-8", detail) from None
    try:
        value = json.loads(text, parse_float=_float, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ReadError("bad JSON", _words(error, words)) from None
    return _without_surrogates(value)


def _words(error: Exception, words: str) -> str:
    """The words of orjson, but for depth, where both gave up for the same reason."""
    return "nested too deep" if isinstance(error, RecursionError) else words


def _float(written: str) -> float | str:
    value = float(written)
    return value if math.isfinite(value) else written


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(each) for each in value]
    if isinstance(value, dict):
        return {_without_surrogates(k): _without_surrogates(v) for k, v in value.items()}
    return value


def as_string(value: Any) -> str:
    """A field's value as a string: strings as they are, times in ISO 8601, all else as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, date | time):  # datetime is a date; Parquet has them
        return value.isoformat()
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value, ensure_ascii=False, default=str)


def take(record: dict[str, Any], names: tuple[str, ...]) -> Any:
    """Remove and return the first of the named fields that holds something, else None.

    A field whose whole name is the path comes before a nested one.
    """
    for name in names:
        if name in record:
            value = record.pop(name)
        elif "." in name:
            value = _nested(record, name)
        else:
            continue
        if value is not None and value != "":
            return value
    return None


def pick(value: Any, path: str) -> Any:
    """What lies at a dotted path, else None."""
    for key in path.split("."):
        value = _step(value, key)
    return value


def _nested(record: dict[str, Any], name: str) -> Any:
    """Like `pick`, and the field is removed where it lies in an object."""
    path, _, last = name.rpartition(".")
    inside = pick(record, path)
    return inside.pop(last, None) if isinstance(inside, dict) else _step(inside, last)


def _step(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return value.get(key)
    if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
        return value[int(key)]
    return None


@dataclass(slots=True)
class Records:
    """Turns the records of one file into events, with ids that are unique in that file.

    ``name`` is the source_id of the file (or archive member) and ``container`` that of
    the file on disk; ``tag`` stands for the settings that records are read with and
    begins every fingerprint.  Of two records with one id the first is kept, the other
    is `Failed` as ``duplicate id``; identical records without id get ``~2``, ``~3``, …
    behind their hash, so that they are seen as the exact copies that they are.  Memory:
    about 100 bytes for each record of the file.
    """

    name: str
    container: str
    tag: str
    fields: Fields
    context: Context
    _seen: set[int] = field(default_factory=set)
    _known: list[tuple[str, tuple[str, ...]]] = field(init=False)

    def __post_init__(self) -> None:
        self._known = [(name, getattr(self.fields, name)) for name in _KNOWN]

    def of_line(self, line: Line) -> Event:
        """The event of one line of JSON."""
        if not line.data:
            return self.failed(line.digest, ReadError("too large", self._size(line)))
        where = f"line {line.number}"
        try:
            record = parse(line.data)
        except ReadError as error:
            words = _POSITION.sub(r", at character \1", error.detail)
            return self.failed(line.digest, ReadError(error.reason, f"{where}: {words}"), line.data)
        return self.of(record, line.digest, where, line.data)

    def of(self, record: Any, digest: str, where: str, raw: bytes) -> Event:
        """The event of one parsed record; the record is used up.

        ``digest`` is over the record as it was written, ``where`` says to a person
        where in the file it stands, ``raw`` is its bytes, kept should it fail.
        """
        try:
            content, html = self._content(record)
            source_id = self._unique(_key(take(record, self.fields.id)), digest)
        except ReadError as error:
            return self.failed(digest, ReadError(error.reason, f"{where}: {error.detail}"), raw)
        fingerprint = self.tag + digest
        if self.context.fingerprint(source_id) == fingerprint:
            return Unchanged(source_id, fingerprint)
        return self._raw(source_id, record, (content, html), fingerprint, self.container)

    def _raw(
        self,
        source_id: str,
        record: dict[str, Any],
        content: tuple[bytes, bool],
        fingerprint: str,
        container: str,
    ) -> RawDocument:
        data, html = content
        return RawDocument(
            source_id,
            data,
            media_type=_HTML if html else _TEXT,
            url=as_string(take(record, self.fields.url)),
            metadata=self._metadata(record),
            fingerprint=fingerprint,
            container=container,
            clean=not html,
        )

    def document(self, record: Any, fingerprint: str) -> Event:
        """The event of a file that is one record; its id is the file's."""
        content, html = self._content(record)
        take(record, self.fields.id)
        if self.context.fingerprint(self.name) == fingerprint:
            return Unchanged(self.name, fingerprint)
        container = "" if self.container == self.name else self.container
        return self._raw(self.name, record, (content, html), fingerprint, container)

    def failed(self, digest: str, error: ReadError, raw: bytes = b"") -> Event:
        """A record that cannot be used, named by its hash; `Unchanged` if it was so before."""
        source_id = self.by_digest(digest)
        fingerprint = self.tag + digest
        if self.context.fingerprint(source_id) == fingerprint:
            return Unchanged(source_id, fingerprint)
        return Failed(
            source_id,
            error.reason,
            raw=raw,
            detail=error.detail,
            fingerprint=fingerprint,
            container=self.container,
        )

    def _size(self, line: Line) -> str:
        return (
            f"line {line.number} has {line.size:,} bytes;"
            f" an item may have {self.context.max_bytes:,} (max_bytes)"
        )

    def _content(self, record: Any) -> tuple[bytes, bool]:
        if not isinstance(record, dict):
            raise ReadError("no text", f"{_kind(record)}, not an object with fields")
        present = ", ".join(list(record)[:12])
        text = _prose(take(record, self.fields.text))
        page = _prose(take(record, self.fields.html))
        content = text if text.strip() else page
        if not content.strip():
            named = f"{_listed(self.fields.text)} and {_listed(self.fields.html)}"
            raise ReadError("no text", f"{named} hold none; its fields are: {present or 'none'}")
        encoded = content.encode()
        if len(encoded) > self.context.max_bytes:
            detail = f"its text has {len(encoded):,} bytes (max_bytes = {self.context.max_bytes:,})"
            raise ReadError("too large", detail)
        return encoded, content is page

    def _unique(self, key: str, digest: str) -> str:
        if not key:
            return self.by_digest(digest)
        source_id = f"{self.name}#{key}"
        if not self._add(source_id):
            detail = (
                f"the id {key!r} was used before in this file; the first record with it is kept"
            )
            raise ReadError("duplicate id", detail)
        return source_id

    def by_digest(self, digest: str) -> str:
        """The id of an item that names none: by its hash, and ``~2`` and so on for copies."""
        source_id, copy = f"{self.name}#{digest}", 1
        while not self._add(source_id if copy == 1 else f"{source_id}~{copy}"):
            copy += 1
        return source_id if copy == 1 else f"{source_id}~{copy}"

    def _add(self, source_id: str) -> bool:
        mark = hash(source_id)
        if mark in self._seen:
            return False
        self._seen.add(mark)
        return True

    def _metadata(self, record: dict[str, Any]) -> dict[str, str]:
        known = {}
        for name, names in self._known:
            value = take(record, names)
            if value is not None:
                known[name] = _listing(value)
        if not record:
            return known
        rest = {key: as_string(value) for key, value in record.items() if value not in _NOTHING}
        return rest | known


def rows(source: Iterator[Line], records: Records, context: Context) -> Iterator[Event]:
    """The events of JSONL lines, until the run is cancelled."""
    for line in source:
        if context.cancelled():
            return
        yield records.of_line(line)


def canonical(record: Any) -> bytes:
    """A record that has no line of its own, as JSON with sorted keys: what its hash is over."""
    try:
        return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return json.dumps(record, sort_keys=True, default=str).encode()


def _prose(value: Any) -> str:
    """A text field: a string, or a list of paragraphs."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return "\n\n".join(value)
    return ""


def _listing(value: Any) -> str:
    """A metadata field: lists of strings joined by commas (authors, tags)."""
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return as_string(value)


def _key(value: Any) -> str:
    """What names the record: a string or an integer; ``""`` for anything else.

    Not a float: orjson makes doubles of integers beyond 64 bits, and two ids would
    become one.
    """
    return value if isinstance(value, str) else str(value) if type(value) is int else ""


def _kind(value: Any) -> str:
    if value is None:
        return "it is null"
    names = {bool: "a truth value", int: "a number", float: "a number", str: "a string"}
    return f"it is {names.get(type(value), 'an array')}"


def _listed(names: tuple[str, ...]) -> str:
    return " or ".join(repr(name) for name in names)
