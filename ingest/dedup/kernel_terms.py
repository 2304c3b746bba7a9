"""The story half of the signature kernel: tokens in, term vector and story signature out.

The compiled counterpart of `terms.terms`, `story.pack` and `story.story_signature`; those
define what is computed here, and why.  Weights are integers, in units of 1/128 or 1/128^2,
or floats that hold such numbers exactly, so that both give the same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ingest.dedup import rarity, story, terms
from ingest.dedup.kernel import (
    FOLD_MASK,
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
from ingest.dedup.tokens import BASE as TOKEN_BASE

if TYPE_CHECKING:
    from numpy.typing import NDArray

Table: TypeAlias = "tuple[Hashes, NDArray[np.float32], NDArray[np.int32], float, int]"
"""Of `Rarity`: hashes, rarity, where each upper 16 bits begin, per_character, run."""
Text: TypeAlias = "tuple[Bytes, int, int]"
"""UTF-8 bytes; whether they are ASCII; and code points."""
Tokens: TypeAlias = "tuple[Hashes, NDArray[np.int64], NDArray[np.bool_]]"
"""Of each token: its hash; end << 32 | start; whether its first character folds to another."""
Sums: TypeAlias = "tuple[NDArray[np.int32], Rows, NDArray[np.int64], NDArray[np.float32]]"
"""Open-addressed slots (entry + 1), and the entries: hash, count, rarity."""

BUCKET_BITS = 48
STEP = 128.0
UNIT = np.float32(STEP * STEP)
START_MASK = (1 << START_BITS) - 1
RUN = np.uint64(rarity._RUN)  # noqa: SLF001 - the same hash of runs
CHANCE = np.float32(rarity._CHANCE)  # noqa: SLF001 - the same estimate
RAREST = np.float32(rarity.RAREST)
COMMON = np.float32(terms.COMMON)
NAMES, SHARE = terms.NAMES, terms.SHARE
TERMS, LEAD = terms.TERMS, terms.LEAD
TITLE_WEIGHT, LEAD_WEIGHT = terms.TITLE_WEIGHT, terms.LEAD_WEIGHT
LEVELLING = terms._LEVELLING  # noqa: SLF001 - the same rounds
LARGEST = 255
SIGNED = story.SIGNED
BASE = np.uint64(TOKEN_BASE)
LINE_BREAK = np.uint64(ord("\n"))
NO_HASH = np.uint64(0)
LOW32 = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)


@jit
def look_up(table: Table, key: np.uint64, missing: np.float32) -> Any:
    """Give the rarity of a hash, ``missing`` where the table has none."""
    hashes, rarities, begins, _, _ = table
    bucket = np.int64(key >> np.uint64(BUCKET_BITS))
    for place in range(begins[bucket], begins[bucket + 1]):
        if hashes[place] == key:
            return rarities[place]
    return missing


@jit
def token_rarities(hashes: Hashes, spans: NDArray[np.int64], table: Table) -> NDArray[np.float32]:
    """See `rarity.Rarity.tokens`."""
    out = np.empty(hashes.size, np.float32)
    per_character = np.float32(table[3])
    for i in range(hashes.size):
        length = (spans[i] >> START_BITS) - (spans[i] & START_MASK)
        missing = min(np.float32(np.float32(length) * per_character), RAREST)
        out[i] = look_up(table, hashes[i], missing)
    return out


@jit
def run_hash(hashes: Hashes, first: int, size: int) -> np.uint64:
    """See `rarity.run_hashes`."""
    combined: np.uint64 = hashes[first]
    for place in range(first + 1, first + size):
        combined = fmix64(combined * RUN + hashes[place])
    return combined


@jit
def add(sums: Sums, used: int, key: np.uint64, weight: tuple[np.float32, int]) -> int:
    """Count one occurrence of a term, whose rarity is that of its first; give the entries used."""
    slots, hashes, counts, rarities = sums
    short = np.uint32(key >> HALF)
    slot = np.int64(short) & (slots.size - 1)
    while slots[slot]:
        entry = slots[slot] - 1
        if hashes[entry] == short:
            counts[entry] += weight[1]
            return used
        slot = (slot + 1) & (slots.size - 1)
    slots[slot] = used + 1
    hashes[used], counts[used], rarities[used] = short, weight[1], weight[0]
    return used + 1


@jit
def empty_sums(tokens: int) -> Sums:
    """Make room for all that so many tokens can give: each a term, and the first of a pair."""
    size = 16
    while size < 4 * tokens:
        size *= 2
    most = 2 * tokens
    return (
        np.zeros(size, np.int32),
        np.empty(most, np.uint32),
        np.empty(most, np.int64),
        np.empty(most, np.float32),
    )


@jit
def count_of(place: int, span: np.int64, line: int) -> int:
    """See `terms._counts`."""
    if place >= LEAD:
        return 1
    return TITLE_WEIGHT if (span & START_MASK) < line else LEAD_WEIGHT


@jit
def gap(spans: NDArray[np.int64], place: int) -> int:
    """Code points between a token and the next; 2 after the last."""
    if place < 0 or place + 1 >= spans.size:
        return 2
    return int((spans[place + 1] & START_MASK) - (spans[place] >> START_BITS))


@jit
def collect(tokens: Tokens, line: int, table: Table) -> tuple[Rows, NDArray[np.int64]]:
    """See `terms.occurrences`: hash of each term, and its weight in units of 1/128^2.

    In the reference's order, since of terms that share a hash the first gives the rarity.
    """
    hashes, spans, capitals = tokens
    own = token_rarities(hashes, spans, table)
    sums, used = empty_sums(hashes.size), 0
    for i in range(hashes.size):
        if gap(spans, i) != 0 and gap(spans, i - 1) != 0:
            above = max(np.float32(own[i] - COMMON), np.float32(0))
            used = add(sums, used, hashes[i], (above, count_of(i, spans[i], line)))
    used = collect_runs(tokens, own, (line, table), (sums, used))
    for i in range(hashes.size - 1):
        if gap(spans, i) == 1 and capitals[i] and capitals[i + 1]:
            both = max(own[i] - COMMON, np.float32(0)) + max(own[i + 1] - COMMON, np.float32(0))
            above = np.float32(np.rint(both * NAMES * STEP) / STEP)
            key = run_hash(hashes, i, 2)
            used = add(sums, used, key, (above, count_of(i, spans[i], line)))
    return weights_of(sums, used)


@jit
def collect_runs(
    tokens: Tokens,
    own: NDArray[np.float32],
    how: tuple[int, Table],
    into: tuple[Sums, int],
) -> int:
    """Add the runs of neighbouring characters (`terms._runs`, `Rarity.runs`)."""
    hashes, spans, _ = tokens
    line, table = how
    sums, used = into
    size, joined = table[4], 0
    for i in range(hashes.size):
        joined = joined + 1 if gap(spans, i) == 0 else 0
        if joined < size - 1:
            continue
        first = i - size + 2
        chance = np.float32(0)
        for place in range(first, first + size):
            chance += own[place]
        key = run_hash(hashes, first, size)
        if table[0].size:
            rare = look_up(table, key, min(np.float32(chance + CHANCE), RAREST))
        else:
            rare = np.float32(size * table[3])
        above = max(np.float32(rare - COMMON), np.float32(0))
        used = add(sums, used, key, (above, count_of(first, spans[first], line)))
    return used


@jit
def weights_of(sums: Sums, used: int) -> tuple[Rows, NDArray[np.int64]]:
    """See `terms.log_tf`: log(1 + count) times rarity, each to 1/128, as integers."""
    _, hashes, counts, rarities = sums
    weights = np.empty(used, np.int64)
    for i in range(used):
        tf = np.int64(np.rint(np.log1p(np.float64(counts[i])) * STEP))
        weights[i] = tf * np.int64(rarities[i] * np.float32(STEP))
    return hashes[:used], weights


@jit
def vector(hashes: Rows, weights: NDArray[np.int64]) -> tuple[Rows, Bytes]:
    """See `terms.weigh`: the weightiest terms, sorted by hash, levelled, at 8 bits."""
    order = np.empty(hashes.size, np.uint64)
    n = 0
    for i in range(hashes.size):
        if weights[i] > 0:
            order[n] = (LOW32 - np.uint64(weights[i])) << HALF | np.uint64(hashes[i])
            n += 1
    order = order[:n]
    if n > TERMS:
        order = np.partition(order, TERMS - 1)[:TERMS]
    turned = np.empty(order.size, np.uint64)
    for i in range(order.size):
        turned[i] = (order[i] & LOW32) << HALF | (LOW32 - (order[i] >> HALF))
    turned.sort()
    kept = np.empty(order.size, np.uint32)
    values = np.empty(order.size, np.float32)
    for i in range(order.size):
        kept[i] = np.uint32(turned[i] >> HALF)
        values[i] = np.float32(np.float32(turned[i] & LOW32) / UNIT)
    return kept, to_bytes(level(values))


@jit
def level(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """See `terms._level`."""
    share = max(SHARE, 2.0 / max(values.size, 1))
    for _ in range(LEVELLING):
        total = 0.0
        for i in range(values.size):
            total += np.float64(values[i]) * np.float64(values[i])
        most = np.float32(np.rint(np.sqrt(share * total) * STEP) / STEP)
        for i in range(values.size):
            values[i] = min(values[i], most)
    return values


@jit
def to_bytes(values: NDArray[np.float32]) -> Bytes:
    """See `terms._round`."""
    out = np.empty(values.size, np.uint8)
    if values.size:
        scale = np.float32(np.float32(LARGEST) / values.max())
        for i in range(values.size):
            out[i] = np.uint8(max(np.rint(np.float32(values[i] * scale)), np.float32(1)))
    return out


@jit
def heaviest(hashes: Rows, weights: Bytes) -> Rows:
    """See `story.heaviest`."""
    order = np.empty(hashes.size, np.uint64)
    for i in range(hashes.size):
        order[i] = np.uint64(LARGEST - weights[i]) << HALF | np.uint64(hashes[i])
    order.sort()
    out = np.empty(min(SIGNED, order.size), np.uint32)
    for i in range(out.size):
        out[i] = np.uint32(order[i] & LOW32)
    return out


@jit
def packed(hashes: Rows, weights: Bytes) -> Bytes:
    """See `story.pack`."""
    out = np.empty(5 * hashes.size, np.uint8)
    for i in range(hashes.size):
        for byte in range(4):
            out[4 * i + byte] = np.uint8(hashes[i] >> np.uint32(8 * byte) & np.uint32(0xFF))
        out[4 * hashes.size + i] = weights[i]
    return out


@jit
def capitals_of(text: Bytes, leads: NDArray[np.int64], alphabet: Alphabet) -> NDArray[np.bool_]:
    """Tell of each token whether its first character folds to another."""
    _, index, pages = alphabet
    out = np.empty(leads.size, np.bool_)
    for i in range(leads.size):
        point, _ = decode(text, leads[i])
        entry = pages[index[point >> np.uint32(8)], point & np.uint32(255)]
        out[i] = (entry & FOLD_MASK) != 0
    return out


@jit
def joined_tokens(title: Text, text: Text, mine: Spans, alphabet: Alphabet) -> Tokens:
    """Give the tokens of title and text as one, in the place of `terms.whole`."""
    hashes, spans, leads = mine
    offset = title[2] + 1 if title[0].size else 0
    before, its_spans, its_leads = tokenise(title[0], title[1], alphabet)
    shifted = spans + (offset << START_BITS | offset)
    tokens = np.concatenate((before, hashes))
    if tokens.size == 0 and text[0].size + offset:
        combined = whole(title[0], NO_HASH)
        if offset:
            combined = combined * BASE + LINE_BREAK
        tokens = np.full(1, fmix64(whole(text[0], combined)))
        return tokens, np.full(1, (offset + text[2]) << START_BITS), np.zeros(1, np.bool_)
    capitals = np.concatenate(
        (capitals_of(title[0], its_leads, alphabet), capitals_of(text[0], leads, alphabet))
    )
    return tokens, np.concatenate((its_spans, shifted)), capitals


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
    hashes, weights = vector(*collect(tokens, line, table))
    return near, minhash(heaviest(hashes, weights), permutations[1]), packed(hashes, weights)
