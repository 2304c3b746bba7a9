"""Which words lean to main text and which to furniture, counted site by site."""

from __future__ import annotations

import re
from collections import defaultdict
from math import log
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

_WORD = re.compile(r"\w+")
_LEAST_SITES = 8
_PRIOR = 2.0  # sites
_LEAST_ODDS = 0.4  # words that lean less say nothing


class Counts:
    """For every word, each site's share of its lines, of ``most`` words, that are main text."""

    def __init__(
        self, pages: Iterable[tuple[str, Sequence[str], NDArray, NDArray]], most: int = 1 << 30
    ) -> None:
        seen: dict[str, dict[str, list[float]]] = defaultdict(
            lambda: defaultdict(lambda: [0.0, 0.0])
        )
        for site, units, main, weight in pages:
            for unit, is_main, counts in zip(units, main.tolist(), weight.tolist(), strict=True):
                words = _WORD.findall(unit.casefold()) if counts else []
                for word in set(words) if len(words) <= most else ():
                    seen[word][site][int(is_main)] += 1
        self._shares = {
            word: {site: main / (main + other) for site, (other, main) in sites.items()}
            for word, sites in seen.items()
            if len(sites) >= _LEAST_SITES and not word.isdigit()
        }
        self._main = {word: sum(shares.values()) for word, shares in self._shares.items()}

    def odds(self, without: str = "") -> dict[str, float]:
        """Log-odds of main text of each word that leans, counted on all sites but one."""
        found = {}
        for word, shares in self._shares.items():
            own = shares.get(without)
            sites = len(shares) - (own is not None)
            main = self._main[word] - (own or 0.0)
            odds = log((main + _PRIOR) / (sites - main + _PRIOR))
            if abs(odds) >= _LEAST_ODDS:
                found[word] = round(odds, 2)
        return found
