"""Words of all lines of a text at once, as hashes: no string is made for a word.

A word is a run of letters, digits, marks and underscores, without case; in a script
written without spaces, each character.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from ingest.extract.characters import BEYOND, FIRST_WIDE, WIDE, classes, code_points

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]

FACTOR, MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(29)
MOST_LANGUAGES = 32
SUBJECT = 3  # characters from which on a word may carry a subject
DRAWER = np.uint64(48)  # bits of a hash that do not name its drawer
PLACE = np.uint64(0x100000001B3)  # odd, so that it has an inverse modulo 2^64
_BACK = np.uint64(pow(int(PLACE), -1, 1 << 64))


@cache
def folded() -> NDArray[np.uint32]:
    """Each code point without case, 0 where it is not of a word; shape (65537,).

    A letter whose case folds to several (``ß``) stands for itself, and every character
    beyond the first plane is none.
    """
    table = np.zeros(BEYOND + 1, dtype=np.uint32)
    for code in range(BEYOND):
        letter = chr(code)
        if unicodedata.category(letter)[0] in "LMN" or letter == "_":
            fold = letter.casefold()
            table[code] = ord(fold) if len(fold) == 1 else code
    return table


@dataclass(frozen=True, slots=True)
class Tokens:
    """Words in order: hash, line, and length in characters, each of shape (words,)."""

    hashes: Hashes
    line: NDArray[np.intp]
    lengths: NDArray[np.intp]


def tokens(codes: NDArray[np.integer], breaks: NDArray[np.intp]) -> Tokens:
    """Words of lines, from code points up to `BEYOND`; ``breaks`` are where the lines end.

    The hash of a word is a polynomial in its letters modulo 2^64, of all words at once from
    sums over the text, as Karp and Rabin's (1987).
    """
    letters_at = folded().take(codes)
    at = np.flatnonzero(letters_at != 0)  # four times as fast on truth values
    if not len(at):
        return Tokens(at.astype(np.uint64), at, at)
    begins = np.empty(len(at), dtype=bool)
    begins[0] = True
    np.greater(at[1:] - at[:-1], 1, out=begins[1:])
    letters = letters_at.take(at)
    if letters.max() >= FIRST_WIDE:
        wide = classes().take(letters) == WIDE
        begins[1:] |= wide[1:] | wide[:-1]
    starts = np.flatnonzero(begins)
    ends = np.append(starts[1:], len(at))
    lengths = ends - starts
    hashes = _polynomials(letters, starts, ends)
    first = at.take(starts)
    counts = np.searchsorted(first, breaks)
    counts[1:] -= counts[:-1].copy()
    line = np.repeat(np.arange(len(breaks)), counts)
    return Tokens(hashes, line, lengths)


def _polynomials(
    letters: NDArray[np.uint32], starts: NDArray[np.intp], ends: NDArray[np.intp]
) -> Hashes:
    mixed = letters * FACTOR
    mixed ^= mixed >> MIX
    mixed *= np.full(len(letters), PLACE).cumprod()
    hashes = mixed.cumsum().take(ends - 1)
    hashes[1:] -= hashes[:-1].copy()
    hashes *= np.full(len(letters), _BACK).cumprod().take(starts) * PLACE
    return hashes


@dataclass(frozen=True, slots=True)
class Words:
    """What is known of words, by their ``hashes`` in order, the last one of no word.

    ``languages`` (words,): a bit for each language of which it is a function word;
    ``leaning`` (2, words): log-odds of standing in main text, for words seen on many sites,
    in the languages of training, on any line and on short ones; ``characters`` (65537,):
    whether a code point works as a function word, in scripts without spaces.  ``drawers``
    (2^16,): place of the first hash that begins with these 16 bits or higher ones; a drawer
    holds ``most`` hashes at most.
    """

    hashes: Hashes
    languages: NDArray[np.uint32]
    leaning: NDArray[np.float32]
    characters: NDArray[np.bool_]
    drawers: NDArray[np.intp]
    most: int

    def look_up(self, hashes: Hashes) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """For each word, whether it is a function word, and what it leans to.

        Function words are those of the language whose words cover most of the text; the
        second array is (2, words), as `leaning`.
        """
        at = self.drawers.take((hashes >> DRAWER).view(np.int64))  # searchsorted: five times slower
        for _ in range(self.most):
            at += self.hashes.take(at) < hashes
        at[self.hashes.take(at) != hashes] = len(self.hashes) - 1
        spoken = self.languages.take(at)
        bits = np.unpackbits(spoken[spoken > 0].view(np.uint8), bitorder="little")
        each = bits.reshape(-1, MOST_LANGUAGES).astype(np.float32)
        counts = np.ones(len(each), dtype=np.float32) @ each  # exact up to 2^24 words
        language = np.uint32(1 << int(np.argmax(counts)))
        return (spoken & language) > 0, self.leaning.take(at, axis=1)


@dataclass(frozen=True, slots=True)
class Counts:
    """What the words of each unit are, in numbers.

    ``words``, ``function`` (function words), ``subjects`` (subject words) and ``common`` (those
    of them that prose elsewhere has too) of each unit, shape (units,); ``leaning`` (4, units):
    sum of what the words lean to, and of those that lean against main text, on any line and on
    short ones; ``ids`` and ``of``: a number for each subject word in order, and its unit.
    """

    words: NDArray[np.intp]
    function: NDArray[np.intp]
    leaning: NDArray[np.float64]
    subjects: NDArray[np.intp]
    common: NDArray[np.intp]
    ids: NDArray[np.intp]
    of: NDArray[np.intp]


def count_words(
    codes: NDArray[np.integer], breaks: NDArray[np.intp], prose: NDArray[np.bool_], known: Words
) -> Counts:
    """Count the words of units, from code points up to `BEYOND`; ``prose`` says which are prose."""
    found = tokens(codes, breaks)
    unit, n = found.line, len(breaks)
    function, odds = known.look_up(found.hashes)
    leaning = np.flatnonzero(odds.any(axis=0))
    at = unit.take(leaning)
    sums = np.empty((4, n))
    for lexicon, each in enumerate(odds.take(leaning, axis=1)):
        sums[2 * lexicon] = np.bincount(at, each, n)
        sums[2 * lexicon + 1] = np.bincount(at, np.minimum(each, 0), n)
    subjects = np.flatnonzero((found.lengths >= SUBJECT) & ~function)
    of = unit[subjects]
    _, ids = np.unique(found.hashes[subjects], return_inverse=True)
    spoken = prose[of]
    common = np.bincount(ids[spoken], minlength=len(ids))[ids] > spoken
    return Counts(
        np.bincount(unit, minlength=n),
        np.bincount(unit[function], minlength=n),
        sums,
        np.bincount(of, minlength=n),
        np.bincount(of[common], minlength=n),
        ids,
        of,
    )


def words_of(
    languages: Mapping[str, str],
    characters: str,
    leaning: Mapping[str, float],
    short: Mapping[str, float],
) -> Words:
    """What is known of words, from each language's function words separated by spaces.

    ValueError where there are more than 32 languages.
    """
    if len(languages) > MOST_LANGUAGES:
        raise ValueError(f"{len(languages)} languages, {MOST_LANGUAGES} at most")
    spoken = [frozenset(words.split()) for words in languages.values()]
    every = sorted(frozenset(leaning).union(short, *spoken))
    codes = np.minimum(code_points("".join(f"{word}\n" for word in every)), BEYOND)
    found = tokens(codes, np.flatnonzero(codes == ord("\n")))
    alone = np.bincount(found.line, minlength=len(every))[found.line] == 1
    order = np.flatnonzero(alone)[np.argsort(found.hashes[alone])]
    names = [every[at] for at in found.line[order]]
    marks = np.zeros(len(names) + 1, dtype="<u4")
    for language, words in enumerate(spoken):
        marks[:-1] |= np.array([(name in words) << language for name in names], dtype=np.uint32)
    working = np.zeros(BEYOND + 1, dtype=bool)
    working[code_points(characters)] = True
    last = np.uint64(0xFFFFFFFFFFFFFFFF)  # the place of all words that are not known
    hashes = np.append(found.hashes[order], last)
    first = np.searchsorted(hashes >> DRAWER, np.arange(1 << 16, dtype=np.uint64))
    return Words(
        hashes,
        marks,
        np.array(
            [[*(odds.get(name, 0.0) for name in names), 0] for odds in (leaning, short)],
            dtype=np.float32,
        ),
        working,
        first,
        int(np.diff(first, append=len(hashes)).max()),
    )
