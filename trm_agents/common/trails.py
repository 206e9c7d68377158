"""Episodes of a rollout, followed until they end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_agents.common.rollout import Rollout
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import states_of
from trm_envs.plan_edit.task import Grids


class Episode(NamedTuple):
    """A finished episode of L steps on one instance."""

    instance: NDArray[np.int8]
    """Shape (n_instance_cells,)."""
    plans: Grids
    """The plan before each edit, (L, n_cells)."""
    actions: NDArray[np.int64]
    """Shape (L,)."""
    last: NDArray[np.int8]
    """The plan after the last edit, (n_cells,)."""
    solved: bool


class Trails:
    """Follows the episodes of plan-edit environments over rollouts; all of it pickles.

    Args:
        mdp: the model, which says what an episode's last edit led to.
        n_envs: environments of a rollout.
    """

    def __init__(self, mdp: PlanEditMDP, n_envs: int) -> None:
        self.mdp = mdp
        self.restart(n_envs)

    def restart(self, n_envs: int) -> None:
        """Drop unfinished episodes, which will not be continued, and follow those of so many environments."""
        self._plans = np.zeros((n_envs, self.mdp.max_edits, self.mdp.task.n_cells), np.int8)
        self._actions = np.zeros((n_envs, self.mdp.max_edits), np.int64)
        self._lengths = np.zeros(n_envs, np.int64)

    def add(self, rollout: Rollout) -> Iterator[Episode]:
        """Follow the episodes of a rollout; those that end in it, in the order of their ends.

        Raises:
            ValueError: an episode has more edits left than the steps that it has taken leave it.
        """
        ends = rollout.terminated | rollout.truncated
        plans = rollout.observations["plan"].reshape(rollout.n_steps, rollout.n_envs, -1)
        everywhere = np.arange(rollout.n_envs)
        for t in range(rollout.n_steps):
            self._check_budgets(rollout.observations["remaining_edits"][t].reshape(-1))
            self._plans[everywhere, self._lengths] = plans[t]
            self._actions[everywhere, self._lengths] = rollout.actions[t]
            self._lengths += 1
            ended = np.flatnonzero(ends[t])
            if len(ended):
                states = states_of({key: value[t, ended] for key, value in rollout.observations.items()})
                yield from self._finished(states, rollout.actions[t, ended], ended)

    def _check_budgets(self, remaining: NDArray[np.integer]) -> None:
        """Check that episodes have as many edits left as their steps allow, shape (n_envs,)."""
        late = np.flatnonzero((remaining < 1) | (remaining + self._lengths > self.mdp.max_edits))
        if len(late):
            i = late[0]
            raise ValueError(
                f"environment {i} has {remaining[i]} edits left after {self._lengths[i]} steps of its episode, of "
                f"max_edits={self.mdp.max_edits}: training needs every end of an episode, so leave out the wrapper "
                "that hides some (by changing `terminated`, `truncated` or `remaining_edits`, or by a reset of its own)"
            )

    def _finished(self, states: PlanStates, actions: NDArray[np.int64], ended: NDArray[np.int64]) -> Iterator[Episode]:
        """The episodes that end in these states; their last edits are taken once more."""
        last = self.mdp.transition(states, actions)
        for i, env in enumerate(ended):
            length = self._lengths[env]
            self._lengths[env] = 0
            yield Episode(
                states.instances[i],
                self._plans[env, :length].copy(),
                self._actions[env, :length].copy(),
                last.successors.plans[i],
                bool(last.checks.solved[i]),
            )
