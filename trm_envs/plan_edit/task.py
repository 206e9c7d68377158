"""What a puzzle must say so that its plans can be edited: `PlanTask`, batched pure functions over arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from numbers import Real
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_envs.plan_edit import drawing
from trm_envs.plan_edit.cover import Cover
from trm_envs.plan_edit.view import CellKind, PlanView
from trm_envs.reading import Notation

Grids = NDArray[np.int8]
"""A batch of flat row-major grids, shape (B, n_cells), or (B, n_instance_cells) for instances, dtype int8."""

LegalActions = Literal["givens", "consistent"]


class Checks(NamedTuple):
    """What the checker says of a batch of plans. Every field has shape (B,)."""

    score: NDArray[np.float64]
    """The checker's score c(x, y); potential-based shaping uses it as the potential."""
    solved: NDArray[np.bool_]
    """Whether the plan solves its instance. Needs no solution: the rules alone decide."""
    filled: NDArray[np.int64]
    """How many cells of the plan carry a symbol."""
    violations: NDArray[np.int64]
    """How many times the plan breaks a rule."""
    dead_ends: NDArray[np.int64]
    """How many places of the plan cannot be completed without changing an earlier edit."""

    @classmethod
    def empty(cls, batch: int) -> Checks:
        """Uninitialised arrays of shape (batch,), for a kernel to fill."""
        return cls(
            np.empty(batch),
            np.empty(batch, np.bool_),
            np.empty(batch, np.int64),
            np.empty(batch, np.int64),
            np.empty(batch, np.int64),
        )

    @classmethod
    def scored(
        cls,
        solved: NDArray[np.bool_],
        filled: NDArray[np.int64],
        violations: NDArray[np.int64],
        dead_ends: NDArray[np.int64] | None = None,
        *,
        violation_weight: float = 2.0,
        dead_end_weight: float = 5.0,
    ) -> Checks:
        """Score plans: `filled - violation_weight * violations - dead_end_weight * dead_ends`.

        Args:
            solved: shape (B,), as the fields of the result; copied, as the others are.
            filled: shape (B,).
            violations: shape (B,).
            dead_ends: shape (B,); None: the checker knows none.
            violation_weight: what a violation costs.
            dead_end_weight: what a dead end costs.
        """
        counts = [np.array(values, np.int64) for values in (filled, violations)]
        counts.append(np.zeros_like(counts[0]) if dead_ends is None else np.array(dead_ends, np.int64))
        score = counts[0] - violation_weight * counts[1] - dead_end_weight * counts[2]
        return cls(score, np.array(solved, np.bool_), *counts)

    def at(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Checks:
        """The checks of these rows."""
        return Checks(
            self.score[rows], self.solved[rows], self.filled[rows], self.violations[rows], self.dead_ends[rows]
        )


MOST_WEIGHT = 1e9


def check_weights(violation_weight: float, dead_end_weight: float) -> None:
    """Raise ValueError unless both weights of a checker are numbers that leave scores finite."""
    for name, weight in (("violation_weight", violation_weight), ("dead_end_weight", dead_end_weight)):
        if not isinstance(weight, Real) or isinstance(weight, bool) or not 0.0 <= weight <= MOST_WEIGHT:
            shown = weight if isinstance(weight, Real) else repr(weight)
            raise ValueError(
                f"{name} must be a number of at most {MOST_WEIGHT:g}, finite and not negative, got {name}={shown}"
            )


class Symmetries(NamedTuple):
    """Symmetries of a task, one a state: what becomes of its cells and of the symbols in them."""

    cells: NDArray[np.int64]
    """Which cell's content each cell receives, shape (B, n_cells)."""
    symbols: NDArray[np.int8]
    """What each grid value becomes, instance or plan, shape (B, largest value + 1)."""
    instance_cells: NDArray[np.int64] | None = None
    """Where instances have a shape of their own: which value each of their places receives, unchanged."""

    def apply(self, grids: Grids) -> Grids:
        """The symmetric copy of each grid, shape (B, n_cells)."""
        return np.take_along_axis(self.symbols, np.take_along_axis(grids, self.cells, 1).astype(np.int64), 1)

    def apply_to_instances(self, instances: Grids) -> Grids:
        """The symmetric copy of each instance, shape (B, n_instance_cells)."""
        if self.instance_cells is None:
            return self.apply(instances)
        return np.take_along_axis(instances, self.instance_cells, 1)

    def at(self, rows: slice) -> Symmetries:
        """The symmetries of these rows."""
        places = None if self.instance_cells is None else self.instance_cells[rows]
        return Symmetries(self.cells[rows], self.symbols[rows], places)


GRAPH: NDArray[np.int64] = np.empty((0, 2), np.int64)
"""The kind of `PlanTask.groups` whose pairs of cells each instance has of its own."""


class PlanTask(ABC):
    """A puzzle as a plan-editing task: batched pure functions of (instance x, plan y, action a).

    A subclass holds constants only, so a task can be pickled and shared.
    Edits are laid out as `cell * n_symbols + symbol`, followed, when `can_erase`, by one erase action a cell
    (`n_cells * n_symbols + cell`), which writes 0. The stop action belongs to `PlanEditMDP`, which knows no puzzle.
    A task whose edits are something else, such as moves, sets `edits_cells` to False and says `n_actions` itself.

    A subclass says the *rules*, and which cells bear on each other (`groups`). `trm_envs.plan_edit.grids` has bases
    that leave only `groups` and `check` to say. `trm_envs.testing.check_task` tries whether a subclass keeps its word.
    The other parts may be overridden: a network learns faster with `symmetries`, a search with `hopeless`, and a person
    sees more with a drawing.
    """

    shape: tuple[int, int]
    """Rows and columns of the grid."""
    n_symbols: int
    """How many edits there are a cell."""
    instance_high: int
    """Largest value in an instance grid; the smallest is 0."""
    plan_high: int
    """Largest value in a plan grid; the smallest is 0."""
    n_token_types: int
    """How many values `token_types` takes."""
    can_erase: bool = False
    edits_cells: bool = True
    """Whether an edit writes one value into one cell. What reads plans cell by cell refuses tasks where it does not."""
    has_graphs: bool = False
    """Whether an instance says which cells bear on each other: `neighbours` reads its graph.

    `groups` name that kind as the last one, without groups: `{"edge": GRAPH}`.
    """

    # ---- Rules

    @cached_property
    def n_cells(self) -> int:
        """Cells of the grid."""
        return self.shape[0] * self.shape[1]

    @property
    def instance_shape(self) -> tuple[int, int]:
        """Rows and columns of an instance; by default those of the plan."""
        return self.shape

    @cached_property
    def n_instance_cells(self) -> int:
        """Numbers that make an instance."""
        return self.instance_shape[0] * self.instance_shape[1]

    @cached_property
    def n_actions(self) -> int:
        """Edits, the stop action not counted."""
        return self.n_cells * (self.n_symbols + int(self.can_erase))

    @property
    def max_score(self) -> float:
        """An upper bound C_max of the checker's score; failing costs as much."""
        return float(self.n_cells)

    @abstractmethod
    def check(self, instances: Grids, plans: Grids) -> Checks:
        """The cheap checker."""

    def lost(self, checks: Checks) -> NDArray[np.bool_] | None:
        """Which checked plans no edits can complete, shape (B,): their episodes end. None, as by default: none."""
        return None

    @abstractmethod
    def initial_plans(self, instances: Grids) -> Grids:
        """The plan that an episode starts with, shape (B, n_cells)."""

    @abstractmethod
    def edit(
        self, instances: Grids, plans: Grids, actions: NDArray[np.int64], level: LegalActions
    ) -> tuple[Grids, NDArray[np.bool_]]:
        """Plans after one edit each, and whether the edit was legal, shape (B,); an illegal one changes nothing.

        The inputs stay as they are, and the plans returned share no memory with them.
        """

    @abstractmethod
    def action_mask(self, instances: Grids, plans: Grids, level: LegalActions) -> NDArray[np.bool_]:
        """Which edits are legal, shape (B, n_actions)."""

    @abstractmethod
    def writes(self, plans: Grids) -> NDArray[np.int8]:
        """What each edit would write into its own cell, legal or not, shape (B, n_cells, n_symbols), int8.

        Only where `edits_cells`. An edit changes no other cell, so a plan can be repaired towards a known solved plan
        cell by cell, one edit each: the cells in which the two plans differ say how far it is, and this says which
        edits bring it closer.
        """

    @abstractmethod
    def validate(self, instances: Grids) -> None:
        """Raise ValueError naming the first bad instance and its flaw."""

    @property
    def notation(self) -> Notation:
        """How instances are written where they come as text. By default there is no text form, and arrays alone do."""
        return Notation(self.instance_shape, self.instance_high, noun=type(self).__name__)

    # ---- What a network sees

    @property
    @abstractmethod
    def groups(self) -> Mapping[str, NDArray[np.int64]]:
        """Groups of cells that bear on each other, by kind: cells of each group, shape (n_groups, cells), -1 pads.

        Networks sum messages over them, so that an agent needs to know no puzzle.
        """

    def neighbours(self, instances: Grids) -> NDArray[np.int64]:
        """Which cells bear on each cell in these instances, shape (B, n_cells, most), -1 pads at the end.

        Only where `has_graphs`. The relation is mutual: a cell is a neighbour of its neighbours.

        Raises:
            NotImplementedError: the groups of this task are the same for every instance.
        """
        raise NotImplementedError(f"{type(self).__name__} has no graphs: its groups are the same for every instance")

    @abstractmethod
    def token_types(self, instances: Grids, plans: Grids) -> NDArray[np.int8]:
        """Category of every (cell, symbol) pair, shape (B, n_cells, n_symbols), in [0, n_token_types).

        Where instances have a shape of their own, it depends on the plan alone.
        """

    def symmetries(self, count: int, rng: np.random.Generator) -> Symmetries:
        """Draw symmetries: applied to instance and plan alike, each turns a state into an equivalent one.

        That is: legality, checks and solved plans go along with it. By default the identity, where none is known.
        """
        cells = np.tile(np.arange(self.n_cells), (count, 1))
        values = np.arange(max(self.instance_high, self.plan_high) + 1, dtype=np.int8)
        return Symmetries(cells, np.tile(values, (count, 1)))

    # ---- What every solved plan chooses exactly once

    @cached_property
    def cover(self) -> Cover | None:
        """The constraints as an exact cover, if they are one; by default None, where none is known."""
        return None

    # ---- What guides a search

    def hopeless(self, instances: Grids, plans: Grids, decided: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether the rules show that no solved plan agrees with these plans in all of their decided cells, shape (B,).

        What `plans` hold in cells that are not decided does not matter; locked cells count as decided. *Sound*: True
        only where there is no such plan, while False promises nothing. *Monotone*: deciding more cells never makes
        True False. By default only fully decided plans are judged. A puzzle says more, from facts as local as those
        of its checker, so that a search is guided by its policy and not by a solver in disguise.

        Args:
            instances: shape (B, n_cells).
            plans: shape (B, n_cells).
            decided: which cells keep their value, shape (B, n_cells).
        """
        return decided.all(axis=1) & ~self.check(instances, plans).solved

    # ---- How a state looks

    def view(self, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> PlanView:
        """One state cell by cell. This one shows the plan's numbers, and no flaws; a puzzle says it better."""
        writes = self.action_mask(instance[None], plan[None], "givens")[0, : self.n_cells * self.n_symbols]
        free = np.logical_or.reduce(writes.reshape(self.n_cells, self.n_symbols), axis=1)
        facts = zip(free.tolist(), plan.tolist(), self.initial_plans(instance[None])[0].tolist(), strict=True)
        kinds: list[CellKind] = ["given" if not f else "edit" if y != y0 else "blank" for f, y, y0 in facts]
        nothing = np.zeros(self.n_cells, np.bool_)
        edits = [*map(str, range(self.n_symbols)), *(["erase"] if self.can_erase else [])]
        symbols = tuple(str(value) if value else "" for value in plan.tolist())
        return PlanView(symbols, tuple(kinds), nothing, nothing, np.zeros(self.n_cells, np.int64), tuple(edits))

    def render_text(self, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> str:
        """One state as text with ANSI colours; by default what `view` shows."""
        return drawing.text_of(self.view(instance, plan), self.shape)

    def render_image(self, instance: NDArray[np.int8], plan: NDArray[np.int8]) -> NDArray[np.uint8]:
        """One state as an RGB image, shape (height, width, 3); by default what `view` shows.

        Raises:
            DependencyNotInstalled: Pillow is missing.
        """
        return drawing.image_of(self.view(instance, plan), self.shape)
