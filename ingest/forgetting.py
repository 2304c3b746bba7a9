"""What forgetting still has to do once documents are out of the catalog, and how it is resumed.

    withdraw, note (one transaction) -> publish -> index, older generations, log -> done

The note stays in the catalog until all of it is done, so that the run after a kill, or after
a reader that kept the log from being emptied, does the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from ingest.wiring import make_judge

if TYPE_CHECKING:
    from ingest.catalog.store import Store
    from ingest.publish.publish import Publisher
    from ingest.settings import Settings

_NOTE: Final = "forgetting"

log = structlog.get_logger()


def note(store: Store) -> None:
    """Note, in the transaction that withdraws documents, that they are to leave no trace."""
    store.set_meta(_NOTE, "1")


def finish(store: Store, settings: Settings, publisher: Publisher) -> None:
    """Take what was withdrawn out of all that published corpora and deletions leave behind.

    After a publication.  Nothing is done where nothing was noted.
    """
    if not store.meta(_NOTE):
        return
    make_judge(store, settings, run=0, added="").purge()
    publisher.drop_old(1, in_use_too=True)
    if store.empty_log():
        with store.transaction():
            store.set_meta(_NOTE, "")
    else:
        log.warning(
            "what was forgotten is still in the catalog's log",
            hint="Another program reads the catalog; the next run that finds none empties it.",
        )
