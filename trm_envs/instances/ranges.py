"""Stages of a curriculum that are ranges of a number: how hard an instance is."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Range = tuple[int, int | None]
"""Both ends count; None: no upper limit."""


def ranges(curriculum: Any, number: str) -> list[Range]:
    """Well-formed ranges; lists will do for tuples, since that is what JSON makes of them.

    Args:
        curriculum: pairs (least, most), where most may be None.
        number: what they are ranges of, for errors.

    Raises:
        ValueError: it is something else.
    """
    try:
        return [(operator.index(least), None if most is None else operator.index(most)) for least, most in curriculum]
    except (TypeError, ValueError):
        raise ValueError(
            f"curriculum must be a sequence of ranges of {number}, (least, most), where most may be None, "
            f"got {curriculum!r}"
        ) from None


def within(numbers: NDArray[np.int64], bounds: Range) -> NDArray[np.bool_]:
    """Which numbers are within a range."""
    least, most = bounds
    return (numbers >= least) & (numbers <= (np.inf if most is None else most))


def members(numbers: NDArray[np.int64], stages: Sequence[Range], noun: str, number: str) -> list[NDArray[np.int64]]:
    """The indices of the instances of each stage.

    Args:
        numbers: the number of each instance, shape (n,).
        stages: ranges.
        noun: what errors call an instance.
        number: what they call its number.

    Raises:
        ValueError: a stage has no instance.
    """
    found = [np.flatnonzero(within(numbers, stage)) for stage in stages]
    for stage, rows in zip(stages, found, strict=True):
        if len(rows) == 0:
            raise ValueError(
                f"no {noun} belongs to the stage {stage!r} of curriculum: {number} is "
                f"{numbers.min()} to {numbers.max()} here"
            )
    return found
