"""How a state is shown by those who draw it themselves: `PlanTask.view` gives one."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

CellKind = Literal["wall", "given", "edit", "blank"]


class PlanView(NamedTuple):
    """One state, cell by cell: whoever draws it needs to know no puzzle. Arrays are of shape (n_cells,)."""

    symbols: tuple[str, ...]
    """What each cell shows; empty for nothing."""
    kinds: tuple[CellKind, ...]
    """A wall, locked, edited, or open and as it was at first."""
    violating: NDArray[np.bool_]
    """Whether the cell breaks a rule."""
    dead_ends: NDArray[np.bool_]
    """Whether the plan cannot be completed there."""
    blocks: NDArray[np.int64]
    """Cells of one number belong together: a line goes between different ones."""
    edits: tuple[str, ...]
    """What the edits of a cell are called, in the order of the actions: one a symbol, then erasing."""
