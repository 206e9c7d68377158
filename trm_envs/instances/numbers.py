"""Numbers that users hand over, refused where they are none."""

from __future__ import annotations

import operator
import sys
from math import inf, nan
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST = 2**31 - 1
"""The largest count: observations and states hold counts as int32."""


def whole(name: str, value: Any, least: int, most: float = LARGEST) -> int:
    """A whole number from `least` to `most`, as an int; numpy's integers are welcome, truth values are not.

    Raises:
        ValueError: it is something else; the message names it.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")
    if number < least:
        raise ValueError(f"{name} must be at least {least}, got {number}")
    if number > most:
        raise ValueError(f"{name} must be at most {most}, got {number}")
    return number


def share(name: str, value: Any) -> float:
    """A number within [0, 1], as a float.

    Raises:
        ValueError: it is something else; the message names it.
    """
    number = real(value)
    if not 0.0 <= number <= 1.0:
        raise ValueError(f"{name} must be within [0, 1], got {value!r}")
    return number


def truth(name: str, value: Any) -> bool:
    """True or False, as a bool; NumPy's are welcome, numbers and words are not.

    Raises:
        ValueError: it is something else; the message names it.
    """
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def number(name: str, value: Any, least: float, most: float = sys.float_info.max) -> float:
    """A finite number from `least` to `most`, as a float.

    Raises:
        ValueError: it is something else; the message names it.
    """
    found = real(value)
    if not least <= found <= most:
        bounds = f"at least {least:g}" + (f" and at most {most:g}" if most < sys.float_info.max else "")
        raise ValueError(f"{name} must be a finite number of {bounds}, got {value!r}")
    return found


def real(value: Any) -> float:
    """A real number as a float; nan for what is none, such as a truth value or a span of time."""
    if not isinstance(value, Real) or isinstance(value, bool | np.timedelta64):
        return nan
    try:
        return float(value)
    except OverflowError:
        return inf


def array_of(values: Any) -> NDArray[Any]:
    """`numpy.asarray`, except that numbers with truth values among them are an array of objects, and not of numbers.

    Raises:
        ValueError: rows are of unequal length.
    """
    array = np.asarray(values)
    return np.asarray(values, object) if array.dtype.kind in "iuf" and _holds_truths(values) else array


def _holds_truths(values: Any) -> bool:
    """Whether a list or tuple holds a truth value, at any depth."""
    if isinstance(values, list | tuple):
        return any(map(_holds_truths, values))
    return isinstance(values, bool | np.bool_)
