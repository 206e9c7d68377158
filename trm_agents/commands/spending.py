"""Puzzles solved by an agent, alone or with more test-time compute, and what that has cost."""

from __future__ import annotations

import argparse
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from trm_agents.commands.puzzles import Puzzles
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.spaces import observe
from trm_envs.plan_edit.task import Grids

if TYPE_CHECKING:
    from trm_agents import UPITRM, HindsightTRM
    from trm_agents.solving import Solutions

COSTS = {"edits": "edits", "calls": "network_calls", "inner_steps": "inner_steps", "checks": "checks"}
"""Fields of `Solutions` that count, and what they are called in JSON, as in rows of the benchmark."""
WORDS = {
    "edits": ("edit", "edits"),
    "network_calls": ("network call", "network calls"),
    "inner_steps": ("inner step", "inner steps"),
    "checks": ("check", "checks"),
}
BATCH = 512
"""Puzzles that the policy edits at once; bounds memory."""
Z = 1.959963984540054
"""Standard normal quantile of 95 % intervals."""


def spend(model: UPITRM | HindsightTRM, puzzles: Puzzles, env_id: str, options: argparse.Namespace) -> Solutions:
    """Solve puzzles by the policy alone, by attempts or by search, as `--attempts` and `--search` say.

    Raises:
        ValueError: attempts or search are asked of an agent that has no edit probabilities.
    """
    from trm_agents import Attempts, BestFirst, presets

    if options.search:
        return BestFirst(model, calls=options.search, mdp=puzzles.mdp).solve(puzzles.instances)
    if options.attempts:
        chosen = presets.attempts(env_id)
        return Attempts(model, options.attempts, mdp=puzzles.mdp, **chosen).solve(puzzles.instances)
    return policy_alone(model, puzzles.mdp, puzzles.instances)


def policy_alone(model: UPITRM | HindsightTRM, mdp: PlanEditMDP, instances: Grids) -> Solutions:
    """One greedy episode an instance, one pass of the network an edit.

    `checks` are 0: the policy asks for none before it edits. `edits` are those made, the whole budget where they end
    unsolved.

    Args:
        model: acts in this MDP.
        mdp: transitions and the end of an episode.
        instances: shape (n, n_cells), int8, n >= 1.
    """
    from trm_agents.solving import Solutions

    parts = [_episodes(model, mdp, instances[at : at + BATCH]) for at in range(0, len(instances), BATCH)]
    return Solutions(*(np.concatenate(fields) for fields in zip(*parts, strict=True)))


def _episodes(model: UPITRM | HindsightTRM, mdp: PlanEditMDP, instances: Grids) -> Solutions:
    """The fields of one batch; episodes that have ended leave it."""
    from trm_agents.solving import Solutions

    states, alive = mdp.initial(instances), np.arange(len(instances))
    plans, solved = states.plans.copy(), mdp.check(states).solved.copy()
    edits, steps = np.zeros((2, len(instances)), np.int64)
    unroll, carry_unroll = model.policy.unroll, getattr(model.policy, "carry_unroll", None)
    latents: Any = None
    while len(alive):
        first = latents is None
        starts = np.full(len(alive), first)
        actions, latents = model.predict(observe(states), latents, starts, deterministic=True)  # type: ignore[arg-type]
        edits[alive] += 1
        steps[alive] += unroll if first or carry_unroll is None else carry_unroll
        transition = mdp.transition(states, actions)
        plans[alive], solved[alive] = transition.successors.plans, transition.checks.solved
        going = np.flatnonzero(~transition.terminated)
        alive, states = alive[going], transition.successors.at(going)
        latents = () if latents is None else tuple(latent[going] for latent in latents)
    return Solutions(plans, solved, edits, edits.copy(), steps, np.zeros_like(edits))


def solver_name(options: argparse.Namespace) -> str:
    """What `spend` does, in words."""
    if options.search:
        return f"best-first search of at most {options.search} network calls"
    return f"at most {options.attempts} attempts" if options.attempts else "the policy alone"


def wilson(successes: int, n: int) -> tuple[float, float]:
    """95 % Wilson score interval of a success rate, n >= 1."""
    p, spread = successes / n, Z * Z / n
    centre, half = p + spread / 2, Z * sqrt(p * (1 - p) / n + spread / (4 * n))
    return max(0.0, (centre - half) / (1 + spread)), min(1.0, (centre + half) / (1 + spread))


def summary(found: Solutions) -> dict[str, Any]:
    """Success with its Wilson interval, and the mean costs of a puzzle."""
    n, solved = len(found.solved), int(found.solved.sum())
    means = {name: float(np.mean(getattr(found, field))) for field, name in COSTS.items()}
    return {"solved": solved, "n": n, "success": solved / n, "interval": list(wilson(solved, n)), **means}


def counted(number: float, one: str, many: str) -> str:
    """`1 edit`, `2 edits`, `2.5 edits`."""
    text = f"{number:,.1f}".removesuffix(".0")
    return f"{text} {one if text == '1' else many}"


def cost_text(costs: dict[str, Any]) -> str:
    """Costs in words: `51 edits, 3 network calls, 360 inner steps, 3 checks`."""
    return ", ".join(counted(costs[name], *WORDS[name]) for name in COSTS.values())
