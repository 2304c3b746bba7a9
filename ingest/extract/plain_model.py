"""The trained line model: forests of oblivious trees and a Viterbi pass, numpy alone.

    page -> first forest -> context -> second forest -> best path through main and furniture
                                                      -> title forest -> title

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

from ingest.compiling import untimed
from ingest.extract.context import context
from ingest.extract.title import candidates
from ingest.extract.words import words_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ingest.extract.counting import Engine
    from ingest.extract.features import Page
    from ingest.extract.words import Words

    Floats = NDArray[np.float32]

FORESTS = ("first", "second", "title")
_PAGE = 80  # units; of shorter texts it says too little that no line is furniture for sure
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
        for level in reversed(range(self.features.shape[1])):
            asked = columns.take(self.features[:, level], axis=0, mode="clip")  # unchecked
            leaf += leaf  # a sum takes half the time of a shift
            leaf += (asked > self.thresholds[:, level, None]).view(np.uint8)
        tree = np.arange(len(leaf)) << self.features.shape[1]
        each = self.leaves.ravel().take(leaf + tree[:, None], mode="clip")
        # Tree after tree, of a single unit too: `sum` would add that one's pair by pair.
        total: Floats = each.sum(axis=0) if len(x) > 1 else each.cumsum(axis=0)[-1]
        return total + np.float32(self.start)


@dataclass(frozen=True, slots=True)
class Decoding:
    """Constants that turn log-odds into decisions, chosen by cross-validation.

    ``least`` and ``title``: log-odds asked of main text, and of a title; ``into`` and
    ``out``: costs of a step into the main text and out of it; ``sure``: log-odds against
    main text that some line of a page has.
    """

    least: float
    into: float
    out: float
    title: float
    sure: float

    def path(self, odds: NDArray[np.floating]) -> NDArray[np.bool_]:
        """For each unit, whether it is main text, from its log-odds.

        A page of `_PAGE` units has some that are furniture for sure; a text of so many
        without one is no page, and all of it is main text.
        """
        if len(odds) >= _PAGE and odds.min() > -self.sure:
            return np.ones(len(odds), dtype=bool)
        return viterbi(odds - self.least, (self.into, self.out))


@dataclass(frozen=True, slots=True)
class Model:
    """What is read from the model files."""

    first: Forest
    second: Forest
    title: Forest
    words: Words
    decoding: Decoding

    def odds(self, page: Page, engine: Engine) -> Floats:
        """Log-odds of main text of each unit of a page."""
        first = engine.logits(self.first, page.features)
        return engine.logits(self.second, context(page, first))

    def find_title(
        self,
        page: Page,
        odds: Floats,
        kept: NDArray[np.bool_],
        units: Sequence[str],
        engine: Engine,
    ) -> int:
        """Index of the unit that is the title, -1 where none is likely enough."""
        at, features = candidates(page, odds, kept, units)
        if not len(at):
            return -1
        likely = engine.logits(self.title, features)
        best = int(np.argmax(likely))
        return int(at[best]) if likely[best] > self.decoding.title else -1


@cache
def load() -> Model:
    """Read the model that ships with the package, once a process; 0.1 s."""
    with untimed():
        folder = files("ingest.extract")
        record = json.loads((folder / "plain_model.json").read_text(encoding="utf-8"))
        with (folder / "plain_model.npz").open("rb") as stream, np.load(stream) as arrays:
            first, second, title = (_forest(arrays, name) for name in FORESTS)
        words = words_of(
            record["languages"], record["characters"], record["leaning"], record["short"]
        )
        return Model(first, second, title, words, Decoding(**record["decoding"]))


def _forest(arrays: Mapping[str, NDArray[np.generic]], name: str) -> Forest:
    return Forest(
        features=arrays[f"{name}_features"].astype(np.intp),
        thresholds=arrays[f"{name}_thresholds"].astype(np.float32),
        leaves=arrays[f"{name}_leaves"].astype(np.float32),
        start=float(arrays[f"{name}_start"].item()),
    )


def viterbi(odds: NDArray[np.floating], switch: tuple[float, float]) -> NDArray[np.bool_]:
    """Most likely path through a chain of two states; True is main text.

    ``odds`` are log-odds of main text for each unit; ``switch`` costs are log-odds too.
    Forney 1973; linear time.
    """
    into, out = switch
    turns = [0]  # where it pays to come from one state only, whatever the next one is
    states: list[bool] = []  # which, for the units from the turn before to this one
    lead = 0.0  # of main text over the rest, which is all that the next step needs
    for at, odd in enumerate(odds.tolist()):
        if lead < -into:
            turns.append(at)
            states.append(False)
            lead = -into
        elif lead > out:
            turns.append(at)
            states.append(True)
            lead = out
        lead += odd
    return np.repeat([*states, lead > 0], np.diff(turns, append=len(odds)))
