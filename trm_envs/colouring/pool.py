"""Pools of graphs to colour: of one size, number of colours and kind, split by the hash of the graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trm_envs.colouring.generator import Kind, generate
from trm_envs.colouring.solver import dsatur, first_flaw, solve
from trm_envs.colouring.symmetry import graph_keys
from trm_envs.colouring.text import format_graphs, parse_graphs
from trm_envs.plan_edit.task import Grids
from trm_envs.pools.drawn import DrawnPool

_BATCH = 256


@dataclass(frozen=True)
class ColouringPool(DrawnPool):
    """Random graphs, no two of them the same but for the order of vertices; training graphs are made where needed.

    Attributes:
        name: name of the pool.
        size: vertices n.
        colours: k.
        kind: `random` or `planted`.
        validation: number of validation graphs.
        test: number of test graphs.
        seed: seed of everything drawn.
    """

    name: str
    size: int
    colours: int
    kind: Kind
    validation: int
    test: int
    seed: int

    @property
    def family(self) -> str:
        """Pools of one size share their keys."""
        return f"colouring-{self.size}"

    @property
    def sizes(self) -> dict[str, int]:
        """Number of graphs of each split."""
        return {"train": 0, "validation": self.validation, "test": self.test}

    def describe(self, lines: Sequence[str]) -> dict[str, Any]:
        """Return the range of edges, and how many graphs DSATUR and an exact search of limited length colour."""
        if not lines:
            return {"edges": [], "orbits": 0, "dsatur": 0, "exact": 0}
        graphs = self._read(lines)
        edges = graphs.sum(axis=1, dtype=np.int64) // 2
        return {
            "edges": [int(edges.min()), int(edges.max())],
            "orbits": len(set(graph_keys(graphs))),
            "dsatur": int((dsatur(graphs, self.colours) > 0).all(axis=1).sum()),
            "exact": int((solve(graphs, self.colours)[1] == 1).sum()),
        }

    def _drawn(self, rng: np.random.Generator) -> Grids:
        return generate(self.size, self.colours, self.kind, _BATCH, rng)

    def _written(self, instances: Grids) -> list[str]:
        return format_graphs(instances)

    def _read(self, lines: Sequence[str]) -> Grids:
        return parse_graphs(lines, self.size, self.name)

    def _orbits(self, instances: Grids) -> list[int]:
        """Under the order of the vertices."""
        return graph_keys(instances)

    def _faults(self, instances: Grids) -> Iterator[tuple[int, str]]:
        """Graphs that are none, or are known to need more colours."""
        for row in range(len(instances)):
            if flaw := first_flaw(instances[row : row + 1], self.size, self.colours):
                yield row, flaw[1]
