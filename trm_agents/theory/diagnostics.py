"""Quantities of the theory, logged while any UPI-TRM trains."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from torch import Tensor

from trm_agents.common.checker_values import potentials
from trm_agents.common.policy import RecursivePolicy, as_tensors
from trm_agents.common.rollout import Rollout
from trm_agents.upi_trm import improvement
from trm_agents.upi_trm.evaluation import enumerated_values
from trm_agents.upi_trm.safe_step import SampledStep
from trm_envs.plan_edit.spaces import states_of


class TheoryDiagnostics(BaseCallback):
    """Logs what the bounds are made of, at the end of every rollout, under the policy that collected it.

    On plan-edit environments the residual and the advantages are exact at each state looked at: all its successors are
    enumerated (which `count/model_queries` leaves out). Elsewhere the residual is that of the transitions taken.
    Nothing in the training is touched, no random number drawn.

    Args:
        max_states: states of each rollout that are looked at, whole environments at a time; each costs as many values
            as it has legal actions, so keep this low on large puzzles.
        beta: inverse temperature of the candidate that `safe_alpha` is for, in units of the root mean square of A.

    Logged:
        `theory/residual_mean`, `theory/residual_max`: of |T_1 U - U| (or |r + gamma U(s') - U(s)|, elsewhere).
        `theory/centring_defect`: max |sum_a pi A|, with A centred as the algorithm does it. Plan-edit only.
        `theory/safe_alpha`, `theory/safe_bound`: the step that bound (I7), J = 0, would choose, estimated from these
            states (`trm_agents.upi_trm.safe_step`), and the rise it promises. Plan-edit only.
        `theory/projection_active`: share of inner steps at which Pi_R was active.
        `theory/lipschitz`, `theory/lipschitz_value`: L_z and L_V; left out where nothing is certified.
    """

    def __init__(self, max_states: int = 64, beta: float = 4.0) -> None:
        super().__init__()
        self.max_states, self.beta = max_states, beta

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        model: Any = self.model
        for name, value in self.measure(model.policy, model.rollout, model.gamma).items():
            self.logger.record(f"theory/{name}", value)

    @torch.no_grad()
    def measure(self, policy: RecursivePolicy, rollout: Rollout, gamma: float) -> dict[str, float]:
        """The quantities, by name without `theory/`."""
        envs = max(1, min(rollout.n_envs, self.max_states // rollout.n_steps))
        steps = max(1, min(rollout.n_steps, self.max_states))

        def chosen(array: NDArray[Any]) -> NDArray[Any]:
            return array[:steps, :envs].reshape(steps * envs, *array.shape[2:])

        seen = {key: chosen(value) for key, value in rollout.observations.items()}
        tensors = as_tensors(seen, policy.device)
        unrolled = policy.evaluator.run(policy.inputs(tensors), kept=1)
        phi, _ = potentials(policy.mdp, seen)
        values = policy.values(tensors, torch.as_tensor(phi, dtype=torch.float32, device=policy.device))
        found = {"projection_active": float(unrolled.projected.mean())}
        moduli = {"lipschitz": policy.core.lipschitz_bound(), "lipschitz_value": policy.value_lipschitz()}
        found |= {name: value for name, value in moduli.items() if isfinite(value)}
        if policy.mdp is None:
            shape = (steps, envs)
            return found | _of_transitions(rollout, values.double().cpu().numpy().reshape(shape), gamma)
        return found | self._of_model(policy, seen, values, gamma)

    def _of_model(
        self,
        policy: RecursivePolicy,
        seen: dict[str, NDArray[Any]],
        values: Tensor,
        gamma: float,
    ) -> dict[str, float]:
        """Residual, centring defect and safe step, with every successor enumerated."""
        mdp = policy.mdp
        assert mdp is not None
        tensors, states = as_tensors(seen, policy.device), states_of(seen)
        mask, pi = policy.action_mask(tensors), policy.action_probabilities(tensors)
        q, _ = enumerated_values(policy, states, mdp.check(states), 0.0)
        residual = ((pi * q).sum(1) - values).abs()
        advantages = improvement.centred(q, pi, mask)
        scale = float(((pi * advantages.square()).sum(1)).mean().sqrt()) + 1e-6
        scaled = improvement.clipped(advantages / scale, pi, mask, improvement.ADVANTAGE_LIMIT)
        better = improvement.candidate(pi, scaled, mask, self.beta)
        clock = (mdp.max_edits - states.remaining_edits).astype(np.int64)
        gain = torch.where(mask, better * advantages, 0.0).double().sum(1).cpu().numpy()
        alpha, bound = SampledStep(clock, int((clock == 0).sum()), gain, gamma).best()
        return {
            "residual_mean": float(residual.mean()),
            "residual_max": float(residual.max()),
            "centring_defect": float(improvement.centring_defect(advantages, pi)),
            "safe_alpha": alpha,
            "safe_bound": bound,
        }


def _of_transitions(rollout: Rollout, values: NDArray[np.float64], gamma: float) -> dict[str, float]:
    """Residuals of the transitions taken, where the next state was looked at too; none in a rollout of one step."""
    steps, envs = values.shape
    ended = (rollout.terminated | rollout.truncated)[: steps - 1, :envs]
    ahead = rollout.rewards[: steps - 1, :envs] + gamma * np.where(ended, 0.0, values[1:])
    usable = ~rollout.truncated[: steps - 1, :envs]
    errors = np.abs(ahead - values[:-1])[usable]
    return {"residual_mean": float(errors.mean()), "residual_max": float(errors.max())} if len(errors) else {}
