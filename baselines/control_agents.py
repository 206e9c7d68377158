"""Planners: what an evaluator asks for plans of a system, be it a trained model or a reference line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from gymnasium import spaces

from trm_envs.continuous.mdp import ControlEditMDP
from trm_envs.continuous.spaces import ControlEditRules
from trm_envs.continuous.task import Numbers

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

    from trm_envs.control.stepwise import StepRules


class Plans(NamedTuple):
    """What a planner makes of B instances."""

    edits: tuple[int, ...]
    """After how many edits; (0,) where plans are not edited."""
    plans: Numbers
    """The best plan until then: least violation, then least cost. Shape (len(edits), B, plan_size)."""
    network_calls: int
    """Passes of a network for each instance, until the last of these plans."""
    inner_steps: int
    """Inner steps of recursive networks for each instance."""
    simulations: int | None
    """Plans that the simulator has played for each instance, the first one included; None where nobody counted."""


class Planner(Protocol):
    """Makes plans of instances."""

    def plan(self, instances: Numbers, edits: Sequence[int]) -> Plans:
        """Plans of instances, shape (B, n).

        Args:
            instances: what to plan for.
            edits: after how many edits plans are asked for; a planner that makes fewer leaves the others out.
        """
        ...


class LinePlanner:
    """A reference line: one plan, without edits.

    Args:
        plans: instances -> plans.
        simulations: see `Plans`.
    """

    def __init__(self, plans: Callable[[Numbers], Numbers], simulations: int | None) -> None:
        self.plans, self.simulations = plans, simulations

    def plan(self, instances: Numbers, edits: Sequence[int]) -> Plans:
        """See `Planner`."""
        return Plans((0,), self.plans(instances)[None], 0, 0, self.simulations)


class EditPlanner:
    """A model that edits plans in the MDP; the checker keeps the best plan of each episode.

    Args:
        model: the model.
        mdp: the MDP of the instances; its budget is the most edits that are made.
        most: edits that the model is made for, where they are fewer than the budget.
    """

    def __init__(self, model: BaseAlgorithm, mdp: ControlEditMDP, most: int | None = None) -> None:
        self.model, self.mdp = model, mdp
        self.most = mdp.max_edits if most is None else min(most, mdp.max_edits)
        seen = model.observation_space
        gradient = isinstance(seen, spaces.Dict) and "gradient" in seen.spaces
        self.rules = ControlEditRules(mdp, "gradient" if gradient else "error")

    def plan(self, instances: Numbers, edits: Sequence[int]) -> Plans:
        """See `Planner`; latents are carried from edit to edit where the model carries any."""
        counts = tuple(count for count in edits if count <= self.most)
        mdp, carried = self.mdp, None
        states = mdp.initial(instances)
        checks = best = mdp.check(states)
        plans, kept = states.plans, []
        for edit in range(1, counts[-1] + 1):
            actions, carried = self.model.predict(self.rules.observe(states, checks), carried, deterministic=True)
            done = mdp.transition(states, self.rules.read_actions(actions, len(instances)), checks)
            states, checks = done.successors, done.checks
            better = checks.improves_on(best)
            plans, best = np.where(better[:, None], states.plans, plans), checks.chosen(better, best)
            if edit in counts:
                kept.append(plans)
        inner = getattr(getattr(self.model.policy, "network", None), "inner", None)
        # z_L takes `inner` steps, z_H one.
        steps = 0 if inner is None else counts[-1] * (int(inner) + 1)
        return Plans(counts, np.stack(kept), counts[-1], steps, counts[-1] + 1)


class StepPlanner:
    """A model that chooses one control at a time; what it has applied in an episode is its plan.

    Args:
        model: the model.
        rules: the system, played step by step.
    """

    def __init__(self, model: BaseAlgorithm, rules: StepRules) -> None:
        self.model, self.rules = model, rules

    def plan(self, instances: Numbers, edits: Sequence[int]) -> Plans:
        """See `Planner`."""
        rules, horizon = self.rules, self.rules.task.horizon
        states = rules.initial(instances)
        checks = rules.check(states)
        for _ in range(horizon):
            observation: Any = rules.observe(states, checks)
            actions, _ = self.model.predict(observation, deterministic=True)
            done = rules.transition(states, rules.read_actions(actions, len(instances)), checks)
            states, checks = done.states, done.checks
        return Plans((0,), states.plans[None], horizon, 0, 1)
