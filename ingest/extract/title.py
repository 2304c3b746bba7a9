"""Which line of a page is its title, judged among the lines around the start of its text.

A title says in few words what the text below it says in many; a date or a byline often
follows.  A third forest weighs that, with how the line looks; where none is likely
enough the title stays unknown, for a wrong one is worse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingest.extract.characters import STOPS
from ingest.extract.features import by_feature
from ingest.extract.heading import states

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ingest.extract.features import Page

    Floats = NDArray[np.float32]

_ABOVE, _BELOW = 40, 4  # lines from the first line of the text
_FAR = 20.0
_SUBSTANTIAL = 4  # words from which on a line may be a sentence or a heading


def candidates(
    page: Page, odds: Floats, kept: NDArray[np.bool_], units: Sequence[str]
) -> tuple[NDArray[np.intp], Floats]:
    """Units that may be the title, and their features, shape (candidates, features).

    ``kept`` are the units of main text, ``odds`` their log-odds.  None where nothing is kept;
    none of them is a line that states a date or an author.
    """
    first = int(np.argmax(kept))
    if not kept[first]:
        return np.zeros(0, dtype=np.intp), np.zeros((0, 0), dtype=np.float32)
    end = min(first + _BELOW, len(kept))
    some = slice(max(0, first - _ABOVE), end)  # ``units`` may go on beyond the page
    texts = units[some]
    at = np.arange(some.start, some.start + len(texts))
    words = page.words[some].astype(np.float64)
    stated = [states(text) for text in texts]
    blocks = [
        page.features[some].T,
        at - first,
        np.log1p(np.abs(at - first)),
        kept[some],
        odds[some],
        np.array(_distance(stated)),
        np.array([text.endswith(STOPS) for text in texts]),
        np.array(list(map(len, texts))),
        words / (words[: first + 1 - some.start].max(initial=0) + 1),
        np.minimum(np.cumsum((words >= _SUBSTANTIAL)[::-1])[::-1], _FAR),
        *_subject(page, kept, at, first),
    ]
    may = ~np.array(stated, dtype=bool)
    return at[may], by_feature(blocks, len(at)).T[may]


def _distance(stated: Sequence[bool]) -> list[float]:
    """Lines from each to the next one below that states a date or an author."""
    found = []
    distance = _FAR
    for states_something in reversed(stated):
        found.append(distance)
        distance = 0.0 if states_something else min(distance + 1, _FAR)
    return found[::-1]


def _subject(
    page: Page, kept: NDArray[np.bool_], at: NDArray[np.intp], first: int
) -> list[NDArray[np.floating]]:
    """What of each line's subject words the main text has elsewhere, and the rest of the page."""
    inside = kept[page.subject_units]
    width = int(page.subjects.max(initial=0)) + 1
    main = np.bincount(page.subjects[inside], minlength=width)
    rest = np.bincount(page.subjects[~inside], minlength=width)
    begin, end = np.searchsorted(page.subject_units, (at[0], at[-1] + 1))
    ids, here, own = page.subjects[begin:end], page.subject_units[begin:end], inside[begin:end]
    here = here - at[0]
    n = len(at)
    elsewhere = main[ids] - own
    count = np.bincount(here, minlength=n)
    said = np.bincount(here[elsewhere > 0], minlength=n)
    around = np.bincount(here[rest[ids] - ~own > 0], minlength=n)
    weight = np.bincount(here, np.log1p(elsewhere), n)
    share = said / (count + 1)
    above = at <= first
    return [
        share,
        said,
        count - said,
        around / (count + 1),
        weight,
        weight / (count + 1),
        share - share[above].max(),
        weight - weight[above].max(),
    ]
