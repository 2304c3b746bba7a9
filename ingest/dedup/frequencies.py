"""How often the words of a language are used: wordfreq's lists, by our own tokens.

"don't" counts for "don" and for "t"; two tokens that nothing sets apart (characters of a
script without spaces) count as a run, too.  Numbers of two to four digits are estimated as
wordfreq estimates them, and taken for `TELLING` times rarer than that: dates, ages and
tolls tell events apart.

Source of the lists: Robyn Speer, wordfreq, doi:10.5281/zenodo.7199437.
"""

from __future__ import annotations

import gzip
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ingest.dedup.tokens import run_hashes, tokenise
from ingest.documents import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

TELLING = 100.0
"""How many times rarer numbers are taken for than they are."""

CENTIBEL = 100.0
"""A list goes by hundredths of the logarithm to base 10."""

_DIGITS = 4  # longer numbers are as rare as can be
_AT_ONCE = 1 << 17  # characters tokenised at a time: what fits a processor's cache
_READ = 1 << 18  # bytes


class Used(NamedTuple):
    """Hashes (uint64) of tokens and runs, any of them more than once, and shares of all uses."""

    hashes: NDArray[np.uint64]
    shares: NDArray[np.float64]


def used(language: str, groups: int) -> Used | None:
    """Count the words of a language (ISO 639-1) as tokens; None where it has no list.

    ``groups``: how many of the list's groups count; each holds the words that are used 1
    centibel less than those of the group before.
    """
    path = listed(language)
    if not path:
        return None
    counted: list[Used] = []
    runs: list[Used] = []
    noughts: dict[str, int] = {}
    for some in _some_at_once(path, groups, noughts):
        one, two = _counted(some)
        counted.append(one)
        runs.append(two)
    for digits in range(2, _DIGITS + 1):
        place = noughts.get("0" * digits)
        if place is not None:
            numbers = _numbers(digits)
            counted.append(Used(numbers.hashes, numbers.shares * _share(place)))
    hashes, shares = zip(*counted, *runs, strict=True)
    return Used(np.concatenate(hashes), np.concatenate(shares))


def listed(language: str) -> str:
    """File of a language's list, ``""`` where there is none."""
    if language == UNKNOWN:
        return ""
    try:
        import wordfreq  # noqa: PLC0415 - 0.3 s, needed only where no table is kept
    except ImportError:
        return ""
    return str(wordfreq.available_languages("best").get(language, ""))


def _groups(path: str, count: int) -> Iterator[list[str]]:
    """The first groups of a list (`wordfreq.read_cBpack`); the others, most words, stay unread."""
    import msgpack  # noqa: PLC0415 - needed only where no table is kept

    with gzip.open(path) as file:
        unpacker = msgpack.Unpacker(file, raw=False, read_size=_READ)
        size = unpacker.read_array_header()
        unpacker.skip()  # says that this is such a list
        for _ in range(min(size - 1, count)):
            yield unpacker.unpack()


def _some_at_once(
    path: str, count: int, noughts: dict[str, int]
) -> Iterator[list[tuple[int, str]]]:
    """Words of some groups, a line each, by the group's place.

    A word with a nought in it stands for all numbers of its shape (``0000``, ``0.0``): those
    are put in ``noughts``, with their places.
    """
    some: list[tuple[int, str]] = []
    size = 0
    for place, words in enumerate(_groups(path, count)):
        lines = "\n".join(words)
        if "0" in lines:
            noughts |= {word: place for word in words if "0" in word}
            lines = "\n".join(word for word in words if word not in noughts or len(word) == 1)
        some.append((place, lines))
        size += len(lines) + 1
        if size >= _AT_ONCE:
            yield some
            some, size = [], 0
    yield some


def _counted(some: Sequence[tuple[int, str]]) -> tuple[Used, Used]:
    """Every token of these words, and every run of two that nothing sets apart."""
    tokens = tokenise("\n".join(lines for _, lines in some))
    ends = np.cumsum([len(lines) + 1 for _, lines in some])
    group = np.searchsorted(ends, tokens.starts, side="right")
    shares = _share(np.array([place for place, _ in some], dtype=np.int64))[group]
    joined = np.flatnonzero(tokens.ends[:-1] == tokens.starts[1:])
    return (
        Used(tokens.hashes, shares),
        Used(run_hashes(tokens.hashes, joined, 2), shares[joined]),
    )


def _share(place: NDArray[np.int64] | int) -> NDArray[np.float64]:
    """Share of all uses of a word in the group at a place."""
    return np.power(10.0, -np.asarray(place) / CENTIBEL)


@cache
def _numbers(digits: int) -> Used:
    """Numbers of so many digits, and their shares of the uses of all, by wordfreq's estimate."""
    from wordfreq.numbers import digit_freq  # noqa: PLC0415 - as above

    numbers = [str(number).zfill(digits) for number in range(10**digits)]
    shares = np.array([digit_freq(number) / TELLING for number in numbers])
    return Used(tokenise("\n".join(numbers)).hashes, shares)
