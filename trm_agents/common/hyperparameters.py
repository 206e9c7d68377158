"""Checks of hyperparameters: what is wrong, in words that name the value and the remedy."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from math import inf
from numbers import Integral, Real
from typing import Any

import numpy as np


def refuse(problems: list[str]) -> None:
    """Say all that is wrong at once.

    Raises:
        ValueError: there is something.
    """
    if problems:
        raise ValueError("; ".join(problems))


def not_whole(owner: Any, *names: str, least: int = 1) -> Iterator[str]:
    """Attributes that are no whole numbers of at least `least`; those of NumPy are whole too."""
    for name in names:
        value = getattr(owner, name)
        if isinstance(value, bool) or not isinstance(value, Integral):
            yield f"{name} must be a whole number of at least {least}, got {value!r}: pass an int"
        elif value < least:
            yield f"{name} must be at least {least}, got {value}"


def not_positive(owner: Any, *names: str, largest: float = sys.float_info.max) -> Iterator[str]:
    """Attributes that are no numbers above 0 and at most `largest`, which is finite by default."""
    for name in names:
        value = getattr(owner, name)
        if not (isinstance(value, Real) and 0.0 < float(value) <= largest):
            yield f"{name} must be positive, got {value}"


def negative(owner: Any, *names: str) -> Iterator[str]:
    """Attributes that are no finite numbers of at least 0."""
    for name in names:
        value = getattr(owner, name)
        if not (isinstance(value, Real) and 0.0 <= float(value) < inf):
            yield f"{name} must not be negative, got {value}"


def not_a_share(owner: Any, *names: str) -> Iterator[str]:
    """Attributes that are not within [0, 1]."""
    for name in names:
        value = getattr(owner, name)
        if not (isinstance(value, Real) and 0.0 <= float(value) <= 1.0):
            yield f"{name} must be within [0, 1], got {value}"


def not_true_or_false(owner: Any) -> Iterator[str]:
    """Attributes that are something else, where the constructor's annotation says bool; NumPy's are welcome."""
    for name, parameter in inspect.signature(type(owner).__init__).parameters.items():
        value = getattr(owner, name, None)
        if parameter.annotation == "bool" and hasattr(owner, name) and not isinstance(value, bool | np.bool_):
            yield f"{name} must be True or False, got {value!r}"


def make_plain(owner: Any) -> None:
    """Replace NumPy's integers and truth values among the attributes by Python's, which all of PyTorch takes."""
    for name, value in vars(owner).items():
        if isinstance(value, np.integer | np.bool_):
            setattr(owner, name, value.item())
