"""Texts at any scale, the same for the same arguments: a Zipf vocabulary and planted copies.

Words and their frequencies are wordfreq's, so that lengths, letters and rarities are those
of the language; each article repeats some words of its own, as an article about something
does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

VOCABULARY = 50_000
TOPIC_WORDS = 24
TOPIC_SHARE = 0.15  # of the words of an article
SENTENCE = 18
UNSPACED = frozenset({"zh", "ja"})


@dataclass(frozen=True)
class Vocabulary:
    """Words, most frequent first, and the running sum of their frequencies (ends at 1)."""

    words: tuple[str, ...]
    cumulative: np.ndarray


@dataclass(frozen=True)
class Corpus:
    """Texts in an order of arrival, and the pairs (earlier, later, aim) that were planted."""

    texts: list[str]
    planted: list[tuple[int, int, float]]


@cache
def vocabulary(language: str) -> Vocabulary:
    from wordfreq import top_n_list, word_frequency  # noqa: PLC0415 - half a second

    words = tuple(top_n_list(language, VOCABULARY))
    weights = np.array([word_frequency(word, language) for word in words])
    return Vocabulary(words, np.cumsum(weights / weights.sum()))


def article(
    number: int, words: int = 1000, language: str = "en", seed: int = 1, event: int | None = None
) -> str:
    """Article ``number`` of an endless series; independent of all others but its ``event``'s."""
    random = np.random.default_rng([seed, number])
    known = vocabulary(language)
    drawn = np.searchsorted(known.cumulative, random.random(words))
    topic = random.integers(200, len(known.words), TOPIC_WORDS)
    if event is not None:
        topic = np.random.default_rng([seed, 1, event]).integers(200, len(known.words), TOPIC_WORDS)
    about = random.random(words) < TOPIC_SHARE
    drawn[about] = topic[random.integers(0, TOPIC_WORDS, int(about.sum()))]
    return _write([known.words[min(word, len(known.words) - 1)] for word in drawn], language)


def articles(count: int, words: int = 1000, language: str = "en", seed: int = 1) -> Iterator[str]:
    return (article(number, words, language, seed) for number in range(count))


def edited(text: str, jaccard: float, seed: int) -> str:
    """Give a copy whose word 5-grams resemble those of ``text`` at about ``jaccard``.

    k words, five or more apart, are replaced: each costs five shingles and brings five, so
    the similarity is (n - 5k) / (n + 5k).
    """
    random = np.random.default_rng([seed, len(text)])
    words = text.split(" ")
    changed = round(len(words) * (1 - jaccard) / (5 * (1 + jaccard)))
    places = np.linspace(4, len(words) - 5, changed).astype(int)
    for place in places:
        words[place] = f"edit{random.integers(1 << 40):x}"
    return " ".join(words)


def corpus(count: int, copies: float = 0.3, words: int = 300, seed: int = 1) -> Corpus:
    """``count`` texts, a share of which are edits of earlier ones, at Jaccard 0.5 to 1."""
    random = np.random.default_rng(seed)
    texts: list[str] = []
    planted = []
    for number in range(count):
        if number and random.random() < copies:
            source, aim = int(random.integers(number)), float(random.uniform(0.5, 1.0))
            texts.append(edited(texts[source], aim, number))
            planted.append((source, number, aim))
        else:
            length = int(random.integers(words // 2, words * 3 // 2))
            texts.append(article(number, length, "en", seed))
    return Corpus(texts, planted)


def _write(words: list[str], language: str) -> str:
    """Join words to sentences and paragraphs."""
    space = "" if language in UNSPACED else " "
    sentences = (words[at : at + SENTENCE] for at in range(0, len(words), SENTENCE))
    return space.join(space.join(s).capitalize() + "." for s in sentences)
