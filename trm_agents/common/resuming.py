"""What a saved model does not hold of its environments, so that a resumed run is another one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium as gym
from gymnasium.wrappers import OrderEnforcing, PassiveEnvChecker, RecordEpisodeStatistics
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper, VecMonitor, VecNormalize

from trm_agents.common.observations import layers

_STATELESS = (
    *(gym.ObservationWrapper, gym.ActionWrapper, gym.RewardWrapper, OrderEnforcing, PassiveEnvChecker),
    *(RecordEpisodeStatistics, Monitor, VecMonitor),
)
"""Wrappers whose own state no later step of the environment depends on."""


def unsaved(env: VecEnv) -> list[str]:
    """What keeps a state that a saved model does not hold, in words; nothing of other processes is seen."""
    found = [] if env.has_attr("get_state") else ["the environments, which offer no get_state"]
    return list(dict.fromkeys([*found, *_wrappers(env)]))


def _wrappers(env: VecEnv) -> Iterator[str]:
    for layer in layers(env):
        if isinstance(layer, VecNormalize):
            fresh = layer.ret_rms.count < 1.0
            if fresh and (layer.norm_obs or layer.norm_reward):
                yield "VecNormalize, whose statistics its own save and load keep"
        elif _is_wrapper(layer) and not isinstance(layer, _STATELESS) and "get_state" not in vars(type(layer)):
            yield type(layer).__name__


def _is_wrapper(layer: Any) -> bool:
    return isinstance(layer, (gym.Wrapper, VecEnvWrapper))
