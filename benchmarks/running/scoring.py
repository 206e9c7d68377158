"""Scoring a contestant on a pool of puzzles or of first states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from baselines import ControlLine, ControlMethod, Line, Method, Planner
from benchmarks.protocol.control import ControlPool, ControlResult, evaluate_plans, milliseconds, packed
from benchmarks.protocol.evaluation import Result, evaluate, solve
from benchmarks.protocol.names import Name
from benchmarks.protocol.suites import Pool
from trm_agents import presets
from trm_envs.maze.paths import first_paths
from trm_envs.maze.task import MazeTask

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm


class Speed(NamedTuple):
    """Processor time of planning for one state, in ms."""

    alone: float
    among_256: float


class Scored(NamedTuple):
    """What became of a pool."""

    greedy: Result
    sampled: Result | None = None
    """With sampled actions; None where there is no such mode."""
    speed: Speed | None = None
    """Of planners alone."""


def score_line(line: Line, test: Pool | ControlPool, seed: int) -> Scored:
    """A reference line on a pool."""
    rng = np.random.default_rng(seed)
    if isinstance(test, ControlPool):
        assert isinstance(line, ControlLine)
        return _planned(line.planner(test.mdp, rng), test)
    return Scored(evaluate(line.agent(test.mdp, rng), *test))


def score_model(
    method: Method, model: BaseAlgorithm, test: Pool | ControlPool, name: Name, env_id: str, seed: int
) -> Scored:
    """A model on a pool: by its policy, greedy and sampled, of any depth or starts, by its solver, or by its plans."""
    if isinstance(test, ControlPool):
        assert isinstance(method, ControlMethod)
        return _planned(method.planner(model, test.mdp), test)
    if name.solver == "starts":
        # Loads torch.
        from trm_agents.solving.starts import started

        with started(model, presets.starts(env_id, name.budget)):
            return played(method, model, test, seed)
    if name.solver is None or name.solver == "cycles":
        return played(method, model, test, seed, name.budget or None)
    return Scored(solve(method.solver(model, test.mdp, env_id, name.solver, name.budget), *test))


def played(
    method: Method, model: BaseAlgorithm, part: Pool | ControlPool, seed: int, depth: int | None = None
) -> Scored:
    """A model on a pool by its policy, greedy and sampled, at its own depth or another; plans are not timed."""
    if isinstance(part, ControlPool):
        return Scored(measure(method, model, part, seed))
    agent = method.agent(model, part.mdp, np.random.default_rng(seed), depth)
    return Scored(evaluate(agent, *part), evaluate(agent, *part, deterministic=False))


def measure(method: Method, model: BaseAlgorithm, part: Pool | ControlPool, seed: int) -> Result:
    """Greedy actions on part of the validation pool: a point of a learning curve."""
    if isinstance(part, ControlPool):
        assert isinstance(method, ControlMethod)
        return evaluate_plans(method.planner(model, part.mdp), part)
    return evaluate(method.agent(model, part.mdp, np.random.default_rng(seed)), *part)


def exact_matches(test: Pool, found: Result) -> int | None:
    """How many mazes are solved by one path chosen beforehand; None of puzzles that a longer path, or none, solves.

    Others count such matches. A maze often has several shortest paths, and a model may find another one.
    """
    task = test.mdp.task
    if not (isinstance(task, MazeTask) and task.shortest):
        return None
    return int((found.solved & (found.plans == first_paths(test.instances, task.size)).all(axis=1)).sum())


def control_facts(method: Method | None, env_id: str, test: ControlPool, scored: Scored, cost: Any) -> dict[str, Any]:
    """What a row of a system says beyond other rows.

    Args:
        method: the row; None of a reference line.
        env_id: of the suite.
        test: the pool.
        scored: what became of it.
        cost: `models.Cost` of the training.
    """
    result, speed = scored.greedy, scored.speed
    assert isinstance(result, ControlResult) and speed is not None
    last, played = result.by_edits[-1], result.simulations
    trained_env, simulated_steps = "", 0
    if isinstance(method, ControlMethod):
        trained_env = method.trained_env(env_id)
        simulated_steps = method.simulated_steps(test.mdp, cost.env_steps, cost.model_queries)
    return {
        "trained_env": trained_env,
        "simulated_steps": simulated_steps,
        "feasible": int(result.feasible.sum()),
        "reached": int(result.reached.sum()),
        "violation": float(result.violation.max()),
        "gap_mean": last.mean,
        "gap_median": last.median,
        "gap_p95": last.p95,
        "by_edits": packed(result.by_edits),
        "simulations": None if (played < 0).any() else float(played.mean()),
        "ms_1": speed.alone,
        "ms_256": speed.among_256,
    }


def _planned(planner: Planner, test: ControlPool) -> Scored:
    speed = Speed(milliseconds(planner, test, 1), milliseconds(planner, test, 256))
    return Scored(evaluate_plans(planner, test), speed=speed)
