"""The trained line model: a forest of oblivious trees and a Viterbi pass, numpy alone.

    features -> forest -> log-odds of every unit -> best path through main and furniture

Trained by ``benchmarks/train_plain.py``; the training record stands in
``plain_model.json`` beside the weights.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from ingest.extract.words import words_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ingest.extract.words import Words

    Floats = NDArray[np.float32]

SWITCH = (0.3, 0.3)  # costs of going into the text and out of it, chosen by cross-validation
LEAST_ODDS = 0.2  # log-odds asked of main text: in cross-validation precision meets recall there
_CHUNK = 2048  # units evaluated at once: bounds the memory, and keeps it in the cache


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees that ask one question a level (CatBoost's), so that a leaf is a number's bits.

    ``features`` and ``thresholds`` (trees, depth of 8 at most), ``leaves`` (trees, 2^depth).
    """

    features: NDArray[np.integer]
    thresholds: Floats
    leaves: Floats
    start: float

    def logits(self, x: Floats) -> Floats:
        """Log-odds of each row of ``x`` (n, features); shape (n,)."""
        parts = [self._chunk(x[at : at + _CHUNK]) for at in range(0, len(x), _CHUNK)]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)

    def _chunk(self, x: Floats) -> Floats:
        columns = np.ascontiguousarray(x.T)  # no copy where they were built by feature
        leaf = np.zeros((len(self.leaves), len(x)), dtype=np.uint8)
        for level in range(self.features.shape[1]):
            answers = columns.take(self.features[:, level], axis=0)
            yes = (answers > self.thresholds[:, level, None]).view(np.uint8)
            leaf |= yes << np.uint8(level)
        tree = np.arange(len(leaf)) << self.features.shape[1]
        total: Floats = self.leaves.ravel().take(leaf + tree[:, None]).sum(axis=0)
        return total + np.float32(self.start)


@dataclass(frozen=True, slots=True)
class Model:
    """What is read from the model files; ``features`` is the number that it was trained on."""

    forest: Forest
    features: int
    words: Words


@cache
def load() -> Model:
    """Read the model that ships with the package, once a process."""
    folder = files("ingest.extract")
    record = json.loads((folder / "plain_model.json").read_text(encoding="utf-8"))
    with (folder / "plain_model.npz").open("rb") as stream, np.load(stream) as arrays:
        forest = Forest(
            features=arrays["features"].astype(np.intp),
            thresholds=arrays["thresholds"],
            leaves=arrays["leaves"],
            start=float(arrays["start"]),
        )
        width = int(arrays["width"])
    words = words_of(record["languages"], record["characters"], record["leaning"])
    return Model(forest, width, words)


def decode(odds: NDArray[np.floating]) -> NDArray[np.bool_]:
    """For each unit, whether it is main text, from its log-odds."""
    return viterbi(odds - LEAST_ODDS, SWITCH)


def viterbi(odds: NDArray[np.floating], switch: tuple[float, float]) -> NDArray[np.bool_]:
    """Most likely path through a chain of two states; True is main text.

    ``odds`` are log-odds of main text for each unit; ``switch`` costs are log-odds too.
    Forney 1973; linear time.
    """
    into, out = switch
    stay_main: list[bool] = []
    stay_other: list[bool] = []
    lead = 0.0  # of main text over the rest, which is all that the next step needs
    for odd in odds.tolist():
        stay_main.append(lead >= -into)
        stay_other.append(lead <= out)
        if lead < -into:
            lead = -into
        elif lead > out:
            lead = out
        lead += odd
    path = []
    state = lead > 0
    for main, other in zip(reversed(stay_main), reversed(stay_other), strict=True):
        path.append(state)
        state = main if state else not other
    return np.array(path[::-1], dtype=bool)
