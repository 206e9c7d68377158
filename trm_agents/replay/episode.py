"""One episode of an agent as it is to be shown: states, the policy in each, and values by inner depth.

Everything that looks inside an agent is in `PolicyAlone`, `RecursiveActor` and `WithAttempts`; whoever draws an episode
reads `Frame`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import Tensor

from trm_agents.hindsight import HindsightTRM
from trm_agents.recursive_policies import RecursiveMaskablePolicy, RecursivePolicy, masks_for
from trm_agents.solving import Attempts, decoding
from trm_agents.upi_trm import UPITRM
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import observe
from trm_envs.plan_edit.task import Checks, PlanTask
from trm_envs.plan_edit.view import PlanView


class Thought(NamedTuple):
    """What the agent makes of a state."""

    policy: NDArray[np.float32]
    """Probability of every action, shape (n_actions,)."""
    values: NDArray[np.float32]
    """U_k after k = 1 ... 2n inner steps of this state, shape (2 n,); (0,) where depths are not told apart."""
    unroll: int
    """Inner steps that the policy took: n, or `carry_unroll` from a carried latent; 0 where there are no values."""
    action: int
    """The greedy action, taken next."""


@dataclass(frozen=True)
class Frame:
    """One state of an episode."""

    step: int
    """Edits made so far."""
    states: PlanStates
    """The state, a batch of one."""
    checks: Checks
    """The checker's word on it, a batch of one."""
    made: int | None
    """The action that led here; None at the start."""
    thought: Thought | None
    """None where the episode has ended."""

    def view(self, task: PlanTask) -> PlanView:
        """The state cell by cell."""
        return task.view(self.states.instances[0], self.states.plans[0])


@dataclass(frozen=True)
class Episode:
    """A greedy episode from its first state to its end."""

    mdp: PlanEditMDP
    frames: tuple[Frame, ...]

    @property
    def solved(self) -> bool:
        """Whether it ended with the plan solved."""
        return bool(self.frames[-1].checks.solved[0])

    @property
    def edits(self) -> int:
        """Edits made."""
        return len(self.frames) - 1


class Watched(Protocol):
    """Whose episode is shown: it makes something of each state, and may remember the one before."""

    mdp: PlanEditMDP

    def recall(self, states: PlanStates, checks: Checks) -> Thought:
        """What it makes of one state; called for the states of an episode in their order.

        Args:
            states: a batch of one.
            checks: the checker's word on it.
        """
        ...


class PolicyAlone:
    """The policy of a UPITRM or a HindsightTRM, one pass of the network a state.

    Raises:
        ValueError: the model is neither, or its policy knows no plan-edit task.
    """

    def __init__(self, model: BaseAlgorithm) -> None:
        mdp = getattr(model.policy, "mdp", None)
        if not isinstance(model, UPITRM | HindsightTRM) or mdp is None:
            raise ValueError(
                f"watch shows the policy of a UPITRM or HindsightTRM on a plan-editing task, or a RecursivePolicy, not "
                f"that of a {type(model).__name__} with {type(model.policy).__name__}"
            )
        model.policy.set_training_mode(False)
        self.policy, self.mdp = model.policy, mdp
        self._latent: Tensor | None = None

    @torch.no_grad()
    def recall(self, states: PlanStates, checks: Checks) -> Thought:
        """See `Watched`."""
        policy, latent = self.policy, self._latent
        observation, _ = policy.obs_to_tensor(observe(states))
        probabilities, self._latent = policy.carried_probabilities(observation, latent)
        action, chances = int(policy.greedy(probabilities)[0]), probabilities[0].cpu().numpy()
        if getattr(policy, "spent", None) is not None:
            # Several passes, or none: no depth is the state's own.
            return Thought(chances, np.zeros(0, np.float32), 0, action)
        unroll = policy.unroll if latent is None else policy.carry_unroll or policy.unroll
        potential = torch.tensor([float(checks.score[0]) if self.mdp.shaping else 0.0], device=policy.device)
        values = policy.values_by_depth(observation, potential, 2 * policy.unroll, latent)[:, 0].cpu().numpy()
        return Thought(chances, values.astype(np.float32), unroll, action)


class RecursiveActor:
    """A recursive policy of an actor-critic of SB3's or sb3-contrib's; its values are the critic's after each cycle.

    Args:
        model: an actor-critic with a `RecursivePolicy` or a `RecursiveMaskablePolicy`.
        mdp: of its environment.
    """

    def __init__(self, model: BaseAlgorithm, mdp: PlanEditMDP) -> None:
        policy: Any = model.policy
        policy.set_training_mode(False)
        self.policy, self.mdp = policy, mdp

    @torch.no_grad()
    def recall(self, states: PlanStates, checks: Checks) -> Thought:
        """See `Watched`."""
        seen, masks = observe(states), masks_for(self.policy, self.mdp, states)
        action, _ = self.policy.predict(seen, deterministic=True, **masks)
        distribution: Any = self.policy.get_distribution(self.policy.obs_to_tensor(seen)[0], **masks)
        values = self.policy.cycle_values(seen, 2 * self.policy.options.k_cycles)[:, 0]
        unroll = self.policy.options.k_cycles
        return Thought(distribution.distribution.probs[0].cpu().numpy(), values, unroll, int(action[0]))


class WithAttempts:
    """`Attempts` that acts in an environment: all attempts before the first edit, then edits towards the best one."""

    def __init__(self, solver: Attempts) -> None:
        self.solver, self.mdp = solver, solver.mdp
        self._state: tuple[NDArray[Any], ...] | None = None

    @torch.no_grad()
    def recall(self, states: PlanStates, checks: Checks) -> Thought:
        """See `Watched`; the policy is that of the latent which has chosen the edit."""
        actions, self._state = self.solver.predict(observe(states), self._state, deterministic=True)
        policy: Any = self.solver.policy
        observation, _ = policy.obs_to_tensor(observe(states))
        edits = policy.edit_probabilities(observation, torch.as_tensor(self._state[0], device=policy.device))
        probabilities = decoding.edit_policy(self.mdp, edits, states, policy.beta)
        return Thought(probabilities[0].cpu().numpy(), np.zeros(0, np.float32), 0, int(actions[0]))


def watched(model: BaseAlgorithm, mdp: PlanEditMDP) -> Watched:
    """Who shows the policy of a model alone.

    Raises:
        ValueError: see `PolicyAlone`.
    """
    recursive = isinstance(model.policy, RecursivePolicy | RecursiveMaskablePolicy)
    return RecursiveActor(model, mdp) if recursive else PolicyAlone(model)


def play(watched: Watched, instance: NDArray[np.int8]) -> Episode:
    """One greedy episode on one instance, shape (n_cells,)."""
    mdp = watched.mdp
    states = mdp.initial(instance[None])
    checks, made, ended = mdp.check(states), None, False
    frames: list[Frame] = []
    while not ended:
        thought = watched.recall(states, checks)
        frames.append(Frame(len(frames), states, checks, made, thought))
        made = thought.action
        transition = mdp.transition(states, np.array([made]), checks)
        states, checks, ended = transition.successors, transition.checks, bool(transition.terminated[0])
    frames.append(Frame(len(frames), states, checks, made, None))
    return Episode(mdp, tuple(frames))


def cell_of(mdp: PlanEditMDP, states: PlanStates, action: int) -> int | None:
    """The cell that an action edits in a state, a batch of one, or where a move leads; None for the stop action."""
    task = mdp.task
    if action >= task.n_actions:
        return None
    if not task.edits_cells:
        plans, _ = task.edit(states.instances, states.plans, np.array([action]), mdp.legal_actions)
        return int(plans[0].argmax())
    writes = task.n_cells * task.n_symbols
    return action // task.n_symbols if action < writes else action - writes


def action_text(mdp: PlanEditMDP, view: PlanView, action: int) -> str:
    """An action in words: `row 2, column 3: 4`, rows and columns count from 1; a move by its name."""
    task = mdp.task
    if action >= task.n_actions:
        return "stop"
    if not task.edits_cells:
        return view.edits[action]
    writes = task.n_cells * task.n_symbols
    cell, symbol = divmod(action, task.n_symbols) if action < writes else (action - writes, task.n_symbols)
    row, column = divmod(cell, task.shape[1])
    return f"row {row + 1}, column {column + 1}: {view.edits[symbol]}"
