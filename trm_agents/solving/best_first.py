"""Best-first search for a solved plan, many instances side by side, one call of the proposer a node."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from trm_agents.solving.expansion import Guesser, Nodes, Proposal, Proposer, believed, expand
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.task import Grids

Node = tuple[float, int, NDArray[np.int8], NDArray[np.bool_], float]
"""Minus its log probability, its number, plan and decided cells, of shape (n_cells,) each, and its margin."""


@dataclass(frozen=True)
class SearchResult:
    """What became of each of n instances."""

    solved: NDArray[np.bool_]
    """Shape (n,)."""
    calls: NDArray[np.int64]
    """Network calls: nodes that the proposer was called on, shape (n,)."""
    plans: Grids
    """The solved plan, or the first plan where none was found, shape (n, n_cells)."""
    edits: NDArray[np.int64]
    """Edits that lead from the first plan to this one: cells in which they differ, shape (n,)."""
    queries: NDArray[np.int64]
    """Plans that the rules judged on the way, shape (n,)."""
    visits: tuple[Grids, ...] | None
    """The plans expanded, in order, shape (calls, n_cells) an instance; None where they were not asked for."""
    found: tuple[Grids, ...]
    """All solved plans found, in order, shape (k, n_cells) an instance."""


class _Tree:
    """The search of one instance."""

    def __init__(
        self, instance: NDArray[np.int8], start: NDArray[np.int8], locked: NDArray[np.bool_], solved: bool
    ) -> None:
        self.instance = instance
        self.start, self.locked = start, locked
        self.solutions = [start] if solved else []
        self.calls = 0
        self.queries = 0
        self.visits: list[NDArray[np.int8]] = []
        self._heap: list[Node] = []
        self._seen: set[tuple[bytes, bytes, float]] = set()

    def grows(self, budget: int, solutions: int) -> bool:
        """Whether there is something to look for, a node to expand and a call left to do it with."""
        return len(self.solutions) < solutions and bool(self._heap) and self.calls < budget

    def solve(self, plan: NDArray[np.int8]) -> None:
        """Add a solved plan, unless it was found before."""
        if not any(np.array_equal(plan, known) for known in self.solutions):
            self.solutions.append(plan)

    def push(self, plan: NDArray[np.int8], decided: NDArray[np.bool_], log_probability: float, margin: float) -> None:
        """Add a node, unless it has been added before."""
        key = plan.tobytes(), decided.tobytes(), margin
        if key not in self._seen:
            heapq.heappush(self._heap, (-log_probability, len(self._seen), plan, decided, margin))
            self._seen.add(key)

    def pop(self) -> Node:
        """Take the likeliest node, the oldest of equals."""
        return heapq.heappop(self._heap)


def search(
    mdp: PlanEditMDP,
    instances: Grids,
    proposer: Proposer,
    budget: int = 200,
    *,
    threshold: float = 0.99,
    log_floor: float = -9.0,
    width: int = 128,
    keep_visits: bool = False,
    solutions: int = 1,
    guesser: Guesser | None = None,
) -> SearchResult:
    """Search for a solved plan of every instance.

    A node is a plan of which some cells are decided; at first those are decided that no edit may change. Expanding
    the likeliest node calls the proposer once. Where that says how probably the plan can still be completed, this
    stands for the probability of all decisions that led to the node. Values that `PlanTask.hopeless` objects to are
    left out and the rest renormalised. Then all cells whose likeliest value is *certain* (as likely as `threshold`)
    are decided at once, surest first and passing over any objected to in that company. Such a commitment may be a
    mistake, so the node stays as well, with the probability left over and a tenth of its margin, which is 1 -
    threshold at first. Where no cell is certain, the surest one is branched on, one child a value. A guesser adds a
    whole plan, which is submitted to the checker. The search of an instance ends when the checker has found
    `solutions` solved plans, when the budget is used up, or when no node is left. With `log_floor=-inf` nothing is
    left out, and a search that ends by itself has found all solved plans.

    A solved plan can be reached from the first one by single edits within `mdp.max_edits`: longer ways are cut off.
    Given the proposer, the result is deterministic, and an instance's does not depend on the others.

    Args:
        mdp: the model; its legal-action level plays no part, since a whole plan is looked for.
        instances: shape (n, n_cells), int8.
        proposer: guides the search; called on at most `width` states at once.
        budget: most network calls an instance.
        threshold: probability from which a value is certain.
        log_floor: children of a lower log probability, given their parent, are left out.
        width: instances searched side by side.
        keep_visits: keep the plans expanded.
        solutions: how many solved plans of an instance are looked for.
        guesser: guesses a plan at every node that is expanded, as part of the same call.

    Raises:
        ValueError: an argument is outside its range, the proposer's answer has a wrong shape or is no probability, or
            a guess is no plan of its instance.
    """
    if budget < 0 or min(width, solutions) < 1:
        raise ValueError(
            f"budget must be at least 0, width and solutions at least 1, got {budget}, {width} and {solutions}"
        )
    if not 0.5 < threshold <= 1.0 or log_floor > 0:
        raise ValueError(f"threshold must be within (0.5, 1] and log_floor at most 0, got {threshold} and {log_floor}")
    margin = 1.0 - threshold
    trees = _plant(mdp, instances, margin)
    waiting, growing = iter(trees), list[_Tree]()
    while growing := _refill(growing, waiting, lambda tree: tree.grows(budget, solutions), width):
        _grow(mdp, growing, proposer, guesser, margin, log_floor, keep_visits)
    return _result(trees, keep_visits)


def _plant(mdp: PlanEditMDP, instances: Grids, margin: float) -> list[_Tree]:
    """A tree an instance, with its first plan as the root unless that is solved or hopeless."""
    task = mdp.task
    starts = task.initial_plans(instances)
    # Editing must break no lock; whether it may break a rule on the way is not asked.
    legal = task.action_mask(instances, starts, "givens")[:, : task.n_cells * task.n_symbols]
    decided: NDArray[np.bool_] = np.logical_not(legal.reshape(*starts.shape, task.n_symbols).any(axis=2))
    solved, hopeless = task.check(instances, starts).solved, task.hopeless(instances, starts, decided)
    trees = [_Tree(*row) for row in zip(instances, starts, decided, solved, strict=True)]
    for row in np.flatnonzero(~hopeless):
        trees[row].push(starts[row], decided[row], 0.0, margin)
    return trees


def _refill(growing: list[_Tree], waiting: Iterator[_Tree], grows: Callable[[_Tree], bool], width: int) -> list[_Tree]:
    """The trees that still grow, and new ones in the places of those that do not."""
    left = [tree for tree in growing if grows(tree)]
    return left + list(islice(filter(grows, waiting), width - len(left)))


def _grow(
    mdp: PlanEditMDP,
    trees: list[_Tree],
    proposer: Proposer,
    guesser: Guesser | None,
    margin: float,
    log_floor: float,
    keep_visits: bool,
) -> None:
    """Expand the likeliest node of each tree."""
    costs, _, plans, decided, margins = zip(*(tree.pop() for tree in trees), strict=True)
    instances, starts = np.stack([tree.instance for tree in trees]), np.stack([tree.start for tree in trees])
    nodes = Nodes(instances, np.stack(plans), np.stack(decided), -np.array(costs), np.array(margins))
    remaining = mdp.max_edits - (nodes.plans != starts).sum(axis=1)
    states = PlanStates(nodes.instances, nodes.plans, remaining.astype(np.int32))
    proposal = _ask(mdp, proposer, states)
    if guesser is not None:
        _file(mdp, trees, instances, starts, _guesses(guesser, states, trees, starts, proposal))
    children = expand(mdp.task, believed(nodes, proposal), proposal.probabilities, margin, log_floor)
    for tree, plan, judged in zip(trees, plans, children.judged, strict=True):
        tree.calls += 1
        tree.queries += int(judged) + int(guesser is not None)
        if keep_visits:
            tree.visits.append(plan)
    parents = children.parents
    owners = [trees[parent] for parent in parents]
    edits = _file(mdp, owners, children.nodes.instances, starts[parents], children.nodes.plans)
    # Another plan needs one more edit at least.
    for i in np.flatnonzero((edits < mdp.max_edits) & ~children.nodes.decided.all(axis=1)):
        _, plan, decided_cells, log_probability, node_doubt = (field[i] for field in children.nodes)
        owners[i].push(plan, decided_cells, float(log_probability), float(node_doubt))


def _file(mdp: PlanEditMDP, owners: list[_Tree], instances: Grids, starts: Grids, plans: Grids) -> NDArray[np.int64]:
    """Give trees the plans that are solved and in reach; how many edits each of the M plans takes, shape (M,).

    Args:
        mdp: the model.
        owners: the tree that each plan belongs to.
        instances: of these trees, shape (M, n_cells).
        starts: their first plans, shape (M, n_cells).
        plans: shape (M, n_cells).
    """
    edits: NDArray[np.int64] = (plans != starts).sum(axis=1)
    for i in np.flatnonzero(mdp.task.check(instances, plans).solved & (edits <= mdp.max_edits)):
        owners[i].solve(plans[i])
    return edits


def _guesses(guesser: Guesser, states: PlanStates, trees: list[_Tree], starts: Grids, proposal: Proposal) -> Grids:
    """What the guesser says, once it is seen to be plans of these instances."""
    guessed = np.asarray(guesser(states, np.array([tree.calls for tree in trees]), proposal))
    if guessed.shape != starts.shape or guessed.dtype != starts.dtype:
        raise ValueError(
            f"a guesser must return plans of shape {starts.shape} and {starts.dtype}, got {guessed.shape} and "
            f"{guessed.dtype}"
        )
    if ((guessed != starts) & np.stack([tree.locked for tree in trees])).any():
        raise ValueError("a guesser must leave cells as they are that no edit may change, but it changed some")
    return guessed


def _ask(mdp: PlanEditMDP, proposer: Proposer, states: PlanStates) -> Proposal:
    """What the proposer says, once it is seen to be probabilities of the right shapes."""
    proposal, count = proposer(states), len(states.plans)
    expected = {"probabilities": (count, mdp.task.n_cells, mdp.task.n_symbols), "alive": (count,)}
    for name, shape in expected.items():
        values = getattr(proposal, name)
        if values is None and name == "alive":
            continue
        if values.shape != shape:
            raise ValueError(f"{name} of a proposal must have shape {shape}, got {values.shape}")
        if not ((values >= 0) & (values <= 1 + 1e-4)).all():
            raise ValueError(f"{name} of a proposal must be within 0 and 1, but some are not")
    return proposal


def _result(trees: list[_Tree], keep_visits: bool) -> SearchResult:
    plans = [(*tree.solutions, tree.start)[0] for tree in trees]
    shape = (-1, len(trees[0].start)) if trees else (0, 0)
    return SearchResult(
        solved=np.array([bool(tree.solutions) for tree in trees], np.bool_),
        calls=np.array([tree.calls for tree in trees], np.int64),
        plans=np.array(plans, np.int8).reshape(shape),
        edits=np.array([(p != t.start).sum() for p, t in zip(plans, trees, strict=True)], np.int64),
        queries=np.array([tree.queries for tree in trees], np.int64),
        visits=tuple(np.array(t.visits, np.int8).reshape(shape) for t in trees) if keep_visits else None,
        found=tuple(np.array(t.solutions, np.int8).reshape(shape) for t in trees),
    )
