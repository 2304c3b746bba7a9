"""Sign and decide everything again, in order of arrival, after what decides has changed.

All of it is one transaction: killed in mid-way, the store is as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.catalog.views import Views
from ingest.pipeline import Tally
from ingest.wiring import make_judge, make_signer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ingest.catalog.store import Store
    from ingest.dedup.signatures import Signer
    from ingest.documents import Signature
    from ingest.settings import Settings

_BATCH = 512


def decide_all(
    store: Store, settings: Settings, *, run: int, now: str, advanced: Callable[[Tally], None]
) -> Tally:
    """Sign and decide every document of an open store as if it came now; what was decided.

    The caller has a transaction open.  Stories keep their names as far as their first
    documents still lead one.
    """
    tally = Tally()
    numbers = list(store.documents.all_numbers())
    store.documents.reopen_all()
    store.drop_index()
    judge = make_judge(store, settings, run, now)
    for batch in _batches(numbers):
        judge.decide_again(batch, _sign(store, make_signer(settings), batch))
        tally.counts["read"] += len(batch)
        advanced(tally)
    for kind, count in Views(store.connection).counts().items():
        if kind in tally.counts:
            tally.counts[kind] = count
    return tally


def _batches(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), _BATCH):
        yield numbers[start : start + _BATCH]


def _sign(store: Store, signer: Signer, numbers: Sequence[int]) -> list[Signature]:
    views = Views(store.connection)
    made = []
    for number in numbers:
        view = views.numbered(number)
        signature = signer.sign(store.documents.text(number), view.title, view.language)
        store.documents.replace_signature(number, signature)
        made.append(signature)
    return made
