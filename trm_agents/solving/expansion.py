"""One step of the search: from a batch of nodes and what the proposer says of them to their children."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from trm_envs.plan_edit.mdp import PlanStates
from trm_envs.plan_edit.task import Grids, PlanTask

Cells = NDArray[np.bool_]
"""Which cells, shape (B, n_cells)."""

LEAST_ALIVE = 1e-9
"""Probability of being completed below which no node is put: the proposer may be wrong about a dead end."""

LEAST = 1e-12
"""Probability below which the proposer is not believed, so that no value which the rules allow is ruled out."""

CAUTION = 0.1
"""Factor of the margin where a commitment may have been a mistake."""

CHUNK = 1 << 18
"""Cells of the plans that the rules judge at once; bounds memory."""


class Proposal(NamedTuple):
    """What a proposer says of B states."""

    probabilities: NDArray[np.floating]
    """The probability that each edit writes what belongs into its cell of a solved plan, (B, n_cells, n_symbols).

    Over the values that a cell may take these sum to at most 1; what is missing belongs to its present value.
    """
    alive: NDArray[np.floating] | None = None
    """The probability that the plan can still be completed, (B,); None: the decisions made so far say it."""


class Proposer(Protocol):
    """Guides a search."""

    def __call__(self, states: PlanStates) -> Proposal:
        """What it says of B states."""
        ...


class Guesser(Protocol):
    """Guesses whole plans, for the checker to see."""

    def __call__(self, states: PlanStates, attempts: NDArray[np.int64], proposal: Proposal) -> Grids:
        """A plan that may solve the instance of each state.

        Args:
            states: B states.
            attempts: how many nodes of the same instance were expanded before, shape (B,). A guesser may try
                something else each time.
            proposal: what the proposer says of the states.

        Returns:
            Shape (B, n_cells), int8; cells that no edit may change are as they are.
        """
        ...


class Nodes(NamedTuple):
    """B nodes: plans of which some cells are decided."""

    instances: Grids
    plans: Grids
    decided: Cells
    log_probabilities: NDArray[np.float64]
    """Of all decisions made, shape (B,)."""
    margins: NDArray[np.float64]
    """A value is certain if its probability is at least 1 minus this, shape (B,)."""

    def at(self, rows: NDArray[np.int64] | Cells) -> Nodes:
        """The nodes at these rows; arrays of their own."""
        instances, plans, decided, log_probabilities, margins = self
        return Nodes(instances[rows], plans[rows], decided[rows], log_probabilities[rows], margins[rows])

    @classmethod
    def of(cls, *parts: Nodes) -> Nodes:
        """All nodes of several batches."""
        return cls(
            np.concatenate([part.instances for part in parts]),
            np.concatenate([part.plans for part in parts]),
            np.concatenate([part.decided for part in parts]),
            np.concatenate([part.log_probabilities for part in parts]),
            np.concatenate([part.margins for part in parts]),
        )


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


def expand(task: PlanTask, nodes: Nodes, proposed: NDArray[np.floating], margin: float, log_floor: float) -> Children:
    """Commit to what is certain, else branch on the most certain cell.

    A commitment has one child more: the node itself, less easily certain, with the probability that the commitment
    leaves out. A branch has one child a value.

    Args:
        task: the puzzle.
        nodes: B nodes with an open cell each, none of them hopeless.
        proposed: what the proposer says of them, shape (B, n_cells, n_symbols).
        margin: that of new plans.
        log_floor: a child's log probability given its parent must be above it.
    """
    options, judged = weigh(task, nodes, proposed)
    # A cell left without any value rules its node out.
    alive = (nodes.decided | (options.probabilities > 0).any(axis=2)).all(axis=1)
    certain = alive & (options.probabilities.max(axis=2) >= 1.0 - nodes.margins[:, None]).any(axis=1)
    rows = np.flatnonzero(certain)
    committed = _commit(task, nodes, options, rows, judged)
    remainder, remaining = _remainder(nodes.at(rows), committed.log_probabilities, log_floor)
    parents, branched = _branch(nodes, options, np.flatnonzero(alive & ~certain), log_floor)
    for children in (committed, branched):
        children.margins[:] = margin
    parents = np.concatenate([rows, rows[remaining], parents])
    order = np.argsort(parents, kind="stable")
    return Children(parents[order], Nodes.of(committed, remainder, branched).at(order), judged)


def believed(nodes: Nodes, proposal: Proposal) -> Nodes:
    """The nodes with the probability that their plans can still be completed, as far as the proposer says.

    It takes the place of the probability of the decisions made: it depends on the plan alone, not on the way there.
    """
    if proposal.alive is None:
        return nodes
    return nodes._replace(log_probabilities=np.log(np.clip(proposal.alive, LEAST_ALIVE, 1.0, dtype=np.float64)))


def weigh(task: PlanTask, nodes: Nodes, proposed: NDArray[np.floating]) -> tuple[Options, NDArray[np.int64]]:
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
    judged: NDArray[np.int64],
) -> Nodes:
    """Decide all certain cells of these nodes, one child each, passing over those the rules object to.

    Adds to `judged` what the rules judged.
    """
    probabilities, children = options.probabilities[rows], nodes.at(rows)
    best = probabilities.argmax(axis=2)[:, :, None]
    confidence = np.take_along_axis(probabilities, best, axis=2)[:, :, 0]
    values = np.take_along_axis(options.values[rows], best, axis=2)[:, :, 0]
    chosen = confidence >= 1.0 - children.margins[:, None]
    together = np.where(chosen, values, children.plans)
    judged[rows] += 1
    # Judging is monotone: what is not hopeless together is not so one by one.
    for row in np.flatnonzero(task.hopeless(children.instances, together, children.decided | chosen)).tolist():
        ordered = np.argsort(-confidence[row], kind="stable")[: chosen[row].sum()]
        chosen[row], judgements = _in_order(task, children, row, ordered, values[row])
        judged[rows[row]] += judgements
    children.plans[chosen] = values[chosen]
    children.decided[chosen] = True
    logs = np.log(np.where(chosen, confidence, 1.0)).sum(axis=1)
    return children._replace(log_probabilities=children.log_probabilities + logs)


def _remainder(nodes: Nodes, committed: NDArray[np.float64], log_floor: float) -> tuple[Nodes, NDArray[np.int64]]:
    """These nodes with a smaller margin and the probability that their commitments leave out, and which they are.

    Args:
        nodes: the parents.
        committed: log probabilities of their committed children.
        log_floor: remainders that are less likely, given the node, are left out.
    """
    with np.errstate(divide="ignore"):
        # log(1 - e^x) of what the commitment adds.
        left = np.log(-np.expm1(committed - nodes.log_probabilities))
    kept = np.flatnonzero((left > log_floor) & (left > -np.inf))
    less = nodes.at(kept)
    return less._replace(log_probabilities=less.log_probabilities + left[kept], margins=less.margins * CAUTION), kept


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
