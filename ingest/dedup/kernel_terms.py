"""The story half of the signature kernel: tokens in, term vector and story signature out.

The compiled counterpart of `terms.terms`, `story.pack` and `story.story_signature`, with
`kernel_vector`; those define what is computed here, and why.  Rarities are integers, in
units of 1/128, where the reference has floats that hold such numbers exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ingest.compiling import inner
from ingest.dedup import rarity
from ingest.dedup import terms as reference
from ingest.dedup.kernel import HALF, Permutations, minhash, near_rows, shingle
from ingest.dedup.kernel_tokens import (
    BASE,
    CAPITAL,
    DIGIT,
    INT,
    PAD,
    SINGLE,
    ZERO,
    Bytes,
    Edges,
    Hashes,
    Rows,
    U,
    cut,
    fmix64,
    largest,
    spell,
    tokens_or_whole,
    whole,
)
from ingest.dedup.kernel_vector import heaviest, packed, vector, weights_of
from ingest.dedup.tokens import RUN as TOKENS_RUN

if TYPE_CHECKING:
    from numpy.typing import NDArray

Table: TypeAlias = "tuple[Hashes, int, int, int]"
"""Of `Rarity`: slots (`fill`), per_character in units, run, and whether there is a list."""
Tokens: TypeAlias = "tuple[Hashes, Edges, Rows]"
"""Hashes and edges of tokens, and the letters they are made of."""
Places: TypeAlias = "NDArray[np.int32]"
Terms: TypeAlias = "tuple[Hashes, Rows, NDArray[np.int64], NDArray[np.int64], Places]"
"""Where each term is (`entry_of`); its hash, count, rarity above `terms.COMMON`, first token."""

UNITS = 128
SLOTS = 1  # version of how `fill` lays them out: part of the names of kept files
RARITY_BITS = 10
RARITY_MASK = np.uint64((1 << RARITY_BITS) - 1)
RUN = np.uint64(TOKENS_RUN)
CHANCE = round(rarity._CHANCE * UNITS)  # noqa: SLF001 - the same estimate
RAREST, COMMON = round(rarity.RAREST * UNITS), round(reference.COMMON * UNITS)
NAMES = reference.NAMES
LEAD = reference.LEAD
TITLE_WEIGHT, LEAD_WEIGHT = reference.TITLE_WEIGHT, reference.LEAD_WEIGHT
LINE_BREAK = np.uint64(ord("\n"))
LOW32 = np.uint64(0xFFFFFFFF)


def fill(slots: Hashes, hashes: Hashes, rarities: NDArray[np.float32]) -> None:
    """Fill a table by open addressing from the upper half of a hash on.

    A slot holds the lower 54 bits of the hash, and above zero in 10 bits the rarity in 1/128:
    one cache miss a look-up, where hash, rarity and directory apart would cost three.
    """
    for i in range(hashes.size):
        slot = INT(hashes[i] >> HALF) & (slots.size - 1)
        while slots[slot]:
            slot = (slot + 1) & (slots.size - 1)
        units = np.uint64(rarities[i] * np.float32(UNITS)) + np.uint64(1)
        slots[slot] = hashes[i] << np.uint64(RARITY_BITS) | units


@inner
def first_slot(slots: Hashes, key: np.uint64) -> np.uint64:
    """Give what the slot holds where the search for a hash begins."""
    held: np.uint64 = slots[U(key >> HALF) & U(slots.size - 1)]
    return held


@inner
def look_up(slots: Hashes, key: np.uint64, held: np.uint64, missing: int) -> int:
    """Give the rarity of a hash, ``missing`` where the table has none; ``held``: `first_slot`.

    The one branch is rarely taken, since common words were put into the table first.
    """
    tag, last = key << np.uint64(RARITY_BITS), U(slots.size - 1)
    slot = U(key >> HALF) & last
    while (held != ZERO) & ((held ^ tag) > RARITY_MASK):
        slot = (slot + U(1)) & last
        held = slots[slot]
    return INT(held & RARITY_MASK) - 1 if held else missing


@inner
def own_rarity(tokens: Tokens, place: int, held: np.uint64, table: Table) -> int:
    """See `rarity.Rarity.tokens`, for one token; ``held``: `first_slot` of its hash."""
    hashes, edges, _ = tokens
    length = INT(edges[U(2 * place + 1)]) - INT(edges[U(2 * place)])
    return look_up(table[0], hashes[U(place)], held, min(length * table[1], RAREST))


@inner
def run_hash(hashes: Hashes, first: int, size: int) -> np.uint64:
    """See `tokens.run_hashes`."""
    combined: np.uint64 = hashes[U(first)]
    for place in range(first + 1, first + size):
        combined = fmix64(combined * RUN + hashes[U(place)])
    return combined


@inner
def gap(edges: Edges, place: int) -> int:
    """Code points between a token and the next; 2 before the first and after the last."""
    if place < 0 or 2 * place + 2 >= edges.size:
        return 2
    return INT(edges[U(2 * place + 2)]) - INT(edges[U(2 * place + 1)])


@inner
def names_in(edges: Edges, letters: Rows) -> Places:
    """See `terms._names`."""
    found = np.empty(edges.size // 2 + 1, np.int32)
    n, before, end = U(0), np.uint32(0), INT(0)
    for token in range(edges.size // 2):
        begin = INT(edges[U(2 * token)])
        letter = letters[U(begin)]
        found[n] = token - 1
        n += U(((letter & before & CAPITAL) != 0) & (begin - end == 1))
        before, end = letter, INT(edges[U(2 * token + 1)])
    return found[: INT(n)]


@inner
def weight_of(edges: Edges, place: int, line: int) -> int:
    """See `terms._counts`."""
    if place >= LEAD:
        return 1
    return TITLE_WEIGHT if INT(edges[U(2 * place)]) < line else LEAD_WEIGHT


@inner
def entry_of(slots: Hashes, key: np.uint64, used: int) -> int:
    """Find the entry of a key in a table by open addressing; ``used``, now its, if it is new.

    A slot holds hash << 32 | entry + 1.  No branch hangs on whether a key was met before: that
    is a toss-up, half of them mispredicted.  Hence a product, 0 where a slot is empty or holds
    the key: of two conditions the compiler makes two branches.
    """
    half, last = key >> HALF, U(slots.size - 1)
    slot = U(half) & last
    held = slots[slot]
    while (held >> HALF ^ half) * (held & LOW32) != ZERO:
        slot = (slot + U(1)) & last
        held = slots[slot]
    entry = INT(held & LOW32) - 1 if held else used
    slots[slot] = half << HALF | np.uint64(entry + 1)
    return entry


@inner
def put(into: Terms, used: int, key: np.uint64, place: int, count: int) -> int:
    """Count a term, at the token it begins with; gives how many terms there are now.

    What is written at ``used`` is overwritten by the next where the term is not new.
    """
    slots, short, counts, _, first = into
    entry = entry_of(slots, key, used)
    short[U(used)], first[U(used)] = np.uint32(key >> HALF), place
    counts[U(entry)] += count
    return used + int(entry == used)


@inner
def sum_up(tokens: Tokens, line: int, table: Table) -> tuple[Terms, int]:
    """See `terms.occurrences`; gives the terms and how many; the first that has a hash rates it."""
    hashes, edges, letters = tokens
    names = names_in(edges, letters)
    joined = largest(letters, 0, letters.size) >= SINGLE
    most = hashes.size * (2 if joined else 1) + names.size + 1
    size = 16
    while size < 3 * most:  # few terms meet at a slot, and it stays in the nearest cache
        size *= 2
    into = (
        np.zeros(size, np.uint64),
        np.empty(most, np.uint32),
        np.zeros(most, np.int64),
        np.empty(most, np.int64),
        np.empty(most, np.int32),
    )
    used = 0
    for token in range(hashes.size):
        if joined and (gap(edges, token - 1) == 0 or gap(edges, token) == 0):
            continue
        used = put(into, used, hashes[U(token)], token, weight_of(edges, token, line))
    rate_tokens(tokens, into, used, table)
    if joined:
        used = sum_runs(tokens, into, used, line, table)
    return into, sum_names(tokens, names, into, (used, line), table)


@inner
def rate_tokens(tokens: Tokens, into: Terms, used: int, table: Table) -> None:
    """Look up the rarity of terms that are a token alone, once each.

    All slots are read before any is looked at: a branch mispredicted on what is in no near
    cache would hold up the reading of all that follow.
    """
    hashes, _, _ = tokens
    _, _, _, above, first = into
    held = np.empty(used, np.uint64)
    for i in range(used):
        held[U(i)] = first_slot(table[0], hashes[U(first[U(i)])])
    for i in range(used):
        own = own_rarity(tokens, INT(first[U(i)]), held[U(i)], table)
        above[U(i)] = max(own - COMMON, 0)


@inner
def sum_runs(tokens: Tokens, into: Terms, used: int, line: int, table: Table) -> int:
    """See `terms._runs`: runs of neighbouring characters."""
    hashes, edges, _ = tokens
    size, joined, before = table[2], 0, used
    for token in range(hashes.size):
        joined = joined + 1 if gap(edges, token) == 0 else 0
        if joined < size - 1:
            continue
        first = token - size + 2
        key = run_hash(hashes, first, size)
        used = put(into, used, key, first, weight_of(edges, first, line))
    for i in range(before, used):
        into[3][U(i)] = max(run_rarity(tokens, INT(into[4][U(i)]), table) - COMMON, 0)
    return used


@inner
def run_rarity(tokens: Tokens, first: int, table: Table) -> int:
    """See `rarity.Rarity.runs`, for one run."""
    hashes, size = tokens[0], table[2]
    if not table[3]:
        return size * table[1]
    chance = CHANCE
    for place in range(first, first + size):
        chance += own_rarity(tokens, place, first_slot(table[0], hashes[U(place)]), table)
    key = run_hash(hashes, first, size)
    return look_up(table[0], key, first_slot(table[0], key), min(chance, RAREST))


@inner
def sum_names(
    tokens: Tokens, names: Places, into: Terms, state: tuple[int, int], table: Table
) -> int:
    """See `terms.occurrences`: two tokens side by side that each begin with a capital."""
    hashes, edges, _ = tokens
    used, line = state
    for place in names:
        key = run_hash(hashes, place, 2)
        used = put(into, used, key, place, weight_of(edges, place, line))
    for i in range(state[0], used):
        both = 0
        for place in range(into[4][U(i)], into[4][U(i)] + 2):
            held = first_slot(table[0], hashes[U(place)])
            both += max(own_rarity(tokens, place, held, table) - COMMON, 0)
        into[3][U(i)] = INT(np.rint(both * NAMES))
    return used


@inner
def numbers_among(first: Places, tokens: Tokens) -> Bytes:
    """Tell which terms begin with a digit."""
    _, edges, letters = tokens
    out = np.empty(first.size, np.uint8)
    for i in range(first.size):
        out[U(i)] = (letters[U(edges[U(2 * INT(first[U(i)]))])] & DIGIT) != 0
    return out


@inner
def tokens_or_one(title: bytes, text: bytes, letters: Rows, found: tuple[Hashes, Edges]) -> Tokens:
    """Give the tokens of title and text, or, where they have none, all of `terms.whole` as one."""
    if found[0].size or letters.size == PAD + 1:
        return found[0], found[1], letters
    combined = whole(title, ZERO)
    if len(title):
        combined = combined * BASE + LINE_BREAK
    edges = np.full(2, np.int32(PAD))
    edges[1] = letters.size - 1
    return np.full(1, fmix64(whole(text, combined))), edges, letters


@inner
def tokens_before(edges: Edges, begin: int) -> int:
    """How many tokens begin before a letter: those of the title."""
    count = 0
    while 2 * count < edges.size and edges[U(2 * count)] < begin:
        count += 1
    return count


def sign(
    text: bytes,
    title: bytes,
    line: int,
    alphabet: Rows,
    table: Table,
    permutations: tuple[Permutations, Permutations],
) -> tuple[Rows, Rows, Bytes, Hashes]:
    """Give near rows, story rows, packed term vector and shingle hashes; see `compiled.Compiled`.

    ``title`` is empty where the text begins with it; ``line`` is where the first line of
    both together ends, in code points; ``permutations`` are those of the near and of the
    story signature.
    """
    letters, begin = spell(title, text, alphabet)
    found = cut(letters)
    mine = found[0][tokens_before(found[1], begin) :]
    shingled = shingle(tokens_or_whole(mine, text))
    near = near_rows(shingled, permutations[0])
    tokens = tokens_or_one(title, text, letters, found)
    into, used = sum_up(tokens, line + PAD, table)
    _, short, counts, weights, first = into
    weights_of(counts[:used], weights[:used])
    kept, values = vector(short[:used], weights[:used], numbers_among(first[:used], tokens))
    story = minhash(heaviest(kept, values), permutations[1])
    return near, story, packed(kept, values), shingled
