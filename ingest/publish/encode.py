"""From a body that the catalog wants to a line of the corpus, and the digest that tells changes."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from orjson import OPT_APPEND_NEWLINE, dumps
from xxhash import xxh3_128_hexdigest

from ingest.publish.lines import DOCUMENT_FIELDS, LINK_FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ingest.publish.ledger import Table

_UNSTABLE = {"revision", "added", "run_id"}
_STABLE = {
    "documents": tuple(name for name in DOCUMENT_FIELDS if name not in _UNSTABLE),
    "links": tuple(name for name in LINK_FIELDS if name not in _UNSTABLE),
}
_values: dict[Table, Callable[[dict[str, Any]], tuple[Any, ...]]] = {
    "documents": itemgetter(*(name for name in _STABLE["documents"] if name != "text")),
    "links": itemgetter(*_STABLE["links"]),
}


def digest_of(table: Table, body: dict[str, Any], like: str = "") -> str:
    """Give the digest of a body that tells whether what we say of a document has changed.

    Its head names the way it is made, which is that of ``like``, the digest that it will
    be compared with, where there is one:

    - ``2:``, over the values but for ``revision``, ``added``, ``run_id`` and the text, for
      which its ``content_hash`` stands: half the cost of the other;
    - ``1:``, over the JSON of the line without the first three: lines of older stores.

    xxh3 is enough, since nobody gains by a collision, and files have their SHA-256.
    Raises KeyError where a field is missing.
    """
    if not like.startswith("1:"):
        return "2:" + xxh3_128_hexdigest(dumps(_values[table](body)))
    json = dumps({name: body[name] for name in _STABLE[table]})
    return "1:" + xxh3_128_hexdigest(json if table == "documents" else json[:-1])


def encode_new(table: Table, bodies: Sequence[dict[str, Any]]) -> tuple[list[str], list[bytes]]:
    """Digests and lines of what was never out: at once, which costs a tenth less a line."""
    digests = map(xxh3_128_hexdigest, map(dumps, map(_values[table], bodies)))
    return (
        ["2:" + digest for digest in digests],
        [dumps(body, None, OPT_APPEND_NEWLINE) for body in bodies],
    )


def line_of(table: Table, body: dict[str, Any], revision: int) -> bytes:
    """Give the whole line, newline included; a document's shows its revision, a link none."""
    if table == "documents":
        body["revision"] = revision
    return dumps(body, None, OPT_APPEND_NEWLINE)
