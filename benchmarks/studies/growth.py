"""What an agent of one size of puzzle solves on other sizes as it is, and what an inner step costs there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from baselines import Method
from baselines.solvers import ModelSolver
from benchmarks.protocol.evaluation import evaluate, solve
from benchmarks.protocol.provenance import pool_hash, provenance
from benchmarks.protocol.rows import pack_bits
from benchmarks.protocol.study_rows import GrowthRow
from benchmarks.protocol.suites import Pool, Suite
from trm_agents import presets
from trm_agents.solving import policy_of
from trm_agents.solving.solver import tensors_of

TOGETHER = 256
REPEATS = 3
"""How often a pass is timed: the least time counts."""


def carried(method: Method, model: Any, home: str, row: Suite) -> Any:
    """The model on the puzzles of a suite: its weights, its inner steps, and nothing learned there.

    It has no starts, at home neither: at other sizes a network is sure of wrong plans.

    Args:
        method: the model's row.
        model: from `load`.
        home: id of the environment that it was trained in.
        row: the suite.

    Raises:
        ValueError: its weights have the size of the environment that it was trained in.
    """
    if row.env_id == home:
        if hasattr(model.policy, "starts"):
            model.policy.starts = None
        return model
    own = {"unroll": model.policy.unroll, "carry_unroll": model.policy.carry_unroll}
    return method.with_settings(own).carry_over(model, row.env_id, row.env_kwargs)


def milliseconds(model: Any, puzzles: Pool, batch: int) -> float:
    """Processor time of an inner step of one state among `batch`, in ms: of a pass at the model's own depth."""
    policy = policy_of(model)
    instances = puzzles.instances[np.arange(batch) % len(puzzles.instances)]
    observation = tensors_of(puzzles.mdp.initial(instances), policy.device)

    def seconds() -> float:
        since = time.process_time()
        policy.decoder.last(observation)
        return time.process_time() - since

    policy.decoder.last(observation, unroll=1)  # compiles
    return 1e3 * min(seconds() for _ in range(REPEATS)) / policy.unroll / batch


def measure(
    method: Method, model: Any, home: str, row: Suite, puzzles: Pool, attempts: Sequence[int], **about: Any
) -> list[GrowthRow]:
    """The policy alone, and with so many attempts made as where the model was trained: a row each.

    Args:
        method: the model's row.
        model: from `carried`.
        home: id of the environment that it was trained in.
        row: the suite.
        puzzles: of its test pool.
        attempts: further attempts of each line, at least 1.
        about: `agent`, `threads` and `command` of the rows.
    """
    made = presets.attempts(home)
    agent = method.agent(model, puzzles.mdp, np.random.default_rng(0))
    found = {"policy": evaluate(agent, *puzzles)}
    for count in attempts:
        found[f"attempts={count}"] = solve(ModelSolver(model, puzzles.mdp, made, "attempts", count), *puzzles)
    task = puzzles.mdp.task
    facts: dict[str, Any] = {
        "suite": row.name,
        "trained_env": home,
        "size": task.shape[0],
        "tokens": task.n_cells * task.n_symbols,
        "ms_1": milliseconds(model, puzzles, 1),
        "ms_256": milliseconds(model, puzzles, TOGETHER),
        "pool_sha256": pool_hash(puzzles.instances),
        **about,
        **provenance()._asdict(),
    }
    return [
        GrowthRow(
            line=line,
            n=result.n,
            solved=result.n_solved,
            edits=result.mean_edits,
            **result.mean_compute._asdict(),
            solved_bits=pack_bits(result.solved),
            **facts,
        )
        for line, result in found.items()
    ]
