"""Documents of which each is unlike every other, and a file that holds them as JSONL."""

from __future__ import annotations

import json
import random
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@lru_cache
def vocabulary() -> tuple[str, ...]:
    """Invented words, so that two documents share next to none of their 5-grams."""
    rng = random.Random(0)
    parts = ["ba", "ko", "mi", "ter", "lo", "san", "ve", "dru", "pel", "no", "gri", "ut"]
    return tuple("".join(rng.choices(parts, k=rng.randint(2, 4))) for _ in range(3000))


@lru_cache(maxsize=10_000)
def text(number: int) -> str:
    """Eighty words that are always the same for a number."""
    words = random.Random(number).choices(vocabulary(), k=80)
    sentences = [" ".join(words[at : at + 10]).capitalize() + "." for at in range(0, 80, 10)]
    return "\n\n".join(" ".join(sentences[at : at + 2]) for at in range(0, 8, 2))


def write(path: Path, texts: Mapping[str, int]) -> None:
    """Documents by id, each with the number that its text is made from; whole when it appears."""
    lines = [json.dumps({"id": id_, "text": text(number)}) for id_, number in texts.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text("\n".join(lines) + "\n")
    draft.replace(path)
