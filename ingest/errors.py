"""The error tree.  Only operational failures are in it; a bug passes through as it is.

    IngestError
    |-- UsageError            exit 2: the command line asks for what cannot be
    |   `-- SettingsError     exit 2: unknown or bad settings, all of them at once
    |-- SourceError           exit 1: a source as a whole could not be read
    `-- StoreError            exit 3: the store is locked, broken or not ours
        |-- StoreLocked       another run holds the lock
        |-- StoreVersion      made by another version; the message names the command
        `-- CorpusError       the published corpus is damaged, or too far ahead of a reader

A failure of one document is not an error but a value (`documents.Failed`,
`documents.Rejected`): it is quarantined and counted, and the run goes on.

Every message says what happened and where; ``hint`` says what to do about it.
"""

from __future__ import annotations

from typing import ClassVar


class IngestError(Exception):
    """Base of all operational failures; ``exit_code`` is the command line's."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(IngestError):
    """The command line, or a call, asks for something that cannot be."""

    exit_code = 2


class SettingsError(UsageError):
    """Settings that are unknown or wrong; the message lists every one of them."""


class SourceError(IngestError):
    """A source as a whole could not be read (its folder is missing, its host is down)."""

    exit_code = 1


class StoreError(IngestError):
    """The store cannot be opened, read or written."""

    exit_code = 3


class StoreLocked(StoreError):
    """Another run holds the store's lock."""


class StoreVersion(StoreError):
    """The store was made by another version or with other settings."""


class CorpusError(StoreError):
    """The published corpus is damaged, or no longer holds what a reader asks for."""
