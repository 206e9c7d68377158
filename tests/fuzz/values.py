"""Values of every kind, and what keywords may be."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

Test = Callable[[Any], bool]
NO_NUMBERS = (bool, np.bool_, np.timedelta64)

ODD: list[Any] = [
    np.int64(4),
    np.int8(-1),
    np.uint64(2**63),
    np.float32(0.5),
    np.float64("nan"),
    np.bool_(True),
    np.array([1, 2]),
    np.array(3),
    np.array(["a"]),
    np.timedelta64(3, "s"),
    Path("x"),
    object(),
    10**400,
    2**31,
    2**63,
    -(2**63),
    float("inf"),
    "0.99",
    "4",
    "True",
    "none",
    "",
    "NaN",
    b"4",
    (1, 4),
    [6, 8],
    (6, 8),
    {"a": 1},
    {4},
    range(3),
    1e308,
    5e-324,
    -0.0,
    3.7,
    4.0,
    1 + 0j,
]
JUNK: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(ODD),
    st.none(),
    st.booleans(),
    st.integers(-3, 40),
    st.integers(),
    st.floats(0, 1),
    st.floats(),
    st.text(max_size=6),
    st.binary(max_size=4),
    st.complex_numbers(),
    st.lists(st.integers(-3, 12), max_size=4),
    st.tuples(st.integers(0, 16), st.integers(0, 16)),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def whole(least: int, most: int = 2**31 - 1) -> Test:
    return lambda v: isinstance(v, Integral) and not isinstance(v, NO_NUMBERS) and least <= int(v) <= most


def real(least: float, most: float) -> Test:
    def test(v: Any) -> bool:
        # A float32 cannot be compared with numbers beyond its own.
        v = float(v) if isinstance(v, np.floating) else v
        return isinstance(v, Real) and not isinstance(v, NO_NUMBERS) and least <= v <= most and isfinite(v)

    return test


def truth(v: Any) -> bool:
    return isinstance(v, (bool, np.bool_))


def one_of(*words: Any) -> Test:
    return lambda v: isinstance(v, str) and v in words


def maybe(test: Test) -> Test:
    return lambda v: v is None or test(v)


def shown(value: Any) -> str:
    """A value in a line of the report."""
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."
