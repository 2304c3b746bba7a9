r"""How many words a text has."""

from __future__ import annotations

import re

# Scripts written without spaces between words: Thai, Lao, Tibetan, Myanmar, Khmer, kana,
# Han and its extensions.  Each of their characters counts as a word.
_UNSPACED = (
    "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u3005-\u3007\u3040-\u30ff"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_WORD = re.compile(r"\w+")
_WORD_OR_CHARACTER = re.compile(rf"(?![{_UNSPACED}])\w(?:(?![{_UNSPACED}])\w)*|[{_UNSPACED}]")
_HAS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_FEW = 16  # replacing so many characters takes as long as the expression
# Every ASCII character that is none of a word, to a space.
_SPACED = bytes(code if _WORD.match(chr(code)) else 32 for code in range(128)) + bytes(128)


def count_words(text: str) -> int:
    r"""Count ``\w+`` runs; in scripts written without spaces, characters.

    A quarter of the expression's time for ASCII, half of it for text with a few others.
    """
    if not text.isascii():
        others = {character for character in set(text) if character > "\x7f"}
        if any(map(_HAS_UNSPACED.match, others)):
            return len(_WORD_OR_CHARACTER.findall(text))
        if len(others) > _FEW:
            return len(_WORD.findall(text))
        for character in others:
            text = text.replace(character, "x" if character.isalnum() else " ")
    return len(text.encode("ascii").translate(_SPACED).split())
