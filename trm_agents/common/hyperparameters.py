"""Checks of hyperparameters: what is wrong, in words that name the value and the remedy."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from math import inf
from numbers import Integral, Real
from types import SimpleNamespace
from typing import Any, TypeGuard

import numpy as np


def refuse(problems: list[str]) -> None:
    """Say all that is wrong at once.

    Raises:
        ValueError: there is something.
    """
    if problems:
        raise ValueError("; ".join(problems))


def not_whole(owner: Any, *names: str, least: int = 1, most: int = 2**31 - 1) -> Iterator[str]:
    """Attributes that are no whole numbers from `least` to `most`; those of NumPy are whole too."""
    for name in names:
        value = getattr(owner, name)
        # NumPy calls its spans of time integers.
        is_whole = isinstance(value, Integral) and not isinstance(value, bool | np.timedelta64)
        if not is_whole:
            yield f"{name} must be a whole number of at least {least}, got {value!r}: pass an int"
        elif value < least:
            yield f"{name} must be at least {least}, got {value}"
        elif value > most:
            yield f"{name} must be at most {most}, got {value}"


def is_number(value: Any) -> TypeGuard[float]:
    """Whether it is a real number; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, bool | np.timedelta64)


def not_positive(owner: Any, *names: str, largest: float = sys.float_info.max) -> Iterator[str]:
    """Attributes that are no numbers above 0 and at most `largest`, which is finite by default."""
    for name in names:
        value = getattr(owner, name)
        if not (is_number(value) and 0.0 < value <= largest):
            yield f"{name} must be positive, got {value}"


def negative(owner: Any, *names: str) -> Iterator[str]:
    """Attributes that are no finite numbers of at least 0."""
    for name in names:
        value = getattr(owner, name)
        if is_number(value) and value < 0.0:
            yield f"{name} must not be negative, got {value}"
        elif not (is_number(value) and value < inf):
            yield f"{name} must be a finite number of at least 0, got {value!r}"


def not_a_share(owner: Any, *names: str) -> Iterator[str]:
    """Attributes that are not within [0, 1]."""
    for name in names:
        value = getattr(owner, name)
        if not (is_number(value) and 0.0 <= value <= 1.0):
            yield f"{name} must be within [0, 1], got {value}"


def not_a_decay(owner: Any, name: str = "ema_decay") -> Iterator[str]:
    """An attribute that is not within [0, 1)."""
    value = getattr(owner, name)
    if not (is_number(value) and 0.0 <= value < 1.0):
        yield f"{name} must be within [0, 1), got {value}"


def not_one_of(owner: Any, name: str, *kinds: type) -> Iterator[str]:
    """An attribute that is neither None nor of one of these classes."""
    value = getattr(owner, name)
    if value is not None and not isinstance(value, kinds):
        yield f"{name} must be None or {' or '.join(kind.__name__ for kind in kinds)}(...), got {value!r}"


def wrong_for_all(owner: Any) -> Iterator[str]:
    """What is wrong with the keywords that every SB3 algorithm has, before SB3 looks at them."""
    yield from not_whole(owner, "verbose", least=0)
    yield from not_whole(owner, "stats_window_size")
    yield from (() if owner.seed is None else not_whole(owner, "seed", least=0, most=2**32 - 1))


def check_run(total_timesteps: Any, log_interval: Any) -> None:
    """Check what `learn` is given, before anything is reset.

    Raises:
        ValueError: there is no such number of steps, or no such iteration to log at.
    """
    given = SimpleNamespace(total_timesteps=total_timesteps, log_interval=log_interval)
    endless = is_number(total_timesteps) and total_timesteps == inf
    problems = [] if endless else list(negative(given, "total_timesteps"))
    refuse([*problems, *(() if log_interval is None else not_whole(given, "log_interval"))])


def not_true_or_false(owner: Any) -> Iterator[str]:
    """Attributes that are something else, where the constructor's annotation says bool; NumPy's are welcome."""
    for name, parameter in inspect.signature(type(owner).__init__).parameters.items():
        value = getattr(owner, name, None)
        if parameter.annotation == "bool" and hasattr(owner, name) and not isinstance(value, bool | np.bool_):
            yield f"{name} must be True or False, got {value!r}"


def make_plain(owner: Any) -> None:
    """Replace NumPy's numbers and truth values among the attributes by Python's, which all of PyTorch takes."""
    for name, value in vars(owner).items():
        if isinstance(value, np.number | np.bool_):
            setattr(owner, name, value.item())
