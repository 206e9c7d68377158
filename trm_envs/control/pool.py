"""Pools of instances of systems, split by a hash that leaves their symmetries out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trm_envs.continuous.task import Numbers
from trm_envs.control import descent_generator
from trm_envs.control.generator import MU_RANGE, OUTER_RADIUS, RADIUS, draw_mu, draw_shell, draw_states, orbit_keys
from trm_envs.control.text import DECIMALS, format_instances, parse_instances
from trm_envs.pools.source import fill_splits, split_of_key

_BATCH = 256


class SystemPool(ABC):
    """What the pools of all systems have in common; instances are lines of numbers, no two of them symmetric."""

    name: str
    seed: int
    decimals: int
    """Of the lines' numbers."""

    @property
    @abstractmethod
    def family(self) -> str:
        """Pools of one family split by the same rule, so that no instance is in two splits of any two of them."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Numbers of an instance."""

    @property
    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """Number of instances of each split."""

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> Numbers:
        """A batch of instances, rounded."""

    @abstractmethod
    def orbit_keys(self, instances: Numbers) -> list[int]:
        """A hash of each instance, equal for those that are symmetric."""

    @abstractmethod
    def facts(self, instances: Numbers) -> dict[str, Any]:
        """What the manifest records of a split, which is not empty."""

    @abstractmethod
    def faults(self, instances: Numbers) -> dict[str, NDArray[np.bool_]]:
        """What may be wrong with instances, and with which it is."""

    def generate(self) -> dict[str, list[str]]:
        """Draw instances until every split is full."""
        rng = np.random.default_rng(self.seed)

        def draw() -> tuple[list[str], list[int]]:
            instances = self.draw(rng)
            return format_instances(instances, self.decimals), self.orbit_keys(instances)

        return fill_splits(self.sizes, draw)

    def describe(self, lines: Sequence[str]) -> dict[str, Any]:
        """Return the facts about one split."""
        return self.facts(self.parse(lines)) if lines else {}

    def keys(self, lines: Sequence[str]) -> list[Hashable]:
        """Return the hash of each instance."""
        return list(self.orbit_keys(self.parse(lines)))

    def problems(self, lines: Sequence[str]) -> list[str]:
        """Check every instance; return what is wrong, line by line."""
        instances = self.parse(lines)
        faults = self.faults(instances)
        found = [f"line {index + 1}: {fault}" for fault, where in faults.items() for index in np.flatnonzero(where)]
        if len(set(lines)) < len(lines):
            found.append(f"{len(lines) - len(set(lines))} lines repeat another one")
        if format_instances(instances, self.decimals) != list(lines):
            found.append(f"a line is not written with {self.decimals} decimals")
        owners = {split_of_key(key) for key in self.orbit_keys(instances)}
        if len(owners) > 1:
            found.append(f"states belong to several splits: {', '.join(sorted(owners))}")
        return found

    def overlaps(self, splits: Mapping[str, Sequence[str]]) -> list[str]:
        """Return nothing: the keys leave no symmetry out."""
        return []

    def parse(self, lines: Sequence[str]) -> Numbers:
        """The instances of lines, shape (len(lines), size)."""
        return parse_instances(lines, self.size, self.name)


@dataclass(frozen=True)
class ControlPool(SystemPool):
    """First states of a system with two states, and mu where it varies; no two of them equal up to the state's sign.

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
    decimals: int = DECIMALS

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

    def draw(self, rng: np.random.Generator) -> Numbers:
        """A batch of first states, with mu where it varies."""
        states = draw_shell(_BATCH, rng) if self.ood else draw_states(_BATCH, rng)
        return np.concatenate([states, draw_mu(_BATCH, rng, *MU_RANGE)], axis=1) if self.varies else states

    def orbit_keys(self, instances: Numbers) -> list[int]:
        """A hash of each state up to its sign."""
        return orbit_keys(instances)

    def facts(self, instances: Numbers) -> dict[str, Any]:
        """The range of the states' maximum norm, and of mu where it varies."""
        norms = np.abs(instances[:, :2]).max(axis=1)
        facts = {"largest_state": [float(norms.min()), float(norms.max())]}
        return facts | ({"mu": [float(instances[:, 2].min()), float(instances[:, 2].max())]} if self.varies else {})

    def faults(self, instances: Numbers) -> dict[str, NDArray[np.bool_]]:
        """States and mu outside their ranges."""
        norms = np.abs(instances[:, :2]).max(axis=1, initial=0.0)
        low, high = (RADIUS, OUTER_RADIUS) if self.ood else (0.0, RADIUS)
        faults = {f"largest state outside {low:g}..{high:g}": (norms < low) | (norms > high)}
        if self.varies:
            faults["mu outside its range"] = (instances[:, 2] < MU_RANGE[0]) | (instances[:, 2] > MU_RANGE[1])
        return faults


@dataclass(frozen=True)
class DescentPool(SystemPool):
    """First states of powered descent, solvable by construction; no two equal up to turning and mirroring.

    Attributes:
        name: name of the pool.
        train: number of training instances.
        validation: number of validation instances.
        test: number of test instances.
        seed: seed of everything drawn.
        approach: from where the vehicles come.
    """

    name: str
    train: int
    validation: int
    test: int
    seed: int
    approach: descent_generator.Approach = "usual"
    decimals: int = descent_generator.DECIMALS

    @property
    def family(self) -> str:
        """One for all approaches."""
        return "powered-descent"

    @property
    def size(self) -> int:
        """Numbers of an instance."""
        return 7

    @property
    def sizes(self) -> dict[str, int]:
        """Number of instances of each split."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def draw(self, rng: np.random.Generator) -> Numbers:
        """A batch of first states; their witnesses are forgotten."""
        return descent_generator.draw_witnesses(_BATCH, rng, self.approach).instances

    def orbit_keys(self, instances: Numbers) -> list[int]:
        """A hash of each instance up to turning about the vertical and mirroring."""
        return descent_generator.orbit_keys(instances)

    def facts(self, instances: Numbers) -> dict[str, Any]:
        """Ranges of altitude (m), distance to the pad's vertical (m), speed (m/s) and mass (kg)."""
        columns = {
            "altitude": instances[:, 2],
            "lateral": np.hypot(instances[:, 0], instances[:, 1]),
            "speed": np.linalg.norm(instances[:, 3:6], axis=1),
            "mass": instances[:, 6],
        }
        return {name: [round(float(v.min()), 2), round(float(v.max()), 2)] for name, v in columns.items()}

    def faults(self, instances: Numbers) -> dict[str, NDArray[np.bool_]]:
        """Instances outside their approach's ranges."""
        return {f"not of the approach {self.approach!r}": descent_generator.faults(instances, self.approach)}
