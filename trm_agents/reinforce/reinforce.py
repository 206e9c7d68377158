"""REINFORCE: whole episodes, and one gradient step for each batch of them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from math import inf
from typing import Any, ClassVar, NamedTuple, TypeVar, get_args

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import (
    ActorCriticCnnPolicy,
    ActorCriticPolicy,
    BasePolicy,
    MultiInputActorCriticPolicy,
)
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback, Schedule
from stable_baselines3.common.utils import obs_as_tensor
from stable_baselines3.common.vec_env import VecEnv

from trm_agents.common.base import TRMAlgorithm
from trm_agents.common.hyperparameters import check_run, negative, not_a_share, not_positive, not_whole
from trm_agents.common.policy import restricted
from trm_agents.recursive_policies import MLPPolicy, RecursivePolicy, TRMPolicy
from trm_agents.reinforce.returns import Baseline, leave_one_out, normalised, returns_to_go

SelfREINFORCE = TypeVar("SelfREINFORCE", bound="REINFORCE")


class Episode(NamedTuple):
    """One finished episode of T steps."""

    observations: list[Any]
    """What was seen before each action: an array, or a dict of arrays."""
    actions: list[NDArray[Any]]
    rewards: list[float]


class REINFORCE(TRMAlgorithm, OnPolicyAlgorithm):
    """Policy gradients from whole episodes, without a critic.

    The loss of a batch is the mean over its steps of -A_t log pi(a_t | s_t), minus `ent_coef` times the entropy. Every
    environment plays the same number of episodes for a batch, so that short ones are not drawn more often. Environments
    that are done early play on in vain until the last one is; these steps count. An episode that is truncated is worth
    what it has brought in.

    Args:
        policy: `MlpPolicy`, `CnnPolicy`, `MultiInputPolicy`, `RecursivePolicy`, `TRMPolicy`, `MLPPolicy`, or a class.
        env: as for any SB3 algorithm, or one of Gymnasium's vector environments; episodes must end.
        learning_rate: of the optimiser.
        n_episodes: episodes of a batch, a multiple of the number of environments.
        gamma: discount.
        ent_coef: weight of the entropy.
        max_grad_norm: the gradient's norm is clipped to this.
        baseline: what A_t is. `leave_one_out`: G_t minus the mean G_t of the other episodes of the batch that last
            until t. `episode`: G_t normalised over its own episode, which is biased. None: G_t.
        stats_window_size, tensorboard_log, policy_kwargs, verbose, seed, device: as for any SB3 algorithm.

    Raises:
        ValueError: `n_episodes` is no multiple of the number of environments, `baseline` is unknown, or a number is
            outside its range.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {
        "MlpPolicy": ActorCriticPolicy,
        "CnnPolicy": ActorCriticCnnPolicy,
        "MultiInputPolicy": MultiInputActorCriticPolicy,
        "RecursivePolicy": RecursivePolicy,
        "TRMPolicy": TRMPolicy,
        "MLPPolicy": MLPPolicy,
    }
    trains = (ActorCriticPolicy,)

    rollout_buffer: Any = None
    """Batches are of whole episodes, which no buffer of a fixed length holds."""

    def __init__(
        self,
        policy: str | type[ActorCriticPolicy],
        env: GymEnv | VectorEnv[Any, Any, Any] | str | None,
        learning_rate: float | Schedule = 2e-3,
        n_episodes: int = 8,
        gamma: float = 0.99,
        ent_coef: float = 0.01,
        max_grad_norm: float = 1.0,
        baseline: Baseline | None = "leave_one_out",
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        policy_kwargs: dict[str, Any] | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: torch.device | str = "auto",
        _init_setup_model: bool = True,
    ) -> None:
        super().__init__(
            policy,
            env,
            learning_rate,
            n_steps=1,
            gamma=gamma,
            gae_lambda=1.0,
            ent_coef=ent_coef,
            vf_coef=0.0,
            max_grad_norm=max_grad_norm,
            use_sde=False,
            sde_sample_freq=-1,
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            policy_kwargs=policy_kwargs,
            verbose=verbose,
            seed=seed,
            device=device,
            _init_setup_model=False,
            supported_action_spaces=(spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary),
        )
        self.n_episodes = n_episodes
        self.baseline = baseline
        self._batch: list[Episode] = []
        if _init_setup_model:
            self._setup_model()

    def _all_problems(self) -> Iterable[str]:
        wrong = list(not_whole(self, "n_episodes"))
        yield from wrong
        if not wrong and self.n_episodes % self.n_envs:
            yield f"n_episodes={self.n_episodes} must be a multiple of the {self.n_envs} environments: all play alike"
        yield from not_a_share(self, "gamma")
        yield from negative(self, "ent_coef", *(() if callable(self.learning_rate) else ("learning_rate",)))
        yield from not_positive(self, "max_grad_norm", largest=inf)
        yield from self._observation_problems(self.env)
        if self.baseline is not None and self.baseline not in get_args(Baseline):
            yield f"baseline must be 'leave_one_out', 'episode' or None, got {self.baseline!r}"

    def _observation_problems(self, env: VecEnv | None) -> Iterable[str]:
        of_dicts = issubclass(self.policy_class, MultiInputActorCriticPolicy)
        if of_dicts and not isinstance(self.observation_space, spaces.Dict):
            yield f"MultiInputPolicy reads a Dict, got {self.observation_space}: use MlpPolicy or CnnPolicy"

    def _constructor_keywords(self) -> dict[str, Any]:
        return {}

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "_batch"]

    def _continue_episodes(self) -> None:
        """Warn that a file holds less than a run depends on.

        Warns:
            UserWarning: the resumed run is not what the whole one would have been.
        """
        warnings.warn(
            "resuming is inexact: no saved REINFORCE holds the states of its environments, nor that of the generator "
            "which draws its actions",
            UserWarning,
            stacklevel=3,
        )

    def collect_rollouts(
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: RolloutBuffer, n_rollout_steps: int
    ) -> bool:
        """Play the episodes of a batch from their first step on; arguments as in SB3, the last two of no account.

        Returns:
            whether to go on: False once a callback says otherwise.
        """
        self.policy.set_training_mode(False)
        self._batch = []
        left = np.full(env.num_envs, self.n_episodes // env.num_envs)
        playing = [Episode([], [], []) for _ in range(env.num_envs)]
        observations: Any = env.reset()
        callback.on_rollout_start()
        while left.any():
            actions = self._act(observations)
            successors, rewards, dones, infos = env.step(self._clipped(actions))
            self.num_timesteps += env.num_envs
            callback.update_locals(locals())
            if not callback.on_step():
                return False
            self._update_info_buffer(infos, dones)
            for row in np.flatnonzero(left).tolist():
                playing[row].observations.append(_row(observations, row))
                playing[row].actions.append(actions[row])
                # As in other rollouts: some vector environments give float32, others what the environment gave.
                playing[row].rewards.append(float(np.float32(rewards[row])))
                if dones[row]:
                    self._batch.append(playing[row])
                    playing[row] = Episode([], [], [])
                    left[row] -= 1
            observations = successors
        self._last_obs = observations
        callback.on_rollout_end()
        return True

    def _act(self, observations: Any) -> NDArray[Any]:
        with torch.no_grad():
            actions = self.policy(obs_as_tensor(observations, self.device))[0]
        return np.asarray(actions.cpu().numpy())

    def _clipped(self, actions: NDArray[Any]) -> NDArray[Any]:
        """Gaussians leave the bounds of a Box."""
        space = self.action_space
        return np.clip(actions, space.low, space.high) if isinstance(space, spaces.Box) else actions

    def advantages(self, episodes: list[Episode]) -> list[NDArray[np.float64]]:
        """A_t of every step of each episode."""
        returns = [returns_to_go(np.asarray(episode.rewards), self.gamma) for episode in episodes]
        if self.baseline is None:
            return returns
        return leave_one_out(returns) if self.baseline == "leave_one_out" else normalised(returns)

    def train(self) -> None:
        """One gradient step on the batch."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        advantages = torch.as_tensor(np.concatenate(self.advantages(self._batch)), dtype=torch.float32)
        actions = torch.as_tensor(np.stack([action for episode in self._batch for action in episode.actions]))
        observations = _stacked([seen for episode in self._batch for seen in episode.observations])
        _, log_prob, entropy = self.policy.evaluate_actions(
            obs_as_tensor(observations, self.device), actions.to(self.device)
        )
        bonus = -log_prob.mean() if entropy is None else entropy.mean()
        policy_loss = -(advantages.to(self.device) * log_prob).mean()
        loss = policy_loss - self.ent_coef * bonus
        self.policy.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
        self.policy.optimizer.step()
        self._n_updates += 1
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/policy_gradient_loss", policy_loss.item())
        self.logger.record("train/entropy_loss", -bonus.item())
        self.logger.record("train/steps", len(advantages))

    def learn(
        self: SelfREINFORCE,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int = 1,
        tb_log_name: str = "REINFORCE",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> SelfREINFORCE:
        """Train until the steps are made; the batch that is under way is finished."""
        check_run(total_timesteps, log_interval)
        return super().learn(total_timesteps, callback, log_interval, tb_log_name, reset_num_timesteps, progress_bar)

    def predict(
        self,
        observation: NDArray[Any] | dict[str, NDArray[Any]],
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
        action_masks: NDArray[Any] | None = None,
    ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...] | None]:
        """Actions; arguments as for any SB3 algorithm, and `action_masks` as for sb3-contrib's MaskablePPO.

        Args:
            observation: of one environment or of several.
            state: as for any SB3 algorithm.
            episode_start: as for any SB3 algorithm.
            deterministic: the most probable action instead of a draw.
            action_masks: True where an action is allowed, shape (B, n_actions); for Discrete actions alone.

        Raises:
            ValueError: masks are of another shape, allow nothing, or are for other actions than Discrete ones.
        """
        if action_masks is None:
            return super().predict(observation, state, episode_start, deterministic)
        if not isinstance(self.action_space, spaces.Discrete):
            raise ValueError(f"action_masks are for Discrete actions, not for {self.action_space}: leave them out")
        self.policy.set_training_mode(False)
        seen, vectorized = self.policy.obs_to_tensor(observation)
        with torch.no_grad():
            given: Any = self.policy.get_distribution(seen).distribution
            policy = restricted(given.probs, action_masks)
        chosen = policy.argmax(1) if deterministic else torch.multinomial(policy, 1).squeeze(1)
        actions = chosen.cpu().numpy()
        return (actions if vectorized else actions[0]), state


def _row(observations: Any, row: int) -> Any:
    """What one environment shows."""
    if isinstance(observations, dict):
        return {key: value[row] for key, value in observations.items()}
    return observations[row]


def _stacked(observations: list[Any]) -> Any:
    """A batch of observations."""
    if isinstance(observations[0], dict):
        return {key: np.stack([each[key] for each in observations]) for key in observations[0]}
    return np.stack(observations)
