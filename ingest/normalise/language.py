"""Language of a text, from a short sample of it, by CLD2 (pycld2).

Its tables of quadgrams are compiled: 30 µs for 300 characters.  py3langid, a naive Bayes
classifier in Python, takes 190 to 470 and knows fewer of Django's 81 translations apart.
"""

from __future__ import annotations

from functools import cache

import pycld2

from ingest.documents import UNKNOWN

_SAMPLE = 300  # characters: 30 µs, where the whole of a 300-word text takes 130
_LONG_SAMPLE = 3000  # looked at only where the short one leaves doubt
_FEWEST_LETTERS = 20  # of an alphabet; below that the model guesses
_FIRST = 40  # characters that nearly always hold so many
_FEWEST_IDEOGRAPHS = 4
_HINTED = 100  # characters: in less text near languages are hard to tell apart
_MOST = 50  # per cent of the sample
_OTHER_NAMES = {
    "cmn": "zh", "in": "id", "iw": "he", "ji": "yi", "jw": "jv", "nb": "no", "yue": "zh",
}  # fmt: skip


def detect(text: str, hint: str = "") -> str:
    """Tell the ISO 639-1 code of the language, ``und`` where it is too little to tell by.

    ``hint`` is what the page declares.  Templates often declare wrongly (of 40 pages where
    declaration and text differed, pages-segments, nearly all), and CLD2 believes it too
    readily: a Czech page that is declared Slovak becomes Slovak.  So it counts only
    for a sentence or two, and only between languages that are near.
    """
    hint = code(hint)
    for sample in (_sample(text), text[:_LONG_SAMPLE]):
        found = _told(sample, hint)
        if found != UNKNOWN or len(text) <= _SAMPLE:
            return found
    return UNKNOWN


def code(label: str) -> str:
    """ISO 639-1 code of a language tag (``en-GB``, ``pt_BR``), ``""`` where it is none."""
    primary = label.strip().lower().replace("_", "-").partition("-")[0]
    primary = _OTHER_NAMES.get(primary, primary)
    return primary if primary in _iso_639_1() else ""


def _told(sample: str, hint: str) -> str:
    if not _has_enough(sample):
        return UNKNOWN
    found = _classified(sample)
    if len(sample) < _HINTED and hint not in {"", found} and _classified(sample, hint) == hint:
        return hint
    return found


def _classified(sample: str, hint: str | None = None) -> str:
    """What CLD2 makes of a sample, which may have to be rid of noncharacters for it."""
    try:
        reliable, _, ranked = pycld2.detect(sample, hintLanguage=hint)
    except pycld2.error:
        return _classified("".join(c if c.isprintable() else " " for c in sample), hint)
    _, best, share, _ = ranked[0]
    return code(best) or UNKNOWN if reliable or share > _MOST else UNKNOWN


def _sample(text: str) -> str:
    """Half from a quarter into the text, half from its middle: past headings and datelines."""
    if len(text) <= _SAMPLE:
        return text
    half = _SAMPLE // 2
    first, second = len(text) // 4, max(len(text) // 2, len(text) // 4 + half)
    return text[first : first + half] + " " + text[second : second + half]


def _has_enough(sample: str) -> bool:
    for some in (sample[:_FIRST], sample):
        if sum(map(str.isalpha, some)) >= _FEWEST_LETTERS:
            return True
    return sum(character >= "\u2e80" for character in sample) >= _FEWEST_IDEOGRAPHS


@cache
def _iso_639_1() -> frozenset[str]:
    return frozenset(_CODES.split())


_CODES = (
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy "
    "da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu "
    "hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb "
    "lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om "
    "or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw "
    "ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu"
)
