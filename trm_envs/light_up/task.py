"""Light Up as a plan-editing task."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from trm_envs.instances.numbers import whole
from trm_envs.light_up import kernels, render
from trm_envs.light_up.kernels import MOST, OPEN, WALL
from trm_envs.light_up.text import SYMBOLS, first_flaw, notation
from trm_envs.plan_edit.drawing import MARK
from trm_envs.plan_edit.grids import MarkTask
from trm_envs.plan_edit.rules import neighbours
from trm_envs.plan_edit.square import turns
from trm_envs.plan_edit.task import GRAPH, Checks, Grids, LegalActions, Symmetries, check_weights
from trm_envs.plan_edit.view import CellKind, PlanView
from trm_envs.reading import Notation


class LightUpTask(MarkTask):
    """Place bulbs on the open cells of an N x N grid so that every open cell is lit and every number is met.

    An instance is a grid of 0 open, 1 wall, 2 to 6 walls with the numbers 0 to 4. A bulb lights its own cell and the
    open cells above, below, left and right of it up to the next wall; it sees these cells. No bulb may see another
    one, and beside a number, in the up to four cells that share an edge with it, stand exactly that many bulbs.

    A plan is a grid of 0 and 1 = bulb, and begins without bulbs. Action `cell` toggles the bulb of an open cell. A
    cell without a bulb says nothing that the bulbs do not say, so it takes no edit: a plan is complete when all is lit
    and all numbers are met, after as many edits as there are bulbs.

    **Checker.** `score = lit + met - violation_weight * violations - dead_end_weight * dead_ends`:

    - lit: open cells that some bulb lights; met: numbers with exactly their bulbs;
    - violations: bulbs beyond the first in each run of open cells between walls, along rows and along columns, plus
      bulbs beyond each number;
    - dead ends: dark cells that no further bulb lights without a violation, and numbers that further bulbs cannot
      meet without one.

    A further bulb makes no violation where its cell is dark and no number beside it has its bulbs already. A plan is
    solved when every open cell is lit, every number is met and there is no violation. No solution is looked at.

    **Legal actions.** At level `givens` every open cell may be toggled. At level `consistent` taking a bulb away is
    always legal, and placing one is where it makes no further violation.

    Args:
        size: side N >= 2.
        violation_weight: w_v >= 0, finite.
        dead_end_weight: w_z >= 0, finite.

    Raises:
        ValueError: a value is outside its range.
    """

    has_graphs = True

    def __init__(self, size: int = 7, *, violation_weight: float = 2.0, dead_end_weight: float = 5.0) -> None:
        size = whole("Light Up size", size, 2)
        check_weights(violation_weight, dead_end_weight)
        super().__init__((size, size), instance_high=MOST, open_values=(OPEN,), marked_values=())
        self.n_token_types = MOST + 2
        self.size = size
        self.violation_weight = float(violation_weight)
        self.dead_end_weight = float(dead_end_weight)

    @cached_property
    def groups(self) -> Mapping[str, NDArray[np.int64]]:
        """`beside`: pairs of cells that share an edge; `sees`: pairs of open cells that see each other.

        What a cell sees depends on the walls, so every instance has a graph of its own.
        """
        return {"beside": neighbours(self.shape), "sees": GRAPH}

    def neighbours(self, instances: Grids) -> NDArray[np.int64]:
        """The open cells that each open cell sees, shape (B, n_cells, 2 (N - 1)), -1 pads."""
        found: NDArray[np.int64] = kernels.seen(instances, self.size)
        return found

    @cached_property
    def _turns(self) -> NDArray[np.int64]:
        return turns(self.size)

    def symmetries(self, count: int, rng: np.random.Generator) -> Symmetries:
        """The square's eight: rotations and reflections."""
        identity = super().symmetries(count, rng)
        return identity._replace(cells=self._turns[rng.integers(8, size=count)])

    def token_types(self, instances: Grids, plans: Grids) -> NDArray[np.int8]:
        """0 open without a bulb, 1 bulb, 2 wall, 3 to 7 walls with the numbers 0 to 4; shape (B, n_cells, 1)."""
        types: Grids = np.where(instances == OPEN, plans, instances + 1).astype(np.int8)
        return types[:, :, None]

    def edit(
        self, instances: Grids, plans: Grids, actions: NDArray[np.int64], level: LegalActions
    ) -> tuple[Grids, NDArray[np.bool_]]:
        """Toggle the bulb of one open cell. Walls are locked."""
        edited, legal = kernels.edit(instances, plans, actions, self.size, level == "consistent")
        return edited, legal

    def action_mask(self, instances: Grids, plans: Grids, level: LegalActions) -> NDArray[np.bool_]:
        """Which toggles are legal, shape (B, n_actions)."""
        mask: NDArray[np.bool_] = kernels.action_mask(instances, plans, self.size, level == "consistent")
        return mask

    def check(self, instances: Grids, plans: Grids) -> Checks:
        """Lit cells and met numbers minus weighted violations and dead ends."""
        checks = Checks.empty(len(plans))
        kernels.check(instances, plans, self.size, self.violation_weight, self.dead_end_weight, *checks)
        return checks

    def hopeless(self, instances: Grids, plans: Grids, decided: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The decided bulbs make a violation, or have a dead end where further bulbs stand on undecided cells only."""
        hopeless: NDArray[np.bool_] = kernels.hopeless(instances, plans, decided, self.size)
        return hopeless

    def flaw(self, instance: NDArray[np.int8]) -> str | None:
        """A value outside of its range, no open cell, or no solution."""
        if instance.min() < OPEN or instance.max() > MOST:
            return f"cells must be {OPEN} open, {WALL} wall, or a wall's number plus 2, up to {MOST}"
        found = first_flaw(instance[None])
        return None if found is None else found[1]

    @property
    def notation(self) -> Notation:
        """`.` open, `#` wall, `0` to `4` a wall with that number."""
        return notation(self.size)

    def render_text(self, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> str:
        """See `trm_envs.light_up.render.text`."""
        return render.text(instance, plan)

    def render_image(self, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> NDArray[np.uint8]:
        """See `trm_envs.light_up.render.image`."""
        return render.image(instance, plan)

    def view(self, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> PlanView:
        """Walls, numbers as given symbols, a dot for a bulb and a small one for a cell that is lit."""
        lit, violating, dead = kernels.diagnose(instance, plan, self.size)
        kinds: list[CellKind] = [
            "wall" if value == WALL else "given" if value != OPEN else "edit" if bulb else "blank"
            for value, bulb in zip(instance.tolist(), plan.tolist(), strict=True)
        ]
        open_symbols = np.where(plan == 1, MARK, np.where(lit, "·", ""))
        symbols = tuple(
            str(of_open) if value == OPEN else SYMBOLS[value] if value > WALL else ""
            for value, of_open in zip(instance.tolist(), open_symbols, strict=True)
        )
        return PlanView(symbols, tuple(kinds), violating, dead, np.zeros(self.n_cells, np.int64), ("toggle",))
