"""One episode of an agent as it is to be shown: states, the policy in each, and values by inner depth.

Everything that looks inside a UPI-TRM is in `recall`; whoever draws an episode reads `Frame` alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from trm_agents import UPITRM
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import observe
from trm_envs.plan_edit.task import Checks, PlanTask
from trm_envs.plan_edit.view import PlanView


class Thought(NamedTuple):
    """What the agent makes of a state."""

    policy: NDArray[np.float32]
    """Probability of every action, shape (n_actions,)."""
    values: NDArray[np.float32]
    """U_k after k = 1 ... 2n inner steps of this state, shape (2 n,)."""
    unroll: int
    """Inner steps that the policy took: n, or fewer where it goes on from a carried latent."""
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


def recall(
    model: UPITRM, mdp: PlanEditMDP, states: PlanStates, checks: Checks, latent: Any = None
) -> tuple[Thought, Any]:
    """What a model makes of one state, and the latent that the next one starts from (None: from zero)."""
    policy, network = model.policy, model.policy.network
    carried_unroll = network.unroll if network.carried_unroll is None else network.carried_unroll
    with torch.no_grad():
        observation, _ = policy.obs_to_tensor(observe(states))
        probabilities, carried = policy.action_probabilities(observation, latent)
        potential = torch.tensor([float(checks.score[0]) if mdp.shaping else 0.0], device=policy.device)
        values = policy.values_by_depth(observation, potential, 2 * network.unroll, latent)[:, 0].cpu().numpy()
    chances = probabilities[0].cpu().numpy()
    unroll = network.unroll if latent is None else carried_unroll
    thought = Thought(chances, values.astype(np.float32), unroll, int(policy.greedy(probabilities)[0]))
    return thought, carried if policy.carries else None


def play(model: UPITRM, mdp: PlanEditMDP, instance: NDArray[np.int8]) -> Episode:
    """Let a model edit one instance, shape (n_cells,), greedily, in an MDP with its own budget and legal actions.

    Raises:
        ValueError: the model is no UPI-TRM over the tokens of this task, whose policy could be shown.
    """
    if not isinstance(model, UPITRM) or model.policy.mdp is None:
        raise ValueError(f"watch shows the policy of a UPI-TRM with TRMPolicy, not that of {type(model).__name__}")
    model.policy.set_training_mode(False)
    states = mdp.initial(instance[None])
    checks, made, latent, ended = mdp.check(states), None, None, False
    frames: list[Frame] = []
    while not ended:
        thought, latent = recall(model, mdp, states, checks, latent)
        frames.append(Frame(len(frames), states, checks, made, thought))
        made = thought.action
        transition = mdp.transition(states, np.array([made]), checks)
        states, checks, ended = transition.successors, transition.checks, bool(transition.terminated[0])
    frames.append(Frame(len(frames), states, checks, made, None))
    return Episode(mdp, tuple(frames))


def cell_of(mdp: PlanEditMDP, action: int) -> int | None:
    """The cell that an action edits; None for the stop action."""
    task = mdp.task
    writes = task.n_cells * task.n_symbols
    if action >= task.n_actions:
        return None
    return action // task.n_symbols if action < writes else action - writes


def action_text(mdp: PlanEditMDP, view: PlanView, action: int) -> str:
    """An action in words: `row 2, column 3: 4`; rows and columns count from 1."""
    task, cell = mdp.task, cell_of(mdp, action)
    if cell is None:
        return "stop"
    symbol = action % task.n_symbols if action < task.n_cells * task.n_symbols else task.n_symbols
    row, column = divmod(cell, task.shape[1])
    return f"row {row + 1}, column {column + 1}: {view.edits[symbol]}"
