"""How rare a word is, from a static table: what makes a term weigh in a story.

The rarity of a word is 7 - its Zipf frequency in wordfreq's list of the language (the
logarithm to base 10 of its uses in a thousand million words), between 0 ("the") and
`RAREST` (a word that no list has).  The table never depends on what was ingested, so
neither does any signature or term vector.

Frequencies are counted over our own tokens: "don't" counts for "don" and for "t"; digits
are estimated as wordfreq estimates them, for numbers of up to four digits.  In scripts
written without spaces a term is a pair of neighbouring characters (`pair_hashes`); the
table holds the pairs inside the list's words, and single characters.

Languages without a list (and ``und``): every term has the rarity `UNLISTED`, so that how
often and how early a text uses it decides alone.  Where a near relative has a list, that
list is used (`RELATIVES`).

Source of the lists: Robyn Speer, wordfreq, doi:10.5281/zenodo.7199437.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np

from ingest.dedup.tokens import fmix64, tokenise

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

RAREST = 5.0
"""Rarity of a word in no list: beyond it, lists tell misspellings from names no more."""

UNLISTED = 3.0
"""Rarity of every word of a language without a list."""

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
TABLE = 1
"""Version of what is made of the lists."""

_STEP = 128.0  # rarities are multiples of 1/128, so that products in float32 are exact
_PAIR = np.uint64(0x9FB21C651E98DF25)


@dataclass(frozen=True, slots=True)
class Rarity:
    """Rarity by token hash.

    ``hashes``: uint64, sorted; ``rarity``: float32, same shape, multiples of 1/128;
    ``default``: rarity of a token that is not in the table.
    """

    language: str
    hashes: NDArray[np.uint64]
    rarity: NDArray[np.float32]
    default: float

    def of(self, hashes: NDArray[np.uint64]) -> NDArray[np.float32]:
        """Rarity of each token, float32, same shape; 60 microseconds for 500 tokens."""
        if not self.hashes.size:
            return np.full(hashes.shape, self.default, dtype=np.float32)
        places = np.minimum(np.searchsorted(self.hashes, hashes), self.hashes.size - 1)
        known = self.hashes[places] == hashes
        return np.where(known, self.rarity[places], np.float32(self.default))


def table_version() -> str:
    """Version of the lists and of what is made of them; part of the story signature's."""
    try:
        return f"wordfreq/{version('wordfreq')}/{TABLE}"
    except PackageNotFoundError:
        return f"unlisted/{TABLE}"


def pair_hashes(left: NDArray[np.uint64], right: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Hash of each ordered pair of tokens, uint64."""
    return fmix64(left * _PAIR + right)


@lru_cache(maxsize=4)
def load(language: str, folder: Path | None = None) -> Rarity:
    """Table of a language (ISO 639-1): 0.4 s for English, 4 MB; kept for four languages.

    With ``folder``, the table is written there once and mapped into memory afterwards
    (3 ms, shared between processes); a folder that cannot be written is done without.
    """
    language = RELATIVES.get(language, language)
    if folder is None:
        return _make(language)
    name = f"rarity-{language}-{table_version().replace('/', '-')}.npy"
    return _map(folder / name, language) or _keep(folder / name, _make(language))


def _make(language: str) -> Rarity:
    """Build a language's table from its list."""
    words, uses = _list(language)
    if not words:
        none = np.empty(0, dtype=np.uint64)
        return Rarity(language, none, none.astype(np.float32), UNLISTED)
    hashes, shares = _tokens(words, np.array(uses))
    unique, places = np.unique(hashes, return_inverse=True)
    zipf = np.log10(np.bincount(places, weights=shares)) + _LOG_OF_CERTAINTY
    rarity = np.clip(_COMMONEST - zipf, 0.0, RAREST)
    rounded = (np.rint(rarity * _STEP) / _STEP).astype(np.float32)
    rare = rounded < RAREST  # what is left out has that rarity anyway
    return Rarity(language, unique[rare], rounded[rare], RAREST)


def _list(language: str) -> tuple[list[str], list[float]]:
    """Words of a language and their share of all uses; empty where there is no list."""
    try:
        import wordfreq  # noqa: PLC0415 - 0.3 s, needed only where no table is kept
    except ImportError:
        return [], []
    path = wordfreq.available_languages("best").get(language)
    if path is None:
        return [], []
    # not get_frequency_dict, which would keep 40 MB of strings for good
    groups = wordfreq.read_cBpack(path)
    shares = {
        word: 10.0 ** (-place / _CENTIBEL)
        for place, group in enumerate(groups[: _LAST_GROUP + 1])
        for word in group
    }
    words = {word: share for word, share in shares.items() if not _is_shape(word)}
    words.update(_numbers(shares))
    return list(words), list(words.values())


def _is_shape(word: str) -> bool:
    """Whether an entry of the list stands for all numbers of its shape (``0000``, ``0.0``)."""
    return len(word) > 1 and "0" in word


def _numbers(shares: dict[str, float]) -> Iterator[tuple[str, float]]:
    """Numbers of two to `_DIGITS` digits and their shares, by wordfreq's estimate."""
    from wordfreq.numbers import digit_freq  # noqa: PLC0415 - as above

    for digits in range(2, _DIGITS + 1):
        shape = shares.get("0" * digits, 0.0)
        for number in range(10**digits if shape else 0):
            word = str(number).zfill(digits)
            yield word, shape * digit_freq(word)


def _tokens(
    words: list[str], shares: NDArray[np.float64]
) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
    """Hash every token of the words, and every pair of characters not set apart, with its share."""
    tokens = tokenise("\n".join(words))
    lengths = np.array([len(word) + 1 for word in words])
    word_of = np.searchsorted(np.cumsum(lengths), tokens.starts, side="right")
    joined = np.flatnonzero(tokens.ends[:-1] == tokens.starts[1:])
    pairs = pair_hashes(tokens.hashes[joined], tokens.hashes[joined + 1])
    return (
        np.concatenate([tokens.hashes, pairs]),
        np.concatenate([shares[word_of], shares[word_of[joined]]]),
    )


def _keep(path: Path, rarity: Rarity) -> Rarity:
    """Write a table for the next process, by rename; without a writable folder, do nothing."""
    draft = path.with_suffix(f".{os.getpid()}")
    padded = np.zeros(rarity.hashes.size + 1 & ~1, dtype=np.float32)
    padded[: rarity.rarity.size] = rarity.rarity
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            np.save(file, np.concatenate([rarity.hashes, padded.view(np.uint64)]))
        draft.replace(path)
    return rarity


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
    return Rarity(language, hashes, rarity[:count], RAREST)
