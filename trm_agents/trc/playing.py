"""Edits of a trained controller, played in the MDP: what plans cost after each of them."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from trm_envs.continuous.checks import ControlChecks
from trm_envs.continuous.mdp import ControlEditMDP
from trm_envs.continuous.spaces import ControlEditRules, Observe
from trm_envs.continuous.task import Numbers


class Predicts(Protocol):
    """A model that edits plans, as any of SB3's."""

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False
    ) -> tuple[NDArray[Any], Any]:
        """Actions, and the next state."""


class Played(NamedTuple):
    """What K edits of each of B instances have led to."""

    costs: Numbers
    """J of the plans after each edit, the first plan's before all, shape (B, K + 1)."""
    plans: Numbers
    """The best plan that each instance had: least violation, then least cost, shape (B, plan_size)."""
    checks: ControlChecks
    """The checker on these plans."""
    best: Numbers
    """Cost of the best plan so far, after each edit, shape (B, K + 1)."""


def play(model: Predicts, mdp: ControlEditMDP, instances: Numbers, edits: int, observe: Observe = "error") -> Played:
    """Edit plans of instances, carrying what the model hands on; the checker keeps the best plan of each.

    Args:
        model: what edits.
        mdp: the MDP; its budget of edits does not count here.
        instances: shape (B, n).
        edits: K.
        observe: what the model was trained to see.
    """
    rules, state = ControlEditRules(mdp, observe), None
    states = mdp.initial(instances)
    checks = best = mdp.check(states)
    plans, budget = states.plans, states.remaining_edits
    costs, lowest = [checks.cost], [best.cost]
    for _ in range(edits):
        actions, state = model.predict(rules.observe(states, checks), state, deterministic=True)
        done = mdp.transition(states, rules.read_actions(actions, len(instances)), checks)
        states, checks = done.successors._replace(remaining_edits=budget), done.checks
        better = checks.improves_on(best)
        plans = np.where(better[:, None], states.plans, plans)
        best = checks.chosen(better, best)
        costs.append(checks.cost)
        lowest.append(best.cost)
    return Played(np.stack(costs, 1), plans, best, np.stack(lowest, 1))
