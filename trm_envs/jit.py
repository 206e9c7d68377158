"""The decorator of all jitted kernels: compiled code is cached on disk where there is a place for it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(**flags: Any) -> Callable[[Function], Function]:
    """Decorate a function with `numba.njit`, cached on disk where possible and else compiled anew in each process.

    Args:
        **flags: compile flags of `numba.njit`, such as `fastmath`; without `cache`.

    Warns:
        RuntimeWarning: once a process, where no folder for the cache can be written.
    """

    def compiled(function: Function) -> Function:
        try:
            cached: Function = njit(cache=True, **flags)(function)
            return cached
        except RuntimeError as error:
            # numba looks for a folder when it decorates, and says so in these words where there is none.
            if not str(error).startswith("cannot cache"):
                raise
            _warn()
            uncached: Function = njit(**flags)(function)
            return uncached

    return compiled


@cache
def _warn() -> None:
    """Say once that nothing is cached."""
    warnings.warn(
        "numba finds no folder to cache compiled kernels in, so that every process compiles them again: set "
        "NUMBA_CACHE_DIR to a folder that can be written",
        RuntimeWarning,
        stacklevel=3,
    )
