"""Figures about a corpus: one pass over its documents."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.publish.layout import Layout
from ingest.publish.reading import as_promised

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest.publish.corpus import Corpus


@dataclass(frozen=True, slots=True)
class Stats:
    """What a snapshot holds.

    ``bytes`` is on disk, ``json_bytes`` before compression; ``history_from`` is the
    oldest number that `Corpus.changes` can still follow; ``years`` counts by the first
    four digits of ``created``, ``""`` where it is unknown.
    """

    sequence: int
    created: str
    documents: int
    links: int
    stories: int
    words: int
    shards: int
    bytes: int
    json_bytes: int
    history_from: int
    generations: tuple[int, ...]
    sources: Mapping[str, int]
    languages: Mapping[str, int]
    years: Mapping[str, int]
    link_kinds: Mapping[str, int]


def stats(corpus: Corpus) -> Stats:
    """Count everything in a snapshot; memory grows with the number of stories (80 bytes each)."""
    sources: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    years: Counter[str] = Counter()
    stories: set[bytes] = set()
    words = 0
    with as_promised(corpus.path):
        for document in corpus.documents():
            sources[document.source] += 1
            languages[document.language] += 1
            years[document.created[:4]] += 1
            stories.add(bytes.fromhex(document.story_id))
            words += document.words
    manifest = corpus.manifest
    layout = Layout(corpus.path.parent.parent)
    return Stats(
        sequence=manifest.sequence,
        created=manifest.created,
        documents=manifest.counts.documents,
        links=manifest.counts.links,
        stories=len(stories),
        words=words,
        shards=len(manifest.shards),
        bytes=sum(shard.bytes for shard in manifest.shards),
        json_bytes=sum(shard.json_bytes for shard in manifest.shards),
        history_from=min(layout.history(), default=manifest.sequence) - 1,
        generations=tuple(layout.kept()),
        sources=dict(sources.most_common()),
        languages=dict(languages.most_common()),
        years=dict(sorted(years.items())),
        link_kinds=dict(Counter(link.kind for link in corpus.links()).most_common()),
    )
