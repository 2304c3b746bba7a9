r"""Tokens of a text and their 64-bit hashes: what every signature is made of.

A token is a run of word characters (``\w+`` of the case-folded text; combining marks
belong to the word), or one single character of a script written without spaces.  A text
that has characters but no token ("!!!", emoji) is one token as a whole, so that two such
texts are not taken for copies of each other.

This is the numpy reference; `ingest.dedup.kernel` gives the same values, compiled.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from ingest.dedup.characters import CLASS_SHIFT, FOLD_MASK, SINGLE, characters

if TYPE_CHECKING:
    from numpy.typing import NDArray

HASH = "poly64"
"""Name of the token hash, part of the version: polynomial modulo 2^64, then `fmix64`."""

BASE = 0x9E3779B97F4A7C15
"""Odd, so that it has an inverse modulo 2^64."""
_INVERSE = pow(BASE, -1, 1 << 64)
_FEW = 1 << 16  # powers that are kept, half a megabyte: few texts are longer

FMIX64 = (33, 0xFF51AFD7ED558CCD, 33, 0xC4CEB9FE1A85EC53, 33)
"""Shifts and multipliers of MurmurHash3's 64-bit finaliser, a bijection that avalanches."""
_FMIX64 = tuple(np.uint64(number) for number in FMIX64)

RUN = 0x9FB21C651E98DF25
"""Multiplier by which the hashes of a run's tokens are combined."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one text, in order; the three arrays have one entry a token.

    ``hashes``: uint64; ``starts`` and ``ends``: int64, positions in code points, so that
    ``text[starts[i]:ends[i]]`` is the token as it was written.
    """

    hashes: NDArray[np.uint64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]


def tokenise(text: str) -> Tokens:
    """Tokens of ``text`` with their hashes; empty arrays only for the empty string."""
    points = code_points(text)
    kinds, folded = _look_up(points)
    starts, ends = _bounds(kinds)
    if not starts.size and points.size:
        starts, ends = np.array([0]), np.array([points.size])
    return Tokens(_hash_spans(folded, starts, ends), starts, ends)


def token_hash(word: str) -> int:
    """Hash of one token, folded first; a word that is several tokens gives the first's."""
    return int(tokenise(word).hashes[0])


def token_words(text: str) -> list[str]:
    """Give the folded tokens as strings, in the order of `tokenise`."""
    points = code_points(text)
    kinds, folded = _look_up(points)
    starts, ends = _bounds(kinds)
    if not starts.size:
        return [text] if text else []
    letters = folded.tobytes().decode("utf-32-le", "surrogatepass")
    return [letters[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]


def code_points(text: str) -> NDArray[np.uint32]:
    """Code points of a text; lone surrogates pass, so that no string can fail here."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def fmix64(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """MurmurHash3's 64-bit finaliser, element by element."""
    first, multiply, second, again, third = _FMIX64
    values = (values ^ (values >> first)) * multiply
    values = (values ^ (values >> second)) * again
    return values ^ (values >> third)


def run_hashes(
    tokens: NDArray[np.uint64], first: NDArray[np.int64], size: int
) -> NDArray[np.uint64]:
    """Hash of each run of ``size`` tokens, those from ``first`` on; uint64."""
    combined = tokens[first]
    for place in range(1, size):
        combined = fmix64(combined * np.uint64(RUN) + tokens[first + place])
    return combined


def _look_up(points: NDArray[np.uint32]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Look up class and folded code point of each code point."""
    entries = characters()[points]
    return entries >> np.uint32(CLASS_SHIFT), (points + entries) & np.uint32(FOLD_MASK)


def _bounds(kinds: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find starts and ends of tokens from the class of each code point."""
    word = kinds != 0
    single = kinds == SINGLE
    cut = np.ones(kinds.size + 1, dtype=bool)  # between code point i-1 and i
    cut[1:-1] = ~(word[1:] & word[:-1]) | single[1:] | single[:-1]
    return np.flatnonzero(word & cut[:-1]), np.flatnonzero(word & cut[1:]) + 1


def _hash_spans(
    folded: NDArray[np.uint32], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """Hash of each span: sum of c[k] * BASE^(n-1-k), from differences of a prefix sum."""
    if not starts.size:
        return np.empty(0, dtype=np.uint64)
    prefix = np.zeros(folded.size + 1, dtype=np.uint64)
    np.cumsum(folded * _powers(_INVERSE, folded.size), out=prefix[1:], dtype=np.uint64)
    return fmix64((prefix[ends] - prefix[starts]) * _powers(BASE, folded.size)[ends - 1])


def _powers(base: int, count: int) -> NDArray[np.uint64]:
    """base^0, base^1, ... modulo 2^64."""
    return _first_powers(base)[:count] if count <= _FEW else _made_powers(base, count)


@cache
def _first_powers(base: int) -> NDArray[np.uint64]:
    return _made_powers(base, _FEW)


def _made_powers(base: int, count: int) -> NDArray[np.uint64]:
    powers = np.full(count, base, dtype=np.uint64)
    powers[:1] = 1
    return np.cumprod(powers, dtype=np.uint64)
