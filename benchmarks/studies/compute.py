"""Success against network calls a puzzle: one search with the largest budget tells all smaller ones."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from baselines import Agent
from benchmarks.protocol.evaluation import evaluate
from benchmarks.protocol.provenance import pool_hash, provenance
from benchmarks.protocol.rows import ComputeRow, pack_bits
from benchmarks.protocol.suites import Pool, Suite
from trm_agents.solving import Guesser, Proposer, search


class Guide(NamedTuple):
    """What is measured."""

    name: str
    proposer: Proposer
    guesser: Guesser | None = None
    algo: str = ""
    unroll: int | None = None


class Outcome(NamedTuple):
    """What became of each of n puzzles within a budget."""

    solved: NDArray[np.bool_]
    """Shape (n,)."""
    edits: NDArray[np.int64]
    """Shape (n,)."""
    calls: float
    """Network calls, the mean over all puzzles."""
    calls_solved: float | None
    """The median over the solved ones; None where there is none, or they were counted together."""


def measure(
    row: Suite,
    puzzles: Pool,
    guide: Guide,
    agent: Agent | None,
    budgets: Sequence[int],
    threads: int,
    command: str,
) -> list[ComputeRow]:
    """One row a budget, in their order.

    Args:
        row: the suite.
        puzzles: what is solved.
        guide: guides the search.
        agent: plays the greedy episodes of budget 0; without one that budget gives no row.
        budgets: network calls a puzzle.
        threads: of the numeric libraries.
        command: what the rows say they came from.
    """
    start = time.perf_counter()
    outcomes, judged = _searched(puzzles, guide, [budget for budget in budgets if budget])
    if agent is not None and 0 in budgets:
        result = evaluate(agent, *puzzles)
        # Restarts are calls too, which an agent counts for all puzzles together.
        together = getattr(agent, "calls", int(result.edits.sum()))
        apart = together == result.edits.sum()
        outcomes[0] = Outcome(
            result.solved,
            result.edits,
            together / len(result.solved),
            _median(result.edits, result.solved) if apart else None,
        )
    wall, origin, sha256 = time.perf_counter() - start, provenance(), pool_hash(puzzles.instances)
    return [
        ComputeRow(
            suite=row.name,
            env_id=row.env_id,
            guide=guide.name,
            algo=guide.algo,
            unroll=guide.unroll,
            budget=budget,
            n=len(outcome.solved),
            solved=int(outcome.solved.sum()),
            success=float(outcome.solved.mean()),
            network_calls=outcome.calls,
            network_calls_solved=outcome.calls_solved,
            edits=float(outcome.edits.mean()),
            judged_per_call=judged,
            wall_s=round(wall, 3),
            threads=threads,
            pool_sha256=sha256,
            solved_bits=pack_bits(outcome.solved),
            command=command,
            guesses=guide.guesser is not None,
            **origin._asdict(),
        )
        for budget, outcome in sorted(outcomes.items())
    ]


def _searched(puzzles: Pool, guide: Guide, budgets: Sequence[int]) -> tuple[dict[int, Outcome], float]:
    """Outcomes by budget, and how many plans the rules judged a call."""
    if not budgets:
        return {}, 0.0
    found = search(*puzzles, guide.proposer, max(budgets), guesser=guide.guesser)
    outcomes = {}
    for budget in budgets:
        solved = found.solved_within(budget)
        edits = np.where(solved, found.edits, puzzles.mdp.max_edits)
        calls = np.minimum(found.calls, budget)
        outcomes[budget] = Outcome(solved, edits, float(calls.mean()), _median(calls, solved))
    return outcomes, float(found.queries.sum() / max(1, found.calls.sum()))


def _median(calls: NDArray[np.int64], solved: NDArray[np.bool_]) -> float | None:
    return float(np.median(calls[solved])) if solved.any() else None
