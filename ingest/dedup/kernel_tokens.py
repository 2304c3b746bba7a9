"""The first part of the signature kernel: UTF-8 in, tokens and their hashes out.

    text -> letters -> edges of tokens -> hashes

A letter is a code point folded, with marks in its upper bits; 0 where no part of a word.
The compiled counterpart of `tokens.tokenise`, which is the oracle in the tests.  Letters and
edges are found in loops whose branches do not hang on them: a branch at each end of a word,
mispredicted, costs more than all else that is done for a word.

Arrays are indexed by unsigned numbers (`U`): a signed one may be negative, which numba then
tests for, and no loop with that test is vectorised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np

from ingest.compiling import inner
from ingest.dedup import tokens
from ingest.dedup.characters import CLASS_SHIFT, FOLD_MASK, PAGE, characters

if TYPE_CHECKING:
    from numpy.typing import NDArray

Bytes: TypeAlias = "NDArray[np.uint8]"
Rows: TypeAlias = "NDArray[np.uint32]"
Hashes: TypeAlias = "NDArray[np.uint64]"
Edges: TypeAlias = "NDArray[np.int32]"
"""Where each token begins and ends in the letters: shape (2 n,), begin and end in turn."""

U = np.uintp
INT = cast("type[int]", np.int64)
"""To a signed number; `int` leaves an unsigned one of numba's as it is."""
ZERO = np.uint64(0)
ONE, TWO = np.uint32(1), np.uint32(2)
NONE = np.uint32(0)
POINT = np.uint32(FOLD_MASK)
WORD, DIGIT = np.uint32(1 << 28), np.uint32(1 << 29)
CAPITAL, SINGLE = np.uint32(1 << 30), np.uint32(1 << 31)
"""Marks of a letter: any of a word; a digit of ASCII; one that folds to another; a token alone."""
MARKS = np.uint32(0xF << 28)

PAD = 8
"""Letters before the first, all 0: a token's hash reads eight at a time, back from its end."""
BLOCK = 64
"""Bytes looked at together; see `letters_of`."""
FLAT = 2048
"""Code points below have one byte or two, and their letters stand first in the alphabet."""
INDEX_SHIFT = np.uint32(8)
LAST = np.uint32(PAGE - 1)
LOW = np.uint32(0x3F)
TWO_BYTES, THREE_BYTES, FOUR_BYTES = 0xC0, 0xE0, 0xF0  # first lead byte of such a sequence
ONE_BYTE = 0x80

BASE = np.uint64(tokens.BASE)
S1, M1, S2, M2, S3 = (np.uint64(number) for number in tokens.FMIX64)
POWERS = np.array(
    [
        pow(tokens.BASE, PAD - 1 - at, 1 << 64) if at >= PAD - size else 0
        for size in range(PAD + 1)
        for at in range(PAD)
    ],
    np.uint64,
)
"""What the last `PAD` letters of a token of 0, 1, ... `PAD` are multiplied by: 0 before it."""
STRIDE = np.uint64(pow(tokens.BASE, PAD, 1 << 64))


def alphabet() -> Rows:
    """Make the table that the kernel reads: `characters`, in one array and with marks.

    Letters of the first `FLAT` code points; for each page of all, where it begins; the pages,
    of differences to the folded code points with marks, 0 where no part of a word.
    """
    table = characters()
    points = np.arange(FLAT, dtype=np.uint32)
    pages = table.pages.reshape(-1)
    kinds, shifts = pages >> np.uint32(CLASS_SHIFT), pages & POINT
    marks = np.where(kinds == TWO, WORD | SINGLE, WORD) | np.where(shifts, CAPITAL, NONE)
    entries = np.where(kinds, shifts | marks, NONE).astype(np.uint32)
    begins = FLAT + table.index.size + table.index.astype(np.uint32) * np.uint32(PAGE)
    whole = np.concatenate([points, begins.astype(np.uint32), entries])
    flat = entries[begins[points >> INDEX_SHIFT] - (FLAT + table.index.size) + (points & LAST)]
    digits = np.where((points >= ord("0")) & (points <= ord("9")), DIGIT, NONE)
    whole[:FLAT] = np.where(flat, (points + flat & POINT) | (flat & MARKS) | digits, NONE)
    return whole


@inner
def fmix64(h: np.uint64) -> np.uint64:
    """See `tokens.fmix64`."""
    h = (h ^ (h >> S1)) * M1
    h = (h ^ (h >> S2)) * M2
    return h ^ (h >> S3)


@inner
def largest(values: Rows | bytes, begin: int, end: int) -> np.uint32:
    """Largest of some values; of bytes it says how long the sequences among them are."""
    most = NONE
    for i in range(begin, end):
        most = max(most, np.uint32(values[U(i)]))
    return most


@inner
def decode(text: bytes, i: int) -> tuple[np.uint32, int]:
    """Give the code point at byte i of valid UTF-8, and the position of the next."""
    lead = np.uint32(text[U(i)])
    if lead < ONE_BYTE:
        return lead, i + 1
    second = np.uint32(text[U(i + 1)]) & LOW
    if lead < THREE_BYTES:
        return (lead & np.uint32(0x1F)) << np.uint32(6) | second, i + 2
    third = np.uint32(text[U(i + 2)]) & LOW
    if lead < FOUR_BYTES:
        point = (lead & np.uint32(0x0F)) << np.uint32(12) | second << np.uint32(6) | third
        return point, i + 3
    point = (lead & np.uint32(0x07)) << np.uint32(18) | second << np.uint32(12)
    return point | third << np.uint32(6) | np.uint32(text[U(i + 3)]) & LOW, i + 4


@inner
def letters_of(text: bytes, alphabet: Rows, out: Rows, n: int) -> int:
    """Write the letters of UTF-8 text from ``out[n]`` on; gives where they end.

    Bytes are taken a block at a time, by the longest sequence in it: of ASCII and of two
    bytes (Latin, Greek, Cyrillic, Hebrew, Arabic) without a branch, of more one by one.
    """
    i, size = 0, len(text)
    scratch = np.empty(BLOCK, np.uint16), np.empty(BLOCK, np.uint8)
    while i < size:
        end = min(i + BLOCK, size)
        most = largest(text, i, end)
        if most < ONE_BYTE:
            for k in range(end - i):
                out[U(n + k)] = alphabet[text[U(i + k)]]
            i, n = end, n + end - i
        elif most < THREE_BYTES and i + BLOCK < size:
            i, n = end, letters_of_two(text, i, alphabet, scratch, out, n)
        else:
            i, n = letters_of_any(text, i, end, alphabet, out, n)
    return n


@inner
def letters_of_two(
    text: bytes,
    begin: int,
    alphabet: Rows,
    scratch: tuple[NDArray[np.uint16], Bytes],
    out: Rows,
    n: int,
) -> int:
    """Write the letters of a block of sequences of two bytes at the most.

    Every byte is taken for the first of a sequence, all at once; what those gave that are
    not is then overwritten.
    """
    points, leads = scratch
    for k in range(BLOCK):
        first, second = np.uint16(text[U(begin + k)]), np.uint16(text[U(begin + k + 1)])
        both = np.uint16(
            np.uint16((first & np.uint16(0x1F)) << np.uint16(6)) | second & np.uint16(0x3F)
        )
        points[U(k)] = first if first < ONE_BYTE else both
        leads[U(k)] = (first & np.uint16(0xC0)) != ONE_BYTE
    at = U(n)
    for k in range(BLOCK):
        out[at] = alphabet[points[U(k)]]
        at += U(leads[U(k)])
    return INT(at)


@inner
def letters_of_any(
    text: bytes, begin: int, end: int, alphabet: Rows, out: Rows, n: int
) -> tuple[int, int]:
    """Write the letters of all sequences that begin in a block; gives where both ended."""
    i = begin
    while i < end:
        if np.uint32(text[U(i)]) & np.uint32(0xC0) == ONE_BYTE:  # the block before had the rest
            i += 1
            continue
        point, i = decode(text, i)
        entry = alphabet[alphabet[U(np.uint32(FLAT) + (point >> INDEX_SHIFT))] + (point & LAST)]
        letter = (point + entry) & POINT | entry & MARKS if entry else NONE
        out[U(n)] = alphabet[point] if point < FLAT else letter
        n += 1
    return i, n


@inner
def whole(text: bytes, h: np.uint64) -> np.uint64:
    """Go on hashing with all code points of a text, as if they were of one token."""
    i = 0
    while i < len(text):
        point, i = decode(text, i)
        h = h * BASE + np.uint64(point)
    return h


@inner
def edges_of(letters: Rows, end: int, out: Edges) -> int:
    """Write where tokens begin and end; gives how many tokens there are.

    What stands at ``out[n]`` is overwritten until there is an edge, when n moves on.
    """
    n, before = U(0), U(0)
    if largest(letters, PAD, end) >= SINGLE:
        return edges_of_any(letters, end, out)
    for i in range(PAD, end + 1):
        word = U(letters[U(i)] != NONE)
        out[n] = i
        n += word ^ before
        before = word
    return INT(n >> U(1))


@inner
def edges_of_any(letters: Rows, end: int, out: Edges) -> int:
    """Write the same where some letters are tokens by themselves: a place may be two edges."""
    n, before, alone = U(0), U(0), U(0)
    for i in range(PAD, end + 1):
        letter = letters[U(i)]
        word, single = U(letter != NONE), U(letter >= SINGLE)
        out[n] = i
        out[n + U(1)] = i
        joined = word & before & ~(single | alone)
        n += word + before - (joined << U(1))
        before, alone = word, single
    return INT(n >> U(1))


@inner
def hash_end(letters: Rows, end: int, size: int) -> np.uint64:
    """Hash the last eight letters of a token, or all its ``size``: times their powers."""
    part = ZERO
    for k in range(PAD):
        letter = np.uint64(letters[U(end - PAD + k)] & POINT)
        part += letter * POWERS[U(size * PAD + k)]
    return part


@inner
def hash_tokens(letters: Rows, edges: Edges, out: Hashes) -> None:
    """Hash each token: its last eight letters, and of the few longer ones those before likewise."""
    longer, n = np.empty(out.size, np.int32), U(0)
    for token in range(out.size):
        end = INT(edges[U(2 * token + 1)])
        size = end - INT(edges[U(2 * token)])
        out[U(token)] = hash_end(letters, end, min(size, PAD))
        longer[n] = token
        n += U(size > PAD)
    for token in longer[: INT(n)]:
        end, scale = INT(edges[U(2 * token + 1)]) - PAD, STRIDE
        left = end - INT(edges[U(2 * token)])
        while left > 0:
            out[U(token)] += scale * hash_end(letters, end, min(left, PAD))
            scale *= STRIDE
            end, left = end - PAD, left - PAD
    for token in range(out.size):
        out[U(token)] = fmix64(out[U(token)])


@inner
def spell(title: bytes, text: bytes, alphabet: Rows) -> tuple[Rows, int]:
    """Give the letters of title and text, a line break between them, and where the text begins.

    `PAD` stand before them, and one after them, all 0.
    """
    letters = np.empty(len(title) + len(text) + PAD + 3, np.uint32)
    for i in range(PAD):
        letters[U(i)] = NONE
    begin = letters_of(title, alphabet, letters, PAD)
    if len(title):
        letters[U(begin)] = NONE
        begin += 1
    end = letters_of(text, alphabet, letters, begin)
    letters[U(end)] = NONE
    return letters[: end + 1], begin


@inner
def cut(letters: Rows) -> tuple[Hashes, Edges]:
    """Give the hashes and edges of the tokens among letters, as `spell` gives them."""
    edges = np.empty(2 * letters.size + 2, np.int32)  # every letter may be a token
    count = edges_of(letters, letters.size - 1, edges)
    hashes = np.empty(count, np.uint64)
    hash_tokens(letters, edges, hashes)
    return hashes, edges[: 2 * count]


@inner
def tokens_or_whole(hashes: Hashes, text: bytes) -> Hashes:
    """Give the token hashes, or, of a text without tokens, one of the whole text."""
    if hashes.size or not len(text):
        return hashes
    return np.full(1, fmix64(whole(text, ZERO)))
