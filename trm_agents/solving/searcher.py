"""`BestFirst`: the search as a solver."""

from __future__ import annotations

from typing import Any

import numpy as np

from trm_agents.solving.best_first import search
from trm_agents.solving.proposers import decoded_guesser, policy_guesser, policy_proposer
from trm_agents.solving.solver import Solutions, policy_of
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.task import Grids


class BestFirst:
    """Best-first search in the known edit model, guided by what a policy proposes and pruned by the rules.

    Where the policy has a value of plans, as `EditPolicy` has, the search turns away from those that it calls lost.

    Args:
        model: a `HindsightTRM`, or another model whose policy decodes plans.
        calls: most network calls an instance, at least 0.
        guess_unroll: inner steps of a second pass in each call, which decodes a whole plan for the checker from another
            initial latent each time; None: no second pass, and the plan that the first one decodes is checked.
        mdp: the MDP that instances belong to; by default that of the model's policy.

    Raises:
        ValueError: a number is outside its range, or the model's policy decodes no plans.
    """

    def __init__(
        self, model: Any, calls: int = 200, *, guess_unroll: int | None = None, mdp: PlanEditMDP | None = None
    ) -> None:
        if calls < 0:
            raise ValueError(f"calls must be at least 0, got {calls}")
        if guess_unroll is not None and guess_unroll < 1:
            raise ValueError(f"guess_unroll must be at least 1 or None, got {guess_unroll}")
        self.policy, self.calls, self.guess_unroll = policy_of(model), calls, guess_unroll
        self.mdp = self.policy.mdp if mdp is None else mdp

    def solve(self, instances: Grids, budget: int | None = None) -> Solutions:
        """Look for a solved plan of each instance.

        Args:
            instances: shape (n, n_cells), int8.
            budget: most network calls an instance; None: `calls`.
        """
        policy, mdp, unroll = self.policy, self.mdp, self.guess_unroll
        guesser = decoded_guesser(mdp) if unroll is None else policy_guesser(policy, mdp, unroll)
        most = self.calls if budget is None else budget
        found = search(mdp, instances, policy_proposer(policy), most, guesser=guesser)
        edits = np.where(found.solved, found.edits, mdp.max_edits).astype(np.int64)
        steps = found.calls * (policy.unroll + (unroll or 0))
        return Solutions(found.plans, found.solved, edits, found.calls, steps, found.queries)
