"""The loop of an SB3 algorithm that collects and learns in turn, and that a saved run resumes exactly."""

from __future__ import annotations

import io
import pathlib
import warnings
from abc import abstractmethod
from collections.abc import Iterable
from math import inf
from typing import Any, TypeVar

import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback, Schedule
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from trm_agents.common.base import TRMAlgorithm
from trm_agents.common.hyperparameters import check_run, negative, not_a_share, not_positive, not_whole
from trm_agents.common.observations import observation_problems
from trm_agents.common.policy import RecursivePolicy, numpy_observation
from trm_agents.common.resuming import unsaved
from trm_agents.common.rollout import Rollout, Update
from trm_agents.common.vec_env import StatesLostError, states_of_environments
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.spaces import observation_space

SelfResumable = TypeVar("SelfResumable", bound="ResumableAlgorithm")
Infos = list[dict[str, Any]]


class ResumableAlgorithm(TRMAlgorithm):
    """An SB3 algorithm that fills a rollout with a recursive policy and trains on it, in turn.

    Args:
        policy, env: as for any SB3 algorithm; Gymnasium's vector environments must reset in the same step.
        learning_rate: step size of AdamW, or a schedule.
        n_steps: steps of each environment an iteration collects.
        unroll: n, inner steps of the recursion.
        sb3: what every SB3 algorithm has: `stats_window_size`, `tensorboard_log`, `policy_kwargs` and so on.
    """

    policy: RecursivePolicy
    rollout: Rollout
    """What has been collected since the last update."""

    def __init__(
        self,
        policy: str | type[RecursivePolicy],
        env: GymEnv | VectorEnv[Any, Any, Any] | str | None,
        learning_rate: float | Schedule,
        n_steps: int,
        unroll: int,
        **sb3: Any,
    ) -> None:
        super().__init__(
            policy,
            env,
            learning_rate,
            support_multi_env=True,
            supported_action_spaces=(spaces.Discrete,),
            **sb3,
        )
        self.n_steps = n_steps
        self.unroll = unroll
        self.model_queries = 0
        """Successors enumerated through the model, and plans that the checker was asked about, so far."""
        self.gradient_steps_done = 0
        self.mdp: PlanEditMDP | None = None
        """The plan-edit model of the environment; None for other environments."""
        self._env_states: list[Any] | None = None
        if self.env is not None and self.env.has_attr("mdp"):
            self.mdp = self.env.get_attr("mdp")[0]

    @abstractmethod
    def train(self) -> None:
        """Learn from the full rollout, and clear it."""

    @abstractmethod
    def _problems(self) -> Iterable[str]:
        """What is wrong with the hyperparameters, in words that name the value and the remedy."""

    @abstractmethod
    def _policy_keywords(self) -> dict[str, Any]:
        """What the policy's constructor takes from the algorithm."""

    @abstractmethod
    def _act(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Actions of the policy that collects, shape (n_envs,)."""

    def _truncation_values(self, infos: Infos, truncated: NDArray[np.bool_]) -> NDArray[np.float64]:
        """U of the last observation of each truncated episode, 0 elsewhere, shape (n_envs,)."""
        return np.zeros(len(infos))

    def _drop_episodes(self) -> None:
        """Drop what is known of unfinished episodes, which will not be continued."""
        self._last_obs = self._env_states = None

    def _setup_model(self) -> None:
        super()._setup_model()
        # A loaded model keeps its own rollout.
        if not hasattr(self, "rollout"):
            self.rollout = Rollout(self.n_steps, self.n_envs)
            self.model_queries += self.policy.asked
        elif (self.rollout.n_steps, self.rollout.n_envs) != (self.n_steps, self.n_envs):
            self._replace_rollout()

    def _constructor_keywords(self) -> dict[str, Any]:
        return {"mdp": self.mdp, "unroll": self.unroll, **self._policy_keywords()}

    def _all_problems(self) -> Iterable[str]:
        yield from self._common_problems()
        yield from self._problems()

    def _replace_rollout(self) -> None:
        """Make a rollout of another size than the loaded one's."""
        old, self.rollout = self.rollout, Rollout(self.n_steps, self.n_envs)
        if old.n_steps != self.n_steps and old.position:
            warnings.warn(
                f"n_steps={self.n_steps} drops the {old.position} steps of the unfinished rollout of {old.n_steps}, "
                "and its episodes: load without n_steps to keep them",
                UserWarning,
                stacklevel=2,
            )
        # Other environments cannot continue the episodes of the old ones, and a dropped step is a gap in its episode.
        if old.n_envs != self.n_envs or old.position:
            self._drop_episodes()

    def _common_problems(self) -> Iterable[str]:
        yield from not_whole(self, "n_steps", "unroll", "batch_size")
        yield from not_a_share(self, "gamma")
        if not callable(self.learning_rate):
            yield from negative(self, "learning_rate")
        yield from not_positive(self, "max_grad_norm", largest=inf)
        yield from self._observation_problems(self.env)

    def _observation_problems(self, env: VecEnv | None) -> Iterable[str]:
        if self.mdp is None or not issubclass(self.policy_class, RecursivePolicy) or not self.policy_class.reads_plans:
            return ()
        expected = observation_space(self.mdp)
        return observation_problems(self.policy_class.__name__, self.observation_space, env, expected)

    def predict(
        self,
        observation: NDArray[Any] | dict[str, NDArray[Any]],
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: NDArray[Any] | None = None,
        deterministic: bool = False,
        action_masks: NDArray[Any] | None = None,
    ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...] | None]:
        """See `RecursivePolicy.predict`."""
        return self.policy.predict(observation, state, episode_start, deterministic, action_masks)

    def learn(
        self: SelfResumable,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int = 1,
        tb_log_name: str = "run",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> SelfResumable:
        """Train for this many environment steps; arguments as for any SB3 algorithm.

        Raises:
            FloatingPointError: training has diverged; the weights are those before the step that would spoil them.
        """
        check_run(total_timesteps, log_interval)
        self.policy.set_unroll(self.unroll)
        if reset_num_timesteps or self._last_obs is None:
            self.rollout.clear()
            self._drop_episodes()
        total_timesteps, callback = self._setup_learn(
            total_timesteps, callback, reset_num_timesteps, tb_log_name, progress_bar
        )
        self._restore_envs()
        callback.on_training_start(locals(), globals())
        iteration = 0
        # A run that was saved between its last step and its last update still has that update to make.
        while self.num_timesteps < total_timesteps or self.rollout.full:
            if not self._collect(callback):
                break
            iteration += 1
            self._update_current_progress_remaining(self.num_timesteps, total_timesteps)
            self._update_learning_rate(self.policy.optimizer)
            self.train()
            if log_interval is not None and iteration % log_interval == 0:
                self.dump_logs(iteration)
        callback.on_training_end()
        return self

    def _collect(self, callback: BaseCallback) -> bool:
        """Fill the rollout with steps of the policy; False when a callback stops the training."""
        env = self.env
        assert env is not None
        self.policy.set_training_mode(False)
        callback.on_rollout_start()
        while not self.rollout.full:
            observation = numpy_observation(self._last_obs)  # type: ignore[arg-type]
            actions = self._act(observation)
            new_obs, rewards, dones, infos = env.step(actions)
            truncated = np.array([info.get("TimeLimit.truncated", False) for info in infos], np.bool_) & dones
            values = self._truncation_values(infos, truncated)
            self.rollout.add(observation, actions, rewards, dones & ~truncated, truncated, values)
            self.num_timesteps += env.num_envs
            self._update_info_buffer(infos, dones)
            self._last_obs, self._last_episode_starts = new_obs, dones  # type: ignore[assignment]
            # After everything is stored, so that a save from a callback misses nothing.
            callback.update_locals(locals())
            if not callback.on_step():
                return False
        callback.on_rollout_end()
        return True

    def _sample(self, probabilities: Tensor) -> NDArray[np.int64]:
        """One action a row, drawn with the algorithm's generator, (B, n_actions) -> (B,)."""
        cumulative = probabilities.double().cpu().numpy().cumsum(1)
        draw = self.rng.random((len(cumulative), 1)) * cumulative[:, -1:]
        actions: NDArray[np.int64] = (cumulative > draw).argmax(1)
        return actions

    def _updated(self, update: Update) -> None:
        """Count what learning from the rollout took, log what it said, and clear the rollout."""
        self.rollout.clear()
        self.model_queries += update.queries
        self.gradient_steps_done += update.gradient_steps
        self._n_updates += update.gradient_steps
        counts = {"count/model_queries": self.model_queries, "count/gradient_steps": self.gradient_steps_done}
        for name, value in (update.log | counts).items():
            self.logger.record(name, value)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")

    def _continue_episodes(self) -> None:
        """Warn of what the file does not hold; where environments do not take states, new episodes begin.

        Warns:
            UserWarning: the resumed run is not what the whole one would have been.
        """
        assert self.env is not None
        if missing := unsaved(self.env):
            warnings.warn(
                f"resuming is inexact: no saved model holds the state of {', '.join(missing)}",
                UserWarning,
                stacklevel=3,
            )
        if self._env_states is None:
            self._last_obs = None

    def _restore_envs(self) -> None:
        """Put the environments back to where a loaded model left them."""
        if self._env_states is not None and self.env is not None:
            # Monitors refuse to step before a reset; what it draws is put back with the rest.
            self.env.reset()
            for index, state in enumerate(self._env_states):
                self.env.env_method("set_state", state, indices=index)
        self._env_states = None

    def save(
        self,
        path: str | pathlib.Path | io.BufferedIOBase,
        exclude: Iterable[str] | None = None,
        include: Iterable[str] | None = None,
    ) -> None:
        """Save all that training depends on, the unfinished rollout and plan-edit environments included.

        `load(path, env=env, force_reset=False)` then `learn(..., reset_num_timesteps=False)` continues to the same
        result as if nothing had happened, as long as the environments offer `get_state` and `set_state`. Where they
        can no longer be asked, as after `env.close()`, a UserWarning says so, and the rest is saved. A file
        of that name is replaced as a whole or not at all, whenever the process is killed.
        """
        waiting = self._env_states
        lost: set[str] = set()
        if waiting is None and self.env is not None:
            try:
                self._env_states = states_of_environments(self.env)
            except StatesLostError as error:
                lost = {"_last_obs"}
                warnings.warn(f"{error}: the rest is saved, and resuming from it is inexact", UserWarning, stacklevel=2)
        try:
            super().save(path, {*(exclude or ()), *lost}, include)
        finally:
            # Stale as soon as training continues, unless they were loaded and still wait for it.
            self._env_states = waiting
