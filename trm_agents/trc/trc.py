"""TRC: tiny recursive control, learned from a simulator and its cost alone, as an SB3 algorithm."""

from __future__ import annotations

import time
from collections.abc import Iterable
from math import inf
from typing import Any, ClassVar, Literal, TypeVar, get_args

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback, Schedule
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from trm_agents.common.base import TRMAlgorithm
from trm_agents.common.gradients import clip_gradients
from trm_agents.common.hyperparameters import (
    check_run,
    negative,
    not_a_decay,
    not_a_share,
    not_positive,
    not_whole,
)
from trm_agents.common.observations import observation_problems
from trm_agents.common.policy import as_tensors
from trm_agents.trc.credit import Credit, CreditKind, adjoint_credit, antithetic_credit, credited
from trm_agents.trc.policies import TRCPolicy
from trm_agents.trc.pool import Pool
from trm_envs.continuous.mdp import ControlEditMDP, ControlStates
from trm_envs.continuous.spaces import ControlEditRules
from trm_envs.instances.sources import InstanceSource

SelfTRC = TypeVar("SelfTRC", bound="TRC")
Supervision = Literal["every", "last"]

AVERAGE_LAG = 20
"""At first the deployed average forgets faster: after k gradient steps it keeps at most k / (k + lag) of itself."""


class TRC(TRMAlgorithm):
    """Tiny recursive control: a small recursive network edits control plans and learns from what they cost.

    Training goes on from a pool of states of all ages. A step restarts a share of them, edits each of the others
    `unroll` times in turn, and lowers the mean of log(J + floor) after every edit. Latents are carried from edit to
    edit; gradients flow through those of one step. Learning sees no optimal plan, no demonstration and no gains of a
    linear regulator: only the simulator's costs, and with `credit="adjoint"` their gradients.

    Edits are made in the environment's MDP, `mdp.transition`, on instances of its source; a timestep is one edit of
    one state. The environment itself is not stepped, and one suffices. The plan editor follows Tiny Recursive Control
    (TRC), which learns from optimal plans; the network follows Tiny Recursive Models (Jolicoeur-Martineau 2025).

    Args:
        policy: `TRCPolicy`. `policy_kwargs`: `width`, `hidden_time`, `patch`, `inner`.
        env: a plan-editing environment of a system, or its registered name. Powered descent needs `accept="improving"`
            in training, and `observe="gradient"` serves it.
        learning_rate: step size of AdamW, or a schedule.
        batch_size: B, states of the pool; all of them are edited in each gradient step.
        unroll: edits that each gradient step is taken through.
        restart: probability, a gradient step, that a state of the pool gives way to a new instance.
        supervision: losses after `every` edit of a gradient step, or after the `last` alone.
        credit: where gradients of the cost come from. `adjoint` differentiates through the simulator; `antithetic`
            estimates them from costs of perturbed actions alone.
        exploration: size of the Gaussian noise on the actions of training at first; it falls to 0 over the training.
            Plans of the pool then vary more than those of the policy alone, which is what serves states far from those
            that were trained on, and gradients are those of a cost that is smoothed where bounds clip controls.
        pairs: with `antithetic`: pairs of perturbed actions for each edit.
        sigma: with `antithetic`: size of a perturbation.
        ema_decay: decay, a gradient step, of the average of the weights that is deployed.
        max_grad_norm: gradient clipping.
        stats_window_size, tensorboard_log, policy_kwargs, verbose, seed, device: as for any SB3 algorithm.

    Logged, beside SB3's `rollout/*` and `time/*`, where an episode is the life of a state of the pool:
        `train/loss`: mean loss of the edits since the last log.
        `train/log_cost`: mean log(J + floor) of the pool after the last edit.
        `train/age`: mean age of the pool in edits.
        `train/gradient_norm`: mean norm of the gradient before clipping.
        `count/model_queries`: plans that the checker has judged for learning so far; an adjoint counts as one more.
        `count/gradient_steps`: gradient steps so far.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"TRCPolicy": TRCPolicy}
    trains = (TRCPolicy,)
    policy: TRCPolicy
    pool: Pool
    """The states that training goes on from."""

    def __init__(
        self,
        policy: str | type[TRCPolicy],
        env: GymEnv | VectorEnv[Any, Any, Any] | str | None,
        learning_rate: float | Schedule = 4e-3,
        batch_size: int = 48,
        unroll: int = 2,
        restart: float = 0.125,
        supervision: Supervision = "every",
        credit: CreditKind = "adjoint",
        exploration: float = 0.05,
        pairs: int = 32,
        sigma: float = 0.02,
        ema_decay: float = 0.995,
        max_grad_norm: float = 1.0,
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
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            policy_kwargs=policy_kwargs,
            verbose=verbose,
            seed=seed,
            device=device,
            support_multi_env=True,
            supported_action_spaces=(spaces.Box,),
        )
        self.batch_size = batch_size
        self.unroll = unroll
        self.restart = restart
        self.supervision: Supervision = supervision
        self.credit: CreditKind = credit
        self.exploration = exploration
        self.pairs, self.sigma = pairs, sigma
        self.ema_decay = ema_decay
        self.max_grad_norm = max_grad_norm
        self.model_queries = self.gradient_steps_done = 0
        self.row_name = "trc"
        """Row of the benchmark that a saved file names; models of other rows are given theirs."""
        self.mdp: ControlEditMDP | None = None
        """The environment's MDP."""
        self.source: InstanceSource[np.float64] | None = None
        """Where the environment's instances come from."""
        self._face(self.env)
        if _init_setup_model:
            self._setup_model()

    def _face(self, env: VecEnv | None) -> None:
        """Take MDP and source from an environment, where it has them."""
        if env is not None and env.has_attr("mdp") and env.has_attr("source"):
            self.mdp, self.source = env.get_attr("mdp")[0], env.get_attr("source")[0]

    def _setup_model(self) -> None:
        super()._setup_model()
        assert self.mdp is not None
        if not hasattr(self, "pool") or self.pool.size != self.batch_size:
            self.pool = Pool(self.mdp, self.batch_size, self.policy.latent_shape)

    def _constructor_keywords(self) -> dict[str, Any]:
        return {"mdp": self.mdp}

    def _all_problems(self) -> Iterable[str]:
        yield from not_whole(self, "batch_size", "unroll", "pairs")
        yield from not_a_share(self, "restart")
        yield from not_positive(self, "sigma")
        yield from not_positive(self, "max_grad_norm", largest=inf)
        yield from negative(self, "exploration", *(() if callable(self.learning_rate) else ("learning_rate",)))
        yield from not_a_decay(self)
        for name, known in (("supervision", get_args(Supervision)), ("credit", get_args(CreditKind))):
            if getattr(self, name) not in known:
                yield f"{name} must be one of {known}, got {getattr(self, name)!r}"
        yield from self._observation_problems(self.env)

    def _observation_problems(self, env: VecEnv | None) -> Iterable[str]:
        if not isinstance(self.mdp, ControlEditMDP):
            return ()
        expected = self._rules(self.mdp).observation_space
        return observation_problems(self.policy_class.__name__, self.observation_space, env, expected)

    def _rules(self, mdp: ControlEditMDP) -> ControlEditRules:
        """How states are observed."""
        seen = self.observation_space
        gradient = isinstance(seen, spaces.Dict) and "gradient" in seen.spaces
        return ControlEditRules(mdp, "gradient" if gradient else "error")

    def set_env(self, env: GymEnv | VectorEnv[Any, Any, Any], force_reset: bool = True) -> None:
        """Continue in another environment of the same spaces, on its instances; arguments as for any SB3 algorithm.

        Raises:
            ValueError: the spaces are others, or a wrapper changes what the policy reads.
        """
        super().set_env(env, force_reset)
        self._face(self.env)

    def predict(
        self,
        observation: NDArray[Any] | dict[str, NDArray[Any]],
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: NDArray[Any] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...] | None]:
        """See `TRCPolicy.predict`."""
        return self.policy.predict(observation, state, episode_start, deterministic)

    def learn(
        self: SelfTRC,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int = 50,
        tb_log_name: str = "TRC",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> SelfTRC:
        """Train for this many edits, in whole gradient steps; arguments as for any SB3 algorithm.

        Callbacks run after each gradient step, `batch_size * unroll` timesteps; a save from any of them loses nothing.

        Raises:
            FloatingPointError: training has diverged; the weights are those before the step that would spoil them.
        """
        check_run(total_timesteps, log_interval)
        assert self.source is not None
        if self.pool.source_state is not None:
            self.source.set_state(self.pool.source_state)
            self.pool.source_state = None
        if reset_num_timesteps or self._last_obs is None:
            self.pool.abandon(self.source)
        total_timesteps, callback = self._setup_learn(
            total_timesteps, callback, reset_num_timesteps, tb_log_name, progress_bar
        )
        callback.on_training_start(locals(), globals())
        iteration = 0
        while self.num_timesteps < total_timesteps:
            callback.on_rollout_start()
            self._update_current_progress_remaining(self.num_timesteps, total_timesteps)
            self._update_learning_rate(self.policy.optimizer)
            self.train()
            self.num_timesteps += self.batch_size * self.unroll
            iteration += 1
            callback.update_locals(locals())
            if not callback.on_step():
                break
            callback.on_rollout_end()
            if log_interval is not None and iteration % log_interval == 0:
                self.dump_logs(iteration)
        callback.on_training_end()
        return self

    def train(self) -> None:
        """One gradient step: restart a share of the pool, edit all of it in turn, and lower what the plans cost."""
        assert self.source is not None
        self.policy.set_training_mode(True)
        ended = self.pool.restart(self.restart, self.source, self.rng)
        self._remember(*ended)
        losses = self._edit_pool()
        loss = losses.mean() if self.supervision == "every" else losses[-1].mean()
        self.policy.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = clip_gradients(self.policy.network, self.max_grad_norm, remedy="lower learning_rate")
        self.policy.optimizer.step()
        self.gradient_steps_done += 1
        self._n_updates += 1
        steps = self.gradient_steps_done
        self.policy.average(min(self.ema_decay, steps / (steps + AVERAGE_LAG)))
        self.logger.record_mean("train/loss", loss.item())
        self.logger.record_mean("train/log_cost", losses[-1].mean().item())
        self.logger.record_mean("train/age", float(self.pool.ages.mean()))
        self.logger.record_mean("train/gradient_norm", norm)
        self.logger.record("count/model_queries", self.model_queries)
        self.logger.record("count/gradient_steps", steps)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")

    def _edit_pool(self) -> Tensor:
        """Edit every state of the pool `unroll` times; the losses after each edit, shape (unroll, B)."""
        assert self.mdp is not None
        pool, rules, device = self.pool, self._rules(self.mdp), self.device
        carried, losses = self.policy.carried(pool.latents, pool.memory), []
        for _ in range(self.unroll):
            assert pool.states is not None and pool.checks is not None
            observation = as_tensors(rules.observe(pool.states, pool.checks), device)
            actions, carried = self.policy.edit(self.policy.network, observation, carried)
            played = self._explored(actions.detach().double().cpu().numpy())
            credit = self._credit(pool.states, played)
            self.model_queries += credit.simulations
            losses.append(credited(actions, credit))
            done = self.mdp.take(pool.states, credit.edited, pool.checks)
            pool.advance(done.successors, done.checks, done.rewards)
        pool.latents, pool.memory = carried.arrays()
        return torch.stack(losses)

    def _explored(self, actions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Actions with noise, as they are played and judged in training, within [-1, 1]."""
        size = self.exploration * self._current_progress_remaining
        if size == 0.0:
            return actions
        return np.clip(actions + size * self.rng.standard_normal(actions.shape), -1.0, 1.0)

    def _credit(self, states: ControlStates, actions: NDArray[np.float64]) -> Credit:
        assert self.mdp is not None
        if self.credit == "adjoint":
            return adjoint_credit(self.mdp, states, actions)
        return antithetic_credit(self.mdp, states, actions, self.pairs, self.sigma, self.rng)

    def _remember(self, returns: NDArray[np.float64], ages: NDArray[np.int64], success: NDArray[np.bool_]) -> None:
        """Keep what episodes that have ended were like, for the log."""
        assert self.ep_info_buffer is not None and self.ep_success_buffer is not None
        now = round(time.time() - self.start_time / 1e9, 6)
        self.ep_info_buffer.extend(
            {"r": r, "l": length, "t": now} for r, length in zip(returns.tolist(), ages.tolist(), strict=True)
        )
        self.ep_success_buffer.extend(success.tolist())

    def save(self, path: Any, exclude: Iterable[str] | None = None, include: Iterable[str] | None = None) -> None:
        """Save all that training depends on: the pool, the generator, the optimiser, what the source has learned.

        `load(path, env=env, force_reset=False)` then `learn(..., reset_num_timesteps=False)` continues to the same
        result as if nothing had happened.
        """
        waiting = self.pool.source_state
        if waiting is None and self.source is not None:
            self.pool.source_state = self.source.get_state()
        try:
            super().save(path, exclude, include)
        finally:
            # Stale as soon as training continues, unless it was loaded and still waits for that.
            self.pool.source_state = waiting

    def _excluded_save_params(self) -> list[str]:
        # The next environment brings its own.
        return [*super()._excluded_save_params(), "source"]
