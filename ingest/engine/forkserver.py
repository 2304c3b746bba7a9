"""Imported by the fork server before anything else, and by nothing but it.

It acts when it is imported because a fork server offers no other moment: the workers
must inherit these settings, and the libraries imported after this one read them once.
"""

from __future__ import annotations

import os
import signal
import sys

# `python -c`, which a fork server is, looks for modules in the current folder first: a
# `numpy.py` that happens to lie there must not be imported in numpy's place.
if "" in sys.path:
    sys.path.remove("")

# A process that has threads must not fork: OpenBLAS (numpy) and OpenMP start theirs when
# they are loaded, one a core.  One each is also right for workers that fill the cores.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

# Ctrl-C in a terminal, or a service manager that ends a whole group, reaches every process
# of the group: only the parent decides when its workers end, and it does so by SIGKILL.
for _signal in (signal.SIGINT, signal.SIGTERM):
    signal.signal(_signal, signal.SIG_IGN)
