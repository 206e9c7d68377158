"""The loop of an SB3 algorithm that collects and learns in turn, and that a saved run goes on with exactly."""

from __future__ import annotations

import io
import pathlib
import sys
import time
from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, TypeVar

from gymnasium.vector import VectorEnv
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.type_aliases import MaybeCallback
from stable_baselines3.common.utils import safe_mean
from stable_baselines3.common.vec_env import VecEnv, VecMonitor

from trm_agents.common.rollout import Rollout
from trm_agents.common.vec_env import VectorEnvAdapter

SelfResumable = TypeVar("SelfResumable", bound="ResumableAlgorithm")


class ResumableAlgorithm(BaseAlgorithm):
    """An SB3 algorithm that fills a rollout and trains on it, in turn.

    The constructor of a subclass sets up what is declared here.
    """

    rollout: Rollout | None
    """What has been collected since the last update."""
    _env_states: list[Any] | None
    """Where a loaded model's environments were, until training goes on from there."""

    @abstractmethod
    def train(self) -> None:
        """Learn from the full rollout, and clear it."""

    @abstractmethod
    def _collect(self, callback: BaseCallback) -> bool:
        """Fill the rollout; False when a callback stops the training."""

    @abstractmethod
    def _forget_episodes(self) -> None:
        """Follow none of the episodes that have begun."""

    @staticmethod
    def _wrap_env(env: Any, verbose: int = 0, monitor_wrapper: bool = True) -> VecEnv:
        """SB3 knows its own vector environments only; Gymnasium's go through an adapter."""
        if isinstance(env, VectorEnv):
            adapted = VectorEnvAdapter(env)
            return VecMonitor(adapted) if monitor_wrapper else adapted
        return BaseAlgorithm._wrap_env(env, verbose, monitor_wrapper)

    def learn(
        self: SelfResumable,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int = 1,
        tb_log_name: str = "run",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> SelfResumable:
        """Train for this many environment steps; arguments as for any SB3 algorithm."""
        if reset_num_timesteps or self._last_obs is None:
            self._restart()
        total_timesteps, callback = self._setup_learn(
            total_timesteps, callback, reset_num_timesteps, tb_log_name, progress_bar
        )
        self._restore_envs()
        callback.on_training_start(locals(), globals())
        assert self.rollout is not None
        iteration = 0
        # A run that was saved between its last step and its last update still owes that update.
        while self.num_timesteps < total_timesteps or self.rollout.full:
            if not self._collect(callback):
                break
            iteration += 1
            self._update_current_progress_remaining(self.num_timesteps, total_timesteps)
            self.train()
            if log_interval is not None and iteration % log_interval == 0:
                self.dump_logs(iteration)
        callback.on_training_end()
        return self

    def _restart(self) -> None:
        """Forget an unfinished rollout: its episodes will not be continued."""
        assert self.rollout is not None
        self.rollout.clear()
        self._forget_episodes()
        self._env_states = None

    def _restore_envs(self) -> None:
        """Put the environments back to where a loaded model left them."""
        if self._env_states is not None and self.env is not None:
            # Monitors refuse to step before a reset; what it draws is put back with the rest.
            self.env.reset()
            for index, state in enumerate(self._env_states):
                self.env.env_method("set_state", state, indices=index)
        self._env_states = None

    def dump_logs(self, iteration: int = 0) -> None:
        """Write the log of an iteration."""
        assert self.ep_info_buffer is not None and self.ep_success_buffer is not None
        elapsed = max((time.time_ns() - self.start_time) / 1e9, sys.float_info.epsilon)
        if self.ep_info_buffer:
            self.logger.record("rollout/ep_rew_mean", safe_mean([info["r"] for info in self.ep_info_buffer]))
            self.logger.record("rollout/ep_len_mean", safe_mean([info["l"] for info in self.ep_info_buffer]))
        if self.ep_success_buffer:
            self.logger.record("rollout/success_rate", safe_mean(self.ep_success_buffer))
        self.logger.record("time/iterations", iteration, exclude="tensorboard")
        self.logger.record("time/fps", int((self.num_timesteps - self._num_timesteps_at_start) / elapsed))
        self.logger.record("time/time_elapsed", int(elapsed), exclude="tensorboard")
        self.logger.record("time/total_timesteps", self.num_timesteps, exclude="tensorboard")
        self.logger.dump(step=self.num_timesteps)

    def save(
        self,
        path: str | pathlib.Path | io.BufferedIOBase,
        exclude: Iterable[str] | None = None,
        include: Iterable[str] | None = None,
    ) -> None:
        """Save all that training depends on, the unfinished rollout and plan-edit environments included.

        `load(path, env=env, force_reset=False)` then `learn(..., reset_num_timesteps=False)` continues to the same
        result as if nothing had happened, as long as the environments offer `get_state` and `set_state`.
        """
        waiting = self._env_states
        if waiting is None and self.env is not None and self.env.has_attr("get_state"):
            self._env_states = self.env.env_method("get_state")
        try:
            super().save(path, exclude, include)
        finally:
            # Stale as soon as training goes on, unless they were loaded and still wait for it.
            self._env_states = waiting
