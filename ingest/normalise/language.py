"""Language of a text, from a short sample of it, by py3langid."""

from __future__ import annotations

import tempfile
from functools import cache
from typing import Any

from ingest.errors import StoreError

UNKNOWN = "und"

_SAMPLE = 300  # characters: 0.2 ms, where the whole of a 300-word text takes 0.9
_LONG_SAMPLE = 3000  # looked at only where the short one leaves doubt
_FEWEST_LETTERS = 20  # of an alphabet; below that the model guesses
_FEWEST_IDEOGRAPHS = 4
_SURE = 0.5
_SURE_WITH_HINT = 0.1
_NO_LANGUAGE = "zxx"  # the model's class for what is no language: tables, code, numbers
_OTHER_NAMES = {"nb": "no", "iw": "he", "in": "id", "ji": "yi", "cmn": "zh", "yue": "zh"}


def detect(text: str, hint: str = "") -> str:
    """Tell the ISO 639-1 code of the language, ``und`` where it is too little to tell by.

    ``hint`` is what the page declares.  Templates often declare wrongly, so it decides
    only where the text leaves doubt and the model does not rule it out: of 40 pages where
    declaration and text differed (pages-segments), the declaration was wrong on nearly all.
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
    model = _model()
    best, sure = model.classify(sample)
    # Ranking all languages takes half as long again: only where the hint may make a difference.
    if hint not in {"", best} and dict(model.rank(sample)).get(hint, 0.0) >= _SURE_WITH_HINT:
        return hint
    if best == hint and sure >= _SURE_WITH_HINT:
        return hint
    return best if best != _NO_LANGUAGE and sure >= _SURE else UNKNOWN


def _sample(text: str) -> str:
    """Half from a quarter into the text, half from its middle: past headings and datelines."""
    if len(text) <= _SAMPLE:
        return text
    half = _SAMPLE // 2
    first, second = len(text) // 4, max(len(text) // 2, len(text) // 4 + half)
    return text[first : first + half] + " " + text[second : second + half]


def _has_enough(sample: str) -> bool:
    letters = sum(map(str.isalpha, sample))
    if letters >= _FEWEST_LETTERS:
        return True
    return sum(character >= "\u2e80" for character in sample) >= _FEWEST_IDEOGRAPHS


@cache
def _model() -> Any:
    """Load the model (0.3 s, 23 MB), held to the languages that have an ISO 639-1 code.

    Raises `StoreError` where the temporary folder, into which the library unpacks its model,
    has no room or cannot be written.
    """
    import numpy as np  # noqa: PLC0415 - with the model
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415 - as above

    try:
        model: Any = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    except OSError as error:
        raise StoreError(
            f"{tempfile.gettempdir()}: the language model cannot be unpacked: {error.strerror}",
            hint="Free some space there, or name another temporary folder with TMPDIR.",
        ) from error
    two_letters = [label for label in model.labels if len(label) == 2]  # noqa: PLR2004 - ISO 639-1
    model.set_languages([*two_letters, _NO_LANGUAGE])
    # Choosing languages leaves the table column by column, and it is read row by row.
    model.nb_ptc = np.ascontiguousarray(model.nb_ptc)
    return model


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
