"""Two problems as a user would write them: Latin squares (symbols) and queens (marks)."""

from __future__ import annotations

import numpy as np

from trm_envs import (
    Checks,
    MarkTask,
    SymbolTask,
    count_marks,
    count_repeats,
    diagonals,
    rows_and_columns,
)
from trm_envs.plan_edit.task import Grids


class Latin(SymbolTask):
    """Every row and every column holds every symbol once."""

    def __init__(self, size=4, can_erase=False):
        super().__init__((size, size), size, can_erase=can_erase)

    @property
    def groups(self):
        return {"line": rows_and_columns(self.shape)}

    def check(self, instances, plans):
        return count_repeats(plans, self.groups["line"], self.n_symbols)


class Queens(MarkTask):
    """As many queens as rows, no two of which attack each other; some are given."""

    def __init__(self, size=4):
        super().__init__((size, size))

    @property
    def groups(self):
        return {"line": rows_and_columns(self.shape), "diagonal": diagonals(self.shape)}

    def check(self, instances, plans):
        filled = plans.sum(axis=1, dtype=np.int64)
        counts = np.concatenate([count_marks(plans, cells) for cells in self.groups.values()], axis=1)
        violations = np.maximum(counts - 1, 0).sum(axis=1)
        return Checks.scored((filled == self.shape[0]) & (violations == 0), filled, violations)


def latin_instances(size: int, count: int, blanks: int, seed: int = 0) -> tuple[Grids, Grids]:
    """Latin squares with so many blank cells, and the squares themselves."""
    rng = np.random.default_rng(seed)
    squares = np.zeros((count, size * size), np.int8)
    instances = squares.copy()
    for square, instance in zip(squares, instances, strict=True):
        rows, columns, symbols = (rng.permutation(size) for _ in range(3))
        square[:] = symbols[(rows[:, None] + columns) % size].ravel() + 1
        instance[:] = square
        instance[rng.choice(size * size, blanks, replace=False)] = 0
    return instances, squares


def queens_instances() -> Grids:
    """Boards of 4 x 4 with no queen or one given, all of which can be completed."""
    instances = np.zeros((3, 16), np.int8)
    instances[1, 1] = instances[2, 11] = 1
    return instances
