"""B episodes of plan editing at once, with a stateless source equal to `SyncVectorEnv` over `PlanEditEnv`."""

from __future__ import annotations

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from trm_envs.episodes.vector_env import EpisodeVectorEnv
from trm_envs.instances.sources import InstanceSource
from trm_envs.plan_edit.env import PlanEditEnv
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import PlanEditRules
from trm_envs.plan_edit.task import Checks


class PlanEditVectorEnv(EpisodeVectorEnv[PlanStates, Checks]):
    """A batch of `PlanEditEnv`s stepped by one call of `PlanEditMDP.transition`.

    It equals `SyncVectorEnv` over single environments bit for bit, where the source is stateless. An adaptive source is
    one for all sub-environments here and learns from all their episodes, while single environments have one each.

    Args:
        num_envs: how many episodes B run at once.
        mdp: the transition function, rewards and legal actions.
        source: where instances come from; sub-environment i draws with a generator of its own.
        render_mode: `ansi`, `rgb_array` or None.
        autoreset_mode: when an ended episode is replaced: at the next step, in the same step, or never.
        max_episode_steps: steps after which an episode is truncated; None: never.

    `reset(options={"puzzle": ...})` takes one instance for all, or one a sub-environment.
    """

    def __init__(
        self,
        num_envs: int,
        mdp: PlanEditMDP,
        source: InstanceSource,
        render_mode: str | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
    ) -> None:
        self.mdp = mdp
        super().__init__(num_envs, PlanEditRules(mdp), source, render_mode, autoreset_mode, max_episode_steps)

    def single_env(self) -> PlanEditEnv:
        """A single environment with the same MDP and source."""
        return PlanEditEnv(self.mdp, self.source, self.render_mode)

    def action_masks(self) -> NDArray[np.bool_]:
        """Legal actions, shape (num_envs, n_actions), bool."""
        return self.mdp.action_mask(self._current())
