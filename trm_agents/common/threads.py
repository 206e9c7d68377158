"""How many threads numeric libraries take."""

from __future__ import annotations

import os

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


def set_threads(threads: int) -> None:
    """Limit the threads of numeric libraries that this process loads from now on, and of those it starts."""
    for name in THREAD_VARIABLES:
        os.environ[name] = str(threads)
