"""What a policy says of enumerated states: action probabilities, and values and latents by inner depth."""

from __future__ import annotations

import copy

import numpy as np
import torch

from trm_agents.common.policy import RecursivePolicy, as_tensors
from trm_agents.theory.closure import Carried, Closure
from trm_agents.theory.tabular import Floats
from trm_agents.theory.value_checks import Depths, Evaluator
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import observe

CHUNK = 64
"""States of one forward pass: few enough to stay in the cache over all inner steps."""


class Reader:
    """Reads one policy: probabilities as it deploys them, values and latents from a copy in float64.

    Bounds on values hold between the numbers of exact arithmetic. What float32 adds to them is a matter of the
    machine; the copy keeps it out (`deployed_values` has it).

    Args:
        policy: a policy over the tokens of a plan-edit task; left as it is.
        mdp: the MDP whose states are asked for, with its edit budget and legal actions.

    Raises:
        ValueError: the policy has no model of its task, or takes another number of inner steps from carried latents.
    """

    def __init__(self, policy: RecursivePolicy, mdp: PlanEditMDP) -> None:
        if policy.mdp is None:
            raise ValueError("certificates need a policy over a plan-edit task, TRMPolicy or TokenPolicy")
        if getattr(policy, "starts", None) is not None:
            raise ValueError("certificates are for one pass a state: set policy.starts = None")
        if policy.carry_unroll not in (None, policy.unroll):
            raise ValueError(
                f"certificates are for one depth, but carry_unroll={policy.carry_unroll} and unroll={policy.unroll}: "
                f"set policy.carry_unroll = {policy.unroll}"
            )
        self.policy = copy.deepcopy(policy)
        self.policy.mdp = mdp
        self.policy.set_training_mode(False)
        self.exact = copy.deepcopy(self.policy).double()

    @torch.no_grad()
    def table(self, states: PlanStates, carried: Carried) -> tuple[Floats, Carried]:
        """The deployed pi(a|s), float64, every row summing to one, (B, n_actions), and the latents that it carries."""
        rows, after = [], []
        for part in _parts(len(states.plans)):
            observation = as_tensors(dict(observe(states.at(part))), self.policy.device)
            latent = None if carried is None else torch.as_tensor(carried[part])
            probabilities, latent_after = self.policy.carried_probabilities(observation, latent)
            rows.append(probabilities.double().cpu().numpy())
            after.append(None if latent_after is None else latent_after.cpu().numpy())
        policy = np.concatenate(rows)
        latents = [latent for latent in after if latent is not None]
        return policy / policy.sum(1, keepdims=True), np.concatenate(latents) if latents else None

    @torch.no_grad()
    def depths(self, closure: Closure, depth: int) -> Depths:
        """U_1 ... U_m and the moves of the latent on every state of a closure, m = `depth`."""
        count = len(closure.potential)
        values, moves, projected = np.empty((depth, count)), np.empty((depth, count)), 0.0
        for part in _parts(count):
            values[:, part], moves[:, part], active = self._deep(closure, part, depth)
            projected += active
        return Depths(values, moves, projected / count)

    def _deep(self, closure: Closure, part: slice, depth: int) -> tuple[Floats, Floats, float]:
        observation = as_tensors(dict(observe(closure.states.at(part))), self.policy.device)
        carried = None if closure.carried is None else torch.as_tensor(closure.carried[part]).double()
        potential = torch.as_tensor(closure.potential[part], device=self.policy.device)
        unrolled = self.exact.evaluator.run(self.exact.inputs(observation), carried, depth)
        latents = unrolled.latents
        first = torch.zeros_like(latents[:1]) if carried is None else carried[None].to(latents)
        steps = torch.diff(latents, dim=0, prepend=first).flatten(2)
        values = self.exact.values_of(latents, observation, potential)
        norms = torch.linalg.vector_norm(steps, dim=2)
        return values.cpu().numpy(), norms.cpu().numpy(), float(unrolled.projected.sum())

    def evaluator(self, closure: Closure, depth: int) -> Evaluator:
        """U at all depths, with what is certified of it in the joint L2 norm; Pi_R does not add to L_z."""
        policy, network = self.exact, self.exact.evaluator
        moduli = policy.core.lipschitz_bound(), policy.value_lipschitz()
        return Evaluator(self.depths(closure, depth), network.unroll, *moduli, network.radius)

    @torch.no_grad()
    def deployed_values(self, closure: Closure) -> Floats:
        """U_n as the policy itself computes it in float32, shape (S,)."""
        out = np.empty(len(closure.potential))
        for part in _parts(len(out)):
            observation = as_tensors(dict(observe(closure.states.at(part))), self.policy.device)
            potential = torch.as_tensor(closure.potential[part], dtype=torch.float32, device=self.policy.device)
            latent = None if closure.carried is None else torch.as_tensor(closure.carried[part])
            latents = self.policy.carried(observation, latent)
            out[part] = self.policy.values_of(latents[None], observation, potential)[0].double().cpu().numpy()
        return out


def _parts(count: int) -> list[slice]:
    return [slice(begin, min(begin + CHUNK, count)) for begin in range(0, count, CHUNK)]
