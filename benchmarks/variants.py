# ruff: noqa: PLC0415, RUF001, S105 - punctuation of other scripts, tokens of text; libraries that only some of the ways need
"""What plain text also looks like: variants of labelled dumps, made by rule.

Cropped pages (a reader that saved little more than the article), texts that are all
article (prose, verse, manuals, notes), other spacing, and other scripts.  The scripts
are ciphers: letters, function words and punctuation of the other script in place of
Latin ones, so that the look of a line is right where its sense is not.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from ingest.extract.lines import Lines

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

_LATER = 0.5  # of the cropped articles go on with lines from further down
_PROMPT = 6  # words of a sentence that asks for something
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_TOKEN = re.compile(r"[A-Za-zÀ-ɏ'’]+|[^A-Za-zÀ-ɏ'’]")


@dataclass(frozen=True, slots=True)
class Marked:
    """Lines with the label and the weight of each unit."""

    lines: Lines
    main: NDArray[np.float32]
    weight: NDArray[np.float32]

    def gold(self) -> str:
        """The units of main text, one a line."""
        return "\n".join(u for u, main in zip(self.lines.units, self.main, strict=True) if main)


def _of(units: Sequence[str], gaps: Sequence[int], indents: Sequence[int] | None = None) -> Lines:
    n = len(units)
    return Lines(
        tuple(units),
        tuple(range(n)),
        tuple(range(n)),
        tuple(units),
        tuple(gaps),
        tuple(indents or [0] * n),
        (1,) * n,
    )


def _all_main(
    units: Sequence[str], gaps: Sequence[int], indents: Sequence[int] | None = None
) -> Marked | None:
    ones = np.ones(len(units), dtype=np.float32)
    return Marked(_of(units, gaps, indents), ones, ones) if units else None


def _chosen(marked: Marked, at: Sequence[int]) -> Marked:
    lines = marked.lines
    new = Lines(
        texts=tuple(lines.units[i] for i in at),
        numbers=tuple(range(len(at))),
        unit_of=tuple(range(len(at))),
        units=tuple(lines.units[i] for i in at),
        unit_gaps=tuple(lines.unit_gaps[i] for i in at),
        unit_indents=tuple(lines.unit_indents[i] for i in at),
        unit_sizes=tuple(lines.unit_sizes[i] for i in at),
    )
    picked = list(at)
    return Marked(new, marked.main[picked], marked.weight[picked])


# --- pages ----------------------------------------------------------------------------


def cropped(marked: Marked, chance: random.Random) -> Marked | None:
    """The article with a few lines before it and after it, or of what comes later on the page."""
    main = np.flatnonzero(marked.main)
    if not len(main):
        return None
    first = max(0, int(main[0]) - chance.choice((0, 1, 2, 3, 5, 8)))
    end, size = int(main[-1]) + 1, chance.choice((0, 1, 2, 3, 5, 12))
    last = min(len(marked.main), end + size)
    later = last
    if size and last < len(marked.main) and chance.random() < _LATER:
        later = chance.randrange(end, len(marked.main))
    if later <= last:
        return _chosen(marked, range(first, last))
    return _chosen(marked, [*range(first, end), *range(later, min(later + size, len(marked.main)))])


def prompted(marked: Marked, chance: random.Random) -> Marked | None:
    """Cropped, with furniture of the page between paragraphs of the article.

    Half of the time it is a sentence with the lines around it, as prompts are.
    """
    page = cropped(marked, chance)
    other = {int(i) for i in np.flatnonzero((marked.main == 0) & (marked.weight > 0))}
    if page is None or not other or not page.main.any():
        return None
    spoken = [i for i in sorted(other) if len(marked.lines.units[i].split()) >= _PROMPT]
    order = list(range(len(page.main)))
    places = np.flatnonzero(page.main).tolist()
    for _ in range(chance.randint(1, 3)):
        at = order.index(chance.choice(places)) + 1
        if spoken and chance.random() < 0.5:
            said = chance.choice(spoken)
            run = range(said - chance.randint(0, 1), said + 1 + chance.randint(0, 2))
        else:
            first = chance.choice(sorted(other))
            run = range(first, first + chance.randint(1, 4))
        order[at:at] = [len(page.main) + i for i in run if i in other]
    return _chosen(_joined(page, marked), order)


def _joined(first: Marked, second: Marked) -> Marked:
    """The units of both, one after the other."""
    a, b = first.lines, second.lines
    n = len(a.units) + len(b.units)
    lines = Lines(
        texts=a.units + b.units,
        numbers=tuple(range(n)),
        unit_of=tuple(range(n)),
        units=a.units + b.units,
        unit_gaps=a.unit_gaps + b.unit_gaps,
        unit_indents=a.unit_indents + b.unit_indents,
        unit_sizes=a.unit_sizes + b.unit_sizes,
    )
    return Marked(
        lines,
        np.concatenate([first.main, second.main]),
        np.concatenate([first.weight, second.weight]),
    )


def close(marked: Marked, chance: random.Random) -> Marked | None:
    """Without blank lines and indents."""
    del chance
    n = len(marked.lines.units)
    return replace(marked, lines=replace(marked.lines, unit_gaps=(0,) * n, unit_indents=(0,) * n))


def spaced(marked: Marked, chance: random.Random) -> Marked | None:
    """A blank line between any two."""
    del chance
    n = len(marked.lines.units)
    return replace(
        marked, lines=replace(marked.lines, unit_gaps=(0, *[1] * (n - 1)), unit_indents=(0,) * n)
    )


# --- all article ----------------------------------------------------------------------


def article(marked: Marked, chance: random.Random) -> Marked | None:
    """Nothing but the main text."""
    del chance
    at = np.flatnonzero(marked.main).tolist()
    return _chosen(marked, at) if at else None


def _sentences(marked: Marked, least: int = 1) -> list[str]:
    units = [u for u, main in zip(marked.lines.units, marked.main, strict=True) if main]
    found = [s for unit in units for s in _SENTENCE.split(unit)]
    return [s for s in found if len(s.split()) >= least]


def verse(marked: Marked, chance: random.Random) -> Marked | None:
    """Sentences broken into short lines, stanzas of a few."""
    lines: list[str] = []
    for sentence in _sentences(marked, 5)[:60]:
        words = sentence.split()
        while words:
            n = chance.randint(4, 9)
            lines.append(" ".join(words[:n]))
            words = words[n:]
    if chance.random() < 0.6:
        lines = [line[:1].upper() + line[1:] for line in lines]
    stanza = chance.choice((4, 4, 6, 8, 1000))
    return _all_main(lines, [int(i > 0 and i % stanza == 0) for i in range(len(lines))])


def manual(marked: Marked, chance: random.Random) -> Marked | None:
    """Prose with headings, lists and code, as in a README or an RFC."""
    units: list[str] = []
    gaps: list[int] = []
    indents: list[int] = []
    margin = chance.choice((0, 0, 3))
    for number, unit in enumerate(
        u for u, m in zip(marked.lines.units, marked.main, strict=True) if m
    ):
        for lines, indent in (
            (_heading(unit, number, chance), 0),
            ([unit], margin),
            (_items(unit, chance), margin + 2),
        ):
            for i, line in enumerate(lines):
                units.append(line)
                gaps.append(int(i == 0))
                indents.append(indent)
    return _all_main(units[:400], gaps[:400], indents[:400])


def _heading(unit: str, number: int, chance: random.Random) -> list[str]:
    words = unit.split()
    if chance.random() > 0.35 or len(words) < 6:
        return []
    n = chance.randint(1, 5)
    text = " ".join(words[:n]).strip(".,;:")
    mark = chance.choice(("", "## ", f"{number}. ", f"{number}.{n}. "))
    return [mark + chance.choice((text.title(), text, text.upper()))]


def _items(unit: str, chance: random.Random) -> list[str]:
    words = unit.split()
    if chance.random() > 0.3 or len(words) < 12:
        return []
    mark = chance.choice(("- ", "* ", "o ", "", "$ ", "   "))
    found = []
    for _ in range(chance.randint(2, 6)):
        at = chance.randrange(len(words) - 3)
        text = " ".join(words[at : at + chance.randint(1, 8)])
        found.append(
            mark
            + (text.replace(" ", chance.choice(("_", " = ", "("))) if mark in "$    " else text)
        )
    return [line for line in found if line.strip()]


def note(marked: Marked, chance: random.Random) -> Marked | None:
    """One to three sentences, or pieces of them."""
    found = _sentences(marked, 3)
    if not found:
        return None
    at = chance.randrange(len(found))
    lines = found[at : at + chance.randint(1, 3)]
    if chance.random() < 0.5:
        lines = [" ".join(line.split()[: chance.randint(2, 9)]) for line in lines]
    return _all_main(lines, [0] * len(lines))


# --- scripts --------------------------------------------------------------------------

_ARABIC = "ابتثجحخدرزسشصضطعفقكلمنهويذ"
_HEBREW = "אבגדהוזחטיכלמנסעפצקרשתםןףא"
_CYRILLIC = "абцдефгхийклмнопярстувшьзж"
_GREEK = "αβξδεφγηιλκσμνοπθρτυωχψζςά"
_ARABIC_MARKS = str.maketrans({",": "،", ";": "؛", "?": "؟"})
_WIDE_MARKS = str.maketrans(
    {",": "，", ".": "。", "?": "？", "!": "！", ":": "：", ";": "；", "(": "（", ")": "）"}
)


def _letters(alphabet: str, language: str, marks: dict[int, str]) -> Callable[[str], str]:
    table = dict(zip("abcdefghijklmnopqrstuvwxyz", alphabet, strict=True))
    upper = {k.upper(): v.upper() for k, v in table.items()}
    function = _ranked(language)

    def cipher(text: str) -> str:
        return "".join(_word(token) for token in _TOKEN.findall(text)).translate(marks)

    def _word(token: str) -> str:
        if token.lower() in function:
            word = function[token.lower()]
            return word[:1].upper() + word[1:] if token[:1].isupper() else word
        return "".join(table.get(c) or upper.get(c) or c for c in token)

    return cipher


@cache
def _ranked(language: str) -> dict[str, str]:
    """English function words, each with the other language's word of the same rank."""
    from wordfreq import top_n_list

    others = [w for w in top_n_list(language, 150, wordlist="small") if w.isalpha()]
    english = [w for w in top_n_list("en", 150, wordlist="small") if w.isalpha()]
    return dict(zip(english[:100], others[:100], strict=True))


@cache
def _ideographs() -> dict[str, str]:
    """English function words, each with a common Chinese one of one character."""
    from wordfreq import top_n_list

    commonest = [w for w in top_n_list("zh", 80, wordlist="small") if len(w) == 1]
    return dict(zip(top_n_list("en", 40, wordlist="small"), commonest, strict=False))


def _wide(text: str) -> str:
    """Two ideographs a word, one of the commonest for a function word, no spaces."""
    function = _ideographs()
    out = []
    for token in _TOKEN.findall(text):
        if token[0].isalpha():
            digest = hashlib.sha256(token.lower().encode()).digest()
            word = "".join(
                chr(0x4E00 + int.from_bytes(digest[i : i + 2], "big") % 5000) for i in (0, 2)
            )
            out.append(function.get(token.lower(), word))
        elif token != " ":
            out.append(token)
    return "".join(out).translate(_WIDE_MARKS)


def _script(
    cipher: Callable[[], Callable[[str], str]],
) -> Callable[[Marked, random.Random], Marked | None]:
    def variant(marked: Marked, chance: random.Random) -> Marked | None:
        del chance
        change = cipher()
        units = tuple(change(unit) or unit for unit in marked.lines.units)
        return replace(
            marked,
            lines=replace(
                marked.lines,
                units=units,
                texts=units,
                unit_of=tuple(range(len(units))),
                numbers=tuple(range(len(units))),
            ),
        )

    return variant


@dataclass(frozen=True, slots=True)
class Variant:
    """How to make a variant, the share of documents it is made of, its weight beside a page's 1."""

    make: Callable[[Marked, random.Random], Marked | None]
    share: float
    weight: float


ALL: dict[str, Variant] = {
    "cropped": Variant(cropped, 0.6, 1.0),
    "prompted": Variant(prompted, 0.6, 1.0),
    "close": Variant(close, 0.25, 1.0),
    "spaced": Variant(spaced, 0.35, 1.0),
    "article": Variant(article, 0.3, 0.4),
    "verse": Variant(verse, 0.2, 0.3),
    "manual": Variant(manual, 0.25, 0.4),
    "note": Variant(note, 0.3, 0.2),
    "arabic": Variant(_script(lambda: _letters(_ARABIC, "ar", _ARABIC_MARKS)), 0.2, 1.0),
    "hebrew": Variant(_script(lambda: _letters(_HEBREW, "he", {})), 0.15, 1.0),
    "cyrillic": Variant(_script(lambda: _letters(_CYRILLIC, "ru", {})), 0.25, 1.0),
    "greek": Variant(_script(lambda: _letters(_GREEK, "el", {ord("?"): ";"})), 0.15, 1.0),
    "ideographs": Variant(_script(lambda: _wide), 0.3, 1.0),
}
