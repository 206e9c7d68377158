"""Drawing first states of systems with two states, and telling which split owns one."""

from __future__ import annotations

import numpy as np

from trm_envs.continuous.task import Numbers
from trm_envs.control.text import DECIMALS
from trm_envs.pools.source import split_of_key
from trm_envs.splitmix import mix

RADIUS = 2.0
"""Instances have states within [-2, 2]^2."""
OUTER_RADIUS = 3.0
"""Those out of distribution have a largest state within 2..3."""
MU_RANGE = (0.5, 2.0)
"""Of the pools in which mu varies."""


def draw_states(count: int, rng: np.random.Generator, radius: float = RADIUS) -> Numbers:
    """States uniform in the square [-radius, radius]^2, rounded, shape (count, 2)."""
    states: Numbers = np.round(rng.uniform(-radius, radius, (count, 2)), DECIMALS) + 0.0
    return states


def draw_shell(count: int, rng: np.random.Generator) -> Numbers:
    """States whose maximum norm is uniform in [2, 3], rounded, shape (count, 2)."""
    directions = rng.uniform(-1.0, 1.0, (count, 2))
    norms = rng.uniform(RADIUS, OUTER_RADIUS, (count, 1))
    states: Numbers = np.round(directions / np.abs(directions).max(axis=1, keepdims=True) * norms, DECIMALS) + 0.0
    return states


def draw_mu(count: int, rng: np.random.Generator, low: float, high: float) -> Numbers:
    """Mu uniform in [low, high], rounded, shape (count, 1)."""
    return np.round(rng.uniform(low, high, (count, 1)), DECIMALS)


def orbit_keys(instances: Numbers) -> list[int]:
    """A hash of each first state, equal for x and -x, which every system here treats alike; mu does not count."""
    whole = np.rint(instances[:, :2] * 10.0**DECIMALS).astype(np.int64)
    flipped = (whole[:, 0] < 0) | ((whole[:, 0] == 0) & (whole[:, 1] < 0))
    words = np.where(flipped[:, None], -whole, whole).astype(np.uint64)
    return [int(mix(mix(p) ^ v)) for p, v in words]


def training_instances(
    count: int, rng: np.random.Generator, radius: float = RADIUS, mu: tuple[float, float] | None = None
) -> Numbers:
    """New instances none of which a validation or test pool has, up to their sign, shape (count, 2) or (count, 3).

    Args:
        count: number of instances.
        rng: source of all randomness.
        radius: states are uniform in [-radius, radius]^2.
        mu: range of the third number; None: there is none.
    """
    found = np.empty((count, 2 if mu is None else 3))
    for row in found:
        while True:
            state = draw_states(1, rng, radius)
            if split_of_key(orbit_keys(state)[0]) == "train":
                break
        row[:2] = state[0]
        if mu is not None:
            row[2:] = draw_mu(1, rng, *mu)[0]
    return found
