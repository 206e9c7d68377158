"""What all tasks on a maze share: who is whose neighbour, the square's symmetries, and how mazes are written."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from trm_envs.maze.text import notation
from trm_envs.plan_edit.rules import neighbours
from trm_envs.plan_edit.task import PlanTask, Symmetries
from trm_envs.reading import Notation


class MazeBoard(PlanTask):
    """A task on an N x N grid of 0 free, 1 wall, 2 start, 3 goal."""

    size: int
    """Side N."""

    @cached_property
    def groups(self) -> Mapping[str, NDArray[np.int64]]:
        """`edge`: pairs of neighbours."""
        return {"edge": neighbours(self.shape)}

    @cached_property
    def _turns(self) -> NDArray[np.int64]:
        """The square's eight symmetries as cell permutations, shape (8, n_cells)."""
        cells = np.arange(self.n_cells).reshape(self.shape)
        return np.stack([np.rot90(form, k).ravel() for form in (cells, cells.T) for k in range(4)])

    def symmetries(self, count: int, rng: np.random.Generator) -> Symmetries:
        """The square's eight: rotations and reflections."""
        identity = super().symmetries(count, rng)
        return identity._replace(cells=self._turns[rng.integers(8, size=count)])

    @property
    def notation(self) -> Notation:
        """`#` wall, `.` free, `S` start, `G` goal."""
        return notation(self.size)
