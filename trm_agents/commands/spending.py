"""Puzzles solved by an agent, alone or with more test-time compute, and what that has cost."""

from __future__ import annotations

import argparse
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from trm_agents.commands.puzzles import Puzzles

if TYPE_CHECKING:
    from trm_agents import UPITRM, HindsightTRM
    from trm_agents.solving import Solutions

COSTS = ("edits", "calls", "inner_steps", "checks")
"""Fields of `Solutions` that count."""
Z = 1.959963984540054
"""Standard normal quantile of 95 % intervals."""


def spend(model: UPITRM | HindsightTRM, puzzles: Puzzles, env_id: str, options: argparse.Namespace) -> Solutions:
    """Solve puzzles by the policy alone, by attempts or by search, as `--attempts` and `--search` say.

    Raises:
        ValueError: attempts or search are asked of an agent that has no edit probabilities.
    """
    from trm_agents import Attempts, BestFirst, presets
    from trm_agents.solving import PolicyAlone

    if options.search:
        return BestFirst(model, calls=options.search, mdp=puzzles.mdp).solve(puzzles.instances)
    if options.attempts:
        chosen = presets.attempts(env_id)
        return Attempts(model, options.attempts, mdp=puzzles.mdp, **chosen).solve(puzzles.instances)
    return PolicyAlone(model, mdp=puzzles.mdp).solve(puzzles.instances)


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
    means = {name: float(np.mean(getattr(found, name))) for name in COSTS}
    return {"solved": solved, "n": n, "success": solved / n, "interval": list(wilson(solved, n)), **means}


def counted(number: float, one: str, many: str) -> str:
    """`1 edit`, `2 edits`, `2.5 edits`."""
    text = f"{number:,.1f}".removesuffix(".0")
    return f"{text} {one if text == '1' else many}"


def cost_text(costs: dict[str, Any]) -> str:
    """Costs in words: `51 edits, 3 network calls, 360 inner steps, 3 checks`."""
    words = ("edit", "edits"), ("network call", "network calls"), ("inner step", "inner steps"), ("check", "checks")
    return ", ".join(counted(costs[name], *word) for name, word in zip(COSTS, words, strict=True))
