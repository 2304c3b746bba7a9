"""Tables of the settings that hang on nothing else: the published files, and the limits."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Corpus(_Table):
    """``[corpus]``: the form of the published files, and what is kept of the past."""

    # One key for each field of `publish.publish.PublishOptions`; `app.make_publisher` joins them.

    compression: Literal["none", "gzip", "zstd"] = "none"
    """Compression of the shards."""
    shard_bytes: int = Field(default=256 << 20, ge=1 << 10)
    """A new shard is begun after this many bytes of JSON."""
    shard_rows: int = Field(default=1_000_000, ge=1)
    """A new shard is begun after this many lines."""
    fan_in: int = Field(default=8, ge=2)
    """So many small shards of about one size become one; fewer: fewer files, more copying."""
    generations: int = Field(default=2, ge=1)
    """How many complete snapshots are kept."""
    history: int = Field(default=10_000, ge=1)
    """How many sequence numbers the changes are kept for."""
    history_days: float | None = Field(default=None, gt=0.0)
    """How many days the changes are kept for, where that is less; no limit where unset."""


class Limits(_Table):
    """``[limits]``: what one document may cost before it is quarantined."""

    seconds: float = Field(default=10.0, gt=0.0)
    """Wall seconds in a worker."""
    memory: int = Field(default=2 << 30, ge=64 << 20)
    """Resident bytes of its worker."""
    item_bytes: int = Field(default=64 << 20, ge=1 << 10)
    """Bytes of one item, after decompression."""
    raw_bytes: int = Field(default=1 << 20, ge=0)
    """Bytes of a quarantined item that are kept to try it again."""


def folder_named(value: object) -> object:
    """Raise ValueError for an empty path, which would be the folder that one is in."""
    if value == "":
        raise ValueError("names no folder")
    return value
