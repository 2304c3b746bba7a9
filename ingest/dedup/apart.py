"""The signing kernel, compiled in a process of its own: ``python -m ingest.dedup.apart FOLDER``.

It compiles while whoever started it (`compiling.start`) goes on in numpy, and ends with it.
"""

from __future__ import annotations

import os
import sys
import threading

from ingest.compiling import claim
from ingest.dedup.signatures import KERNEL, best, kernel_kept
from ingest.documents import UNKNOWN


def main() -> None:
    """Compile the kernel into a folder, unless another process does so."""
    folder = sys.argv[1]
    threading.Thread(target=_follow, daemon=True).start()
    with claim(KERNEL, folder) as mine:
        if mine and not kernel_kept(folder):
            best(folder).sign(("a", "", UNKNOWN), 1, 1)


def _follow() -> None:
    """End this process with the one that started it, which holds the other end of its input."""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
