"""The last part of the story kernel: of the terms of a document the weightiest, as kept.

The compiled counterpart of `terms.weigh`, `story.heaviest` and `story.pack`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ingest.compiling import inner
from ingest.dedup import story
from ingest.dedup import terms as reference
from ingest.dedup.kernel_tokens import INT, Bytes, Hashes, Rows, U

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNITS = 128.0
SQUARE = np.float32(UNITS * UNITS)
TERMS, NUMBERS, SHARE = reference.TERMS, reference.NUMBERS, reference.SHARE
LEVELLING = reference._LEVELLING  # noqa: SLF001 - the same rounds
LARGEST = 255
FEW = 64
KNOWN = np.rint(np.log1p(np.arange(FEW)) * UNITS).astype(np.int64)
"""Most terms occur once or twice, and a logarithm takes 15 ns."""
SIGNED = story.SIGNED
LOW32 = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
ONE = np.uint64(1)

Units: TypeAlias = "NDArray[np.int64]"


@inner
def weights_of(counts: Units, rarities: Units) -> None:
    """See `terms.log_tf`: log(1 + count) times rarity, each to 1/128; in place of the rarities."""
    for i in range(counts.size):
        count = counts[U(i)]
        if count < FEW:
            rarities[U(i)] *= KNOWN[U(count)]
        else:
            rarities[U(i)] *= np.int64(np.rint(np.log1p(np.float64(count)) * UNITS))


@inner
def vector(hashes: Rows, weights: Units, numbers: Bytes) -> tuple[Rows, Bytes]:
    """See `terms.weigh`: the weightiest terms, sorted by hash, levelled, at 8 bits.

    ``numbers``: whether a term begins with a digit.
    """
    words, digits = np.empty(hashes.size + 1, np.uint64), np.empty(hashes.size + 1, np.uint64)
    n, m = U(0), U(0)
    for i in range(hashes.size):
        key = (LOW32 - np.uint64(weights[U(i)])) << HALF | np.uint64(hashes[U(i)])
        weighs, number = U(weights[U(i)] > 0), U(numbers[U(i)])
        words[n], digits[m] = key, key
        n += weighs & ~number
        m += weighs & number
    few = least(digits[: INT(m)], NUMBERS)
    for i in range(few.size):
        words[n] = few[U(i)]
        n += U(1)
    order = least(words[: INT(n)], TERMS)
    some, kept = np.empty(order.size, np.uint32), np.empty(order.size, np.uint32)
    values = np.empty(order.size, np.float32)
    for i in range(order.size):
        some[U(i)] = np.uint32(order[U(i)] & LOW32)
    for i in range(order.size):
        at = rank_of(some[U(i)], some)
        kept[at] = some[U(i)]
        values[at] = np.float32(np.float32(LOW32 - (order[U(i)] >> HALF)) / SQUARE)
    return kept, to_bytes(level(values))


@inner
def least(keys: Hashes, count: int) -> Hashes:
    """The ``count`` smallest of different keys, in their order, by bisection of their range.

    Some twenty rounds over all keys, eight at a time: a third of the time of Hoare's
    selection, of which half the branches are mispredicted.
    """
    if keys.size <= count:
        return keys.copy()
    low, high = np.min(keys), np.max(keys)
    while low < high:
        middle = low + ((high - low) >> ONE)
        below = 0
        for i in range(keys.size):
            below += int(keys[U(i)] <= middle)
        if below == count:
            high = middle
            break
        if below > count:
            high = middle
        else:
            low = middle + ONE
    out, n = np.empty(count + 1, np.uint64), U(0)
    for i in range(keys.size):
        out[n] = keys[U(i)]
        n += U(keys[U(i)] <= high)
    return out[:count]


@inner
def rank_of(wanted: np.uint32, hashes: Rows) -> U:
    """Place of a hash among about a hundred sorted ones: how many are smaller.

    Eight comparisons at a time and no branch among them; `ndarray.sort` takes 2 s to compile.
    """
    rank = np.uint32(0)
    for i in range(hashes.size):
        rank = np.uint32(rank + np.uint32(hashes[U(i)] < wanted))  # else it is widened to 64 bits
    return U(rank)


@inner
def level(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """See `terms._level`."""
    share = max(SHARE, 2.0 / max(values.size, 1))
    for _ in range(LEVELLING):
        total = 0.0
        for i in range(values.size):
            total += np.float64(values[i]) * np.float64(values[i])
        most = np.float32(np.rint(np.sqrt(share * total) * UNITS) / UNITS)
        for i in range(values.size):
            values[i] = min(values[i], most)
    return values


@inner
def to_bytes(values: NDArray[np.float32]) -> Bytes:
    """See `terms._round`."""
    out = np.empty(values.size, np.uint8)
    if values.size:
        largest = values[0]
        for i in range(1, values.size):
            largest = max(largest, values[i])
        scale = np.float32(np.float32(LARGEST) / largest)
        for i in range(values.size):
            out[i] = np.uint8(max(np.rint(np.float32(values[i] * scale)), np.float32(1)))
    return out


@inner
def heaviest(hashes: Rows, weights: Bytes) -> Rows:
    """See `story.heaviest`; in no order."""
    order = np.empty(hashes.size, np.uint64)
    for i in range(hashes.size):
        order[i] = np.uint64(LARGEST - weights[i]) << HALF | np.uint64(hashes[i])
    order = least(order, SIGNED)
    out = np.empty(order.size, np.uint32)
    for i in range(out.size):
        out[i] = np.uint32(order[i] & LOW32)
    return out


@inner
def packed(hashes: Rows, weights: Bytes) -> Bytes:
    """See `story.pack`."""
    out = np.empty(5 * hashes.size, np.uint8)
    for i in range(hashes.size):
        for byte in range(4):
            out[U(4 * i + byte)] = np.uint8(hashes[U(i)] >> np.uint32(8 * byte) & np.uint32(0xFF))
        out[U(4 * hashes.size + i)] = weights[U(i)]
    return out
