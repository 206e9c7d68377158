"""The step size of the exact mixture that a lower bound on its improvement chooses, from a rollout alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from trm_agents.upi_trm import improvement
from trm_agents.upi_trm.evaluation import Evaluation, enumerated_values
from trm_agents.upi_trm.policies import TRMPolicy, UPIPolicy
from trm_agents.upi_trm.step_sizes import ALPHAS, Floats, safe
from trm_envs.plan_edit.spaces import states_of


class SampledStep(NamedTuple):
    """Bound (I7) of `trm_agents.theory.improvement_bounds` with J = 0, from the states of a rollout.

    pi_new follows pi all the way to step t with probability (1 - alpha)^t at least, and gains the worst f of that clock
    otherwise. *Exact* is f(s) = sum_a pi_cand(a|s) A(s, a) as a function of the critic: every legal action of every
    state visited was enumerated. *Estimated* is the rest: how often a state is visited, by its count in the rollout;
    the worst f of a clock, by the worst in the rollout; and A, by the advantage under the network's own value.
    """

    clock: NDArray[np.int64]
    """Edits made before each of the N states."""
    starts: int
    """Episodes that began within the rollout."""
    gain: Floats
    """f, (N,)."""
    gamma: float

    def bound(self, alpha: float) -> float:
        """sum_t gamma^t alpha [(1 - alpha)^t E f(s_t) + (1 - (1 - alpha)^t) min(0, min f(s_t))].

        Zero where no episode began: then nothing is known of the first steps.
        """
        if self.starts == 0:
            return 0.0
        clocks = np.arange(self.clock.max() + 1)
        kept = (1.0 - alpha) ** clocks
        along = np.bincount(self.clock, self.gain) / self.starts
        worst = np.zeros(len(clocks))
        np.minimum.at(worst, self.clock, self.gain)
        return float(alpha * (self.gamma**clocks @ (kept * along + (1.0 - kept) * worst)))

    def best(self) -> tuple[float, float]:
        """Step size with the largest bound, and the bound; zero and zero where no step has a positive one."""
        return safe([self.bound(float(alpha)) for alpha in ALPHAS])


@torch.no_grad()
def sampled_step(policy: UPIPolicy, evaluation: Evaluation, gamma: float) -> tuple[SampledStep, int]:
    """The step from the deployed mixture to the network as it is fitted by now, and successors enumerated for it.

    Args:
        policy: its network is the candidate, and its value the critic; the checker has no part in the critic.
        evaluation: the rollout under the deployed policy.
        gamma: discount.
    """
    assert isinstance(policy, TRMPolicy) and isinstance(evaluation.observation, dict)
    mdp = policy.mdp
    logits = policy.network.read(policy.latents(evaluation.observation)).logits
    candidate = improvement.masked_log_softmax(logits, evaluation.mask).exp()
    states = states_of({key: value.cpu().numpy() for key, value in evaluation.observation.items()})
    q, queries = enumerated_values(policy, states, mdp.check(states), 0.0)
    advantages = improvement.centred(q, evaluation.policy, evaluation.mask)
    gain = torch.where(evaluation.mask, candidate * advantages, 0.0).double().sum(1)
    clock = (mdp.max_edits - states.remaining_edits).astype(np.int64)
    return SampledStep(clock, int((clock == 0).sum()), gain.cpu().numpy(), gamma), queries
