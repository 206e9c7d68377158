"""Whether a policy that reads plans sees the observations of its task as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv, VecNormalize


def observation_problems(
    reader: str, space: spaces.Space[Any], env: VecEnv | None, expected: spaces.Space[Any]
) -> Iterable[str]:
    """Why a policy cannot read these observations as states of the task, in words that name the remedy.

    Args:
        reader: the policy's name.
        space: what it would be given.
        env: where it comes from; None when it is not at hand.
        expected: the observations that the task gives.
    """
    chain = [] if env is None else list(layers(env))
    if any(isinstance(layer, VecNormalize) and (layer.norm_obs or layer.norm_reward) for layer in chain):
        yield f"{reader} takes observations and rewards as the task gives them: leave out VecNormalize"
    difference = _difference(space, expected)
    if difference:
        wrappers = [type(outer).__name__ for outer, inner in pairwise(chain) if _space(outer) != _space(inner)]
        remedy = " and ".join(wrappers) or "the wrapper that changes them, as FlattenObservation or VecFrameStack"
        yield f"{reader} reads the task's own observations, but {difference}: leave out {remedy}"
    elif env is not None:
        budgets = sorted({other.max_edits for other in env.get_attr("mdp")})
        if len(budgets) > 1:
            yield f"environments have different max_edits, {budgets}: give all of them the same"


def _difference(space: spaces.Space[Any], expected: spaces.Space[Any]) -> str:
    """The first thing in which a space is not the task's, empty where it is the same."""
    assert isinstance(expected, spaces.Dict)
    if not isinstance(space, spaces.Dict):
        return f"they are a {type(space).__name__} of shape {space.shape} instead of a Dict of {', '.join(expected)}"
    if set(space) != set(expected):
        return f"they have the entries {', '.join(space)} instead of {', '.join(expected)}"
    changed = (f"{key!r} is {space[key]} instead of {expected[key]}" for key in expected if space[key] != expected[key])
    return next(changed, "")


def layers(env: Any) -> Iterator[Any]:
    """An environment and all that it wraps, from the outside in; what runs in other processes is out of sight."""
    while env is not None:
        yield env
        within = vars(env)
        env = within.get("venv") or within.get("env") or next(iter(within.get("envs", ())), None)


def _space(env: Any) -> spaces.Space[Any]:
    """What a single environment shows."""
    space: spaces.Space[Any] = getattr(env, "single_observation_space", env.observation_space)
    return space
