"""Pools of instances that are drawn at random and split by the hash of their symmetry orbit; knows no puzzle."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trm_envs.pools.source import fill_splits

Drawn = NDArray[np.int8]
"""Instances as rows, shape (B, n)."""


class DrawnPool(ABC):
    """What such pools share of `PoolSource`; a puzzle says how its instances are drawn, written, read and told apart.

    Attributes:
        name: name of the pool.
        seed: seed of everything drawn.
    """

    name: str
    seed: int

    @property
    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """Number of instances of each split."""

    @abstractmethod
    def _drawn(self, rng: np.random.Generator) -> Drawn:
        """A batch of instances."""

    @abstractmethod
    def _written(self, instances: Drawn) -> list[str]:
        """A line for each instance."""

    @abstractmethod
    def _read(self, lines: Sequence[str]) -> Drawn:
        """The instances of some lines, none of them for one."""

    @abstractmethod
    def _orbits(self, instances: Drawn) -> list[int]:
        """A hash of each instance, the same for all that are symmetric to it."""

    @abstractmethod
    def _faults(self, instances: Drawn) -> Iterable[tuple[int, str]]:
        """What is wrong with instances: row, counted from 0, and fault."""

    def generate(self) -> dict[str, list[str]]:
        """Draw instances, each of another orbit, until every split is full."""
        rng = np.random.default_rng(self.seed)

        def draw() -> tuple[list[str], list[int]]:
            instances = self._drawn(rng)
            return self._written(instances), self._orbits(instances)

        return fill_splits(self.sizes, draw)

    def keys(self, lines: Sequence[str]) -> list[Hashable]:
        """Return the hash of each instance's orbit."""
        return list(self._orbits(self._read(lines)))

    def problems(self, lines: Sequence[str]) -> list[str]:
        """Check that every instance is what the pool promises, and occurs once."""
        found = [f"line {row + 1}: {fault}" for row, fault in self._faults(self._read(lines))]
        if len(set(lines)) < len(lines):
            found.append(f"{len(lines) - len(set(lines))} lines repeat another one")
        return found

    def overlaps(self, splits: Mapping[str, Sequence[str]]) -> list[str]:
        """Return nothing: the keys leave no symmetry out."""
        return []


def where(faults: Mapping[str, NDArray[Any]]) -> Iterable[tuple[int, str]]:
    """Row and fault, for each fault and each row where it is, (B,) bool."""
    return ((int(row), fault) for fault, rows in faults.items() for row in np.flatnonzero(rows))
