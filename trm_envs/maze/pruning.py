"""Which markings of a maze can no longer become a path, whatever is decided next; from neighbourhoods alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trm_envs.jit import kernel
from trm_envs.maze.paths import FREE, Grid
from trm_envs.plan_edit.square import neighbour
from trm_envs.plan_edit.task import Grids

Cells = NDArray[np.bool_]

# What a cell can still be: unmarked for good, marked for good, or either.
_CLOSED, _MARKED, _OPEN = range(3)


@kernel()
def _count(kinds: Grid, cell: int, kind: int, size: int) -> int:
    """Neighbours of this kind."""
    count = 0
    for direction in range(4):
        other = neighbour(cell, direction, size)
        count += other >= 0 and kinds[other] == kind
    return count


@kernel()
def _contacts(instance: Grid, cell: int) -> int:
    """Neighbours that a cell of a path has on it: one at its ends, else two."""
    return 2 if instance[cell] == FREE else 1


@kernel()
def _close(instance: Grid, marked: Grid, kinds: Grid, size: int) -> bool:
    """Close open cells that no mark fits; return whether some mark has too many or too few contacts.

    `marked` are the kinds before; those in `kinds` change.
    """
    for cell in range(len(kinds)):
        if marked[cell] == _MARKED:
            full = _count(marked, cell, _MARKED, size) >= _contacts(instance, cell)
            for direction in range(4):
                other = neighbour(cell, direction, size)
                if other >= 0 and marked[other] == _OPEN and (full or _count(marked, other, _MARKED, size) > 2):
                    kinds[other] = _CLOSED
    for cell in range(len(kinds)):
        if kinds[cell] == _MARKED:
            contacts, now = _contacts(instance, cell), _count(kinds, cell, _MARKED, size)
            if now > contacts or now + _count(kinds, cell, _OPEN, size) < contacts:
                return True
    return False


@kernel()
def _can_grow(kinds: Grid, cell: int, size: int, seen: Cells, stack: NDArray[np.int64]) -> bool:
    """Whether an open cell lies beside the connected marks that `cell` belongs to; sets `seen` on them."""
    stack[0], height, grows = cell, 1, False
    seen[cell] = True
    while height:
        height -= 1
        here = stack[height]
        for direction in range(4):
            other = neighbour(here, direction, size)
            if other >= 0 and kinds[other] == _OPEN:
                grows = True
            elif other >= 0 and kinds[other] == _MARKED and not seen[other]:
                seen[other] = True
                stack[height] = other
                height += 1
    return grows


@kernel()
def prune(instances: Grids, marks: Grids, decided: Cells, size: int) -> tuple[Cells, Cells]:
    """Judge decided marks.

    Args:
        instances: shape (B, n_cells).
        marks: 1 where a cell is decided to be marked, else 0; start and goal included, shape (B, n_cells).
        decided: cells that keep their mark or its absence, walls included, shape (B, n_cells).
        size: side of the maze.

    Returns:
        Whether some mark has too many contacts or can never have enough, and whether some connected marks cannot
        grow; each of shape (B,).
    """
    broken, closed = np.empty(len(marks), np.bool_), np.zeros(len(marks), np.bool_)
    kinds, before = np.empty(size * size, np.int8), np.empty(size * size, np.int8)
    seen, stack = np.empty(size * size, np.bool_), np.empty(size * size, np.int64)
    for b in range(len(marks)):
        for cell in range(size * size):
            kinds[cell] = _MARKED if marks[b, cell] == 1 else _CLOSED if decided[b, cell] else _OPEN
        before[:] = kinds
        broken[b] = _close(instances[b], before, kinds, size)
        seen[:] = False
        for cell in range(size * size):
            if not broken[b] and kinds[cell] == _MARKED and not seen[cell]:
                closed[b] |= not _can_grow(kinds, cell, size, seen, stack)
    return broken, closed
