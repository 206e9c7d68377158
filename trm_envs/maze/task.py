"""A maze as a plan-editing task."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trm_envs.instances.numbers import truth, whole
from trm_envs.maze import chains, pruning, render
from trm_envs.maze.board import MazeBoard
from trm_envs.maze.paths import FREE, GOAL, START, WALL, flaw
from trm_envs.plan_edit.grids import MarkTask
from trm_envs.plan_edit.task import Checks, Grids, LegalActions, check_weights
from trm_envs.plan_edit.view import CellKind, PlanView


class MazeTask(MazeBoard, MarkTask):
    """Mark the cells of one simple path from the start of a maze to its goal.

    An instance is an N x N grid of 0 free, 1 wall, 2 start, 3 goal; the grid's edge is a wall. A plan is a grid of
    0 unmarked, 1 marked; it begins with start and goal marked. Action `cell` toggles the mark of a free cell; walls,
    start and goal are locked. Neighbours are the up to four cells above, below, left and right.

    **Chains.** One chain is grown from the start, one from the goal. A chain begins as its end cell alone. While its
    tip (the cell added last) has exactly one marked neighbour that is not yet on this chain, that neighbour is added.
    It stops at a gap (no such neighbour), at a fork (two or more: none is added), or when it has added the other
    end. So an end cell with two marked neighbours is a fork at once: its chain is that one cell.

    **Checker.** `score = length - violation_weight * violations - dead_end_weight * dead_ends`:

    - length: cells on the chains, a cell on both counted once;
    - violations: marked cells with more than two marked neighbours, plus marked cells on neither chain;
    - dead ends: chains (0 to 2) that have not reached the other end and that no one marking continues: they stopped
      at a fork, or at a gap where every unmarked free neighbour of the tip touches either this chain once more or
      two marked cells beside the tip.

    All of it is local: the score knows no distance to the goal. A plan is solved when the chain from the start has
    reached the goal and there is no violation, which is so exactly when the marked cells are one induced simple path
    (each touches its predecessor, its successor and no other) from start to goal.

    **Legal actions.** At level `givens` every free cell may be toggled. At level `consistent` unmarking is always
    legal, and marking is where it leaves no more violations than before. On a solvable maze some action is then legal
    in every state: at first the first step of a shortest path, and once a cell is marked, unmarking it.

    Args:
        size: side N >= 3.
        shortest: a plan is solved only if no shorter path exists.
        violation_weight: w_v >= 0, finite.
        dead_end_weight: w_z >= 0, finite.

    Raises:
        ValueError: a value is outside its range.
    """

    def __init__(
        self, size: int = 9, *, shortest: bool = False, violation_weight: float = 2.0, dead_end_weight: float = 0.0
    ) -> None:
        size = whole("maze size", size, 3)
        check_weights(violation_weight, dead_end_weight)
        super().__init__((size, size), instance_high=GOAL, open_values=(FREE,), marked_values=(START, GOAL))
        self.n_token_types = 5
        self.size = size
        self.shortest = truth("shortest", shortest)
        self.violation_weight = float(violation_weight)
        self.dead_end_weight = float(dead_end_weight)

    def token_types(self, instances: Grids, plans: Grids) -> NDArray[np.int8]:
        """0 wall, 1 free and unmarked, 2 free and marked, 3 start, 4 goal; shape (B, n_cells, 1)."""
        types = np.array([1, 0, 3, 4], np.int8)[instances]
        types[(instances == FREE) & (plans == 1)] = 2
        return types[:, :, None]

    def edit(
        self, instances: Grids, plans: Grids, actions: NDArray[np.int64], level: LegalActions
    ) -> tuple[Grids, NDArray[np.bool_]]:
        """Toggle one free cell. Walls, start and goal are locked."""
        edited, legal = chains.edit(instances, plans, actions, self.size, level == "consistent")
        return edited, legal

    def action_mask(self, instances: Grids, plans: Grids, level: LegalActions) -> NDArray[np.bool_]:
        """Which toggles are legal, shape (B, n_actions)."""
        mask: NDArray[np.bool_] = chains.action_mask(instances, plans, self.size, level == "consistent")
        return mask

    def check(self, instances: Grids, plans: Grids) -> Checks:
        """Cells on the chains minus weighted violations and dead ends."""
        weights = self.violation_weight, self.dead_end_weight
        return Checks(*chains.check(instances, plans, self.size, self.shortest, *weights))

    def hopeless(self, instances: Grids, plans: Grids, decided: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The decided marks cannot all lie on one path, as far as each cell's neighbours tell.

        A decided mark has too many decided marks beside it, or too few cells beside it that may still carry one. Or
        connected decided marks can no longer grow, and the decided marks are not a solution already.
        """
        marks = plans * decided
        hopeless, closed = pruning.prune(instances, marks, decided, self.size)
        rows = np.flatnonzero(closed & ~hopeless)
        hopeless[rows] = ~self.check(instances[rows], marks[rows]).solved
        return hopeless

    def flaw(self, instance: NDArray[np.int8]) -> str | None:
        """No one start, no one goal, both adjacent, or no path between them."""
        return flaw(instance)

    def render_text(self, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> str:
        """See `trm_envs.maze.render.text`."""
        return render.text(instance, plan)

    def render_image(self, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> NDArray[np.uint8]:
        """See `trm_envs.maze.render.image`."""
        return render.image(instance, plan)

    def view(self, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> PlanView:
        """Walls, S and G, and a dot on every marked cell."""
        kinds: dict[int, CellKind] = {WALL: "wall", START: "given", GOAL: "given"}
        symbols = {WALL: "", START: "S", GOAL: "G"}
        cells = list(zip(instance.tolist(), plan.tolist(), strict=True))
        return PlanView(
            tuple(symbols.get(kind, "●" if marked else "") for kind, marked in cells),
            tuple(kinds.get(kind, "edit" if marked else "blank") for kind, marked in cells),
            *chains.diagnose(instance, plan, self.size),
            np.zeros(self.n_cells, np.int64),
            ("toggle",),
        )
