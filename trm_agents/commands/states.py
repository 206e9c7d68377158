"""First states of systems, and the environment in which plans for them are edited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import gymnasium as gym

from trm_agents.commands.puzzles import full_id
from trm_envs.continuous.env import ControlEditEnv
from trm_envs.continuous.task import Numbers
from trm_envs.instances.sources import InstancePool


class FirstStates(NamedTuple):
    """Instances and the environment that plans for them are edited in."""

    env: ControlEditEnv
    instances: Numbers
    """Shape (n, size)."""


def read(env_id: str, learned_with: Mapping[str, Any], asked: Mapping[str, Any]) -> FirstStates:
    """The test states of a system, or the user's own where `asked` has `instances`.

    Args:
        env_id: id of a plan-editing environment of a system.
        learned_with: the environment's keywords when the agent learned.
        asked: keywords that the user asks for; they go first.

    Raises:
        ValueError: no such environment, or a keyword that it refuses.
    """
    chosen = {**learned_with, **({} if "instances" in asked else {"split": "test"}), **asked}
    try:
        env: Any = gym.make(full_id(env_id), disable_env_checker=True, **chosen).unwrapped
    except (gym.error.Error, ModuleNotFoundError, ValueError, TypeError) as error:
        # Gymnasium says twice which environment it was.
        cause = str(error).split(" was raised from the environment creator")[0]
        raise ValueError(f"{env_id}: {cause}") from error
    if not isinstance(env.source, InstancePool):
        raise ValueError(f"{env_id} makes its first states as it goes: leave out generate")
    return FirstStates(env, env.source.instances)
