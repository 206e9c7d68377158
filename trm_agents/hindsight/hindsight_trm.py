"""HindsightTRM: self-labelled expert iteration for tiny recursive models, as an SB3 algorithm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback, Schedule

from trm_agents.common.algorithm import ResumableAlgorithm
from trm_agents.common.depths import TrainUnroll, train_unroll_problems
from trm_agents.common.hyperparameters import negative, not_a_decay, not_one_of, not_positive, not_whole
from trm_agents.common.policy import as_tensors
from trm_agents.common.rollout import Update
from trm_agents.hindsight.fitting import FitSettings, fit
from trm_agents.hindsight.memory import HindsightMemory, Search
from trm_agents.hindsight.token_policy import TokenPolicy
from trm_agents.solving import Starts, policy_proposer

SelfHindsightTRM = TypeVar("SelfHindsightTRM", bound="HindsightTRM")


class HindsightTRM(ResumableAlgorithm):
    """Self-labelled expert iteration for tiny recursive models, on plan-edit tasks.

    The agent edits plans with its policy. Once the checker calls a plan of an instance solved, every edit at every
    state that was visited on that instance is labelled: does it write what the solved plan has in its cell? A recursive
    network is fitted to these labels at depths drawn at random, and the policy is read from its probabilities. No
    solution is ever shown: the labels are the agent's own solved plans. It is expert iteration (Anthony et al. 2017)
    whose expert is the agent's own success, relabelled in the manner of hindsight (Andrychowicz et al. 2017).

    Args:
        policy: `TokenPolicy`. `policy_kwargs`: `width`, `radius`, `core`.
        env: a plan-edit environment, or its registered name. One of Gymnasium's vector environments must reset in the
            same step (`autoreset_mode=AutoresetMode.SAME_STEP`).
        learning_rate: step size of AdamW, or a schedule.
        n_steps: steps of each environment an iteration collects.
        batch_size: states a gradient step.
        gamma: discount; must be that of the environment's potential shaping.
        unroll: n, inner steps of the recursion. `policy.set_unroll` chooses another number for predictions alone.
        train_unroll: (low, high, gradient): the depth of each gradient step is drawn from [low, high]; gradients flow
            through the last `gradient` inner steps, and losses are on these, as between the supervision steps of TRM
            (Jolicoeur-Martineau 2025). The deepest passes are trained least, so n is best a little below `high`. None:
            n, n and n.
        carry_unroll: inner steps of a state that starts from the latent of the state before; None starts every state
            from z_0 = 0. Only the deployed policy carries its latent, never the one that collects.
        starts: `Starts(most, unroll, sure, agree)`: how the deployed policy settles on a plan before its first edit;
            None: by one pass. Training does not depend on it, so `policy.starts` can be set afterwards.
        beta: inverse temperature of the policy, in units of one edit.
        train_ratio: states that are trained on for each environment step.
        buffer_size: states of solved instances that are kept.
        min_buffer_size: states of solved instances that are kept before training begins.
        checker_steps: environment steps over which the collecting policy leans on the one-step checker, linearly from
            all to nothing; 0: never.
        solved_cell_weight: weight of a cell that is right already, against one that needs an edit. Where most of them
            are easy, as in Sudoku, less than 1; where telling the two apart is the task, as in mazes, 1.
        search: `Search(instances, calls, solutions)`: each iteration also searches the model for plans that solve
            instances on which episodes have failed, guided by the network; None leaves it out.
        deep_supervision: losses on all inner steps with gradients, weighted by their square, instead of the last alone.
        ema_decay: decay, a gradient step, of the average of the weights that is deployed and collects.
        max_grad_norm: gradient clipping.
        stats_window_size, tensorboard_log, policy_kwargs, verbose, seed, device: as for any SB3 algorithm.

    Logged, beside SB3's `rollout/*` and `time/*`:
        `train/edit_loss`: weighted cross-entropy, mean over the iteration's gradient steps.
        `train/edit_accuracy`: share of the cells in need of an edit whose likeliest symbol is the right one.
        `train/checker_weight`: the checker's present share of the collecting policy's advantage.
        `train/buffer_size`: states of solved instances that are kept.
        `train/search_success`: share of the searches that found a solved plan.
        `recursion/projection_active`: share of inner steps at which Pi_R was active.
        `count/model_queries`: successors enumerated through the model so far, and plans that `core=Discovered()` has
            asked the checker about.
        `count/gradient_steps`: gradient steps so far.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"TokenPolicy": TokenPolicy}
    trains = (TokenPolicy,)
    policy: TokenPolicy
    memory: HindsightMemory
    """Labelled states of solved instances."""

    def __init__(
        self,
        policy: str | type[TokenPolicy],
        env: GymEnv | VectorEnv[Any, Any, Any] | str | None,
        learning_rate: float | Schedule = 3e-3,
        n_steps: int = 32,
        batch_size: int = 64,
        gamma: float = 0.99,
        unroll: int = 4,
        train_unroll: Sequence[int] | None = None,
        carry_unroll: int | None = None,
        starts: Starts | None = None,
        beta: float = 10.0,
        train_ratio: float = 0.75,
        buffer_size: int = 120_000,
        min_buffer_size: int = 1_000,
        checker_steps: int = 10_000,
        solved_cell_weight: float = 0.3,
        search: Search | None = None,
        deep_supervision: bool = True,
        ema_decay: float = 0.997,
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
            n_steps,
            unroll,
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            policy_kwargs=policy_kwargs,
            verbose=verbose,
            seed=seed,
            device=device,
        )
        self.batch_size = batch_size
        self.gamma = gamma
        self.train_unroll = list(train_unroll) if isinstance(train_unroll, tuple) else train_unroll
        self.carry_unroll = carry_unroll
        self.starts = starts
        self.beta = beta
        self.train_ratio = train_ratio
        self.buffer_size = buffer_size
        self.min_buffer_size = min_buffer_size
        self.checker_steps = checker_steps
        self.solved_cell_weight = solved_cell_weight
        self.search = search
        self.deep_supervision = deep_supervision
        self.ema_decay = ema_decay
        self.max_grad_norm = max_grad_norm
        self.row_name = "hindsight_trm"
        """Row of the benchmark that a saved file names; models of other rows are given theirs."""
        if _init_setup_model:
            self._setup_model()

    def _setup_model(self) -> None:
        super()._setup_model()
        if hasattr(self, "memory"):
            if self.memory.capacity != self.buffer_size:
                self.memory.resize(self.buffer_size)
        elif self.mdp is not None:
            self.memory = HindsightMemory(self.mdp, self.n_envs, self.buffer_size)

    def _problems(self) -> Iterable[str]:
        sizes = list(not_whole(self, "min_buffer_size", "buffer_size"))
        yield from sizes
        if not sizes and self.min_buffer_size > self.buffer_size:
            yield f"min_buffer_size={self.min_buffer_size} must be at most buffer_size={self.buffer_size}"
        yield from not_positive(self, "beta", "train_ratio", "solved_cell_weight")
        yield from negative(self, "checker_steps")
        yield from not_a_decay(self)
        yield from not_one_of(self, "search", Search)
        yield from not_one_of(self, "starts", Starts)
        if self.carry_unroll is not None:
            yield from (f"{problem}, or None to carry no latent" for problem in not_whole(self, "carry_unroll"))
        yield from train_unroll_problems(self.train_unroll)
        if self.mdp is not None and self.mdp.shaping and self.gamma != self.mdp.gamma:
            yield (
                f"gamma={self.gamma} is not the environment's shaping discount {self.mdp.gamma}: pass the same to both"
            )

    def _policy_keywords(self) -> dict[str, Any]:
        return {"carry_unroll": self.carry_unroll, "starts": self.starts, "beta": self.beta}

    def _drop_episodes(self) -> None:
        super()._drop_episodes()
        if hasattr(self, "memory"):
            self.memory.restart(self.n_envs)

    @property
    def checker_weight(self) -> float:
        """The share of the collecting policy's advantage that is the checker's, at this point of training."""
        return max(0.0, 1.0 - self.num_timesteps / self.checker_steps) if self.checker_steps else 0.0

    @torch.no_grad()
    def _act(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
        behaviour = self.policy.behaviour(as_tensors(observation, self.policy.device), self.checker_weight)
        self.model_queries += behaviour.queries
        return self._sample(behaviour.probabilities)

    def train(self) -> None:
        """Label what the rollout has solved, search for what it has not, and fit the network to the memory."""
        memory, log, steps = self.memory, {"train/checker_weight": self.checker_weight}, 0
        memory.add(self.rollout, self.rng)
        if self.search is not None:
            log["train/search_success"] = memory.search(policy_proposer(self.policy), self.search)
        if memory.size >= self.min_buffer_size:
            collected = self.rollout.n_steps * self.rollout.n_envs
            steps = max(1, round(self.train_ratio * collected / self.batch_size))
            fitted = fit(self.policy, memory, steps, self.gradient_steps_done, self._fit_settings(), self.rng)
            log["train/edit_loss"] = fitted.loss
            log["train/edit_accuracy"] = fitted.accuracy
            log["recursion/projection_active"] = fitted.projected
        log["train/buffer_size"] = memory.size
        queries, memory.queries = memory.queries, 0
        self._updated(Update(steps, queries, log))

    def _fit_settings(self) -> FitSettings:
        n = self.unroll
        return FitSettings(
            batch_size=self.batch_size,
            train_unroll=TrainUnroll(n, n, n) if self.train_unroll is None else TrainUnroll(*self.train_unroll),
            solved_cell_weight=self.solved_cell_weight,
            deep_supervision=self.deep_supervision,
            ema_decay=self.ema_decay,
            max_grad_norm=self.max_grad_norm,
        )

    def learn(
        self: SelfHindsightTRM,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int = 1,
        tb_log_name: str = "HindsightTRM",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> SelfHindsightTRM:
        """Train for this many environment steps; arguments as for any SB3 algorithm."""
        return super().learn(total_timesteps, callback, log_interval, tb_log_name, reset_num_timesteps, progress_bar)
