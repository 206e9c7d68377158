"""Groups of cells that are found by asking the checker, and the exact-cover core over them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_agents.recursion.cores.exact_cover import ExactCoverCore
from trm_envs.plan_edit.task import Grids, PlanTask

Indices = NDArray[np.int64]
SETS = 64
"""Sets of cells, none of which interact in pairs, whose joint scores are asked for."""


class Found(NamedTuple):
    """What the checker's answers say of a task."""

    groups: Mapping[str, Indices]
    """Cells of each group by kind, of the form of `PlanTask.groups`."""
    queries: int
    """Plans that the checker was asked about."""


class Checker:
    """Scores of edits in surroundings, counted.

    A *surrounding* (v, o) is an instance whose cells all hold v, except for those that are asked about: they hold o.

    Args:
        task: what is asked about.
    """

    def __init__(self, task: PlanTask) -> None:
        self.task, self.queries = task, 0

    def surroundings(self) -> Iterator[tuple[int, int]]:
        """(v, o) wherever cells that hold o can be edited, those with v = o first."""
        values = np.arange(self.task.instance_high + 1, dtype=np.int8)
        own = np.zeros((len(values), self.task.n_cells), np.int8) + values[:, None]
        editable = self.task.action_mask(own, self.task.initial_plans(own), "givens").any(1)
        opened = np.flatnonzero(editable).tolist()
        yield from ((o, o) for o in opened)
        yield from ((v, o) for o in opened for v in values.tolist() if v != o)

    def states(self, surrounding: tuple[int, int], cells: Indices) -> tuple[Grids, Grids]:
        """Instances, one for each row of cells, padded with -1, and their first plans, (B, n_cells) each."""
        instances = np.full((len(cells), self.task.n_cells + 1), surrounding[0], np.int8)
        np.put_along_axis(instances, cells, np.int8(surrounding[1]), 1)
        instances = np.ascontiguousarray(instances[:, :-1])
        return instances, self.task.initial_plans(instances)

    def edited(self, instances: Grids, plans: Grids, cells: Indices, symbols: Indices | int) -> Grids:
        """Plans after one edit each; a cell of -1 is none."""
        actions = np.where(cells < 0, 0, cells * self.task.n_symbols + symbols)
        after, _ = self.task.edit(instances, plans, actions, "givens")
        return np.where(cells[:, None] < 0, plans, after).astype(np.int8)

    def scores(self, instances: Grids, plans: Grids) -> NDArray[np.float64]:
        """The checker's scores, (B,)."""
        self.queries += len(plans)
        return self.task.check(instances, plans).score


def interacting(checker: Checker, pairs: Indices, surrounding: tuple[int, int]) -> NDArray[np.bool_]:
    """Which pairs of cells have two edits whose joint score differs from the sum of the single ones.

    Args:
        checker: of the task.
        pairs: cells, (P, 2).
        surrounding: where it is asked.

    Returns:
        Shape (P,).
    """
    (instances, plans), n = checker.states(surrounding, pairs), checker.task.n_symbols
    start = checker.scores(instances, plans)
    single = [
        [checker.scores(instances, checker.edited(instances, plans, cells, s)) - start for s in range(n)]
        for cells in pairs.T
    ]
    found = np.zeros(len(pairs), np.bool_)
    for s in range(n):
        first = checker.edited(instances, plans, pairs[:, 0], s)
        for t in range(n):
            rows = np.flatnonzero(~found)
            both = checker.edited(instances[rows], first[rows], pairs[rows, 1], t)
            joint = checker.scores(instances[rows], both) - start[rows]
            found[rows] = ~np.isclose(joint, single[0][s][rows] + single[1][t][rows])
    return found


def discover(task: PlanTask, seed: int = 0) -> Found:
    """Find the groups of a task by asking its checker.

    Two cells bear on each other where no surrounding keeps them apart: in each of them, some pair of edits scores
    otherwise together than the sum of both alone. Groups are the maximal cliques of that graph. Their kinds are told
    apart by their size, and by how many cells they share with the other groups.

    Args:
        task: its checker is asked; `groups` and `cover` are not looked at.
        seed: of the sets that are asked about in the end.

    Raises:
        ValueError: no two cells bear on each other, or sets of cells do of which no two do.
    """
    checker = Checker(task)
    surroundings = list(checker.surroundings())
    pairs = np.array(list(combinations(range(task.n_cells), 2)), np.int64).reshape(-1, 2)
    for surrounding in surroundings:
        pairs = pairs[interacting(checker, pairs, surrounding)]
    if not len(pairs):
        raise ValueError(
            f"no two edits of {type(task).__name__} bear on each other as far as its checker's scores tell: declare "
            "`groups` and use core=ExactCover(), or use core=Attention()"
        )
    _check_pairwise(checker, pairs, surroundings, np.random.default_rng(seed))
    return Found(_kinds(_cliques(pairs)), checker.queries)


def _check_pairwise(
    checker: Checker, pairs: Indices, surroundings: list[tuple[int, int]], rng: np.random.Generator
) -> None:
    """Raise ValueError where cells of which no two interact still do as a set, in all surroundings."""
    task = checker.task
    apart = np.ones((task.n_cells, task.n_cells), np.bool_)
    apart[pairs[:, 0], pairs[:, 1]] = apart[pairs[:, 1], pairs[:, 0]] = False
    sets = [_independent(apart, rng) for _ in range(SETS)]
    cells = np.full((SETS, max(map(len, sets))), -1, np.int64)
    for row, members in zip(cells, sets, strict=True):
        row[: len(members)] = members
    symbols = rng.integers(task.n_symbols, size=cells.shape)
    told = [_joint_and_sum(checker, cells, symbols, surrounding) for surrounding in surroundings]
    together = ~np.any([np.isclose(joint, alone) for joint, alone in told], axis=0)
    if together.any():
        worst = int(np.flatnonzero(together)[0])
        joint, alone = told[0]
        raise ValueError(
            f"the checker of {type(task).__name__} does not interact in pairs: edits of the cells "
            f"{sets[worst].tolist()}, of which no two interact, change the score by {joint[worst]:g} together and by "
            f"{alone[worst]:g} in sum: declare `groups` and use core=ExactCover(), or use core=Attention()"
        )


def _independent(apart: NDArray[np.bool_], rng: np.random.Generator) -> Indices:
    """A random set of cells that are all apart from each other and to which no cell can be added."""
    chosen: list[int] = []
    for cell in rng.permutation(len(apart)).tolist():
        if apart[cell, chosen].all():
            chosen.append(cell)
    return np.array(chosen, np.int64)


def _joint_and_sum(
    checker: Checker, cells: Indices, symbols: Indices, surrounding: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How much the edits of each row change the score together, and in sum, (B,) each."""
    instances, plans = checker.states(surrounding, cells)
    start, joint = checker.scores(instances, plans), plans
    alone = np.zeros(len(plans))
    for place in range(cells.shape[1]):
        edit = cells[:, place], symbols[:, place]
        alone += checker.scores(instances, checker.edited(instances, plans, *edit)) - start
        joint = checker.edited(instances, joint, *edit)
    return checker.scores(instances, joint) - start, alone


def _cliques(pairs: Indices) -> list[tuple[int, ...]]:
    """Maximal cliques of a graph, in order."""
    import networkx

    graph = networkx.Graph(pairs.tolist())
    return sorted(tuple(sorted(clique)) for clique in networkx.find_cliques(graph))


def _kinds(groups: list[tuple[int, ...]]) -> dict[str, Indices]:
    """Groups by kind: by their size, and by the numbers of cells that they share with others."""
    sets = [set(group) for group in groups]
    kinds: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    for group, own in zip(groups, sets, strict=True):
        shared = sorted({len(own & other) for other in sets if other is not own} - {0})
        kinds.setdefault((len(group), *shared), []).append(group)
    return {
        f"of {size} sharing {' or '.join(map(str, shared)) or 'none'}": np.array(kinds[size, *shared], np.int64)
        for size, *shared in sorted(kinds)
    }


@dataclass(frozen=True)
class Discovered:
    """The exact-cover core over groups that the checker's answers give, see `discover`.

    It knows that symbols are alike, and asks the checker for the rest before training: these are model queries.
    """

    alike: ClassVar[bool] = True
    symmetries: ClassVar[bool] = False

    def build(self, width: int, task: PlanTask) -> ExactCoverCore:
        """See `TokenCore`."""
        groups, queries = discover(task)
        core = ExactCoverCore(width, groups, task.n_cells, task.n_symbols)
        core.queries = queries
        return core
