"""Pools of graphs to colour: of one size, number of colours and kind, split by the hash of the graph."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trm_envs.colouring.generator import Kind, generate
from trm_envs.colouring.solver import dsatur, first_flaw, solve
from trm_envs.colouring.symmetry import graph_keys
from trm_envs.colouring.text import format_graphs, parse_graphs
from trm_envs.pools.source import fill_splits

_BATCH = 256


@dataclass(frozen=True)
class ColouringPool:
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

    def generate(self) -> dict[str, list[str]]:
        """Draw graphs, each another one, until every split is full."""
        rng = np.random.default_rng(self.seed)

        def draw() -> tuple[list[str], list[int]]:
            graphs = generate(self.size, self.colours, self.kind, _BATCH, rng)
            return format_graphs(graphs), graph_keys(graphs)

        return fill_splits(self.sizes, draw)

    def describe(self, lines: Sequence[str]) -> dict[str, Any]:
        """Return the range of edges, and how many graphs DSATUR and an exact search of limited length colour."""
        if not lines:
            return {"edges": [], "orbits": 0, "dsatur": 0, "exact": 0}
        graphs = parse_graphs(lines, self.size, self.name)
        edges = graphs.sum(axis=1, dtype=np.int64) // 2
        return {
            "edges": [int(edges.min()), int(edges.max())],
            "orbits": len(set(graph_keys(graphs))),
            "dsatur": int((dsatur(graphs, self.colours) > 0).all(axis=1).sum()),
            "exact": int((solve(graphs, self.colours)[1] == 1).sum()),
        }

    def keys(self, lines: Sequence[str]) -> list[Hashable]:
        """Return a hash of each graph that the order of its vertices does not change."""
        return list(graph_keys(parse_graphs(lines, self.size, self.name)))

    def problems(self, lines: Sequence[str]) -> list[str]:
        """Check that every line is a graph that is not known to need more colours, and occurs once."""
        graphs = parse_graphs(lines, self.size, self.name)
        found = []
        for index in range(len(graphs)):
            if flaw := first_flaw(graphs[index : index + 1], self.size, self.colours):
                found.append(f"line {index + 1}: {flaw[1]}")
        if len(set(lines)) < len(lines):
            found.append(f"{len(lines) - len(set(lines))} lines repeat another one")
        return found

    def overlaps(self, splits: Mapping[str, Sequence[str]]) -> list[str]:
        """Return nothing: the keys leave no symmetry out."""
        return []
