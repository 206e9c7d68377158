"""Graph colouring as a plan-editing task."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from trm_envs.colouring import kernels, render
from trm_envs.colouring.solver import first_flaw
from trm_envs.colouring.text import notation
from trm_envs.instances.numbers import whole
from trm_envs.plan_edit.grids import Cells, SymbolTask
from trm_envs.plan_edit.task import GRAPH, Checks, Grids, LegalActions, Symmetries, check_weights
from trm_envs.plan_edit.view import CellKind, PlanView
from trm_envs.reading import Notation

MOST_COLOURS = 9
"""A colour is a single digit in text."""


class GraphColouringTask(SymbolTask):
    """Give every vertex of a graph one of k colours so that no edge joins two vertices of one colour.

    An instance is the adjacency matrix of a graph with n vertices, n x n numbers of 0 and 1, symmetric with an empty
    diagonal. A plan is a colour 1..k, or 0 for none, for each vertex, and begins without colours. So the first edits
    choose among names of colours alone, and those that follow build on what stands; a random first colouring would
    begin with conflicts that no edit has made. Action `vertex * k + colour - 1` colours a vertex, coloured or not.

    **Checker.** `score = coloured - violation_weight * conflicts - dead_end_weight * dead_ends`:

    - coloured: vertices with a colour;
    - conflicts: edges whose two ends have one colour;
    - dead ends: vertices without a colour among whose neighbours all k colours occur.

    A plan is solved when every vertex has a colour and there is no conflict. No solution is looked at.

    **Legal actions.** At level `givens` every vertex may take every colour. At level `consistent` it may take those
    that none of its neighbours has.

    Args:
        size: vertices n, at least 2.
        colours: k, 2 to 9.
        violation_weight: w_v >= 0, finite.
        dead_end_weight: w_z >= 0, finite.

    Raises:
        ValueError: a value is outside its range.
    """

    n_token_types = 3
    has_graphs = True

    def __init__(
        self, size: int = 20, colours: int = 3, *, violation_weight: float = 2.0, dead_end_weight: float = 5.0
    ) -> None:
        size = whole("size, the vertices of a graph,", size, 2)
        check_weights(violation_weight, dead_end_weight)
        if not 2 <= whole("colours", colours, 2) <= MOST_COLOURS:
            raise ValueError(f"colours must be within 2..{MOST_COLOURS}, got {colours}")
        super().__init__((1, size), int(colours))
        self.instance_high = 1
        self.size, self.colours = size, int(colours)
        self.violation_weight = float(violation_weight)
        self.dead_end_weight = float(dead_end_weight)

    @property
    def instance_shape(self) -> tuple[int, int]:
        """An adjacency matrix, n x n."""
        return self.size, self.size

    @cached_property
    def groups(self) -> Mapping[str, NDArray[np.int64]]:
        """`edge`: the edges are those of each instance."""
        return {"edge": GRAPH}

    def neighbours(self, instances: Grids) -> NDArray[np.int64]:
        """The neighbours of each vertex, shape (B, n, largest degree), -1 pads."""
        table: NDArray[np.int64] = kernels.neighbours(instances, self.size)
        return table

    def open_cells(self, instances: Grids) -> Cells:
        """All vertices."""
        return np.ones((len(instances), self.n_cells), np.bool_)

    def initial_plans(self, instances: Grids) -> Grids:
        """No colours."""
        return np.zeros((len(instances), self.n_cells), np.int8)

    def token_types(self, instances: Grids, plans: Grids) -> NDArray[np.int8]:
        """0 no colour, 1 this colour, 2 another one."""
        symbols = np.arange(1, self.n_symbols + 1, dtype=np.int8)
        types: Grids = np.where(plans == 0, 0, 2)[:, :, None] - (plans[:, :, None] == symbols)
        return types.astype(np.int8)

    def symmetries(self, count: int, rng: np.random.Generator) -> Symmetries:
        """Vertices renumbered, and colours renamed."""
        n = self.size
        cells = rng.permuted(np.tile(np.arange(n), (count, 1)), axis=1)
        named = rng.permuted(np.tile(np.arange(1, self.colours + 1, dtype=np.int8), (count, 1)), axis=1)
        symbols = np.concatenate([np.zeros((count, 1), np.int8), named], axis=1)
        return Symmetries(cells, symbols, (cells[:, :, None] * n + cells[:, None, :]).reshape(count, n * n))

    def check(self, instances: Grids, plans: Grids) -> Checks:
        """Coloured vertices minus weighted conflicts and dead ends."""
        filled, conflicts = np.empty((2, len(plans)), np.int64)
        dead = np.empty(plans.shape, np.int8)
        kernels.judge(kernels.around(instances, plans, self.colours), plans, filled, conflicts, dead)
        return Checks.scored(
            (filled == self.n_cells) & (conflicts == 0),
            filled,
            conflicts,
            dead.sum(axis=1, dtype=np.int64),
            violation_weight=self.violation_weight,
            dead_end_weight=self.dead_end_weight,
        )

    def action_mask(self, instances: Grids, plans: Grids, level: LegalActions) -> NDArray[np.bool_]:
        """Which edits are legal, shape (B, n_actions)."""
        if level == "givens":
            return np.ones((len(plans), self.n_actions), np.bool_)
        mask: NDArray[np.bool_] = kernels.around(instances, plans, self.colours) == 0
        return mask.reshape(len(plans), self.n_actions)

    def _breaks_nothing(
        self, instances: Grids, plans: Grids, cells: NDArray[np.int64], values: NDArray[np.int8]
    ) -> NDArray[np.bool_]:
        """Whether no neighbour of the vertex has this colour, shape (B,)."""
        counts = kernels.around(instances, plans, self.colours)
        fits: NDArray[np.bool_] = counts[np.arange(len(plans)), cells, values.astype(np.int64) - 1] == 0
        return fits

    def flaw(self, instance: NDArray[np.int8]) -> str | None:
        """No adjacency matrix of a graph, or one that k colours provably do not suffice for."""
        found = first_flaw(instance[None], self.size, self.colours)
        return None if found is None else found[1]

    @property
    def notation(self) -> Notation:
        """The rows of the adjacency matrix, `0` and `1`."""
        return notation(self.size)

    def diagnose(self, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> tuple[Cells, Cells]:
        """Which vertices have a neighbour of their colour, and which ones no colour fits, shape (n,) each."""
        counts = kernels.around(instance[None], plan[None], self.colours)[0]
        own = np.take_along_axis(counts, np.maximum(plan.astype(np.int64) - 1, 0)[:, None], 1)[:, 0]
        return (plan > 0) & (own > 0), (plan == 0) & (counts.min(axis=1) > 0)

    def view(self, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> PlanView:
        """Colours as digits; violating where a neighbour has the same one."""
        violating, dead = self.diagnose(instance, plan)
        kinds: list[CellKind] = ["edit" if colour else "blank" for colour in plan.tolist()]
        symbols = tuple(str(colour) if colour else "" for colour in plan.tolist())
        edits = tuple(map(str, range(1, self.colours + 1)))
        return PlanView(symbols, tuple(kinds), violating, dead, np.zeros(self.n_cells, np.int64), edits)

    def render_text(self, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> str:
        """See `trm_envs.colouring.render.text`."""
        return render.text(instance, plan, *self.diagnose(instance, plan))

    def render_image(self, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> NDArray[np.uint8]:
        """See `trm_envs.colouring.render.image`."""
        return render.image(instance, plan, *self.diagnose(instance, plan))
