"""What lies beside the shards of a generation so that other tools can read them.

JSON Schemas made from the pydantic models, SQL for DuckDB with every column named, and
a dataset card from which Hugging Face's loader takes files and types.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import orjson

from ingest.publish.lines import DOCUMENT_FIELDS, LINK_FIELDS, METADATA_FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

_NUMBERS = {"revision": "int64", "words": "int64", "shared_bands": "int64"}
_NUMBERS |= dict.fromkeys(("similarity", "jaccard", "containment", "story_similarity"), "float64")
_SQL = {"int64": "BIGINT", "float64": "DOUBLE", "string": "VARCHAR"}


@cache  # making the schemas costs 8 ms, more than all the rest of a small publication
def companions(suffix: str) -> Mapping[str, bytes]:
    """Name and content of each such file; ``suffix`` is that of compressed documents."""
    from ingest.publish.record import Link, Record  # noqa: PLC0415 - pydantic costs 100 ms

    return {
        "record-v1.schema.json": json_schema(Record),
        "link-v1.schema.json": json_schema(Link),
        "duckdb.sql": _duckdb(suffix).encode(),
        "README.md": _card(suffix).encode(),
    }


def json_schema(model: type[BaseModel]) -> bytes:
    """JSON Schema (draft 2020-12) of a line, indented, by the names that stand in the line."""
    schema: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    schema |= model.model_json_schema(by_alias=True, mode="serialization")
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def kind_of(field: str) -> str:
    """Type of a top-level field other than ``metadata``: string, int64 or float64."""
    return _NUMBERS.get(field, "string")


def _duckdb(suffix: str) -> str:
    metadata = ", ".join(f"{name} VARCHAR" for name in METADATA_FIELDS)
    documents = [
        f"{name}: 'STRUCT({metadata})'"
        if name == "metadata"
        else f"{name}: '{_SQL[kind_of(name)]}'"
        for name in DOCUMENT_FIELDS
    ]
    links = [f"\"{name}\": '{_SQL[kind_of(name)]}'" for name in LINK_FIELDS]
    return "".join(
        (
            "-- Table functions over a generation, every column with its type.\n",
            "--     duckdb -init store/corpus/current/duckdb.sql\n",
            "--     SELECT title FROM documents('store/corpus/current');\n",
            _macro("documents", f"documents-*.jsonl{suffix}", documents),
            _macro("links", "links-*.jsonl", links),
        )
    )


_MACRO = """\
CREATE OR REPLACE MACRO {name}(folder) AS TABLE
    SELECT * FROM read_json(folder || '/{files}', format = 'newline_delimited',
        maximum_object_size = 268435456, columns = {{
        {columns}
    }});
"""


def _macro(name: str, files: str, columns: list[str]) -> str:
    return _MACRO.format(name=name, files=files, columns=",\n        ".join(columns))


def _card(suffix: str) -> str:
    return (
        "---\n"
        "configs:\n"
        + _config("documents", f"documents-*.jsonl{suffix}", default=True)
        + _config("links", "links-*.jsonl", default=False)
        + "dataset_info:\n"
        + _features("documents", DOCUMENT_FIELDS)
        + _features("links", LINK_FIELDS)
        + "---\n\n"
        "# Corpus\n\n"
        "One complete snapshot, made by `ingest`. `manifest.json` lists the files with their\n"
        "hashes; `record-v1.schema.json` and `link-v1.schema.json` describe their lines.\n"
    )


def _config(name: str, files: str, *, default: bool) -> str:
    return (
        f"- config_name: {name}\n"
        + ("  default: true\n" if default else "")
        + f"  data_files:\n  - split: train\n    path: {files}\n"
    )


def _features(name: str, fields: tuple[str, ...]) -> str:
    text = f"- config_name: {name}\n  features:\n"
    for field in fields:
        if field == "metadata":
            text += "  - name: metadata\n    struct:\n"
            text += "".join(f"    - name: {key}\n      dtype: string\n" for key in METADATA_FIELDS)
        else:
            text += f"  - name: {field}\n    dtype: {kind_of(field)}\n"
    return text
