"""Episodes of editing a control plan, one at a time and many at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from gymnasium.vector import AutoresetMode

from trm_envs.continuous.checks import ControlChecks
from trm_envs.continuous.mdp import ControlEditMDP, ControlStates
from trm_envs.continuous.spaces import ControlEditRules, Observe
from trm_envs.episodes.env import EpisodeEnv
from trm_envs.episodes.vector_env import EpisodeVectorEnv
from trm_envs.instances.sources import InstanceSource


class ControlProblem(NamedTuple):
    """What an environment needs."""

    mdp: ControlEditMDP
    source: InstanceSource[np.float64]
    observe: Observe = "error"


class ControlEditEnv(EpisodeEnv[ControlStates, ControlChecks]):
    """Edit a control plan until the edits run out.

    `reset(options={"instance": numbers})` starts on an instance of choice, which no source hears of. `step` takes
    `action_size` real numbers; what is outside [-1, 1] is clipped.

    Args:
        mdp: the transition function and rewards.
        source: where instances come from, float64; told how episodes end.
        observe: `error` (the simulated trajectory and its cost) or `gradient` (the gradient of the cost too).
        render_mode: `ansi`, `rgb_array`, `human` or None.

    Raises:
        ValueError: the source's instances are not float64, or a value is unknown.
    """

    def __init__(
        self,
        mdp: ControlEditMDP,
        source: InstanceSource[np.float64],
        observe: Observe = "error",
        render_mode: str | None = None,
    ) -> None:
        self.mdp = mdp
        super().__init__(ControlEditRules(mdp, observe), checked_source(source), render_mode)


class ControlEditVectorEnv(EpisodeVectorEnv[ControlStates, ControlChecks]):
    """A batch of `ControlEditEnv`s stepped by one call of `ControlEditMDP.transition`.

    It equals `SyncVectorEnv` over single environments bit for bit, where the source is stateless.

    Args:
        num_envs: how many episodes B run at once.
        mdp: the transition function and rewards.
        source: where instances come from, float64; sub-environment i draws with a generator of its own.
        observe: `error` or `gradient`.
        render_mode: `ansi`, `rgb_array` or None.
        autoreset_mode: when an ended episode is replaced: at the next step, in the same step, or never.
        max_episode_steps: steps after which an episode is truncated; None: never.

    Raises:
        ValueError: the source's instances are not float64, or a value is unknown.
    """

    def __init__(
        self,
        num_envs: int,
        mdp: ControlEditMDP,
        source: InstanceSource[np.float64],
        observe: Observe = "error",
        render_mode: str | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
    ) -> None:
        self.mdp = mdp
        self.observes: Observe = observe
        rules = ControlEditRules(mdp, observe)
        super().__init__(num_envs, rules, checked_source(source), render_mode, autoreset_mode, max_episode_steps)

    def single_env(self) -> ControlEditEnv:
        """A single environment with the same MDP and source."""
        return ControlEditEnv(self.mdp, self.source, self.observes, self.render_mode)


def checked_source(source: InstanceSource[np.float64]) -> InstanceSource[np.float64]:
    """The source; ValueError unless it hands out float64."""
    if source.dtype != np.float64:
        raise ValueError(
            f"instances of a system are float64, and this source hands out {source.dtype}: "
            f"give it dtype=float, as in InstancePool(instances, float)"
        )
    return source
