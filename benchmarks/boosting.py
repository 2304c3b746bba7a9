"""Gradient boosting with oblivious trees: every node of a level asks the same question.

Such a tree is a table looked up by the bits of its answers, so numpy alone evaluates
many at once, which ordinary trees do not allow.  Logistic loss, second-order leaves,
histograms over quantile bins (Prokhorenkova et al. 2018, CatBoost; Chen and Guestrin
2016 for the gain).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

BINS = 48  # of a feature
_SAMPLED = 100_000  # rows whose quantiles are taken


@dataclass(frozen=True, slots=True)
class Settings:
    """How to grow: ``columns`` and ``rows`` are the shares drawn for each tree."""

    trees: int = 150
    depth: int = 6
    rate: float = 0.12
    penalty: float = 4.0
    columns: float = 0.4
    rows: float = 0.6
    bins: int = BINS
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Forest:
    """``features`` and ``thresholds`` (trees, depth), ``leaves`` (trees, 2^depth)."""

    features: NDArray[np.int32]
    thresholds: NDArray[np.float32]
    leaves: NDArray[np.float32]
    start: float


@dataclass(frozen=True, slots=True)
class Binned:
    """Features cut into quantile bins: upper ``edges``, and ``bins`` (features, rows), uint8."""

    edges: tuple[NDArray[np.float32], ...]
    bins: NDArray[np.uint8]


def binned(parts: Sequence[NDArray[np.float32]], most: int = BINS) -> Binned:
    """Bin the features of documents, each (rows, features), one after the other."""
    ends = np.cumsum([len(part) for part in parts])
    edges = []
    bins = np.empty((parts[0].shape[1], int(ends[-1])), dtype=np.uint8)
    for feature in range(len(bins)):
        column = np.concatenate([part[:, feature] for part in parts])
        edges.append(_edges(column[:: max(1, len(column) // _SAMPLED)], most))
        bins[feature] = np.searchsorted(edges[-1], column, side="left")
    return Binned(tuple(edges), bins)


def fit(
    known: Binned, y: NDArray[np.float32], weight: NDArray[np.float32], settings: Settings
) -> Forest:
    """Fit to labels in [0, 1]; rows without weight have no part in it."""
    used = np.flatnonzero(weight > 0)
    bins, y, weight = known.bins[:, used], y[used], weight[used] / weight[used].mean()
    random = np.random.default_rng(settings.seed)
    mean = float(np.average(y, weights=weight))
    start = float(np.log(mean / (1 - mean)))
    value = np.full(len(y), start, dtype=np.float32)
    wanted = max(1, int(settings.columns * len(known.edges)))
    grown = []
    for _ in range(settings.trees):
        rows = np.flatnonzero(random.random(len(y), dtype=np.float32) < settings.rows)
        columns = random.choice(len(known.edges), wanted, replace=False)
        p = 1 / (1 + np.exp(-value[rows]))
        sums = np.stack([weight[rows] * (p - y[rows]), weight[rows] * p * (1 - p)], axis=1)
        drawn = bins[np.ix_(columns, rows)]
        chosen, cuts = _tree(drawn, columns, sums, settings.depth, settings.penalty, settings.bins)
        leaf = _leaf(bins, chosen, cuts)
        g = np.bincount(leaf[rows], sums[:, 0], 1 << settings.depth)
        h = np.bincount(leaf[rows], sums[:, 1], 1 << settings.depth)
        out = (-settings.rate * g / (h + settings.penalty)).astype(np.float32)
        value += out[leaf]
        grown.append((chosen, [_edge(known, f, c) for f, c in zip(chosen, cuts, strict=True)], out))
    return Forest(
        np.array([chosen for chosen, _, _ in grown], dtype=np.int32),
        np.array([cuts for _, cuts, _ in grown], dtype=np.float32),
        np.array([out for _, _, out in grown]),
        start,
    )


def _edge(known: Binned, feature: int, cut: int) -> float:
    """Threshold of a cut; none where the cut is behind the last bin."""
    edges = known.edges[feature]
    return float(edges[cut]) if cut < len(edges) else float("inf")


def _edges(column: NDArray[np.float32], bins: int) -> NDArray[np.float32]:
    """Upper edges of quantile bins; a value goes right of an edge where it is greater."""
    unique = np.unique(column)
    if len(unique) <= bins:
        return ((unique[:-1] + unique[1:]) / 2).astype(np.float32)
    return np.unique(np.quantile(column, np.linspace(0, 1, bins + 1)[1:-1])).astype(np.float32)


@numba.njit(cache=True)
def _tree(binned, columns, sums, depth, penalty, bins):  # noqa: ANN001, ANN202 - numba infers the types
    """Questions of one tree.

    ``binned`` and ``sums`` are copies of the rows and columns drawn: what lies together in
    memory is several times faster to read than what is looked up.
    """
    offset = np.zeros(len(sums), dtype=np.int32)  # of each row's leaf in the histograms
    chosen = np.zeros(depth, dtype=np.int32)
    cuts = np.zeros(depth, dtype=np.int32)
    for level in range(depth):
        width = 1 << level
        best, best_f, best_c = -1.0, 0, bins
        for f in range(len(columns)):
            flat = np.zeros((width * bins, 2))  # one index: a third of the time of three
            column = binned[f]
            for k in range(len(sums)):
                at = offset[k] + column[k]
                flat[at, 0] += sums[k, 0]
                flat[at, 1] += sums[k, 1]
            histogram = flat.reshape((width, bins, 2))
            g, h = histogram[:, :, 0], histogram[:, :, 1]
            gain = np.zeros(bins)
            for node in range(width):
                gt, ht = g[node].sum(), h[node].sum()
                gl, hl = 0.0, 0.0
                for c in range(bins - 1):
                    gl += g[node, c]
                    hl += h[node, c]
                    gain[c] += (
                        gl * gl / (hl + penalty)
                        + (gt - gl) ** 2 / (ht - hl + penalty)
                        - gt * gt / (ht + penalty)
                    )
            for c in range(bins - 1):
                if gain[c] > best:
                    best, best_f, best_c = gain[c], f, c
        chosen[level], cuts[level] = columns[best_f], best_c
        for k in range(len(sums)):
            if binned[best_f, k] > best_c:
                offset[k] += bins << level
    return chosen, cuts


@numba.njit(cache=True)
def _leaf(binned, chosen, cuts):  # noqa: ANN001, ANN202 - numba infers the types
    leaf = np.zeros(binned.shape[1], dtype=np.int32)
    for level in range(len(chosen)):
        for r in range(len(leaf)):
            if binned[chosen[level], r] > cuts[level]:
                leaf[r] |= 1 << level
    return leaf
