"""How rare a word is, from a static table: what makes a term weigh in a story.

The rarity of a word is 7 - its Zipf frequency in wordfreq's list of the language (the
logarithm to base 10 of its uses in a thousand million words), between 0 ("the") and
`RAREST` (a word that is not in the list).  The table never depends on what was
ingested, so neither does any signature or term vector.

Frequencies are counted over our own tokens: "don't" counts for "don" and for "t".
Numbers of two to four digits are estimated as wordfreq estimates them, and taken for
`TELLING` times rarer than that: dates, ages and tolls tell events apart.  In scripts
written without spaces a term is a run of two neighbouring characters (`run_hashes`); the
table holds the runs inside the list's words; one that it does not hold is as rare as its
characters would make it by chance (`Rarity.runs`).

Languages without a list, and ``und``: rarity grows with length, `PER_CHARACTER` for each,
after Zipf's law of abbreviation (pair-F1 on English news 0.83 instead of 0.85 with the list;
constant rarity: 0.24).  In scripts without spaces a term is then a run of five characters,
precise but with half the recall.  Where a near relative has a list, that is used
(`RELATIVES`).

Source of the lists: Robyn Speer, wordfreq, doi:10.5281/zenodo.7199437.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from ingest.compiling import one_makes, untimed
from ingest.dedup.tokens import fmix64, tokenise
from ingest.documents import UNKNOWN

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RAREST = 5.0
"""Rarity of a word in no list: beyond it, lists tell misspellings from names no more."""

PER_CHARACTER = 0.5
"""Rarity of a word of a language without a list, for each of its characters."""

UNLISTED_RUN = 5
"""Characters in a term of a script without spaces, where there is no list."""

TELLING = 100.0
"""How many times rarer numbers are taken for than they are."""

RELATIVES = {
    "bs": "sh",
    "hr": "sh",
    "sr": "sh",
    "nn": "nb",
    "no": "nb",
    "tl": "fil",
}
"""Languages that share the list of another, by ISO 639-1."""

_COMMONEST = 7.0  # Zipf frequency of rarity 0
_LOG_OF_CERTAINTY = 9.0  # Zipf frequency of a word that is every word
_CENTIBEL = 100.0  # wordfreq's lists go by hundredths of the logarithm
_LAST_GROUP = round(_CENTIBEL * (_LOG_OF_CERTAINTY - _COMMONEST + RAREST))
_DIGITS = 4  # longer numbers are as rare as can be
TABLE = 2
"""Version of what is made of the lists."""

# log p(ab) = log p(a) + log p(b): 7 - zipf(ab) = 7 - zipf(a) + 7 - zipf(b) + (9 - 7)
_CHANCE = _LOG_OF_CERTAINTY - _COMMONEST
_STEP = 128.0  # rarities are multiples of 1/128, so that products in float32 are exact
_RUN = np.uint64(0x9FB21C651E98DF25)


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
        places = np.minimum(np.searchsorted(self.hashes, hashes), self.hashes.size - 1)
        return np.where(self.hashes[places] == hashes, self.rarity[places], missing)


def table_version() -> str:
    """Version of the lists and of what is made of them; part of the story signature's."""
    try:
        return f"wordfreq/{version('wordfreq')}/{TABLE}"
    except PackageNotFoundError:
        return f"unlisted/{TABLE}"


def run_hashes(
    tokens: NDArray[np.uint64], first: NDArray[np.int64], size: int
) -> NDArray[np.uint64]:
    """Hash of each run of ``size`` tokens, those from ``first`` on; uint64."""
    combined = tokens[first]
    for place in range(1, size):
        combined = fmix64(combined * _RUN + tokens[first + place])
    return combined


@lru_cache(maxsize=4)
def load(language: str, folder: Path | None = None) -> Rarity:
    """Table of a language (ISO 639-1): 0.2 s for English, 4 MB; kept for four languages.

    With ``folder``, the table is written there once, by one process while others wait, and
    mapped into memory afterwards (3 ms, shared between them); a folder that cannot be written
    is done without.
    """
    language = RELATIVES.get(language, language)
    with untimed():
        if folder is None:
            return _make(language)
        path = folder / f"rarity-{language}-{table_version().replace('/', '-')}.npy"
        found = _map(path, language)
        if found is None:
            found = _kept(path, language) if _listed(language) else _make(language)
        return found


def _make(language: str) -> Rarity:
    """Build a language's table from its list."""
    words, uses = _list(language)
    if not words:
        none = np.empty(0, dtype=np.uint64)
        return Rarity(language, none, none.astype(np.float32), PER_CHARACTER, UNLISTED_RUN)
    hashes, shares = _tokens(words, uses)
    unique, places = np.unique(hashes, return_inverse=True)
    zipf = np.log10(np.bincount(places, weights=shares)) + _LOG_OF_CERTAINTY
    rarity = np.clip(_COMMONEST - zipf, 0.0, RAREST)
    rounded = (np.rint(rarity * _STEP) / _STEP).astype(np.float32)
    rare = rounded < RAREST  # what is left out has that rarity anyway
    return Rarity(language, unique[rare], rounded[rare])


def _list(language: str) -> tuple[list[str], NDArray[np.float64]]:
    """Words of a language and their share of all uses; empty where there is no list.

    A word with a nought in it stands for all numbers of its shape (``0000``, ``0.0``).
    """
    path = _listed(language)
    if not path:
        return [], np.empty(0)
    from wordfreq import read_cBpack  # noqa: PLC0415 - it was found

    # not get_frequency_dict, which would keep 40 MB of strings for good
    groups = read_cBpack(path)[: _LAST_GROUP + 1]
    noughts = {word: at for at, group in enumerate(groups) for word in group if "0" in word}
    words = [[word for word in group if word not in noughts or len(word) == 1] for group in groups]
    sizes = [len(group) for group in words]
    shares = [np.repeat(_share(np.arange(len(words))), sizes)]
    for digits in range(2, _DIGITS + 1):
        shape = noughts.get("0" * digits)
        if shape is not None:
            numbers, parts = _numbers(digits)
            words.append(numbers)
            shares.append(_share(shape) * parts)
    return list(chain.from_iterable(words)), np.concatenate(shares)


def _listed(language: str) -> str:
    """File of a language's list, ``""`` where there is none."""
    if language == UNKNOWN:
        return ""
    try:
        import wordfreq  # noqa: PLC0415 - 0.3 s, needed only where no table is kept
    except ImportError:
        return ""
    return str(wordfreq.available_languages("best").get(language, ""))


def _share(place: NDArray[np.int64] | int) -> NDArray[np.float64]:
    """Share of all uses of a word in one of wordfreq's groups."""
    return np.power(10.0, -np.asarray(place) / _CENTIBEL)


@cache
def _numbers(digits: int) -> tuple[list[str], NDArray[np.float64]]:
    """Numbers of so many digits, and their shares of the uses of all, by wordfreq's estimate."""
    from wordfreq.numbers import digit_freq  # noqa: PLC0415 - as above

    numbers = [str(number).zfill(digits) for number in range(10**digits)]
    return numbers, np.array([digit_freq(number) / TELLING for number in numbers])


def _tokens(
    words: list[str], shares: NDArray[np.float64]
) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
    """Hash every token of the words, and every pair of characters not set apart, with its share."""
    tokens = tokenise("\n".join(words))
    lengths = np.array([len(word) + 1 for word in words])
    word_of = np.searchsorted(np.cumsum(lengths), tokens.starts, side="right")
    joined = np.flatnonzero(tokens.ends[:-1] == tokens.starts[1:])
    pairs = run_hashes(tokens.hashes, joined, 2)
    return (
        np.concatenate([tokens.hashes, pairs]),
        np.concatenate([shares[word_of], shares[word_of[joined]]]),
    )


def _kept(path: Path, language: str) -> Rarity:
    """Make a table and write it for others, unless another has just done so."""
    rarity: Rarity | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with one_makes(path.stem, path.parent):
            rarity = _map(path, language)
            if rarity is None:
                rarity = _make(language)
                _write(path, rarity)
    except OSError:  # the folder cannot be written, or is full
        pass
    return rarity or _make(language)


def _write(path: Path, rarity: Rarity) -> None:
    """Write a table, by rename."""
    draft = path.with_suffix(f".{os.getpid()}")
    padded = np.zeros(rarity.hashes.size + 1 & ~1, dtype=np.float32)
    padded[: rarity.rarity.size] = rarity.rarity
    with draft.open("wb") as file:
        np.save(file, np.concatenate([rarity.hashes, padded.view(np.uint64)]))
    draft.replace(path)


def _map(path: Path, language: str) -> Rarity | None:
    """Map a table that was kept; None where there is none, or it is damaged."""
    try:
        kept = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    count = kept.size * 2 // 3
    if kept.dtype != np.uint64 or not count:
        return None
    hashes, rarity = np.asarray(kept[:count]), np.asarray(kept[count:]).view(np.float32)
    return Rarity(language, hashes, rarity[:count])
