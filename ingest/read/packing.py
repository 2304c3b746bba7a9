"""Lists of addresses as one short string, to be kept with what is remembered of an item.

The addresses of one site share most of their characters: 4 to 25 bytes each are left.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def packed(lines: Iterable[str]) -> str:
    """Lines, which hold no line break, as ASCII; ``""`` for none."""
    text = "\n".join(lines)
    return base64.b64encode(zlib.compress(text.encode())).decode() if text else ""


def unpacked(text: str) -> tuple[str, ...]:
    """The lines of what `packed` gave; none for anything else."""
    try:
        lines = zlib.decompress(base64.b64decode(text)).decode()
    except (ValueError, binascii.Error, zlib.error):
        return ()
    return tuple(lines.split("\n"))
