"""Pools of first states, split by a hash of the state up to its sign."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trm_envs.continuous.task import Numbers
from trm_envs.control.generator import MU_RANGE, OUTER_RADIUS, RADIUS, draw_mu, draw_shell, draw_states, orbit_keys
from trm_envs.control.text import DECIMALS, format_instances, parse_instances
from trm_envs.pools.source import fill_splits, split_of_key

_BATCH = 256


@dataclass(frozen=True)
class ControlPool:
    """First states of a system, and mu where it varies; no two of them equal up to the sign of the state.

    Attributes:
        name: name of the pool.
        train: number of training instances.
        held_out: number of validation instances and of test instances.
        seed: seed of everything drawn.
        varies: whether a third number, mu, varies over `MU_RANGE`.
        ood: whether states come from outside the usual square; such a pool has no training instances.
    """

    name: str
    train: int
    held_out: int
    seed: int
    varies: bool = False
    ood: bool = False

    @property
    def family(self) -> str:
        """Every pool splits states by the same rule, so that no state is in two splits of any two of them."""
        return "control"

    @property
    def size(self) -> int:
        """Numbers of an instance."""
        return 3 if self.varies else 2

    @property
    def sizes(self) -> dict[str, int]:
        """Number of instances of each split."""
        return {"train": self.train, "validation": self.held_out, "test": self.held_out}

    def generate(self) -> dict[str, list[str]]:
        """Draw instances until every split is full."""
        rng = np.random.default_rng(self.seed)

        def draw() -> tuple[list[str], list[int]]:
            states = draw_shell(_BATCH, rng) if self.ood else draw_states(_BATCH, rng)
            instances = np.concatenate([states, draw_mu(_BATCH, rng, *MU_RANGE)], axis=1) if self.varies else states
            return format_instances(instances), orbit_keys(states)

        return fill_splits(self.sizes, draw)

    def describe(self, lines: Sequence[str]) -> dict[str, Any]:
        """Return the range of the states' maximum norm, and of mu where it varies."""
        if not lines:
            return {}
        instances = self.parse(lines)
        norms = np.abs(instances[:, :2]).max(axis=1)
        facts = {"largest_state": [float(norms.min()), float(norms.max())]}
        return facts | ({"mu": [float(instances[:, 2].min()), float(instances[:, 2].max())]} if self.varies else {})

    def keys(self, lines: Sequence[str]) -> list[Hashable]:
        """Return the hash of each state up to its sign."""
        return list(orbit_keys(self.parse(lines)))

    def problems(self, lines: Sequence[str]) -> list[str]:
        """Check every instance; return what is wrong, line by line."""
        instances = self.parse(lines)
        norms = np.abs(instances[:, :2]).max(axis=1, initial=0.0)
        low, high = (RADIUS, OUTER_RADIUS) if self.ood else (0.0, RADIUS)
        faults = {f"largest state outside {low:g}..{high:g}": (norms < low) | (norms > high)}
        if self.varies:
            faults["mu outside its range"] = (instances[:, 2] < MU_RANGE[0]) | (instances[:, 2] > MU_RANGE[1])
        found = [f"line {index + 1}: {fault}" for fault, where in faults.items() for index in np.flatnonzero(where)]
        if len(set(lines)) < len(lines):
            found.append(f"{len(lines) - len(set(lines))} lines repeat another one")
        if format_instances(instances) != list(lines):
            found.append(f"a line is not written with {DECIMALS} decimals")
        owners = {split_of_key(key) for key in orbit_keys(instances)}
        if len(owners) > 1:
            found.append(f"states belong to several splits: {', '.join(sorted(owners))}")
        return found

    def overlaps(self, splits: Mapping[str, Sequence[str]]) -> list[str]:
        """Return nothing: the keys leave no symmetry out."""
        return []

    def parse(self, lines: Sequence[str]) -> Numbers:
        """The instances of lines, shape (len(lines), 2 or 3)."""
        return parse_instances(lines, self.size, self.name)
