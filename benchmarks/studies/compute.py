"""Success against test-time compute: a model's policy alone, searches and attempts with it, and a search without it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm

from baselines import Method, SolverKind
from benchmarks.protocol.evaluation import Result, evaluate, solve
from benchmarks.protocol.provenance import pool_hash, provenance
from benchmarks.protocol.rows import ComputeRow, pack_bits
from benchmarks.protocol.suites import Pool, Suite
from trm_agents import presets
from trm_agents.solving import Solutions, search, uniform_proposer
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.task import Grids


class Plan(NamedTuple):
    """One measurement: who solves, and with how much compute."""

    solver: SolverKind | None
    """None for the policy alone."""
    budget: int
    """Network calls of a search, attempts, or 0 for the policy alone."""
    play: Callable[[Pool], Result]
    guesses: bool = False
    """Whether each call of a search also guesses a whole plan."""


class Guide(NamedTuple):
    """What rows say of the model that guides."""

    name: str
    algo: str = ""
    unroll: int | None = None


class UniformSearch:
    """The same search without a network; its calls are the nodes that it expands."""

    def __init__(self, mdp: PlanEditMDP, budget: int) -> None:
        self.mdp, self.budget = mdp, budget

    def solve(self, instances: Grids) -> Solutions:
        """What was found for instances of shape (n, n_cells)."""
        found = search(self.mdp, instances, uniform_proposer(self.mdp), self.budget)
        edits = np.where(found.solved, found.edits, self.mdp.max_edits)
        return Solutions(found.plans, found.solved, edits, found.calls, np.zeros_like(found.calls), found.queries)


def plans_of(
    row: Method,
    model: BaseAlgorithm,
    env_id: str,
    budgets: Sequence[int],
    attempts: Sequence[int],
    unroll: int | None = None,
) -> list[Plan]:
    """What is measured of a model.

    Args:
        row: the model's.
        model: from the row's `make` or `load`.
        env_id: whose presets say how attempts and guesses are made.
        budgets: network calls of searches; 0 is the policy alone.
        attempts: how many attempts.
        unroll: inner steps of the network, in place of its own.
    """

    def alone(puzzles: Pool) -> Result:
        return evaluate(row.agent(model, puzzles.mdp, np.random.default_rng(0), unroll), *puzzles)

    def solved(kind: SolverKind, budget: int) -> Callable[[Pool], Result]:
        return lambda puzzles: solve(row.solver(model, puzzles.mdp, env_id, kind, budget, unroll), *puzzles)

    guesses = bool(presets.attempts(env_id))
    found = [
        Plan(None, 0, alone) if budget == 0 else Plan("search", budget, solved("search", budget), guesses)
        for budget in budgets
    ]
    return [*found, *(Plan("attempts", count, solved("attempts", count)) for count in attempts)]


def uniform_plans(budgets: Sequence[int]) -> list[Plan]:
    """Searches without a network, a budget each."""

    def searched(budget: int) -> Callable[[Pool], Result]:
        return lambda puzzles: solve(UniformSearch(puzzles.mdp, budget), *puzzles)

    return [Plan("search", budget, searched(budget)) for budget in budgets if budget]


def measure(
    suite: Suite, puzzles: Pool, guide: Guide, plans: Sequence[Plan], threads: int, command: str
) -> list[ComputeRow]:
    """One row a plan, in their order.

    Args:
        suite: the suite.
        puzzles: what is solved.
        guide: what the rows say of who guides.
        plans: who solves, and with how much compute.
        threads: of the numeric libraries.
        command: what the rows say they came from.
    """
    return [_row(suite, puzzles, guide, plan, threads, command) for plan in plans]


def _row(suite: Suite, puzzles: Pool, guide: Guide, plan: Plan, threads: int, command: str) -> ComputeRow:
    start = time.perf_counter()
    result = plan.play(puzzles)
    wall = time.perf_counter() - start
    solved = result.solved
    return ComputeRow(
        suite=suite.name,
        env_id=suite.env_id,
        guide=guide.name,
        algo=guide.algo,
        unroll=guide.unroll,
        solver=plan.solver,
        budget=plan.budget,
        n=result.n,
        solved=result.n_solved,
        success=result.success,
        network_calls_solved=float(np.median(result.network_calls[solved])) if solved.any() else None,
        **result.mean_compute._asdict(),
        edits=result.mean_edits,
        wall_s=round(wall, 3),
        pool_sha256=pool_hash(puzzles.instances),
        solved_bits=pack_bits(solved),
        guesses=plan.guesses,
        threads=threads,
        command=command,
        **provenance()._asdict(),
    )
