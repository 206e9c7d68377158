"""Every conservative step of a training run, held against the exact returns of the policies on enumerated instances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.type_aliases import PyTorchObs

from trm_agents.common.policy import RecursivePolicy, as_tensors
from trm_agents.theory import exact
from trm_agents.theory.closure import Carried, Closure, enumerate_closure
from trm_agents.theory.improvement_bounds import Step, deviation_bound, penalty, residual_bound, safe_step
from trm_agents.theory.improvement_checks import errors_of, mixed
from trm_agents.theory.tabular import Floats
from trm_agents.upi_trm.edit_policy import EditPolicy
from trm_agents.upi_trm.policies import UPIPolicy
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import observe
from trm_envs.plan_edit.task import Grids

CHUNK = 512
Improving = UPIPolicy | EditPolicy


class StepAudit(NamedTuple):
    """One step of the exact mixture; means over the instances. Bounds are lower bounds on `rise`."""

    env_steps: int
    alpha: float
    """The step size that was taken."""
    eta: float
    """eta(pi) before it."""
    rise: float
    """eta(pi_new) - eta(pi), exact."""
    published: float
    """(I2)."""
    clocked: float
    """(I6), with the network's own value as critic."""
    one_deviation: float
    """(I7), J = 1, with the network's own value as critic."""
    two_deviations: float
    """The same with J = 2."""
    exact: float
    """(I7), J = 0, with V^pi as critic."""
    exact_one: float
    """The same with J = 1."""
    estimated: float
    """What the rollout estimated of (I7) with J = 0, where the step size is `safe`; else nan."""
    safe_alpha: float
    """Where the mean of (I7) with J = 1 is largest, with the network's value as critic."""
    safe_rise: float
    """What it certifies there; 0: nothing."""
    value_error: float
    """E_pi |U - V^pi|, weighted by discounted visits."""


class ImprovementAudit(BaseCallback):
    """Follows the exact mixture on the full closure of some instances, by arithmetic on its probabilities.

    pi starts as the deployed policy and becomes (1 - alpha) pi + alpha pi_cand in every iteration, so that a step costs
    one forward pass of the candidate, and expired snapshots do not blur it: `expiry_error` says what they do.

    Args:
        mdp: the model.
        instances: shape (n, n_cells).
        max_states: of an instance at most.
    """

    def __init__(self, mdp: PlanEditMDP, instances: Grids, max_states: int = 50_000) -> None:
        super().__init__()
        self.mdp = mdp
        self.closures = [enumerate_closure(mdp, instance, self._all_legal, max_states)[0] for instance in instances]
        self.policies: list[Floats] = []
        self.steps: list[StepAudit] = []
        self.audited = 0

    def _all_legal(self, states: PlanStates, carried: Carried) -> tuple[Floats, Carried]:
        mask = self.mdp.action_mask(states)
        return mask / mask.sum(1, keepdims=True), None

    def _on_training_start(self) -> None:
        policy: Any = self.model.policy
        if getattr(policy, "mixture", None) is None:
            raise ValueError("an audit of conservative steps needs UPITRM with mixture=Exact(...)")
        self.policies = [deployed(policy, closure) for closure in self.closures]
        self.audited = self.model._n_updates

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        self._audit()

    def _on_training_end(self) -> None:
        self._audit()

    def _audit(self) -> None:
        """Audit the step that was taken since the last call, if one was."""
        if self.model._n_updates == self.audited:
            return
        self.audited = self.model._n_updates
        policy = self.model.policy
        assert isinstance(policy, Improving)
        alpha: float = self.model.step_size  # type: ignore[attr-defined]
        found = [self._instance(policy, index, alpha) for index in range(len(self.closures))]
        by_critic, by_truth, numbers = zip(*found, strict=True)
        eta, rise, published, error = (float(x) for x in np.mean(numbers, axis=0))
        self.steps.append(
            StepAudit(
                env_steps=self.num_timesteps,
                alpha=alpha,
                eta=eta,
                rise=rise,
                published=published,
                clocked=float(np.mean([residual_bound(step, alpha) for step in by_critic])),
                one_deviation=_mean(by_critic, alpha, 1),
                two_deviations=_mean(by_critic, alpha, 2),
                exact=_mean(by_truth, alpha, 0),
                exact_one=_mean(by_truth, alpha, 1),
                estimated=self.model.step_bound,  # type: ignore[attr-defined]
                **dict(zip(("safe_alpha", "safe_rise"), safe_step(by_critic), strict=True)),
                value_error=error,
            )
        )

    def _instance(self, policy: Improving, index: int, alpha: float) -> tuple[Step, Step, tuple[float, ...]]:
        """Take the step on one instance: by both critics, and eta, rise, (I2) and value error."""
        closure, pi = self.closures[index], self.policies[index]
        better, values = candidate_of(policy, closure), values_of(policy, closure)
        truth = exact.policy_value(closure, pi)
        q_hat, q = exact.action_values(closure, values), exact.action_values(closure, truth)
        by_critic, by_truth = Step.of(closure, pi, better, q_hat, values), Step.of(closure, pi, better, q, truth)
        errors = errors_of(pi, better, exact.advantages(q_hat, pi), exact.advantages(q, pi))
        loss = penalty(alpha, closure.gamma, errors.eps_cand, errors.eps_cpi, errors.eps_cent)
        self.policies[index] = mixed(pi, better, alpha)
        rise = exact.performance(closure, self.policies[index]) - float(truth[0])
        error = float(by_truth.visits @ abs(values - truth) / by_truth.visits.sum())
        return by_critic, by_truth, (float(truth[0]), rise, by_critic.rise(alpha) - loss, error)

    def expiry_error(self) -> tuple[float, float]:
        """What expired snapshots have done to the deployed mixture: mean over instances of two numbers.

        E_pi TV(deployed, exact), weighted by discounted visits of the exact mixture, and |eta(deployed) - eta(exact)|.
        """
        found = []
        for closure, pi in zip(self.closures, self.policies, strict=True):
            real = deployed(self.model.policy, closure)  # type: ignore[arg-type]
            visits = closure.visits(pi)
            distance = visits @ exact.total_variation(pi, real) / visits.sum()
            found.append((distance, abs(exact.performance(closure, real) - exact.performance(closure, pi))))
        distance, loss = np.mean(found, axis=0)
        return float(distance), float(loss)


def _mean(steps: Sequence[Step], alpha: float, order: int) -> float:
    return float(np.mean([deviation_bound(step, alpha, order) for step in steps]))


@torch.no_grad()
def deployed(policy: RecursivePolicy, closure: Closure) -> Floats:
    """The deployed pi on a closure, (S, A), rows summing to one in float64."""
    rows = [policy.action_probabilities(seen).double().cpu().numpy() for seen in _batches(policy, closure)]
    table = np.concatenate(rows)[:, closure.actions]
    out: Floats = table / table.sum(1, keepdims=True)
    return out


@torch.no_grad()
def candidate_of(policy: Improving, closure: Closure) -> Floats:
    """The network's own policy on a closure, (S, A): what the mixture takes in."""
    rows = [policy.candidate_probabilities(seen).cpu().numpy() for seen in _batches(policy, closure)]
    table = np.concatenate(rows)[:, closure.actions]
    out: Floats = table / table.sum(1, keepdims=True)
    return out


@torch.no_grad()
def values_of(policy: RecursivePolicy, closure: Closure) -> Floats:
    """U_n on a closure, (S,)."""
    potential = torch.as_tensor(closure.potential, dtype=torch.float32, device=policy.device)
    parts = zip(_batches(policy, closure), torch.split(potential, CHUNK), strict=True)
    return np.concatenate([policy.values(seen, phi).double().cpu().numpy() for seen, phi in parts])


def _batches(policy: RecursivePolicy, closure: Closure) -> Iterator[PyTorchObs]:
    """Observations of a closure's states, CHUNK at a time."""
    for begin in range(0, len(closure.potential), CHUNK):
        yield as_tensors(dict(observe(closure.states.at(slice(begin, begin + CHUNK)))), policy.device)
