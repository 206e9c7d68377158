"""Walking through a maze as a plan-editing task: the plan is where the agent stands."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from trm_envs.instances.numbers import whole
from trm_envs.maze import moves, render
from trm_envs.maze.board import MazeBoard
from trm_envs.maze.paths import FREE, GOAL, START, flaw
from trm_envs.plan_edit.task import Checks, Grids, LegalActions
from trm_envs.plan_edit.view import CellKind, PlanView

AGENT = "@"
"""How the agent is written."""


class WalkTask(MazeBoard):
    """Walk from the start of a maze to its goal.

    An instance is an N x N grid of 0 free, 1 wall, 2 start, 3 goal; the grid's edge is a wall. A plan is a grid of
    zeros with a 1 where the agent stands. An edit is a move: 0 up, 1 down, 2 left, 3 right. It changes two cells of the
    plan, so `edits_cells` is False. A move into a wall is illegal at both levels of legal actions.

    A plan is solved when the agent stands on the goal. The checker's score is minus the Manhattan distance to the goal:
    it sees no walls. Its bound `max_score`, and so the cost of failing, is 0. Every plan can be completed.

    Args:
        size: side N >= 2.

    Raises:
        ValueError: the size is outside its range.
    """

    n_symbols = 1
    instance_high = GOAL
    plan_high = 1
    n_token_types = 4
    edits_cells = False

    def __init__(self, size: int = 9) -> None:
        self.size = whole("maze size", size, 2)
        self.shape = (self.size, self.size)

    @cached_property
    def n_actions(self) -> int:
        """Four moves."""
        return len(moves.MOVES)

    @property
    def max_score(self) -> float:
        """That of the goal."""
        return 0.0

    def initial_plans(self, instances: Grids) -> Grids:
        """The agent on the start."""
        plans: Grids = (instances == START).astype(np.int8)
        return plans

    def edit(
        self, instances: Grids, plans: Grids, actions: NDArray[np.int64], level: LegalActions
    ) -> tuple[Grids, NDArray[np.bool_]]:
        """Move to a neighbour. Walls and the grid's edge bar the way."""
        edited, legal = plans.copy(), np.empty(len(plans), np.bool_)
        moves.edit(instances, actions, self.size, edited, legal)
        return edited, legal

    def action_mask(self, instances: Grids, plans: Grids, level: LegalActions) -> NDArray[np.bool_]:
        """Which moves are not barred, shape (B, 4)."""
        mask: NDArray[np.bool_] = moves.action_mask(instances, plans, self.size)
        return mask

    def check(self, instances: Grids, plans: Grids) -> Checks:
        """Minus the Manhattan distance to the goal; `filled` counts the agent."""
        checks = Checks.empty(len(plans))
        moves.check(instances, plans, self.size, *checks)
        return checks

    def writes(self, plans: Grids) -> NDArray[np.int8]:
        """A move writes into two cells.

        Raises:
            TypeError: always.
        """
        raise TypeError("a move of WalkTask writes into two cells: ask `edits_cells` first")

    def token_types(self, instances: Grids, plans: Grids) -> NDArray[np.int8]:
        """0 free, 1 wall, 2 goal, 3 the agent; shape (B, n_cells, 1). Where it started is of no account."""
        types = np.array([0, 1, 0, 2], np.int8)[instances]
        types[plans == 1] = 3
        return types[:, :, None]

    def validate(self, instances: Grids) -> None:
        """Raise ValueError naming the first maze that has not one start and one goal, joined by a path."""
        for number, instance in enumerate(instances, start=1):
            if found := flaw(instance, least=2):
                raise ValueError(f"puzzle {number}: {found}")

    def render_text(self, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> str:
        """See `trm_envs.maze.render.walk_text`."""
        return render.walk_text(instance, plan)

    def render_image(self, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> NDArray[np.uint8]:
        """See `trm_envs.maze.render.walk_image`."""
        return render.walk_image(instance, plan)

    def view(self, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> PlanView:
        """Walls, S and G, and an @ where the agent stands; the edits are the four moves."""
        kinds: list[CellKind] = ["blank", "wall", "given", "given"]
        symbols = ("", "", "S", "G")
        cells = list(zip(instance.tolist(), plan.tolist(), strict=True))
        nothing = np.zeros(self.n_cells, np.bool_)
        return PlanView(
            tuple(AGENT if here else symbols[kind] for kind, here in cells),
            tuple("edit" if here else kinds[kind] for kind, here in cells),
            nothing,
            nothing,
            np.zeros(self.n_cells, np.int64),
            moves.MOVES,
        )


LARGEST_OPEN = 1_000
"""The largest side of a maze that is made on demand: a million cells."""


def open_maze(size: int) -> Grids:
    """The maze without walls, from its first cell to its last, shape (1, N*N).

    Raises:
        ValueError: the size is no whole number from 2 to `LARGEST_OPEN`.
    """
    size = whole("maze size", size, 2, LARGEST_OPEN)
    maze = np.full((1, size * size), FREE, np.int8)
    maze[0, [0, -1]] = START, GOAL
    return maze
