"""The catalog's tables, as the steps that made them.

`MIGRATIONS[n]` takes a catalog from version n to n + 1; a step that was released is
never edited, since catalogs out there have run it.  Times are ISO 8601 text in UTC,
identities 32 hexadecimal digits, hashes raw bytes.
"""

from __future__ import annotations

from typing import Final

APPLICATION_ID: Final = 0x1A9E57DB
"""Marks the file as ours (`PRAGMA application_id`)."""

_V1: Final = """
CREATE TABLE meta (
    key    TEXT PRIMARY KEY,
    value  TEXT NOT NULL
) WITHOUT ROWID;

-- One pass over one or more sources.  counts: JSON, see documents.Counts.
CREATE TABLE runs (
    number   INTEGER PRIMARY KEY,
    run_id   TEXT NOT NULL,
    started  TEXT NOT NULL,
    ended    TEXT NOT NULL DEFAULT '',
    status   TEXT NOT NULL,
    pid      INTEGER NOT NULL DEFAULT 0,
    counts   TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE source_runs (
    run      INTEGER NOT NULL REFERENCES runs(number),
    source   TEXT NOT NULL,
    started  TEXT NOT NULL,
    ended    TEXT NOT NULL DEFAULT '',
    status   TEXT NOT NULL,
    counts   TEXT NOT NULL DEFAULT '{}',
    error    TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (source, run)
) WITHOUT ROWID;

CREATE TABLE sources (
    name     TEXT PRIMARY KEY,
    cursor   TEXT NOT NULL DEFAULT 'null'
) WITHOUT ROWID;

-- Versions of extractor, normaliser and steps, so that items need only a number.
CREATE TABLE recipes (
    number   INTEGER PRIMARY KEY,
    version  TEXT NOT NULL UNIQUE
);

-- Everything that a reader has named.  outcome: document, container or quarantined.
CREATE TABLE items (
    source       TEXT NOT NULL,
    source_id    TEXT NOT NULL,
    container    TEXT NOT NULL DEFAULT '',
    fingerprint  TEXT NOT NULL DEFAULT '',
    recipe       INTEGER NOT NULL DEFAULT 0,
    seen         INTEGER NOT NULL,
    outcome      TEXT NOT NULL,
    PRIMARY KEY (source, source_id)
) WITHOUT ROWID;
CREATE INDEX items_by_container ON items(source, container) WHERE container <> '';

-- number: this version of the document, never reused, and the index's name for it.
-- arrival: the number of its first version; survivors are ranked by it.
-- state: see decisions.py.  of_number: decided against.  represents: stands for its story.
CREATE TABLE documents (
    number             INTEGER PRIMARY KEY AUTOINCREMENT,
    id                 TEXT NOT NULL UNIQUE,
    arrival            INTEGER NOT NULL,
    source             TEXT NOT NULL,
    source_id          TEXT NOT NULL,
    url                TEXT NOT NULL,
    title              TEXT NOT NULL,
    author             TEXT NOT NULL,
    language           TEXT NOT NULL,
    created            TEXT NOT NULL,
    words              INTEGER NOT NULL,
    extractor          TEXT NOT NULL,
    metadata           TEXT NOT NULL,
    added              TEXT NOT NULL,
    run                INTEGER NOT NULL,
    content_hash       BLOB NOT NULL,
    digest             BLOB NOT NULL,
    state              INTEGER NOT NULL DEFAULT 0,
    kind               TEXT NOT NULL DEFAULT '',
    of_number          INTEGER,
    story_id           TEXT NOT NULL DEFAULT '',
    represents         INTEGER NOT NULL DEFAULT 0,
    rule               TEXT NOT NULL DEFAULT '',
    similarity         REAL NOT NULL DEFAULT 0,
    jaccard            REAL NOT NULL DEFAULT 0,
    containment        REAL NOT NULL DEFAULT 0,
    story_similarity   REAL NOT NULL DEFAULT 0,
    estimated_jaccard  REAL NOT NULL DEFAULT 0,
    shared_bands       INTEGER NOT NULL DEFAULT 0,
    decided            INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX documents_by_source ON documents(source, source_id);
CREATE INDEX documents_by_text ON documents(content_hash);
CREATE INDEX documents_by_leader ON documents(of_number) WHERE of_number IS NOT NULL;
CREATE INDEX documents_by_story ON documents(story_id) WHERE story_id <> '';

-- Zstandard frames of UTF-8; dropped documents too, so that they can be decided again.
CREATE TABLE texts (
    number  INTEGER PRIMARY KEY,
    text    BLOB NOT NULL
);
CREATE TABLE signatures (
    number  INTEGER PRIMARY KEY,
    near    BLOB NOT NULL,
    story   BLOB NOT NULL,
    terms   BLOB NOT NULL
);

CREATE TABLE quarantine (
    source      TEXT NOT NULL,
    source_id   TEXT NOT NULL,
    stage       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    detail      TEXT NOT NULL,
    item        TEXT NOT NULL,
    size        INTEGER NOT NULL,
    raw         BLOB NOT NULL,
    run         INTEGER NOT NULL,
    seen        TEXT NOT NULL,
    PRIMARY KEY (source, source_id)
);

-- Identities that were forgotten and must not come back.
CREATE TABLE refused (
    id        TEXT PRIMARY KEY,
    since     TEXT NOT NULL
) WITHOUT ROWID;

-- Files of the band index; derived, but listed here so that they commit with the rest.
CREATE TABLE index_runs (
    kind      TEXT NOT NULL,
    place     INTEGER NOT NULL,
    info      TEXT NOT NULL,
    PRIMARY KEY (kind, place)
) WITHOUT ROWID;

-- Publishing: identities whose lines may differ from what is out, and what is out.
CREATE TABLE pending (
    id        TEXT PRIMARY KEY,
    reason    TEXT NOT NULL
) WITHOUT ROWID;
-- Lines name their shard by number, so that merging shards renames one row, not a million.
CREATE TABLE shards (
    number    INTEGER PRIMARY KEY,
    line      TEXT NOT NULL,
    name      TEXT NOT NULL
);
CREATE INDEX shards_by_name ON shards(line, name);
CREATE TABLE published (
    line      TEXT NOT NULL,
    id        TEXT NOT NULL,
    revision  INTEGER NOT NULL,
    digest    TEXT NOT NULL,
    shard     INTEGER,
    PRIMARY KEY (line, id)
) WITHOUT ROWID;
CREATE TABLE staged (
    line      TEXT NOT NULL,
    id        TEXT NOT NULL,
    revision  INTEGER NOT NULL,
    digest    TEXT NOT NULL,
    shard     TEXT NOT NULL,
    PRIMARY KEY (line, id)
) WITHOUT ROWID;
CREATE TABLE moved (
    line      TEXT NOT NULL,
    old       TEXT NOT NULL,
    new       TEXT NOT NULL,
    PRIMARY KEY (line, old)
) WITHOUT ROWID;
"""

# A story signature is made from the terms in 40 us, and only where an index is made anew or a
# story is joined; kept, it was a third of the catalog.
_V2: Final = """
ALTER TABLE signatures DROP COLUMN story;
"""

MIGRATIONS: Final[tuple[str, ...]] = (_V1, _V2)
"""Each entry is one step, run in one transaction with the change of version."""
