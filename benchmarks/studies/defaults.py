"""Whether the defaults of UPITRM learn small tasks without plan editing: one training run a task and seed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.callbacks import EvalCallback, StopTrainingOnRewardThreshold
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.envs import IdentityEnv
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.utils import LinearSchedule

from trm_agents import UPITRM

EVALUATED_EVERY = 5_000
EPISODES = 20
STATES, TIME_LIMIT, DISCOUNT = 4, 8, 0.98


class Outcome(NamedTuple):
    """What one run came to."""

    env_steps: int
    score: float


class SmallTask(NamedTuple):
    """A task, and what it is to be learned to."""

    budget: int
    """Environment steps at most."""
    wanted: float
    """The least score that counts as learned."""
    learn: Callable[[int, int, float], Outcome]
    """(seed, budget, wanted) -> what came of it."""


class Circle(gym.Env[np.int64, np.int64]):
    """States in a circle that any action moves along, with a reward of one a step, for ever."""

    observation_space = gym.spaces.Discrete(STATES)
    action_space = gym.spaces.Discrete(2)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.int64, dict[str, Any]]:
        """Start at state 0."""
        super().reset(seed=seed)
        self.state = np.int64(0)
        return self.state, {}

    def step(self, action: np.int64) -> tuple[np.int64, float, bool, bool, dict[str, Any]]:
        """Move on."""
        self.state = np.int64((self.state + 1) % STATES)
        return self.state, 1.0, False, False, {}


def identity(seed: int, budget: int, wanted: float, **keywords: Any) -> Outcome:
    """SB3's identity task: mean greedy reward of episodes of 100 steps, of which chance gets a quarter."""
    model = UPITRM("MlpPolicy", IdentityEnv(STATES), seed=seed, device="cpu", **keywords).learn(budget)
    reward, _ = evaluate_policy(model, IdentityEnv(STATES), n_eval_episodes=EPISODES, warn=False)
    return Outcome(model.num_timesteps, float(reward))  # type: ignore[arg-type]


def time_limit(seed: int, budget: int, wanted: float, **keywords: Any) -> Outcome:
    """The value of an endless task behind a time limit: 1 - |U - V| / V of the first state, V = 1 / (1 - gamma)."""
    env = gym.wrappers.TimeLimit(Circle(), TIME_LIMIT)
    model = UPITRM("MlpPolicy", env, gamma=DISCOUNT, seed=seed, device="cpu", **keywords).learn(budget)
    with torch.no_grad():
        value = float(model.policy.values(model.policy.obs_to_tensor(0)[0], torch.zeros(1)))  # type: ignore[arg-type]
    return Outcome(model.num_timesteps, 1.0 - abs(value * (1.0 - DISCOUNT) - 1.0))


def cart_pole(seed: int, budget: int, wanted: float) -> Outcome:
    """CartPole: mean greedy reward of 20 episodes; training stops where that is reached."""
    evaluation = EvalCallback(
        make_vec_env("CartPole-v1", EPISODES, seed=10_000 + seed),
        callback_on_new_best=StopTrainingOnRewardThreshold(wanted),
        n_eval_episodes=EPISODES,
        eval_freq=EVALUATED_EVERY,
        verbose=0,
        warn=False,
    )
    model = UPITRM("MlpPolicy", make_vec_env("CartPole-v1", 1, seed=seed), seed=seed, device="cpu")
    model.learn(budget, callback=evaluation)
    return Outcome(model.num_timesteps, float(evaluation.best_mean_reward))


SHORT_ROLLOUTS: dict[str, Any] = {
    "n_steps": TIME_LIMIT,
    "n_epochs": 16,
    "learning_rate": LinearSchedule(3e-3, 0.0, 1.0),
}
"""A value is bootstrapped once a rollout, and 1,500 steps are no more than 12 rollouts of the default length."""

TASKS: dict[str, SmallTask] = {
    "identity": SmallTask(3_000, 90.0, identity),
    "identity-discounted": SmallTask(2_500, 90.0, lambda *run: identity(*run, gamma=0.4)),
    "time-limit": SmallTask(5_000, 0.9, time_limit),
    "time-limit-short-rollouts": SmallTask(1_500, 0.98, partial(time_limit, **SHORT_ROLLOUTS)),
    "cart-pole": SmallTask(50_000, 400.0, cart_pole),
}
"""By name; `identity-discounted` is SB3's own test.

`time-limit-short-rollouts` is its test of time limits, which gives A2C a learning rate and a network of its own, too.
"""
