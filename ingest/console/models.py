"""What the API answers with; the same figures as ``--json`` on the command line."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class _Answer(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class Problem(_Answer):
    """Why a request was refused."""

    detail: str
    """For a person."""


class Health(_Answer):
    """Whether the daemon lives."""

    status: Literal["ok", "stuck"]
    """``stuck`` where its scheduler has been silent."""


class Readiness(_Answer):
    """Whether the service does what it should."""

    ready: bool
    """Whether there is no problem."""
    problems: list[str]
    """What is the matter, for a person."""


class SourceLine(_Answer):
    """A configured source: `ingest sources --json`, and how it stands with the daemon."""

    name: str
    """Its name."""
    reader: str
    """Which reader reads it."""
    schedule: str
    """When it runs."""
    on_missing: str
    """What becomes of documents that it no longer lists."""
    documents: int
    """Documents in the store."""
    last_run: str
    """When its last run ended; ``""`` before the first."""
    last_status: str
    """How that ended."""
    last_error: str
    """Why it failed."""
    state: Literal["idle", "waiting", "resting", "running", "stopping", "hung"]
    """What it does; ``waiting`` for a slot, ``resting`` after failures."""
    paused: bool
    """Whether its schedule is set aside."""
    failures: int
    """Failed runs in a row."""
    next_run: str
    """When it runs next; ``""`` where nothing tells."""


class RunSource(_Answer):
    """One source's part in a run."""

    name: str
    """The source."""
    status: str
    """How it ended."""
    counts: dict[str, int]
    """Documents by what became of them."""
    error: str
    """Why it failed."""


class RunLine(_Answer):
    """A run: `ingest runs --json`."""

    run_id: str
    """Its name."""
    status: str
    """How it ended."""
    started: str
    """When it began."""
    ended: str
    """When it ended; ``""`` while it goes on."""
    counts: dict[str, int]
    """Documents by what became of them."""
    sources: list[RunSource]
    """Its parts."""


class Accepted(_Answer):
    """What was asked for will be done."""

    name: str
    """The source."""
    state: str
    """``requested``, ``paused`` or ``resumed``."""
