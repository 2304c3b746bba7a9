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
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Settings:
    """How to grow: ``columns`` and ``rows`` are the shares drawn for each tree."""

    trees: int = 150
    depth: int = 6
    rate: float = 0.12
    penalty: float = 4.0
    columns: float = 0.4
    rows: float = 0.6
    bins: int = 48
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Forest:
    """``features`` and ``thresholds`` (trees, depth), ``leaves`` (trees, 2^depth)."""

    features: NDArray[np.int32]
    thresholds: NDArray[np.float32]
    leaves: NDArray[np.float32]
    start: float


def fit(
    x: NDArray[np.float32], y: NDArray[np.float32], weight: NDArray[np.float32], settings: Settings
) -> Forest:
    """Fit to labels in [0, 1] with sample weights."""
    edges = [_edges(column, settings.bins) for column in x.T]
    binned = np.stack(
        [np.searchsorted(e, c, side="left") for e, c in zip(edges, x.T, strict=True)]
    ).astype(np.uint8)
    random = np.random.default_rng(settings.seed)
    weight = weight / weight.mean()
    mean = float(np.average(y, weights=weight))
    start = float(np.log(mean / (1 - mean)))
    value = np.full(len(y), start, dtype=np.float32)
    wanted = max(1, int(settings.columns * len(edges)))
    features, thresholds, leaves = [], [], []
    for _ in range(settings.trees):
        p = 1 / (1 + np.exp(-value))
        gradient, hessian = weight * (p - y), weight * p * (1 - p)
        rows = np.flatnonzero(random.random(len(y)) < settings.rows)
        columns = random.choice(len(edges), wanted, replace=False)
        sums = np.stack([gradient[rows], hessian[rows]], axis=1).astype(np.float32)
        drawn = binned[np.ix_(columns, rows)]
        chosen, cuts = _tree(drawn, columns, sums, settings.depth, settings.penalty, settings.bins)
        leaf = _leaf(binned, chosen, cuts)
        g = np.bincount(leaf[rows], gradient[rows], 1 << settings.depth)
        h = np.bincount(leaf[rows], hessian[rows], 1 << settings.depth)
        out = (-settings.rate * g / (h + settings.penalty)).astype(np.float32)
        value += out[leaf]
        features.append(chosen)
        thresholds.append(
            [
                edges[f][c] if c < len(edges[f]) else np.inf
                for f, c in zip(chosen, cuts, strict=True)
            ]
        )
        leaves.append(out)
    return Forest(
        np.array(features, dtype=np.int32),
        np.array(thresholds, dtype=np.float32),
        np.array(leaves),
        start,
    )


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
    leaf = np.zeros(len(sums), dtype=np.int32)
    chosen = np.zeros(depth, dtype=np.int32)
    cuts = np.zeros(depth, dtype=np.int32)
    for level in range(depth):
        width = 1 << level
        best, best_f, best_c = -1.0, 0, bins
        for f in range(len(columns)):
            histogram = np.zeros((width, bins, 2))
            column = binned[f]
            for k in range(len(sums)):
                histogram[leaf[k], column[k], 0] += sums[k, 0]
                histogram[leaf[k], column[k], 1] += sums[k, 1]
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
                leaf[k] |= 1 << level
    return chosen, cuts


@numba.njit(cache=True)
def _leaf(binned, chosen, cuts):  # noqa: ANN001, ANN202 - numba infers the types
    leaf = np.zeros(binned.shape[1], dtype=np.int32)
    for level in range(len(chosen)):
        for r in range(len(leaf)):
            if binned[chosen[level], r] > cuts[level]:
                leaf[r] |= 1 << level
    return leaf
