"""Rows of path finding with labels."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.protocol.rows import Origin


@dataclass(frozen=True)
class PathsRow(Origin):
    """How many mazes of a pool a network marks right that was trained with labels."""

    network: str
    """Name in `benchmarks.studies.paths.NETWORKS`."""
    seed: int
    updates: int
    trained_on: int
    """Side of the training mazes."""
    weights: int
    depth: int
    """Layers that let cells exchange what they hold, one after the other, in training."""
    side: int
    """Of the mazes that are scored."""
    split: str
    cycles: str
    """Cycles a pass took, or `halting`: as many as the network asked for."""
    mean_cycles: float
    n: int
    exact: int
    """Mazes of which every cell was right."""
    cells: float
    """Share of cells that were right."""
    cpu_seconds: float
    """Of training."""
    pool_sha256: str
    schema: str = "paths/1"

    @property
    def key(self) -> tuple[str, int, int, int, int, str, str]:
        """What the row is the measurement of."""
        return self.network, self.seed, self.updates, self.trained_on, self.side, self.split, self.cycles
