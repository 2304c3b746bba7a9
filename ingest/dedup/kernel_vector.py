"""The last part of the story kernel: of the terms of a document the weightiest, as kept.

The compiled counterpart of `terms.weigh`, `story.heaviest` and `story.pack`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingest.dedup import story
from ingest.dedup import terms as reference
from ingest.dedup.kernel import Bytes, Rows, jit

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP = 128.0
UNIT = np.float32(STEP * STEP)
TERMS, NUMBERS, SHARE = reference.TERMS, reference.NUMBERS, reference.SHARE
LEVELLING = reference._LEVELLING  # noqa: SLF001 - the same rounds
LARGEST = 255
FEW = 64
SIGNED = story.SIGNED
LOW32 = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
DIGIT = np.uint8(2)
"""Mark of a token that begins with a digit."""


@jit
def weights_of(counts: NDArray[np.int64], rarities: NDArray[np.float32]) -> NDArray[np.int64]:
    """See `terms.log_tf`: log(1 + count) times rarity, each to 1/128, as integers."""
    weights = np.empty(counts.size, np.int64)
    known = np.zeros(FEW, np.int64)  # most terms occur once or twice, and a logarithm is 15 ns
    for i in range(counts.size):
        tf = known[counts[i] & (FEW - 1)] if counts[i] < FEW else 0
        if tf == 0:
            tf = np.int64(np.rint(np.log1p(np.float64(counts[i])) * STEP))
            if counts[i] < FEW:
                known[counts[i]] = tf
        weights[i] = tf * np.int64(rarities[i] * np.float32(STEP))
    return weights


@jit
def vector(
    hashes: Rows, weights: NDArray[np.int64], kinds: Bytes, first: NDArray[np.int32]
) -> tuple[Rows, Bytes]:
    """See `terms.weigh`: the weightiest terms, sorted by hash, levelled, at 8 bits."""
    order = np.empty(hashes.size, np.uint64)
    n, end = 0, hashes.size  # words from the front, numbers from the end
    for i in range(hashes.size):
        if weights[i] > 0:
            key = (LOW32 - np.uint64(weights[i])) << HALF | np.uint64(hashes[i])
            if kinds[first[i]] & DIGIT:
                end -= 1
                order[end] = key
            else:
                order[n] = key
                n += 1
    for key in least(order[end:], NUMBERS):
        order[n] = key
        n += 1
    order = least(order[:n], TERMS)
    turned = np.empty(order.size, np.uint64)
    for i in range(order.size):
        turned[i] = (order[i] & LOW32) << HALF | (LOW32 - (order[i] >> HALF))
    sort_few(turned)
    kept = np.empty(order.size, np.uint32)
    values = np.empty(order.size, np.float32)
    for i in range(order.size):
        kept[i] = np.uint32(turned[i] >> HALF)
        values[i] = np.float32(np.float32(turned[i] & LOW32) / UNIT)
    return kept, to_bytes(level(values))


@jit
def least(keys: NDArray[np.uint64], count: int) -> NDArray[np.uint64]:
    """The ``count`` smallest keys, in no order, by Hoare's selection in place.

    `np.partition` does the same, and took 12 of 30 seconds to compile.
    """
    low, high = 0, keys.size - 1
    while low < high and count <= high:
        pivot, left, right = keys[(low + high) // 2], low, high
        while left <= right:
            while keys[left] < pivot:
                left += 1
            while keys[right] > pivot:
                right -= 1
            if left <= right:
                keys[left], keys[right] = keys[right], keys[left]
                left, right = left + 1, right - 1
        if count - 1 <= right:
            high = right
        elif count - 1 >= left:
            low = left
        else:
            break
    return keys[: min(count, keys.size)]


@jit
def sort_few(keys: NDArray[np.uint64]) -> None:
    """Sort up to about a hundred keys in place, by insertion (`ndarray.sort`: 2 s to compile)."""
    for i in range(1, keys.size):
        key, place = keys[i], i
        while place > 0 and keys[place - 1] > key:
            keys[place] = keys[place - 1]
            place -= 1
        keys[place] = key


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
        largest = values[0]
        for i in range(1, values.size):
            largest = max(largest, values[i])
        scale = np.float32(np.float32(LARGEST) / largest)
        for i in range(values.size):
            out[i] = np.uint8(max(np.rint(np.float32(values[i] * scale)), np.float32(1)))
    return out


@jit
def heaviest(hashes: Rows, weights: Bytes) -> Rows:
    """See `story.heaviest`."""
    order = np.empty(hashes.size, np.uint64)
    for i in range(hashes.size):
        order[i] = np.uint64(LARGEST - weights[i]) << HALF | np.uint64(hashes[i])
    sort_few(order)
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
