"""Drawing instances of powered descent that are solvable by construction, and telling which split owns one.

A *witness* is a plan that lands: it is played backwards from the pad by the exact inverse step, and the state where it
begins, rounded, is the instance. The witness is then checked forwards from there, and is forgotten.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_envs.continuous.task import Numbers
from trm_envs.control import descent_kernels
from trm_envs.control.descent import DescentTask
from trm_envs.control.lander import DRY_MASS, HORIZON, VEHICLE
from trm_envs.pools.source import split_of_key
from trm_envs.splitmix import mix

Approach = Literal["usual", "shallow", "outside"]
"""From where vehicles come: within the usual ranges, low above the glide slope, or from beyond the usual ranges."""

DECIMALS = 2
"""Instances are rounded to so many decimals: to 1 cm, 1 cm/s and 10 g."""
FARTHEST = 4000.0
"""Every training instance is at most so many metres from the pad."""
_SHALLOW = np.tan(np.radians(38.0))
_BATCH = 32
_KEY_UNIT = 1e-3


class Witnesses(NamedTuple):
    """A batch of instances and of plans that land them."""

    instances: Numbers
    """Shape (B, 7), rounded."""
    plans: Numbers
    """Shape (B, 3 N + 1)."""


def draw_witnesses(count: int, rng: np.random.Generator, approach: Approach) -> Witnesses:
    """Draw `count` candidates and keep the instances of an approach, with their witnesses: fewer than `count`."""
    times = rng.uniform(24.0, 60.0, count) * (1.25 if approach == "outside" else 1.0)
    masses = rng.uniform(DRY_MASS + 5.0, 1850.0, count)
    draw = _along_the_slope if approach == "shallow" else _max_min_max
    plans = np.concatenate([draw(times, masses, rng).reshape(count, -1), times[:, None]], axis=1)
    endings = np.concatenate([np.zeros((count, 6)), masses[:, None]], axis=1)
    instances = np.round(descent_kernels.rewind(VEHICLE, endings, plans)[:, 0], DECIMALS) + 0.0
    kept = np.flatnonzero(~faults(instances, approach))
    instances, plans = instances[kept], plans[kept]
    lands = DescentTask().check(instances, plans).success
    return Witnesses(instances[lands], plans[lands])


def _max_min_max(times: Numbers, masses: Numbers, rng: np.random.Generator) -> Numbers:
    """Thrusts, shape (B, N, 3): strong, weak and strong again, in a direction that is linear in time."""
    count, left = len(times), 1.0 - (np.arange(HORIZON) + 0.5) / HORIZON
    weak_until = rng.uniform(0.05, 0.8, (count, 1))
    weak_from = np.where(rng.random((count, 1)) < 0.6, 1.0, rng.uniform(0.8, 1.0, (count, 1)))
    weak = rng.uniform(1.02 * VEHICLE.thrust_low, 7500.0, (count, 1))
    strong = rng.uniform(0.85, 0.98, (count, 1)) * VEHICLE.thrust_high
    norms = np.where((left > weak_until) & (left < weak_from), weak, strong)
    lean, tilt = rng.normal(0.0, 0.25, (count, 1, 2)), rng.normal(0.0, 0.9, (count, 1, 2))
    sink = rng.normal(0.0, 0.3, (count, 1, 1))
    directions = np.concatenate([lean + tilt * left[:, None], 1.0 + sink * left[:, None]], axis=2)
    thrusts: Numbers = norms[:, :, None] * directions / np.linalg.norm(directions, axis=2, keepdims=True)
    return thrusts


def _along_the_slope(times: Numbers, masses: Numbers, rng: np.random.Generator) -> Numbers:
    """Thrusts, shape (B, N, 3), that brake almost along a line little steeper than the glide slope."""
    count, left = len(times), 1.0 - (np.arange(HORIZON) + 0.5) / HORIZON
    elevation, azimuth = np.radians(rng.uniform(30.5, 36.0, count)), rng.uniform(0.0, 2.0 * np.pi, count)
    ahead = np.stack([np.cos(azimuth), np.sin(azimuth)], 1) * np.cos(elevation)[:, None]
    line = np.concatenate([ahead, np.sin(elevation)[:, None]], axis=1)
    braking = rng.uniform(0.8, 2.6, (count, 1)) * (1.0 + rng.uniform(-0.3, 0.3, (count, 1)) * left)
    forces = braking[:, :, None] * line[:, None] + np.array([0.0, 0.0, VEHICLE.gravity])
    forces[:, :, :2] += rng.normal(0.0, 0.1, (count, 1, 2)) * (1.0 - 3.0 * left[:, None])
    # The mass on the way, from what the thrust burns of it on average.
    burning = (np.linalg.norm(forces, axis=2).mean(axis=1) * masses / VEHICLE.exhaust * times)[:, None] * left
    thrusts = forces * (masses[:, None] + burning)[:, :, None]
    return descent_kernels.project(VEHICLE, thrusts.reshape(-1, 3)).reshape(count, HORIZON, 3)


def faults(instances: Numbers, approach: Approach) -> NDArray[np.bool_]:
    """Which instances do not belong to an approach, shape (B,)."""
    z, v_z, mass = instances[:, 2], instances[:, 5], instances[:, 6]
    distance, speed = np.hypot(instances[:, 0], instances[:, 1]), np.linalg.norm(instances[:, 3:6], axis=1)
    above = z >= VEHICLE.slope * distance
    usual = above & (z >= 600.0) & (z <= 3000.0) & (distance <= 2500.0) & (speed <= 130.0) & (v_z <= -10.0)
    usual &= (mass <= 2100.0) & (np.linalg.norm(instances[:, :3], axis=1) <= FARTHEST)
    if approach == "usual":
        belongs = usual
    elif approach == "shallow":
        low = above & (z >= 300.0) & (distance <= 3300.0) & (z <= _SHALLOW * distance) & (speed <= 130.0)
        belongs = low & (v_z <= -5.0) & (mass <= 2100.0)
    else:
        wide = above & (z >= 600.0) & (z <= 4500.0) & (distance <= 4000.0) & (speed <= 170.0) & (v_z <= 0.0)
        belongs = wide & (mass <= 2200.0) & ~usual
    found: NDArray[np.bool_] = ~belongs
    return found


def orbit_keys(instances: Numbers) -> list[int]:
    """A hash of each instance, equal for all that turning about the vertical and mirroring make of it, up to 1 mm."""
    x, y, z, v_x, v_y, v_z, mass = instances.T
    distance = np.hypot(x, y)
    unit = np.maximum(distance, 1e-300)
    along, across = (x * v_x + y * v_y) / unit, np.abs(x * v_y - y * v_x) / unit
    seen = np.stack([distance, z, along, across, v_z, mass], axis=1)
    keys = []
    for row in np.rint(seen / _KEY_UNIT).astype(np.int64).astype(np.uint64):
        key = np.uint64(0)
        for word in row:
            key = mix(key ^ word)
        keys.append(int(key))
    return keys


def training_instances(
    count: int, rng: np.random.Generator, farthest: float = FARTHEST, approach: Approach = "usual"
) -> Numbers:
    """New instances none of which a validation or test pool has, up to turning and mirroring, shape (count, 7).

    Args:
        count: number of instances.
        rng: source of all randomness.
        farthest: they begin at most so many metres from the pad.
        approach: from where they come.
    """
    found: list[Numbers] = []
    while len(found) < count:
        drawn = draw_witnesses(_BATCH, rng, approach).instances
        near = np.linalg.norm(drawn[:, :3], axis=1) <= farthest
        owners = [split_of_key(key) for key in orbit_keys(drawn)]
        found += [row for row, close, owner in zip(drawn, near, owners, strict=True) if close and owner == "train"]
    return np.array(found[:count])
