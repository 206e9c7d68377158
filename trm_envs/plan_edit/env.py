"""One episode of plan editing as a Gymnasium environment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trm_envs.episodes.env import RENDER_MODES, EpisodeEnv
from trm_envs.instances.sources import InstanceSource
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import PlanEditRules
from trm_envs.plan_edit.task import Checks

__all__ = ["RENDER_MODES", "PlanEditEnv"]


class PlanEditEnv(EpisodeEnv[PlanStates, Checks]):
    """Edit a plan until the checker calls it solved or the edits run out.

    `reset(options={"puzzle": grid})` starts on an instance of choice, which no source hears of: an array of n_cells
    integers in any shape, or a line of text as the task's `notation` says. `step` takes one integer; an illegal
    action changes nothing and still spends an edit.

    Args:
        mdp: the transition function, rewards and legal actions.
        source: where instances come from; drawn with the environment's own generator, and told how episodes end.
        render_mode: `ansi`, `rgb_array`, `human` or None.
    """

    def __init__(self, mdp: PlanEditMDP, source: InstanceSource, render_mode: str | None = None) -> None:
        self.mdp = mdp
        super().__init__(PlanEditRules(mdp), source, render_mode)

    def action_masks(self) -> NDArray[np.bool_]:
        """Legal actions of the current state, shape (n_actions,), bool (sb3-contrib's convention)."""
        mask: NDArray[np.bool_] = self.mdp.action_mask(self._current())[0]
        return mask
