"""Which lines of a dump are main text, by aligning the words of the dump with the gold's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_WORD = re.compile(r"[^\W\u3040-\u30ff\u3400-\u9fff]+|[\u3040-\u30ff\u3400-\u9fff]")
_TITLE = re.compile(r"\w+")
_TITLE_WORDS, _TITLE_LENGTH = 3, 8  # that a part of a title has at least
_MOST = 15_000  # words: the alignment takes a byte for each pair of words
_RUN = 4  # words in a row, in dump and gold alike, that are no coincidence


def align(lines: Sequence[str], gold: str) -> NDArray[np.float32]:
    """Share of each line's words that the gold has in the same order; -1 for a line without words.

    Words match in the alignment with the most words in it, a new run of words costing a
    little; runs of fewer than `_RUN` words are taken for coincidence, unless they are
    all that dump or gold has there.
    """
    dump = [_WORD.findall(line.lower()) for line in lines]
    sizes = np.array([len(words) for words in dump])
    numbers: dict[str, int] = {}
    a = np.array(
        [numbers.setdefault(w, len(numbers)) for words in dump for w in words], dtype=np.int32
    )
    b = np.array(
        [numbers.setdefault(w, len(numbers)) for w in _WORD.findall(gold.lower())], dtype=np.int32
    )
    if len(a) > _MOST or len(b) > _MOST or not len(b):
        return np.full(len(lines), np.nan, dtype=np.float32)
    matched = _matched(a, b)
    line = np.repeat(np.arange(len(lines)), sizes)
    hits = np.bincount(line, weights=matched, minlength=len(lines))
    return np.where(sizes > 0, hits / np.maximum(sizes, 1), -1).astype(np.float32)


def is_title(line: str, title: str) -> bool:
    """Whether a line is a page's title, or what of it is not the name of the site."""
    one, other = " ".join(_TITLE.findall(line.lower())), " ".join(_TITLE.findall(title.lower()))
    shorter, longer = sorted((one, other), key=len)
    if not shorter or shorter == longer:
        return bool(shorter)
    long = len(shorter.split()) >= _TITLE_WORDS or 2 * len(shorter) >= len(longer)
    return len(shorter) >= _TITLE_LENGTH and shorter in longer and (long or not one.isascii())


@numba.njit(cache=True)
def _matched(a, b):  # noqa: ANN001, ANN202, C901, PLR0912 - numba infers types; one DP and its path
    n, m = len(a), len(b)
    step = np.zeros((n + 1, m + 1), dtype=np.uint8)  # 1 up, 2 left, 3 match after match, 4 new run
    best = np.zeros(m + 1, dtype=np.float32)
    run = np.full(m + 1, -1e9, dtype=np.float32)
    longer = np.zeros((n + 1, m + 1), dtype=np.bool_)
    for i in range(1, n + 1):
        diagonal_best, diagonal_run = best[0], run[0]
        for j in range(1, m + 1):
            old_best, old_run = best[j], run[j]
            here = np.float32(-1e9)
            if a[i - 1] == b[j - 1]:
                if diagonal_run + 1 >= diagonal_best + 0.2:
                    here = diagonal_run + np.float32(1)
                    longer[i, j] = True
                else:
                    here = diagonal_best + np.float32(0.2)
            run[j] = here
            if here >= best[j] and here >= best[j - 1]:
                best[j] = here
                step[i, j] = 3
            elif best[j - 1] > best[j]:
                best[j] = best[j - 1]
                step[i, j] = 2
            else:
                step[i, j] = 1
            diagonal_best, diagonal_run = old_best, old_run
    matched = np.zeros(n, dtype=np.float64)
    i, j = n, m
    while i > 0 and j > 0:
        if step[i, j] == 1:
            i -= 1
        elif step[i, j] == 2:
            j -= 1
        else:
            size = 1
            while longer[i - size + 1, j - size + 1]:
                size += 1
            if size >= _RUN or (size == m):
                matched[i - size : i] = 1
            i -= size
            j -= size
    return matched
