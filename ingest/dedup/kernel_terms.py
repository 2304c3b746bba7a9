"""The story half of the signature kernel: tokens in, term vector and story signature out.

The compiled counterpart of `terms.terms`, `story.pack` and `story.story_signature`, with
`kernel_vector`; those define what is computed here, and why.  Weights are integers, in
units of 1/128 or 1/128^2, or floats that hold such numbers exactly: both give the same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ingest.dedup import rarity
from ingest.dedup import terms as reference
from ingest.dedup.kernel import (
    FOLD_MASK,
    ONE_BYTE,
    START_BITS,
    Alphabet,
    Bytes,
    Hashes,
    Permutations,
    Rows,
    Spans,
    decode,
    fmix64,
    jit,
    minhash,
    near_rows,
    tokenise,
    tokens_or_whole,
    whole,
)
from ingest.dedup.kernel_vector import STEP, heaviest, packed, vector, weights_of
from ingest.dedup.tokens import BASE as TOKEN_BASE

if TYPE_CHECKING:
    from numpy.typing import NDArray

Table: TypeAlias = "tuple[Hashes, float, int, int]"
"""Of `Rarity`: slots (`fill`), per_character, run, and whether there is a list."""
Text: TypeAlias = "tuple[Bytes, int, int]"
"""UTF-8 bytes; whether they are ASCII; and code points."""
Tokens: TypeAlias = "tuple[Hashes, NDArray[np.int64], Bytes]"
"""Of each token: its hash; end << 32 | start; what its first character is (`CAPITAL`, `DIGIT`)."""
Occurrences: TypeAlias = "tuple[Hashes, NDArray[np.int32], NDArray[np.float32]]"
"""Of each occurrence of a term: hash, its first token, rarity above `terms.COMMON`."""
Sums: TypeAlias = "tuple[Rows, NDArray[np.int64], NDArray[np.float32], NDArray[np.int32]]"
"""Of each term: hash, count, rarity above `terms.COMMON`, its first token."""

HASH_BITS, RARITY_BITS = 32, 10
RARITY_MASK = np.uint64((1 << RARITY_BITS) - 1)
START_MASK = (1 << START_BITS) - 1
RUN = np.uint64(rarity._RUN)  # noqa: SLF001 - the same hash of runs
CHANCE = np.float32(rarity._CHANCE)  # noqa: SLF001 - the same estimate
RAREST = np.float32(rarity.RAREST)
COMMON = np.float32(reference.COMMON)
UNKNOWN = np.float32(-1)
NAMES = reference.NAMES
LEAD = reference.LEAD
TITLE_WEIGHT, LEAD_WEIGHT = reference.TITLE_WEIGHT, reference.LEAD_WEIGHT
CAPITAL = np.uint8(1)
ZERO, NINE = ord("0"), ord("9")
BASE = np.uint64(TOKEN_BASE)
LINE_BREAK = np.uint64(ord("\n"))
NO_HASH = np.uint64(0)
LOW32 = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
ONE = np.uint64(1)


def fill(slots: Hashes, hashes: Hashes, rarities: NDArray[np.float32]) -> None:
    """Fill a table by open addressing from the upper bits of a hash on.

    A slot holds the lower 54 bits of the hash, and above zero in 10 bits the rarity in 1/128:
    one cache miss a look-up, where hash, rarity and directory apart would cost three.
    """
    for i in range(hashes.size):
        slot = np.int64(hashes[i] >> np.uint64(HASH_BITS)) & (slots.size - 1)
        while slots[slot]:
            slot = (slot + 1) & (slots.size - 1)
        units = np.uint64(rarities[i] * np.float32(STEP)) + np.uint64(1)
        slots[slot] = hashes[i] << np.uint64(RARITY_BITS) | units


@jit
def look_up(slots: Hashes, key: np.uint64, missing: np.float32) -> np.float32:
    """Give the rarity of a hash, ``missing`` where the table has none."""
    slot = np.int64(key >> np.uint64(HASH_BITS)) & (slots.size - 1)
    while slots[slot]:
        if (slots[slot] ^ (key << np.uint64(RARITY_BITS))) <= RARITY_MASK:
            return np.float32(
                np.float32((slots[slot] & RARITY_MASK) - np.uint64(1)) / np.float32(STEP)
            )
        slot = (slot + 1) & (slots.size - 1)
    return missing


@jit
def own_rarity(hashes: Hashes, spans: NDArray[np.int64], place: int, table: Table) -> np.float32:
    """See `rarity.Rarity.tokens`, for one token."""
    length = np.float32((spans[place] >> START_BITS) - (spans[place] & START_MASK))
    missing = min(np.float32(length * np.float32(table[1])), RAREST)
    return look_up(table[0], hashes[place], missing)


@jit
def run_hash(hashes: Hashes, first: int, size: int) -> np.uint64:
    """See `rarity.run_hashes`."""
    combined: np.uint64 = hashes[first]
    for place in range(first + 1, first + size):
        combined = fmix64(combined * RUN + hashes[place])
    return combined


@jit
def find_occurrences(tokens: Tokens, table: Table) -> Occurrences:
    """See `terms.occurrences`; a token alone is not looked up yet (`sum_up` does it once)."""
    hashes, spans, kinds = tokens
    keys = np.empty(2 * hashes.size, np.uint64)
    places = np.empty(2 * hashes.size, np.int32)
    above = np.empty(2 * hashes.size, np.float32)
    n, before, joined = 0, 2, 0
    for i in range(hashes.size):
        after = gap(spans, i)
        joined += int(after == 0)
        keys[n], places[n], above[n] = hashes[i], i, UNKNOWN
        n += int((after != 0) & (before != 0))
        before = after
    if joined:
        n = find_runs(hashes, spans, table, (keys, places, above), n)
    for i in range(hashes.size - 1):
        if kinds[i] & kinds[i + 1] & CAPITAL and gap(spans, i) == 1:
            both = max(own_rarity(hashes, spans, i, table) - COMMON, np.float32(0))
            both += max(own_rarity(hashes, spans, i + 1, table) - COMMON, np.float32(0))
            keys[n], places[n] = run_hash(hashes, i, 2), i
            above[n] = np.float32(np.rint(both * NAMES * STEP) / STEP)
            n += 1
    return keys[:n], places[:n], above[:n]


@jit
def find_runs(
    hashes: Hashes, spans: NDArray[np.int64], table: Table, into: Occurrences, n: int
) -> int:
    """See `terms._runs` and `Rarity.runs`: runs of neighbouring characters."""
    keys, places, above = into
    size, joined = table[2], 0
    for i in range(hashes.size):
        joined = joined + 1 if gap(spans, i) == 0 else 0
        if joined < size - 1:
            continue
        first = i - size + 2
        chance = CHANCE
        for place in range(first, first + size):
            chance += own_rarity(hashes, spans, place, table)
        key = run_hash(hashes, first, size)
        rare = np.float32(size * table[1])
        if table[3]:
            rare = look_up(table[0], key, min(np.float32(chance), RAREST))
        keys[n], places[n], above[n] = key, first, max(np.float32(rare - COMMON), np.float32(0))
        n += 1
    return n


@jit
def sum_up(tokens: Tokens, found: Occurrences, line: int, table: Table) -> Sums:
    """Sum the counts of each term; of terms that share a hash the first gives the rarity."""
    _, spans, _ = tokens
    keys, places, above = found
    size = 16
    while size < 2 * keys.size:
        size *= 2
    slots = np.zeros(size, np.uint64)  # hash << 32 | entry + 1, by open addressing
    short, counts = np.empty(keys.size, np.uint32), np.zeros(keys.size, np.int64)
    rarities, first = np.empty(keys.size, np.float32), np.empty(keys.size, np.int32)
    used = 0
    for i in range(keys.size):
        place = places[i]
        title = (spans[place] & START_MASK) < line
        count = (TITLE_WEIGHT if title else LEAD_WEIGHT) if place < LEAD else 1
        half = keys[i] >> HALF
        slot = np.int64(half) & (size - 1)
        held = slots[slot]
        while (held != NO_HASH) & (held >> HALF != half):  # one branch, and rarely taken
            slot = (slot + 1) & (size - 1)
            held = slots[slot]
        # No branch: whether a term was met before is a toss-up, half of them mispredicted.
        entry = np.int64(held & LOW32) - 1 if held else used
        short[entry], counts[entry] = np.uint32(half), counts[entry] + count
        rarities[entry] = rarities[entry] if held else above[i]
        first[entry] = first[entry] if held else place
        used += int(held == 0)
        slots[slot] = half << HALF | np.uint64(entry + 1)
    look_up_singles(tokens, first[:used], rarities[:used], table)
    return short[:used], counts[:used], rarities[:used], first[:used]


@jit
def look_up_singles(
    tokens: Tokens, first: NDArray[np.int32], rarities: NDArray[np.float32], table: Table
) -> None:
    """Fill in the rarity of terms that are a token alone; ``first``: where each stands first.

    What the table holds is loaded for all before any of it is looked at: 5 of 30 us, since
    cache misses overlap where no branch waits for one.
    """
    hashes, spans, _ = tokens
    slots = table[0]
    held = np.empty(first.size, np.uint64)
    for i in range(first.size):
        held[i] = slots[np.int64(hashes[first[i]] >> HALF) & (slots.size - 1)]
    for i in range(first.size):
        if rarities[i] == UNKNOWN:
            if held[i] and (held[i] ^ (hashes[first[i]] << np.uint64(RARITY_BITS))) <= RARITY_MASK:
                own = np.float32(np.float32((held[i] & RARITY_MASK) - ONE) / np.float32(STEP))
            else:
                own = own_rarity(hashes, spans, first[i], table)
            rarities[i] = max(np.float32(own - COMMON), np.float32(0))


@jit
def gap(spans: NDArray[np.int64], place: int) -> int:
    """Code points between a token and the next; 2 after the last."""
    if place + 1 >= spans.size:
        return 2
    return int((spans[place + 1] & START_MASK) - (spans[place] >> START_BITS))


@jit
def tell_kinds(text: Bytes, leads: NDArray[np.int64], alphabet: Alphabet, out: Bytes) -> None:
    """Tell of each token whether its first character folds to another, and if it is a digit."""
    fold, index, pages = alphabet
    for i in range(leads.size):
        letter = text[leads[i]]
        if letter < ONE_BYTE:
            kind = np.uint8(fold[letter] != letter)
            kind |= np.uint8((letter >= ZERO) & (letter <= NINE)) << np.uint8(1)
            out[i] = kind
        else:
            point, _ = decode(text, leads[i])
            entry = pages[index[point >> np.uint32(8)], point & np.uint32(255)]
            out[i] = np.uint8((entry & FOLD_MASK) != 0)


@jit
def joined_tokens(title: Text, text: Text, mine: Spans, alphabet: Alphabet) -> Tokens:
    """Give the tokens of title and text as one, in the place of `terms.whole`."""
    hashes, spans, leads = mine
    offset = title[2] + 1 if title[0].size else 0
    before, its_spans, its_leads = tokenise(title[0], title[1], alphabet)
    if before.size + hashes.size == 0 and text[0].size + offset:
        combined = whole(title[0], NO_HASH)
        if offset:
            combined = combined * BASE + LINE_BREAK
        tokens = np.full(1, fmix64(whole(text[0], combined)))
        return tokens, np.full(1, (offset + text[2]) << START_BITS), np.zeros(1, np.uint8)
    first = before.size
    tokens = np.empty(first + hashes.size, np.uint64)
    places = np.empty(tokens.size, np.int64)
    kinds = np.empty(tokens.size, np.uint8)
    for i in range(first):
        tokens[i], places[i] = before[i], its_spans[i]
    for i in range(hashes.size):
        tokens[first + i] = hashes[i]
        places[first + i] = spans[i] + (offset << START_BITS | offset)
    tell_kinds(title[0], its_leads, alphabet, kinds[:first])
    tell_kinds(text[0], leads, alphabet, kinds[first:])
    return tokens, places, kinds


def sign(
    text: Text,
    title: Text,
    line: int,
    alphabet: Alphabet,
    table: Table,
    permutations: tuple[Permutations, Permutations],
) -> tuple[Rows, Rows, Bytes]:
    """Give near rows, story rows and the packed term vector; compiled by `compiled.load`.

    ``title`` is empty where the text begins with it; ``line`` is where the first line of
    both together ends; ``permutations`` are those of the near and of the story signature.
    """
    mine = tokenise(text[0], text[1], alphabet)
    near = near_rows(tokens_or_whole(mine[0], text[0]), permutations[0])
    tokens = joined_tokens(title, text, mine, alphabet)
    terms, counts, rarities, first = sum_up(tokens, find_occurrences(tokens, table), line, table)
    hashes, weights = vector(terms, weights_of(counts, rarities), tokens[2], first)
    return near, minhash(heaviest(hashes, weights), permutations[1]), packed(hashes, weights)
