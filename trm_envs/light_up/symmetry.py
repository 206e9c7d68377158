"""Which puzzles are one and the same: rotated or reflected."""

from __future__ import annotations

from math import isqrt

from trm_envs.plan_edit.square import least_keys, turns
from trm_envs.plan_edit.task import Grids


def orbit_keys(instances: Grids) -> list[int]:
    """A 64-bit hash of the least of each puzzle's eight forms, equal for symmetric puzzles.

    Args:
        instances: shape (B, N*N), int8.
    """
    return least_keys(instances[:, turns(isqrt(instances.shape[1]))].swapaxes(0, 1))
