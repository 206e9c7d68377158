"""What several tests of the plan-edit environments share."""

from __future__ import annotations

import pkgutil
from typing import Any

import numpy as np
from numpy.typing import NDArray

import trm_envs

PUZZLES = {module.name for module in pkgutil.iter_modules(trm_envs.__path__)}
ROWS = [row for row in trm_envs.ENVIRONMENTS if row.puzzle in PUZZLES]
IDS = [row.id for row in ROWS]
SMALL = [row.id for row in ROWS if row.kwargs["size"] <= 9]


def same(left: Any, right: Any, where: str = "") -> None:
    """Assert that two nested values are equal, types, dtypes and shapes included."""
    assert type(left) is type(right), f"{where}: {type(left)} and {type(right)}"
    if isinstance(left, dict):
        assert left.keys() == right.keys(), f"{where}: {sorted(left)} and {sorted(right)}"
        for key in left:
            same(left[key], right[key], f"{where}.{key}")
    elif isinstance(left, list | tuple):
        assert len(left) == len(right), where
        for number, (one, other) in enumerate(zip(left, right, strict=True)):
            same(one, other, f"{where}[{number}]")
    elif isinstance(left, np.ndarray):
        assert left.dtype == right.dtype and left.shape == right.shape, where
        if left.dtype == object:
            same(left.tolist(), right.tolist(), where)
        else:
            np.testing.assert_array_equal(left, right, err_msg=where)
    else:
        assert left == right, f"{where}: {left} and {right}"


def some_action(rng: np.random.Generator, mask: NDArray[Any], legal: float) -> int:
    """A legal action with probability `legal`, else any."""
    if rng.random() < legal:
        return int(rng.choice(np.flatnonzero(mask)))
    return int(rng.integers(len(mask)))
