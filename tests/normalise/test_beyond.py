"""What needs a closer look is found as a look at each character would find it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest.normalise.beyond import beyond_ascii, beyond_printable

ANY = st.text() | st.text("aé—\n\x00\x7f\x80 \ud800\udc00\U0001f600")


@given(ANY)
def test_beyond_ascii(text: str) -> None:
    assert beyond_ascii(text) == "".join(c for c in text if c > "\x7f")


@given(ANY)
def test_beyond_printable_ascii(text: str) -> None:
    assert beyond_printable(text) == "".join(
        c for c in text if not ("\x20" <= c <= "\x7e" or c == "\n")
    )
