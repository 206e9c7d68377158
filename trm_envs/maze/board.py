"""What all tasks on a maze share: who is whose neighbour, the square's symmetries, and how mazes are written."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from trm_envs.maze.text import notation
from trm_envs.plan_edit.rules import neighbours
from trm_envs.plan_edit.square import turns
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
        return turns(self.size)

    def symmetries(self, count: int, rng: np.random.Generator) -> Symmetries:
        """The square's eight: rotations and reflections."""
        identity = super().symmetries(count, rng)
        return identity._replace(cells=self._turns[rng.integers(8, size=count)])

    @property
    def notation(self) -> Notation:
        """`#` wall, `.` free, `S` start, `G` goal."""
        return notation(self.size)
