"""One step of the search: from a batch of nodes and what the proposer says of them to their children."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from trm_envs.plan_edit.mdp import PlanStates
from trm_envs.plan_edit.task import Grids, PlanTask

Cells = NDArray[np.bool_]
"""Which cells, shape (B, n_cells)."""

LEAST = 1e-12
"""Probability below which the proposer is not believed, so that no value which the rules allow is ruled out."""

CHUNK = 1 << 18
"""Cells of the plans that the rules judge at once; bounds memory."""


class Proposer(Protocol):
    """Guides a search."""

    def __call__(self, states: PlanStates) -> NDArray[np.floating]:
        """The probability that each edit writes what belongs into its cell of a solved plan.

        Over the values that a cell may take these sum to at most 1; what is missing belongs to its present value.

        Args:
            states: B states.

        Returns:
            Shape (B, n_cells, n_symbols), in [0, 1].
        """
        ...


class Nodes(NamedTuple):
    """B nodes: plans of which some cells are decided."""

    instances: Grids
    plans: Grids
    decided: Cells
    log_probabilities: NDArray[np.float64]
    """Of all decisions made, shape (B,)."""

    def at(self, rows: NDArray[np.int64] | Cells) -> Nodes:
        """The nodes at these rows; arrays of their own."""
        return Nodes(*(field[rows] for field in self))


class Children(NamedTuple):
    """Nodes that the rules do not object to, listed parent by parent, likelier ones first."""

    parents: NDArray[np.int64]
    """Row of the parent, shape (M,)."""
    nodes: Nodes
    """Shape (M,)."""
    judged: NDArray[np.int64]
    """How many plans the rules judged for each parent, shape (B,)."""


class Options(NamedTuple):
    """What each open cell may become."""

    values: Grids
    """Value of each option, shape (B, n_cells, n_symbols + 1): what edits write, then the present value."""
    probabilities: NDArray[np.float64]
    """Of each option, given that the rules object to no less; sums to 1 over an open cell's, 0 elsewhere."""


def expand(
    task: PlanTask, nodes: Nodes, proposed: NDArray[np.floating], threshold: float, log_floor: float
) -> Children:
    """Commit to what is certain, else branch on the most certain cell.

    Args:
        task: the puzzle.
        nodes: B nodes with an open cell each, none of them hopeless.
        proposed: what the proposer says of them, shape (B, n_cells, n_symbols).
        threshold: a cell whose likeliest value has at least this probability is certain.
        log_floor: a branch starts only with a log probability above it.
    """
    options, judged = weigh(task, nodes, proposed)
    # A cell left without any value rules its node out.
    alive = (nodes.decided | (options.probabilities > 0).any(axis=2)).all(axis=1)
    confidence = options.probabilities.max(axis=2)
    certain = alive & (confidence >= threshold).any(axis=1)
    committed = _commit(task, nodes, options, np.flatnonzero(certain), threshold, judged)
    branched = _branch(nodes, options, np.flatnonzero(alive & ~certain), log_floor)
    parents = np.concatenate([committed[0], branched[0]])
    order = np.argsort(parents, kind="stable")
    both = Nodes(*(np.concatenate(fields) for fields in zip(committed[1], branched[1], strict=True)))
    return Children(parents[order], both.at(order), judged)


def weigh(
    task: PlanTask, nodes: Nodes, proposed: NDArray[np.floating]
) -> tuple[Options, NDArray[np.int64]]:
    """The options of every open cell, and how many plans the rules judged for each node, shape (B,)."""
    written, present = task.writes(nodes.plans), nodes.plans[:, :, None]
    values = np.concatenate([written, present], axis=2)
    probabilities = np.zeros(values.shape)
    probabilities[:, :, :-1] = proposed
    staying = np.maximum(0.0, 1.0 - probabilities.sum(axis=2))
    # The mass of staying goes to the edit that writes the present value, where there is one.
    same = written == present
    written_too = same.any(axis=2)
    probabilities[:, :, :-1] += staying[:, :, None] * same
    probabilities[:, :, -1] = staying
    possible = np.repeat(~nodes.decided[:, :, None], values.shape[2], axis=2)
    possible[:, :, -1] &= ~written_too
    rows, cells, chosen = np.nonzero(possible)
    possible[rows, cells, chosen] = ~_judge(task, nodes, rows, cells, values[rows, cells, chosen])
    weights = np.where(possible, np.maximum(probabilities, LEAST), 0.0)
    total = weights.sum(axis=2, keepdims=True)
    return Options(values, weights / np.where(total > 0, total, 1.0)), np.bincount(rows, minlength=len(nodes.plans))


def _judge(
    task: PlanTask, nodes: Nodes, rows: NDArray[np.int64], cells: NDArray[np.int64], values: NDArray[np.int8]
) -> NDArray[np.bool_]:
    """Whether node `rows[i]` is hopeless once cell `cells[i]` is decided to be `values[i]`, shape (M,)."""
    hopeless = np.empty(len(rows), np.bool_)
    step = max(1, CHUNK // nodes.plans.shape[1])
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        trial = decide(nodes.at(rows[part]), cells[part], values[part])
        hopeless[part] = task.hopeless(trial.instances, trial.plans, trial.decided)
    return hopeless


def decide(nodes: Nodes, cells: NDArray[np.int64], values: NDArray[np.int8]) -> Nodes:
    """Decide one cell of each node, in place."""
    rows = np.arange(len(cells))
    nodes.plans[rows, cells] = values
    nodes.decided[rows, cells] = True
    return nodes


def _branch(
    nodes: Nodes, options: Options, rows: NDArray[np.int64], log_floor: float
) -> tuple[NDArray[np.int64], Nodes]:
    """Every value of the most certain cell of these nodes that is likely enough; parents and children."""
    cells = options.probabilities[rows].max(axis=2).argmax(axis=1)
    probabilities = options.probabilities[rows, cells]
    ranked = np.argsort(-probabilities, axis=1, kind="stable")
    with np.errstate(divide="ignore"):
        logs = np.log(np.take_along_axis(probabilities, ranked, axis=1))
    # The impossible stays out even where there is no floor.
    kept, ranks = np.nonzero((logs > log_floor) & (logs > -np.inf))
    parents, cells = rows[kept], cells[kept]
    children = decide(nodes.at(parents), cells, options.values[parents, cells, ranked[kept, ranks]])
    return parents, children._replace(log_probabilities=children.log_probabilities + logs[kept, ranks])


def _commit(
    task: PlanTask,
    nodes: Nodes,
    options: Options,
    rows: NDArray[np.int64],
    threshold: float,
    judged: NDArray[np.int64],
) -> tuple[NDArray[np.int64], Nodes]:
    """Decide all certain cells of these nodes, one child each, passing over those the rules object to.

    Adds to `judged` what the rules judged.
    """
    probabilities, children = options.probabilities[rows], nodes.at(rows)
    best = probabilities.argmax(axis=2)[:, :, None]
    confidence = np.take_along_axis(probabilities, best, axis=2)[:, :, 0]
    values = np.take_along_axis(options.values[rows], best, axis=2)[:, :, 0]
    chosen = confidence >= threshold
    together = np.where(chosen, values, children.plans)
    judged[rows] += 1
    # Judging is monotone: what is not hopeless together is not so one by one.
    for row in np.flatnonzero(task.hopeless(children.instances, together, children.decided | chosen)):
        ordered = np.argsort(-confidence[row], kind="stable")[: chosen[row].sum()]
        chosen[row], judgements = _in_order(task, children, row, ordered, values[row])
        judged[rows[row]] += judgements
    children.plans[chosen] = values[chosen]
    children.decided[chosen] = True
    logs = np.log(np.where(chosen, confidence, 1.0)).sum(axis=1)
    return rows, children._replace(log_probabilities=children.log_probabilities + logs)


def _in_order(
    task: PlanTask, nodes: Nodes, row: int, cells: NDArray[np.int64], values: NDArray[np.int8]
) -> tuple[Cells, int]:
    """Which of these cells can be decided one after the other, shape (n_cells,), and how many plans were judged."""
    chosen, judged = np.zeros(len(values), np.bool_), 0
    while len(cells):
        # All beginnings of the list at once.
        added = np.repeat(chosen[None], len(cells), axis=0)
        added[:, cells] |= np.tri(len(cells), dtype=np.bool_)
        plans = np.where(added, values, nodes.plans[row])
        instances = np.repeat(nodes.instances[row][None], len(cells), axis=0)
        objected = task.hopeless(instances, plans, added | nodes.decided[row])
        judged += len(cells)
        fitting = int(objected.argmax()) if objected.any() else len(cells)
        chosen[cells[:fitting]] = True
        cells = cells[fitting + 1 :]
    return chosen, judged
