"""The table that says, for every code point, whether it is part of a word and how it folds.

The table is a file of this package (``characters.npz``) and not `unicodedata` at run
time, so that a signature is the same under every Python; `UNICODE` is part of the
signature's version.  ``python -m ingest.dedup.characters`` writes it anew.

An entry is a uint32: in the low 21 bits what to add to the code point, modulo 2^21, to fold it
(differences, so that most pages of the table are alike), in the top two bits its class.
A code point that is no part of a word is 0 as a whole.
"""

from __future__ import annotations

import sys
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNICODE = "14.0.0"
"""The Unicode version that the table was made from."""

WORD = 1
"""Class of a code point that joins its neighbours to a word."""
SINGLE = 2
"""Class of a code point that is a token by itself: scripts written without spaces."""

CLASS_SHIFT = 30
FOLD_MASK = (1 << 21) - 1
PAGE = 256

_FILE = Path(__file__).with_suffix(".npz")

# Scripts written without spaces between words: line breaking class SA of UAX 14 (Thai, Lao,
# Myanmar, Tai Le, New Tai Lue, Khmer, Tai Tham, Tai Viet, Ahom), and Han, kana, Bopomofo, Yi.
# Tibetan is left out: its tsheg separates syllables as a space does words.
_UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x1950, 0x19DF),
    (0x1A20, 0x1AAF),
    (0x2E80, 0x2FDF),
    (0x3005, 0x3007),
    (0x3021, 0x312F),
    (0x31A0, 0x31BF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0xA4CF),
    (0xA9E0, 0xA9FF),
    (0xAA60, 0xAADF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),
    (0x11700, 0x1174F),
    (0x1AFF0, 0x1B16F),
    (0x20000, 0x3FFFF),
)


@dataclass(frozen=True, slots=True)
class Characters:
    """The table in two stages: ``pages[index[c >> 8], c & 255]`` is the entry of code point c.

    ``index``: shape (4352,), uint16; ``pages``: shape (n, 256), uint32.
    """

    index: NDArray[np.uint16]
    pages: NDArray[np.uint32]

    def __getitem__(self, points: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Entries of an array of code points, same shape."""
        found: NDArray[np.uint32] = self.pages[
            self.index[points >> np.uint32(8)], points & np.uint32(PAGE - 1)
        ]
        return found


@cache
def characters() -> Characters:
    """Read the table of this package, once a process (1 ms)."""
    with np.load(_FILE) as stored:
        return Characters(stored["index"], stored["pages"])


def entry(point: int) -> int:
    """Return what the table holds for a code point, by this Python's `unicodedata`.

    Letters, marks, numbers and the underscore make words: word characters of `re`, and marks
    besides, without which the vowel signs of Indic scripts would cut words apart.
    """
    character = chr(point)
    if character != "_" and unicodedata.category(character)[0] not in "LMN":
        return 0
    unspaced = any(low <= point <= high for low, high in _UNSPACED)
    shift = (fold(character) - point) & FOLD_MASK
    return (SINGLE if unspaced else WORD) << CLASS_SHIFT | shift


def fold(character: str) -> int:
    """Fold to one code point; where folding gives several, the first of the lower case's."""
    folded = character.casefold()
    return ord(folded if len(folded) == 1 else character.lower()[0])


def build() -> Characters:
    """Make the table by this Python's `unicodedata`; takes a second."""
    flat = np.array([entry(point) for point in range(sys.maxunicode + 1)], dtype=np.uint32)
    pages, index = np.unique(flat.reshape(-1, PAGE), axis=0, return_inverse=True)
    return Characters(index.astype(np.uint16).ravel(), pages)


if __name__ == "__main__":
    made = build()
    np.savez_compressed(_FILE, index=made.index, pages=made.pages)
