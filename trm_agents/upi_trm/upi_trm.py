"""UPI-TRM: unrolled policy iteration for tiny recursive models, as an SB3 algorithm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import nan
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback, Schedule

from trm_agents.common.algorithm import Infos, ResumableAlgorithm
from trm_agents.common.checker_values import potentials
from trm_agents.common.depths import TrainUnroll, deepening
from trm_agents.common.hyperparameters import not_a_decay, not_positive, not_whole
from trm_agents.common.policy import as_tensors, numpy_observation
from trm_agents.survival import EditTarget
from trm_agents.upi_trm import edit_learning, head_learning
from trm_agents.upi_trm.conservative import Distilled, Exact, Mixture
from trm_agents.upi_trm.edit_learning import EditSettings
from trm_agents.upi_trm.edit_policy import EditPolicy
from trm_agents.upi_trm.evaluation import Advantage
from trm_agents.upi_trm.experience import Experience
from trm_agents.upi_trm.head_learning import HeadSettings
from trm_agents.upi_trm.policies import MlpPolicy, MultiInputPolicy, TRMPolicy, UPIPolicy
from trm_agents.upi_trm.problems import problems_of_edits, problems_of_heads
from trm_agents.upi_trm.targets import KStep, Target
from trm_envs.plan_edit.spaces import states_of

SelfUPITRM = TypeVar("SelfUPITRM", bound="UPITRM")


class UPITRM(ResumableAlgorithm):
    """Unrolled policy iteration for tiny recursive models (UPI-TRM).

    An iteration collects `n_steps` steps of every environment with the deployed policy pi, freezes a snapshot, and
    (1) takes K-step targets of the unrolled evaluator U_n, (2) values every legal action, by enumerating the known
    plan-edit model or by reading the latent, (3) centres those values exactly under pi, (4) forms the candidate
    pi_cand ~ pi exp(beta A) over all actions, and (5) steps to (1 - alpha) pi + alpha pi_cand, which becomes the base
    of the next iteration. Paper: Unrolled Policy Iteration for Tiny Recursive Models, ICLR 2026 workshop on RSI.

    With `EditPolicy` the network has one value for each edit, (1) to (3) are labels of all edits of as many states as
    the rollout has, and the policy is read from the values that are fitted to them.

    Args:
        policy: `TRMPolicy` on plan-edit environments, `EditPolicy` where a task has a `cover`, `MlpPolicy` or
            `MultiInputPolicy` on any other with Discrete actions. `policy_kwargs`: `width`, `radius` (R of the latent
            projection, None leaves it out), `core`.
        env: the environment, or its registered name. One of Gymnasium's vector environments must reset in the same
            step (`autoreset_mode=AutoresetMode.SAME_STEP`).
        learning_rate: step size of AdamW, or a schedule.
        n_steps: steps of each environment an iteration collects. By default 32 with `TRMPolicy` and `EditPolicy`, which
            know all successors; 128 elsewhere, where advantages are learned from the steps taken alone.
        batch_size: states a gradient step.
        n_epochs: passes over the collected states an iteration.
        gamma: discount; must be that of the environment's potential shaping.
        target: the value target: `KStep(8)`, the K-step return of the paper; or, with `EditPolicy`, `Survival()`,
            whether a plan can still be completed, or what that is compared with, `Outcome()`, `CostToGo()` and
            `Violations()`.
        unroll: n, inner steps of the recursion. `policy.set_unroll` chooses another number for predictions alone.
        train_unroll: with `EditPolicy`: (low, high, gradient): the depth of each gradient step is drawn from
            [low, high]; gradients flow through the last `gradient` inner steps. `high` grows from `gradient` to itself
            over the first fifth of the training. None: n, n and n.
        carry_unroll: with `EditPolicy`: inner steps of a state that starts from the latent of the state before; None
            starts every state from z_0 = 0. Only the deployed policy carries its latent, never the one that collects.
        advantage: `enumerate` values all successors through the model; `readout` reads them from the latent. By
            default the first with `TRMPolicy`, the second elsewhere.
        beta: inverse temperature of the candidate, in units of a running scale of A: its root mean square, or with
            `MlpPolicy` and `MultiInputPolicy` the standard deviation of the returns around U, so that advantages which
            explain little of the returns move the policy little. By default 4 where values are enumerated, 1 where
            they are read out and therefore noisier; with `EditPolicy` 10, in units of A.
        checker_weight: rho, the share of the advantage that is the one-step checker reward's: 1 is nothing but the
            checker, 0 nothing but the learned value. By default 0.5 with `TRMPolicy`, 0 elsewhere.
        mixture: the conservative step: `Distilled(alpha)` fits the network to the mixture; `Exact(alpha, capacity)`
            deploys the mixture itself; `Exact(SafeStep())` chooses alpha by a lower bound on the improvement. None:
            `Distilled(0.5)`; with `EditPolicy` the average of the weights is deployed.
        ema_decay: with `EditPolicy`: decay, a gradient step, of the average of the weights.
        deep_supervision: losses on every inner step instead of the last alone.
        max_grad_norm: gradient clipping.
        stats_window_size, tensorboard_log, policy_kwargs, verbose, seed, device: as for any SB3 algorithm.

    Logged, beside SB3's `rollout/*` and `time/*`:
        `train/value_loss`, `train/policy_loss`: means over the iteration's gradient steps.
        `train/value_min`, `train/value_max`: range of U over the rollout.
        `train/advantage_rms`: root mean square of A over legal actions, before scaling.
        `train/edit_loss`, `train/constraint_loss`: with `EditPolicy`: means over the iteration's gradient steps.
        `train/undecided_share`: with `Survival`: share of legal edits that nothing refutes or confirms.
        `train/trusted_share`: with `Survival`: share of states whose forced edits did not contradict themselves.
        `train/centring_defect`: max over the rollout's states of |sum_a pi(a|s) A(s, a)|.
        `mixture/base_weight`: weight that the policy before the step has after it.
        `mixture/distillation_kl`: mean KL(fitted target || network) that is left after fitting.
        `mixture/safe_bound`: with `SafeStep`: the estimated bound on the rise of the expected return.
        `mixture/expired_weight`: weight that an expiring snapshot handed to the newest (`Exact`).
        `mixture/expiry_bound`: bound on the total variation, in any state, between the deployed mixture and the one
            that nothing ever expired from (`Exact`).
        `recursion/projection_active`: share of inner steps at which Pi_R was active.
        `count/model_queries`: successors enumerated through the model so far.
        `count/gradient_steps`: gradient steps so far.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {
        "EditPolicy": EditPolicy,
        "TRMPolicy": TRMPolicy,
        "MlpPolicy": MlpPolicy,
        "MultiInputPolicy": MultiInputPolicy,
    }
    trains = (UPIPolicy, EditPolicy)
    policy: UPIPolicy | EditPolicy

    def __init__(
        self,
        policy: str | type[UPIPolicy | EditPolicy],
        env: GymEnv | VectorEnv[Any, Any, Any] | str | None,
        learning_rate: float | Schedule = 3e-3,
        n_steps: int | None = None,
        batch_size: int = 64,
        n_epochs: int = 8,
        gamma: float = 0.99,
        target: Target = KStep(8),  # noqa: B008  # frozen
        unroll: int = 4,
        train_unroll: Sequence[int] | None = None,
        carry_unroll: int | None = None,
        advantage: Advantage | None = None,
        beta: float | None = None,
        checker_weight: float | None = None,
        mixture: Mixture | None = None,
        ema_decay: float = 0.98,
        deep_supervision: bool = True,
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
            32 if n_steps is None else n_steps,
            unroll,
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            policy_kwargs=policy_kwargs,
            verbose=verbose,
            seed=seed,
            device=device,
        )
        modelled = issubclass(self.policy_class, TRMPolicy)
        if n_steps is None and not (modelled or self.reads_edits):
            self.n_steps = 128
        self.batch_size = batch_size
        self.n_epochs = n_epochs
        self.gamma = gamma
        self.target = target
        self.train_unroll = list(train_unroll) if isinstance(train_unroll, tuple) else train_unroll
        self.carry_unroll = carry_unroll
        usual_advantage: Advantage = "enumerate" if modelled else "readout"
        self.advantage = usual_advantage if advantage is None else advantage
        usual = 10.0 if self.reads_edits else 4.0 if self.advantage == "enumerate" else 1.0
        self.beta = usual if beta is None else beta
        self.checker_weight = (0.5 if modelled else 0.0) if checker_weight is None else checker_weight
        self.mixture = (None if self.reads_edits else Distilled(0.5)) if mixture is None else mixture
        self.ema_decay = ema_decay
        self.deep_supervision = deep_supervision
        self.max_grad_norm = max_grad_norm
        self._advantage_scale = 0.0
        self.row_name = "upi_trm"
        """Row of the benchmark that a saved file names; models of other rows are given theirs."""
        if _init_setup_model:
            self._setup_model()

    @property
    def reads_edits(self) -> bool:
        """Whether the policy is read from the values of all edits, not from heads of its own."""
        return issubclass(self.policy_class, EditPolicy)

    def _setup_model(self) -> None:
        super()._setup_model()
        if isinstance(self.policy, EditPolicy) and not hasattr(self, "experience"):
            self.experience = Experience(self.policy.mdp, self.policy.cover, self.n_envs)

    def _drop_episodes(self) -> None:
        super()._drop_episodes()
        if hasattr(self, "experience"):
            self.experience.restart(self.n_envs)

    def _problems(self) -> Iterable[str]:
        yield from not_whole(self, "n_epochs")
        yield from not_positive(self, "beta")
        yield from not_a_decay(self)
        yield from problems_of_edits(self) if self.reads_edits else problems_of_heads(self)
        if self.mdp is not None and self.mdp.shaping and self.gamma != self.mdp.gamma:
            yield (
                f"gamma={self.gamma} is not the environment's shaping discount {self.mdp.gamma}: pass the same to both"
            )

    def _policy_keywords(self) -> dict[str, Any]:
        capacity = None if self.mixture is None else self.mixture.capacity
        if self.reads_edits:
            return {"beta": self.beta, "mixture_capacity": capacity, "carry_unroll": self.carry_unroll}
        return {
            "advantage_head": self.advantage == "readout",
            "mixture_capacity": capacity,
            # A bound on returns of rewards up to 1; `TRMPolicy` knows its own.
            "value_scale": 1.0 / (1.0 - self.gamma) if self.gamma < 1.0 else 1.0,
        }

    @torch.no_grad()
    def _act(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
        policy = self.policy.action_probabilities(as_tensors(observation, self.policy.device))
        if isinstance(self.policy, EditPolicy):
            assert isinstance(self.target, EditTarget)
            policy = edit_learning.explored(
                policy, states_of(observation), self.policy.cover, self.target.exploration, self.rng
            )
        return self._sample(policy)

    @torch.no_grad()
    def _state_values(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.float64]:
        """U_n of a batch of observations, shape (B,)."""
        potential, _ = potentials(self.policy.mdp, observation)
        phi = torch.as_tensor(potential, dtype=torch.float32, device=self.policy.device)
        values = self.policy.values(as_tensors(observation, self.policy.device), phi)
        out: NDArray[np.float64] = values.double().cpu().numpy()
        return out

    def _truncation_values(self, infos: Infos, truncated: NDArray[np.bool_]) -> NDArray[np.float64]:
        values = np.zeros(len(infos))
        for i in np.flatnonzero(truncated):
            last = numpy_observation(infos[i]["terminal_observation"])
            values[i] = self._state_values({key: np.asarray(value)[None] for key, value in last.items()})[0]
        return values

    def train(self) -> None:
        """One policy iteration on the collected rollout."""
        if isinstance(self.policy, EditPolicy):
            self._train_edits(self.policy)
        else:
            self._train_heads(self.policy)

    def _train_edits(self, policy: EditPolicy) -> None:
        """An iteration on the values of all edits, and the step to the exact mixture, if there is one."""
        progress = 1.0 - self._current_progress_remaining
        settings, steps = self._edit_settings(progress), self.gradient_steps_done
        self._updated(edit_learning.learn(policy, self.experience, self.rollout, settings, progress, steps, self.rng))
        if policy.mixture is not None and isinstance(self.mixture, Exact):
            assert isinstance(self.mixture.alpha, float)
            policy.mixture.promote(policy.averaged, self.mixture.alpha)
            self.step_size, self.step_bound = self.mixture.alpha, nan

    def _edit_settings(self, progress: float) -> EditSettings:
        assert isinstance(self.target, EditTarget)
        n = self.unroll
        depths = TrainUnroll(n, n, n) if self.train_unroll is None else TrainUnroll(*self.train_unroll)
        return EditSettings(
            target=self.target,
            batch_size=self.batch_size,
            n_epochs=self.n_epochs,
            train_unroll=deepening(depths, progress),
            deep_supervision=self.deep_supervision,
            ema_decay=self.ema_decay,
            max_grad_norm=self.max_grad_norm,
        )

    def _train_heads(self, policy: UPIPolicy) -> None:
        """An iteration on heads of their own for policy and value."""
        last_values = self._state_values(numpy_observation(self._last_obs))  # type: ignore[arg-type]
        settings, scale = self._head_settings(), self._advantage_scale
        learned = head_learning.learn(policy, self.rollout, last_values, settings, scale, self.rng)
        self._advantage_scale = learned.scale
        self.step_size, self.step_bound = learned.step.alpha, learned.step.bound
        self._updated(learned.update)

    def _head_settings(self) -> HeadSettings:
        assert isinstance(self.target, KStep) and self.mixture is not None
        return HeadSettings(
            gamma=self.gamma,
            target=self.target,
            advantage=self.advantage,
            checker_weight=self.checker_weight,
            beta=self.beta,
            mixture=self.mixture,
            n_epochs=self.n_epochs,
            batch_size=self.batch_size,
            deep_supervision=self.deep_supervision,
            max_grad_norm=self.max_grad_norm,
        )

    def learn(
        self: SelfUPITRM,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int = 1,
        tb_log_name: str = "UPITRM",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> SelfUPITRM:
        """Train for this many environment steps; arguments as for any SB3 algorithm."""
        return super().learn(total_timesteps, callback, log_interval, tb_log_name, reset_num_timesteps, progress_bar)
