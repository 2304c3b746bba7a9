"""How rare a word is, from a static table: what makes a term weigh in a story.

The rarity of a word is 7 - its Zipf frequency in wordfreq's list of the language (the
logarithm to base 10 of its uses in a thousand million words), between 0 ("the") and
`RAREST` (a word that is not in the list).  The table never depends on what was
ingested, so neither does any signature or term vector.

Frequencies are counted over our own tokens (`frequencies`).  In scripts written without
spaces a term is a run of two neighbouring characters (`run_hashes`); the table holds the
runs inside the list's words; one that it does not hold is as rare as its characters would
make it by chance (`Rarity.runs`).

Languages without a list, and ``und``: rarity grows with length, `PER_CHARACTER` for each,
after Zipf's law of abbreviation (pair-F1 on English news 0.83 instead of 0.85 with the list;
constant rarity: 0.24).  In scripts without spaces a term is then a run of five characters,
precise but with half the recall.  Where a near relative has a list, that is used
(`RELATIVES`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np

from ingest.compiling import untimed
from ingest.dedup.frequencies import CENTIBEL, listed, used
from ingest.dedup.kept import kept, mapped

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RAREST = 5.0
"""Rarity of a word in no list: beyond it, lists tell misspellings from names no more."""

PER_CHARACTER = 0.5
"""Rarity of a word of a language without a list, for each of its characters."""

UNLISTED_RUN = 5
"""Characters in a term of a script without spaces, where there is no list."""

RELATIVES = {
    "bs": "sh",
    "hr": "sh",
    "sr": "sh",
    "nn": "nb",
    "no": "nb",
    "tl": "fil",
}
"""Languages that share the list of another, by ISO 639-1."""

LANGUAGES = 64
"""Tables that a process keeps: more than there are lists."""

_COMMONEST = 7.0  # Zipf frequency of rarity 0
_LOG_OF_CERTAINTY = 9.0  # Zipf frequency of a word that is every word
_GROUPS = 1 + round(CENTIBEL * (_LOG_OF_CERTAINTY - _COMMONEST + RAREST))
TABLE = 2
"""Version of what is made of the lists."""

# log p(ab) = log p(a) + log p(b): 7 - zipf(ab) = 7 - zipf(a) + 7 - zipf(b) + (9 - 7)
_CHANCE = _LOG_OF_CERTAINTY - _COMMONEST
_STEP = 128.0  # rarities are multiples of 1/128, so that products in float32 are exact


@dataclass(frozen=True, slots=True)
class Rarity:
    """Rarity by term hash.

    ``hashes``: uint64, sorted; ``rarity``: float32, same shape, multiples of 1/128;
    ``per_character``: rarity of a token that is not in the table, for each of its
    characters, `RAREST` at most; ``run``: characters in a term of a script without spaces.
    """

    language: str
    hashes: NDArray[np.uint64]
    rarity: NDArray[np.float32]
    per_character: float = RAREST
    run: int = 2

    def tokens(self, hashes: NDArray[np.uint64], lengths: NDArray[np.int64]) -> NDArray[np.float32]:
        """Rarity of tokens of these lengths (characters), float32, same shape."""
        missing = np.minimum(lengths * np.float32(self.per_character), np.float32(RAREST))
        return self._of(hashes, missing.astype(np.float32))

    def runs(
        self, hashes: NDArray[np.uint64], characters: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Rarity of runs of characters whose own rarities sum to ``characters``."""
        if not self.hashes.size:
            return np.full(hashes.shape, self.run * self.per_character, dtype=np.float32)
        return self._of(hashes, np.minimum(characters + np.float32(_CHANCE), np.float32(RAREST)))

    def _of(self, hashes: NDArray[np.uint64], missing: NDArray[np.float32]) -> NDArray[np.float32]:
        if not self.hashes.size:
            return missing
        order = np.argsort(hashes)  # in order they are found in half the time, sorting included
        places = np.empty(hashes.size, np.intp)
        places[order] = np.searchsorted(self.hashes, hashes[order])
        np.minimum(places, self.hashes.size - 1, out=places)
        return np.where(self.hashes[places] == hashes, self.rarity[places], missing)


def table_version() -> str:
    """Version of the lists and of what is made of them; part of the story signature's."""
    try:
        return f"wordfreq/{version('wordfreq')}/{TABLE}"
    except PackageNotFoundError:
        return f"unlisted/{TABLE}"


@lru_cache(maxsize=LANGUAGES)
def load(language: str, folder: Path | None = None) -> Rarity:
    """Table of a language (ISO 639-1): 0.1 s for English, 1 MB, twice as much for some others.

    With ``folder``, the table is written there once, by one process while others wait, and
    mapped into memory afterwards (1 ms, shared between them); a folder that cannot be written
    is done without.
    """
    language = RELATIVES.get(language, language)
    with untimed():
        path = file_of("rarity", language, folder)
        found = mapped(path) if path else None
        if found is None:
            if path is None or not listed(language):
                return _make(language)
            found = kept(path, lambda: _packed(_make(language)))
        return _unpacked(language, found)


def file_of(kind: str, language: str, folder: Path | None) -> Path | None:
    """Name the file of what is made of a language's list; None without a folder."""
    language = RELATIVES.get(language, language)
    name = f"{kind}-{language}-{table_version().replace('/', '-')}.npy"
    return folder / name if folder else None


def _make(language: str) -> Rarity:
    """Build a language's table from its list."""
    found = used(language, _GROUPS)
    if found is None:
        none = np.empty(0, dtype=np.uint64)
        return Rarity(language, none, none.astype(np.float32), PER_CHARACTER, UNLISTED_RUN)
    unique, places = np.unique(found.hashes, return_inverse=True)
    zipf = np.log10(np.bincount(places, weights=found.shares)) + _LOG_OF_CERTAINTY
    rarity = np.clip(_COMMONEST - zipf, 0.0, RAREST)
    rounded = (np.rint(rarity * _STEP) / _STEP).astype(np.float32)
    rare = rounded < RAREST  # what is left out has that rarity anyway
    return Rarity(language, unique[rare], rounded[rare])


def _packed(table: Rarity) -> NDArray[np.uint64]:
    """One array: the hashes, then the rarities, two an entry."""
    padded = np.zeros(table.hashes.size + 1 & ~1, dtype=np.float32)
    padded[: table.rarity.size] = table.rarity
    return np.concatenate([table.hashes, padded.view(np.uint64)])


def _unpacked(language: str, packed: NDArray[np.uint64]) -> Rarity:
    count = packed.size * 2 // 3
    return Rarity(language, packed[:count], packed[count:].view(np.float32)[:count])
