"""Random Light Up puzzles with exactly one solution: walls, bulbs, their numbers, and then fewer numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trm_envs.instances.numbers import whole
from trm_envs.jit import kernel
from trm_envs.light_up.kernels import OPEN, WALL, ZERO, Grid, around, onward
from trm_envs.light_up.solver import count
from trm_envs.plan_edit.task import Grids
from trm_envs.splitmix import below, shuffle

Stream = NDArray[np.uint64]

WALLS = (0.15, 0.30)
"""Least and largest share of the cells that are walls, both rounded."""

_UNLIMITED = 1 << 62


@kernel()
def _place_bulbs(instance: Grid, bulbs: NDArray[np.bool_], order: NDArray[np.int64], size: int) -> None:
    """Place bulbs on dark cells in the given order until all open cells are lit."""
    lit = instance != OPEN
    bulbs[:] = False
    for cell in order:
        if not lit[cell]:
            bulbs[cell] = lit[cell] = True
            for direction in range(4):
                other = onward(instance, cell, direction, size)
                while other >= 0:
                    lit[other] = True
                    other = onward(instance, other, direction, size)


@kernel()
def _is_unique(instance: Grid, size: int, stack: Grids, solution: Grid) -> bool:
    return count(instance, size, 2, _UNLIMITED, stack, solution) == 1


@kernel()
def _thin(instance: Grid, order: NDArray[np.int64], size: int, stack: Grids, solution: Grid) -> None:
    """Take numbers away in the given order, as long as the solution stays the only one.

    One pass is exhaustive: a number that is needed now stays needed with fewer numbers around it.
    """
    for cell in order:
        number = instance[cell]
        if number >= ZERO:
            instance[cell] = WALL
            if not _is_unique(instance, size, stack, solution):
                instance[cell] = number


@kernel()
def _generate_all(instances: Grids, size: int, least: int, most: int, seeds: Stream) -> None:
    n_cells = size * size
    bulbs, order = np.empty(n_cells, np.bool_), np.arange(n_cells)
    stack, solution = np.empty((n_cells + 1, n_cells), np.int8), np.empty(n_cells, np.int8)
    for index in range(len(instances)):
        instance, stream, unique = instances[index], seeds[index : index + 1], False
        while not unique:
            shuffle(stream, order)
            instance[:] = OPEN
            instance[order[: least + below(stream, most - least + 1)]] = WALL
            shuffle(stream, order)
            _place_bulbs(instance, bulbs, order, size)
            for cell in range(n_cells):
                if instance[cell] == WALL:
                    instance[cell] = ZERO + around(bulbs, cell, size)
            unique = _is_unique(instance, size, stack, solution)
        shuffle(stream, order)
        _thin(instance, order, size, stack, solution)


@kernel()
def _minimal_all(instances: Grids, size: int) -> NDArray[np.bool_]:
    minimal = np.ones(len(instances), np.bool_)
    stack, solution = np.empty((size * size + 1, size * size), np.int8), np.empty(size * size, np.int8)
    for index in range(len(instances)):
        instance = instances[index]
        for cell in range(size * size):
            number = instance[cell]
            if number >= ZERO:
                instance[cell] = WALL
                minimal[index] &= not _is_unique(instance, size, stack, solution)
                instance[cell] = number
    return minimal


def check_size(size: int) -> int:
    """The side of generated puzzles; ValueError unless it is a whole number of at least 4."""
    return whole("size of generated Light Up puzzles", size, 4)


def generate(size: int, count: int, rng: np.random.Generator) -> Grids:
    """Random puzzles with exactly one solution, int8 of shape (count, N*N), values as in `kernels`.

    A share of the cells within `WALLS`, drawn uniformly, are walls, wherever they fall. Bulbs are placed on dark cells
    in random order until everything is lit, and every wall gets its number; where these leave another solution, all of
    it is drawn again. Then numbers are taken away in random order, until none can be spared.

    Args:
        size: side N >= 4.
        count: number of puzzles.
        rng: source of one seed a puzzle; the same generator state gives the same puzzles.

    Raises:
        ValueError: a value is outside its range.
    """
    size = check_size(size)
    if count < 0:
        raise ValueError(f"count must be at least 0, got {count}")
    least, most = (round(share * size * size) for share in WALLS)
    instances = np.empty((count, size * size), np.int8)
    _generate_all(instances, size, least, most, rng.integers(2**64, size=count, dtype=np.uint64))
    return instances


def is_minimal(instances: Grids) -> NDArray[np.bool_]:
    """Whether no number can be taken away, shape (B,), for puzzles with exactly one solution.

    Args:
        instances: shape (B, N*N), int8.
    """
    minimal: NDArray[np.bool_] = _minimal_all(instances.copy(), int(instances.shape[1] ** 0.5))
    return minimal
