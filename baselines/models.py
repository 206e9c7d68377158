"""Models of the rows of the registry: new ones (`make`), and saved ones (`load`)."""

from __future__ import annotations

from collections.abc import Mapping
from pkgutil import resolve_name
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from baselines.counters import count_gradient_steps
from baselines.registry import HINDSIGHT_TRM, UPI_TRM, Method, method
from trm_envs.plan_edit.mdp import PlanEditMDP

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecEnv


def make_vec_env(row: Method, env_id: str, env_kwargs: Mapping[str, Any]) -> tuple[VecEnv, PlanEditMDP]:
    """The row's training environment, n_envs episodes at once, and its MDP."""
    import gymnasium as gym
    from gymnasium.vector import AutoresetMode
    from stable_baselines3.common.vec_env import VecMonitor

    from trm_agents.common.vec_env import VectorEnvAdapter

    vector_env: Any = gym.make_vec(
        env_id,
        num_envs=row.n_envs,
        vectorization_mode="vector_entry_point",
        autoreset_mode=AutoresetMode.SAME_STEP,
        **{**row.env_kwargs_for(env_kwargs), **row.training},
    )
    mdp = vector_env.unwrapped.mdp
    if row.observation == "one_hot":
        from trm_envs.wrappers import OneHotVectorObservation

        vector_env = OneHotVectorObservation(vector_env)
    return VecMonitor(VectorEnvAdapter(vector_env)), mdp


def make(
    name: str,
    env_id: str,
    env_kwargs: Mapping[str, Any],
    seed: int | None,
    device: str = "cpu",
    settings: Mapping[str, Any] = MappingProxyType({}),
) -> BaseAlgorithm:
    """A new model of a row of `METHODS`, ready to `learn`; see `build`.

    Args:
        name: row of `METHODS`.
        env_id: as `build`.
        env_kwargs: as `build`.
        seed: as `build`.
        device: as `build`.
        settings: what replaces settings of the row, named as in `baselines.spaces`.

    Raises:
        ValueError: there is no such row.
    """
    return build(method(name).with_settings(settings), env_id, env_kwargs, seed, device)


def build(
    row: Method, env_id: str, env_kwargs: Mapping[str, Any], seed: int | None, device: str = "cpu"
) -> BaseAlgorithm:
    """A new model of a row, ready to `learn`.

    Args:
        row: a row of `METHODS`, or one like them.
        env_id: a plan-editing environment, `SudokuPlanEdit-4x4-v0`.
        env_kwargs: its keywords (blanks, split, ...).
        seed: of the model, its environment and torch's and numpy's global generators; None leaves them alone.
        device: torch device.
    """
    from trm_agents.presets import built

    env, mdp = make_vec_env(row, env_id, env_kwargs)
    keywords = {"gamma": mdp.gamma, **built(row.hyperparameters_for(env_id))}
    if row.network is not None:
        keywords["policy_kwargs"] = {"features_extractor_kwargs": {"mdp": mdp, **row.network}}
    policy = resolve_name(row.policy) if ":" in row.policy else row.policy
    model: BaseAlgorithm = resolve_name(row.algorithm)(policy, env, seed=seed, device=device, **keywords)
    if row.algorithm not in (UPI_TRM, HINDSIGHT_TRM):
        _fuse(model)
    count_gradient_steps(model)
    return model


def _fuse(model: BaseAlgorithm) -> None:
    """Let Adam update a tensor in one pass: the same to rounding, and a fifth less time for an MLP."""
    for group in cast(Any, model.policy).optimizer.param_groups:
        group["fused"] = True


def load(name: str, path: str, env_id: str, env_kwargs: Mapping[str, Any], device: str = "cpu") -> BaseAlgorithm:
    """A saved model of a row of `METHODS`, on its environment, ready to `predict` and to `learn` on.

    Where the row says `resumes_exactly`, `learn(..., reset_num_timesteps=False)` goes on where the model was saved;
    others begin new episodes. As everywhere in SB3, loading reseeds the global generators with the model's own seed.

    Raises:
        ValueError: there is no such row.
    """
    return restore(method(name), path, env_id, env_kwargs, device)


def restore(row: Method, path: str, env_id: str, env_kwargs: Mapping[str, Any], device: str = "cpu") -> BaseAlgorithm:
    """A saved model of a row, as `load`."""
    env, _ = make_vec_env(row, env_id, env_kwargs)
    model: BaseAlgorithm = resolve_name(row.algorithm).load(
        path, env=env, device=device, force_reset=not row.resumes_exactly
    )
    count_gradient_steps(model)
    return model
