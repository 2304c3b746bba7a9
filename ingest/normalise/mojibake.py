"""UTF-8 that was once read as another encoding, read back (``cafÃ©`` to ``café``), by ftfy.

Only its encoding repair is used, line by line, and only where its heuristic of bad
sequences (`ftfy.badness`) finds any: curly quotes, ligatures, entities and wide
characters are what their author wrote, and stay.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from ingest.normalise.beyond import beyond_ascii

if TYPE_CHECKING:
    from collections.abc import Callable

# What lead bytes look like in Windows-1252, MacRoman and code page 437; hardly ever written.
_LEADS = ("\xc2", "\xc3", "\u221a", "\u2500", "\u253c")
# What a continuation byte, 80 to BF, looks like after another character beyond ASCII in the
# single-byte encodings that ftfy reads back; letters of living alphabets are left out,
# since hardly a word of mojibake has no other.
_PAIR = re.compile(
    "[\x80-\uffff][\xa0-\xa9\xab-\xba\xbc-\xbf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192"
    "\u02c6\u02c7\u02d8-\u02dd\u201a\u201e\u0402\u0403\u0409\u040a\u040b\u040c\u040f\u0452\u0453\u045a\u045b\u045c"
    "\u045f\u0490\u2020-\u2022\u2030\u2039\u203a\u20ac\u2116\u2122\u2200-\u22ff\u2500-\u25ff\ufffd]"
)
_C1 = re.compile("[\x80-\x9f]")


def mend(text: str) -> str:
    """Repair mojibake; text in which there is none comes back as it is.

    Costs nothing for ASCII and some 16 µs for 1,000 words with a few other characters; ftfy's
    own test, 0.3 ms for 300, is made only where a pair of characters looks suspect.
    """
    if text.isascii() or not _is_suspect(text):
        return text
    is_bad, fix = _library()
    return "\n".join(fix(line) if is_bad(line) else line for line in text.split("\n"))


def _is_suspect(text: str) -> bool:
    others = beyond_ascii(text)
    return (
        any(lead in others for lead in _LEADS)
        or _C1.search(others) is not None
        or (_PAIR.search(others) is not None and _PAIR.search(text) is not None)
    )


@cache
def _library() -> tuple[Callable[[str], bool], Callable[[str], Any]]:
    from ftfy import TextFixerConfig, fix_text  # noqa: PLC0415 - seldom needed
    from ftfy.badness import is_bad  # noqa: PLC0415 - as above

    config = TextFixerConfig(
        unescape_html=False,
        remove_terminal_escapes=False,
        fix_latin_ligatures=False,
        fix_character_width=False,
        uncurl_quotes=False,
        fix_line_breaks=False,
        fix_surrogates=False,
        remove_control_chars=False,
        normalization=None,
        explain=False,
    )
    return is_bad, lambda line: fix_text(line, config)
