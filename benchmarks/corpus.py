"""What publishing and reading cost: MB/s of JSON to shards, and how that goes with size.

    python benchmarks/corpus.py [--sizes 10000,100000,1000000] [--folder DIR]

Documents are made up from a Zipf vocabulary, 600 words each, the same every time; the
catalog is a stand-in that costs next to nothing, so the figures are publishing's own.
"""

# ruff: noqa: D102 - the methods of Feed are those of `ingest.publish.ledger.Ledger`
from __future__ import annotations

import argparse
import hashlib
import random
import resource
import shutil
import tempfile
import time
from collections import deque
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.publish.corpus import open_corpus
from ingest.publish.ledger import Published, Row, Table, Wanted
from ingest.publish.publish import Publisher, PublishOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ingest.publish.layout import Compression

WORDS = 600
TEXTS = 2000


class Feed:
    """A ledger that gives the same few thousand texts under ever new ids, and forgets."""

    def __init__(self, texts: list[tuple[str, str]]) -> None:
        self.bodies = [body(number, *text) for number, text in enumerate(texts)]
        self.sequence = 0
        self.wanted: Iterable[tuple[Wanted, Published | None]] = ()
        self.rows: dict[str, Published] = {}
        self.remember: set[str] = set()

    def want(self, first: int, count: int) -> None:
        """Add documents ``first`` to ``first + count``."""
        self.wanted = self._documents(first, count)

    def _documents(self, first: int, count: int) -> Iterator[tuple[Wanted, None]]:
        bodies = self.bodies
        for number in range(first, first + count):
            made, id_ = bodies[number % len(bodies)], f"{number:032x}"
            made["id"] = made["story_id"] = id_
            yield Wanted("documents", id_, made, "new"), None

    def settled(self) -> int:
        return self.sequence

    def pending(self) -> Iterator[tuple[Wanted, Published | None]]:
        return iter(self.wanted)

    def stage(self, _sequence: int, rows: Iterable[Row]) -> None:
        self.rows.update((row[1], Published(*row)) for row in rows if row[1] in self.remember)

    def moved(self, _sequence: int, _table: Table, old: Iterable[str], new: str) -> None:
        names = set(old)
        for id_, row in self.rows.items():
            if row.shard in names:
                self.rows[id_] = row._replace(shard=new)

    def seal(self, _sequence: int) -> None:
        pass

    def settle(self, sequence: int, *, seen: bool = True) -> None:  # noqa: ARG002 - nothing comes between
        self.sequence = sequence
        self.wanted = ()

    def discard(self) -> None:
        pass


def body(number: int, text: str, content_hash: str) -> dict[str, Any]:
    """A record as the catalog gives it."""
    return {
        "schema": "ingest/record/v1",
        "id": f"{number:032x}",
        "revision": 1,
        "source": "made",
        "source_id": f"articles/{number}.txt",
        "url": f"https://example.org/articles/{number}",
        "title": f"Article {number}",
        "author": "",
        "language": "en",
        "created": "2024-01-01T00:00:00.000Z",
        "added": "2024-06-01T12:00:00.000Z",
        "text": text,
        "words": WORDS,
        "content_hash": content_hash,
        "story_id": f"{number:032x}",
        "story_similarity": 1.0,
        "extractor": "plain/1",
        "run_id": "bench",
        "metadata": {
            "site": "example.org",
            "description": "",
            "tags": "",
            "media_type": "text/plain",
            "fetched": "",
            "extra": "{}",
        },
    }


def made_texts() -> list[tuple[str, str]]:
    rng = random.Random(1)
    vocabulary = ["".join(rng.choices("etaoinshrdlu", k=rng.randint(2, 9))) for _ in range(20_000)]
    weights = list(accumulate(1 / (rank + 1) for rank in range(len(vocabulary))))
    texts = (" ".join(rng.choices(vocabulary, cum_weights=weights, k=WORDS)) for _ in range(TEXTS))
    return [(text, "sha256:" + hashlib.sha256(text.encode()).hexdigest()) for text in texts]


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def publisher(folder: Path, compression: Compression = "none") -> Publisher:
    return Publisher(folder, PublishOptions(compression), lambda: datetime(2024, 6, 1, tzinfo=UTC))


def fill(folder: Path, feed: Feed, count: int, compression: Compression = "none") -> None:
    feed.want(0, count)
    _, stand_in = timed(lambda: deque(feed.pending(), maxlen=0))
    feed.want(0, count)
    made = publisher(folder, compression)
    wall, cpu = timed(lambda: made.publish(feed, "bench"))
    with open_corpus(folder) as corpus:
        size = sum(shard.json_bytes for shard in corpus.manifest.shards) / 1e6
        files = len(corpus.manifest.of("documents"))
        read, _ = timed(lambda: sum(1 for _ in corpus.documents()))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"| publish {compression} | {count:,} | {size:,.0f} MB | {wall:.2f} s | {cpu:.2f} s "
        f"| {size / wall:,.0f} MB/s, of processor time {size / cpu:,.0f} "
        f"| {files} shards; {stand_in:.2f} s are the stand-in's; "
        f"read back {size / read:,.0f} MB/s; peak {peak:,.0f} MB |"
    )


def small_steps(folder: Path, feed: Feed, count: int) -> None:
    """One document more, one changed, one removed, one looked up, on a corpus of ``count``."""
    made = publisher(folder)
    feed.want(count, 1)
    wall, _ = timed(lambda: made.publish(feed, "bench"))
    print(f"| one document added to | {count:,} | | {wall * 1000:.1f} ms | | | |")
    row = feed.rows[f"{count // 2:032x}"]
    feed.wanted = [(Wanted("documents", row.id, None, "gone"), row)]
    wall, _ = timed(lambda: made.publish(feed, "bench"))
    print(f"| one removed from | {count:,} | | {wall * 1000:.1f} ms | | | rewrites one shard |")
    wall, _ = timed(lambda: made.publish(feed, "bench"))
    print(f"| nothing changed in | {count:,} | | {wall * 1000:.1f} ms | | | |")
    with open_corpus(folder) as corpus:
        wall, _ = timed(lambda: corpus.document(f"{count - 1:032x}"))
        print(f"| one looked up in | {count:,} | | {wall * 1000:.2f} ms | | | the last one |")
        wall, _ = timed(lambda: list(corpus.changes(corpus.sequence - 2)))
        print(f"| two changes since | {count:,} | | {wall * 1000:.2f} ms | | | |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--sizes", default="10000,100000")
    parser.add_argument("--folder", type=Path, help="where to write; default: a temporary folder")
    options = parser.parse_args()
    texts = made_texts()
    scratch = Path(tempfile.mkdtemp(dir=options.folder))
    print("| what | documents | JSON | wall | processor | rate | also |")
    print("|---|---|---|---|---|---|---|")
    try:
        publisher(scratch / "imports").publish(Feed(texts), "bench")
        for number, count in enumerate(int(size) for size in options.sizes.split(",")):
            feed = Feed(texts)
            feed.remember = {f"{count // 2:032x}"}
            folder = scratch / str(number)
            fill(folder, feed, count)
            small_steps(folder, feed, count)
            shutil.rmtree(folder)
        for kind in ("gzip", "zstd"):
            fill(scratch / kind, Feed(texts), 20_000, kind)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
