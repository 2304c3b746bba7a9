"""Mending a corpus from what is known beside it: the catalog, and the corpus itself."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ingest.errors import CorpusError
from ingest.publish.corpus import Corpus, open_corpus
from ingest.publish.files import point, remove, storing, sync_folder, write_file
from ingest.publish.layout import Layout
from ingest.publish.manifest import load
from ingest.publish.reading import read_lines
from ingest.publish.retention import spare
from ingest.publish.shards import ids_from
from ingest.publish.verify import (
    broken_history,
    damaged_ids,
    damaged_shards,
    rows_of,
    strays,
    verify,
)

if TYPE_CHECKING:
    from ingest.publish.ledger import RepairableLedger
    from ingest.publish.manifest import Shard
    from ingest.publish.publish import Publisher


def repair(publisher: Publisher, ledger: RepairableLedger, run_id: str) -> list[str]:
    """Put the corpus right, and say what was done; an empty list where all was well.

    The caller holds the store's lock.  In order: ``current`` is pointed to the
    generation that the catalog knows; where that cannot be read, or the corpus is older
    than the catalog, everything is published anew; where the corpus is ahead, the
    catalog is brought to what is out; damaged shards are written again from the catalog; files
    that do not belong are removed; history with a gap is cut off after the gap, so that
    consumers too far behind are told to start over.
    """
    done = _point(publisher, ledger)
    if not _readable(publisher) or publisher.layout.sequence() < ledger.settled():
        return [*done, *_anew(publisher, ledger, run_id)]
    done += _adopt(publisher, ledger)
    publisher.recover(ledger)
    done += _strays(publisher) + _history(publisher)
    with open_corpus(publisher.folder) as corpus:
        lost = {shard.name for shard in damaged_shards(corpus)}
        for shard in damaged_ids(corpus):
            if shard.name not in lost and _find_again(corpus, shard):
                done.append(f"made {shard.ids} again")
            else:
                lost.add(shard.name)
    if lost:
        publisher.mend(ledger, run_id, lost)
        done += [f"wrote the lines of {name} again" for name in sorted(lost)]
    return done + _rest(publisher, ledger, run_id)


def _point(publisher: Publisher, ledger: RepairableLedger) -> list[str]:
    """Make ``current`` the link it ought to be, where the generation is there."""
    layout = publisher.layout
    try:
        if layout.sequence() in ledger.possible() and _readable(publisher):
            return []
    except CorpusError:
        with storing(layout.folder):
            layout.current.rename(layout.folder / "current-set-aside")
    for number in sorted(ledger.possible()):
        if layout.generation(number).is_dir() and not layout.sequence():
            with storing(layout.folder):
                point(layout.current, f"generations/{number:09d}", spare(layout))
            return [f"pointed current to generation {number}"]
    return []


def _readable(publisher: Publisher) -> bool:
    sequence = publisher.layout.sequence()
    try:
        if sequence:
            load(publisher.layout.generation(sequence))
    except CorpusError:
        return False
    return bool(sequence)


def _anew(publisher: Publisher, ledger: RepairableLedger, run_id: str) -> list[str]:
    """Publish the whole corpus from the catalog, under a number that no consumer has seen."""
    publisher.mend(ledger, run_id, None)
    return ["published everything anew from the catalog", *_history(publisher)]


def _adopt(publisher: Publisher, ledger: RepairableLedger) -> list[str]:
    """Let an older catalog believe the corpus; the next publication brings the differences."""
    sequence = publisher.layout.sequence()
    if sequence in ledger.possible():
        return []
    with open_corpus(publisher.folder) as corpus:
        lost = {shard.name for shard in damaged_shards(corpus)}
        ledger.adopt(sequence, rows_of(corpus, lost))
    return [f"took generation {sequence} as what is out"]


def _strays(publisher: Publisher) -> list[str]:
    done = []
    with open_corpus(publisher.folder) as corpus, storing(publisher.folder):
        for file in strays(corpus):
            remove(file)
            done.append(f"removed {file.name}, which is no part of the corpus")
    return done


def _find_again(corpus: Corpus, shard: Shard) -> bool:
    """Make a shard's file of ids from its lines; False where it would not be as published."""
    data = ids_from(read_lines(corpus.path / shard.name))
    if hashlib.sha256(data).hexdigest() != shard.ids_sha256:
        return False
    layout = Layout(corpus.path.parent.parent)
    with storing(corpus.path):
        remove(layout.tmp)
        layout.tmp.mkdir()
        write_file(layout.tmp / shard.ids, data)
        (layout.tmp / shard.ids).replace(corpus.path / shard.ids)
        sync_folder(corpus.path)
        remove(layout.tmp)
    return True


def _history(publisher: Publisher) -> list[str]:
    """Cut the history off after its last gap or damaged file."""
    layout = publisher.layout
    broken = broken_history(layout, layout.sequence())
    old = [number for number in layout.history() if number <= max(broken, default=0)]
    with storing(layout.folder):
        for number in old:
            remove(layout.change(number))
    return [f"cut the history off before {max(broken) + 1}"] if old else []


def _rest(publisher: Publisher, ledger: RepairableLedger, run_id: str) -> list[str]:
    """Mend what only a look at every line shows."""
    found = {problem.what for problem in verify(publisher.folder, ledger.published())}
    if found & {"line", "id", "ids", "count", "link", "manifest"}:
        return _anew(publisher, ledger, run_id)
    done = []
    if "catalog" in found:
        with open_corpus(publisher.folder) as corpus:
            ledger.adopt(corpus.sequence, rows_of(corpus))
        done.append("brought the catalog to what is out")
    if found:
        publisher.mend(ledger, run_id, ())
        done.append("published a new generation")
    if found & {"history", "changes"}:
        # Only now: until then the newest is shown again from its generation, damaged or not.
        for number in publisher.layout.history()[:-1]:
            remove(publisher.layout.change(number))
        done.append("dropped the history, which led elsewhere: consumers start over")
    return done
