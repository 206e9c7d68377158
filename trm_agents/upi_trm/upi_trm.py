"""UPI-TRM: unrolled policy iteration for tiny recursive models, as an SB3 algorithm."""

from __future__ import annotations

from math import nan
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback, Schedule

from trm_agents.common.algorithm import ResumableAlgorithm
from trm_agents.common.collection import act, state_values, truncation_values
from trm_agents.common.policy import Latent, RecursivePolicy, numpy_observation
from trm_agents.common.rollout import Rollout
from trm_agents.hindsight.memory import HindsightMemory
from trm_agents.hindsight.policies import RepairPolicy
from trm_agents.recursion import Contraction
from trm_agents.upi_trm.dials import (
    AUTO_DEPTH,
    Advantage,
    Conservative,
    StepSize,
    Target,
    Unroll,
    dials_of,
    hindsight_dials_of,
)
from trm_agents.upi_trm.iterations import improve_by_hindsight, improve_by_k_steps
from trm_agents.upi_trm.policies import MlpPolicy, MultiInputPolicy, TRMPolicy
from trm_envs.plan_edit.mdp import PlanEditMDP

SelfUPITRM = TypeVar("SelfUPITRM", bound="UPITRM")


class UPITRM(ResumableAlgorithm):
    """Unrolled policy iteration for tiny recursive models (UPI-TRM).

    An iteration collects `n_steps` steps of every environment with the deployed policy pi, freezes a snapshot, and
    (1) takes K-step targets of the unrolled evaluator U_n, (2) values every legal action, by enumerating the known
    plan-edit model or by reading the latent, (3) centres those values exactly under pi, (4) forms the candidate
    pi_cand ~ pi exp(beta A) over all actions, and (5) steps to (1 - alpha) pi + alpha pi_cand, which becomes the base
    of the next iteration. Paper: Unrolled Policy Iteration for Tiny Recursive Models, ICLR 2026 workshop on RSI.

    Args:
        policy: `TRMPolicy` on plan-edit environments (with `target="hindsight"` it is `RepairPolicy`, whose keywords,
            such as `members` and `restarts`, go into `policy_kwargs`), `MlpPolicy` or `MultiInputPolicy` on any other
            with Discrete actions.
        env: the environment, or its registered name. One of Gymnasium's vector environments must reset in the same
            step (`autoreset_mode=AutoresetMode.SAME_STEP`).
        learning_rate: step size of AdamW, or a schedule.
        n_steps: steps of each environment an iteration collects.
        batch_size: states a gradient step.
        n_epochs: passes over the collected states an iteration.
        gamma: discount; must be that of the environment's potential shaping.
        bootstrap_horizon: K of the value target.
        unroll: n, inner steps of the recursion; or `auto`: 8 while learning (`dials.AUTO_DEPTH`; callbacks see these
            too), and outside of `learn` each state takes as many as it needs (`policy.set_unroll("auto")`). That needs
            `contraction="certified"` and `lipschitz < 1`. For another depth while learning, or another tolerance, pass
            n here and call `policy.set_unroll` afterwards.
        radius: R of the latent projection; None leaves it out.
        contraction: `none`; `clamp` (weights scaled back after each gradient step: a heuristic, not a certificate); or
            `certified` (the inner step is L_z-Lipschitz by construction, see `policy.core.lipschitz_bound()`).
        lipschitz: L_z.
        latent: `episodic` starts each state from z_0 = 0; `persistent` carries z_n through an episode (with `hindsight`
            that of the deployed policy alone: experience is collected from z_0 = 0).
        carried_unroll: `hindsight` with a persistent latent: inner steps of a state that goes on from the latent of the
            one before, instead of n.
        advantage: `enumerate` values all successors through the model; `readout` reads them from the latent. By
            default the first with `TRMPolicy`, the second elsewhere.
        beta: inverse temperature of the candidate, in units of the running root mean square of A. By default 4 where
            values are enumerated, 1 where they are read out and therefore noisier.
        mixture_alpha: alpha of the conservative step, within [0, 1]; or `safe`: where a lower bound on the improvement,
            estimated from the rollout's enumerated advantages, is largest (`upi_trm.safe_step`; docs/theory.md says
            what of it is certain). It needs `conservative="exact"` and doubles the enumeration.
        conservative: `distill` fits the network to the mixture; `exact` deploys the mixture itself, as weighted
            snapshots.
        mixture_capacity: how many snapshots `exact` keeps; the lightest expires into the newest. However many there
            were, that moves the policy by a total variation of (1 - alpha)^capacity at most.
        prior: rho, the share of the advantage that is the one-step checker reward's (1 is stage 0: nothing but the
            checker; 0 is nothing but the learned value). By default 0.5 with `TRMPolicy`, 0 elsewhere. With
            `hindsight` only the policy that collects leans on it, from 1 by default, ever less over `prior_steps`.
        value_coef: weight of the value loss.
        deep_supervision: losses on every inner step instead of the last alone.
        max_grad_norm: gradient clipping.
        target: `k_step`, as above, or `hindsight`: every edit at every state of an instance that the agent has solved
            is valued by the return of repairing it to the solved plan (`trm_agents.hindsight.memory`). The policy is
            read from those values (`RepairPolicy`), so there is nothing to distil: alpha is 1. Plan-edit only.
        prior_steps: `hindsight`: environment steps over which rho falls to 0, linearly.
        replay_ratio: `hindsight`: states that a network is trained on for each environment step that it acts in.
        right_weight: `hindsight`: weight of a cell that is right already, against one that needs an edit. Where most of
            them are easy, as in Sudoku, less than 1; where telling the two apart is the task, as in mazes, 1.
        buffer_size: `hindsight`: states of solved instances that each network keeps.
        learning_starts: `hindsight`: states that each network keeps before training begins.
        min_unroll, max_unroll: `hindsight`: the depth of each gradient step is drawn from this range; None
            stands for n. The deepest steps are trained least, so n is best a little below the largest depth.
        backprop_steps: `hindsight`: gradients flow through this many of the last inner steps at most, and losses are
            on these; the steps before them only carry the latent on, as between the supervision steps of TRM
            (Jolicoeur-Martineau 2025). None: through all.
        search_instances: `hindsight`: failed instances that each iteration searches the model for a solution of, guided
            by the network (`trm_agents.solving`); 0 leaves it out.
        search_budget: `hindsight`: network calls of such a search.
        search_solutions: `hindsight`: solved plans that such a search looks for. A state is repaired to the nearest one
            known; where an instance has several solutions, more than 1 keeps targets from contradicting each other.
            Instances that episodes have solved are then searched for others, where too few have failed.
        ema_decay: `hindsight`: decay, a gradient step, of the average that is deployed and collects.
        stats_window_size, tensorboard_log, policy_kwargs, verbose, seed, device: as for any SB3 algorithm.

    Logged, beside SB3's `rollout/*` and `time/*`:
        `train/value_loss`, `train/policy_loss`: means over the iteration's gradient steps.
        `train/value_min`, `train/value_max`: range of U over the rollout.
        `train/advantage_rms`: root mean square of A over legal actions, before scaling.
        `train/centring_defect`: max over the rollout's states of |sum_a pi(a|s) A(s, a)|.
        `mixture/base_weight`: weight that the policy before the step has after it.
        `mixture/distillation_kl`: mean KL(fitted target || network) that is left after fitting.
        `mixture/safe_bound`: with `safe`: the estimated bound on the rise of the expected return at the step taken.
        `mixture/expired_weight`: weight that an expiring snapshot handed to the newest (`exact`).
        `mixture/expiry_bound`: bound on the total variation, in any state, between the deployed mixture and the one
            that nothing ever expired from (`exact`).
        `train/hit_loss`, `train/hit_accuracy`: `hindsight`: weighted cross-entropy, and share of the cells in need of
            an edit whose likeliest symbol is the right one; means over the iteration's gradient steps.
        `train/prior`: `hindsight`: rho by now.
        `train/memory`: `hindsight`: states of solved instances kept.
        `train/search_success`: `hindsight`: share of the searches that found a solved plan.
        `recursion/projection_active`: share of inner steps at which Pi_R was active.
        `count/model_queries`: successors enumerated through the model so far.
        `count/gradient_steps`: gradient steps so far.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {
        "TRMPolicy": TRMPolicy,
        "MlpPolicy": MlpPolicy,
        "MultiInputPolicy": MultiInputPolicy,
        "RepairPolicy": RepairPolicy,
    }
    policy: RecursivePolicy

    def __init__(
        self,
        policy: str | type[RecursivePolicy],
        env: GymEnv | VectorEnv[Any, Any, Any] | str | None,
        learning_rate: float | Schedule = 3e-3,
        n_steps: int = 32,
        batch_size: int = 64,
        n_epochs: int = 8,
        gamma: float = 0.99,
        bootstrap_horizon: int = 8,
        unroll: Unroll = 4,
        radius: float | None = 10.0,
        contraction: Contraction = "none",
        lipschitz: float = 0.9,
        latent: Latent = "episodic",
        carried_unroll: int | None = None,
        advantage: Advantage | None = None,
        beta: float | None = None,
        mixture_alpha: StepSize = 0.5,
        conservative: Conservative = "distill",
        mixture_capacity: int = 16,
        prior: float | None = None,
        value_coef: float = 10.0,
        deep_supervision: bool = True,
        max_grad_norm: float = 1.0,
        target: Target = "k_step",
        prior_steps: int = 10_000,
        replay_ratio: float = 0.75,
        right_weight: float = 0.3,
        buffer_size: int = 120_000,
        learning_starts: int = 1_000,
        min_unroll: int | None = None,
        max_unroll: int | None = None,
        backprop_steps: int | None = None,
        search_instances: int = 0,
        search_budget: int = 50,
        search_solutions: int = 1,
        ema_decay: float = 0.997,
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        policy_kwargs: dict[str, Any] | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: torch.device | str = "auto",
        _init_setup_model: bool = True,
    ) -> None:
        if target == "hindsight" and policy == "TRMPolicy":
            policy = RepairPolicy
        super().__init__(
            policy,
            env,  # type: ignore[arg-type]
            learning_rate,
            policy_kwargs=policy_kwargs,
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            verbose=verbose,
            device=device,
            support_multi_env=True,
            seed=seed,
            supported_action_spaces=(spaces.Discrete,),
        )
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.n_epochs = n_epochs
        self.gamma = gamma
        self.bootstrap_horizon = bootstrap_horizon
        self.unroll = unroll
        self.radius = radius
        self.contraction = contraction
        self.lipschitz = lipschitz
        self.latent = latent
        self.carried_unroll = carried_unroll
        self.advantage = advantage
        self.beta = beta
        self.mixture_alpha = mixture_alpha
        self.conservative = conservative
        self.mixture_capacity = mixture_capacity
        self.prior = prior
        self.value_coef = value_coef
        self.deep_supervision = deep_supervision
        self.max_grad_norm = max_grad_norm
        self.target = target
        self.prior_steps = prior_steps
        self.replay_ratio = replay_ratio
        self.right_weight = right_weight
        self.buffer_size = buffer_size
        self.learning_starts = learning_starts
        self.min_unroll = min_unroll
        self.max_unroll = max_unroll
        self.backprop_steps = backprop_steps
        self.search_instances = search_instances
        self.search_budget = search_budget
        self.search_solutions = search_solutions
        self.ema_decay = ema_decay
        self.model_queries = 0
        self.gradient_steps_done = 0
        self.step_size, self.step_bound = 1.0, nan
        self.mdp: PlanEditMDP | None = None
        self.rng: np.random.Generator | None = None
        self.rollout = None
        self.memories: tuple[HindsightMemory, ...] = ()
        self._advantage_scale: float | None = None
        self._last_latent: NDArray[np.float32] | None = None
        self._env_states = None
        if self.env is not None and self.env.has_attr("mdp"):
            self.mdp = self.env.get_attr("mdp")[0]
        if _init_setup_model:
            self._setup_model()

    def _setup_model(self) -> None:
        self._setup_lr_schedule()
        # A loaded model keeps its own random state and rollout; only a new one starts afresh.
        self.set_random_seed(self.seed)
        if self.rng is None:
            self.rng = np.random.default_rng(self.seed)
        if self.rollout is None or self.rollout.n_envs != self.n_envs:
            # Loaded for another number of environments: their episodes cannot be gone on with.
            self.rollout = Rollout(self.n_steps, self.n_envs)
            self._last_obs = self._env_states = None
            self._forget_episodes()
        self.dials, self.hindsight_dials = dials_of(self), hindsight_dials_of(self)
        self.policy = self.policy_class(  # type: ignore[assignment]
            self.observation_space,
            self.action_space,
            self.lr_schedule,
            mdp=self.mdp,
            unroll=self.training_unroll,
            radius=self.radius,
            contraction=self.contraction,
            lipschitz=self.lipschitz,
            latent=self.latent,
            carried_unroll=self.carried_unroll,
            advantage_head=self.dials.advantage == "readout",
            mixture_capacity=self.mixture_capacity if self.conservative == "exact" else None,
            # A bound on returns of rewards up to 1; `TRMPolicy` knows its own.
            value_scale=1.0 / (1.0 - self.gamma) if self.gamma < 1.0 else 1.0,
            **self._policy_dials(),
            **self.policy_kwargs,
        ).to(self.device)
        self._set_unroll(self.unroll)
        if isinstance(self.policy, RepairPolicy) and not self.memories and self.mdp is not None:
            shares = self._shares(self.policy.members)
            self.memories = tuple(HindsightMemory(self.mdp, envs, self.buffer_size) for envs in shares)

    def _set_unroll(self, unroll: Unroll) -> None:
        self.policy.set_unroll(unroll, carried_unroll=self.carried_unroll)

    @property
    def training_unroll(self) -> int:
        """Inner steps while learning: n, or `AUTO_DEPTH`."""
        return AUTO_DEPTH if isinstance(self.unroll, str) else self.unroll

    def set_parameters(
        self,
        load_path_or_dict: str | dict[str, Any],
        exact_match: bool = True,
        device: torch.device | str = "auto",
    ) -> None:
        """As for any SB3 algorithm; `unroll="auto"` goes by what the new weights certify."""
        super().set_parameters(load_path_or_dict, exact_match, device)
        self._set_unroll(self.unroll)

    def _policy_dials(self) -> dict[str, Any]:
        """Keywords that only the policy of this target takes."""
        return {"beta": self.dials.beta} if self.target == "hindsight" else {}

    def learn(
        self: SelfUPITRM,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int = 1,
        tb_log_name: str = "UPITRM",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> SelfUPITRM:
        """Train for this many environment steps; arguments as for any SB3 algorithm.

        Raises:
            ValueError: a committee has more members than there are environments, so that some would learn nothing.
            FloatingPointError: training has diverged; the weights are those before the step that would spoil them.
        """
        if len(self.memories) > self.n_envs:
            raise ValueError(
                f"each of the {len(self.memories)} members learns from environments of its own, got n_envs="
                f"{self.n_envs}: open at least as many, as with make_vec_env(..., n_envs={len(self.memories)})"
            )
        self._set_unroll(self.training_unroll)
        super().learn(total_timesteps, callback, log_interval, tb_log_name, reset_num_timesteps, progress_bar)
        self._set_unroll(self.unroll)
        return self

    def _forget_episodes(self) -> None:
        """Follow none of the episodes that have begun."""
        self._last_latent = None
        for memory, envs in zip(self.memories, self._shares(len(self.memories)), strict=True):
            memory.restart(envs)

    def _shares(self, members: int) -> list[NDArray[np.int64]]:
        """The environments that each member of a committee acts in."""
        return [np.arange(self.n_envs)[member::members] for member in range(members)]

    def _collect(self, callback: BaseCallback) -> bool:
        """Fill the rollout with steps of the policy; False when a callback stops the training."""
        assert self.env is not None and self.rollout is not None and self.rng is not None
        self.policy.set_training_mode(False)
        callback.on_rollout_start()
        while not self.rollout.full:
            observation = numpy_observation(self._last_obs)  # type: ignore[arg-type]
            carried = self.policy.carried(self._last_latent, self._last_episode_starts)
            if isinstance(self.policy, RepairPolicy):
                self.policy.prior = self._prior()
            actions, start, latent = act(self.policy, observation, carried, self.rng)
            self._count_queries(self.policy)
            new_obs, rewards, dones, infos = self.env.step(actions)
            truncated = np.array([info.get("TimeLimit.truncated", False) for info in infos], np.bool_) & dones
            values = truncation_values(self.policy, infos, truncated, latent)
            self.rollout.add(observation, start, actions, rewards, dones & ~truncated, truncated, values)
            self.num_timesteps += self.env.num_envs
            self._update_info_buffer(infos, dones)
            self._last_obs = new_obs  # type: ignore[assignment]
            self._last_episode_starts, self._last_latent = dones, latent
            # After everything is stored, so that a save from a callback misses nothing.
            callback.update_locals(locals())
            if not callback.on_step():
                return False
        callback.on_rollout_end()
        return True

    def train(self) -> None:
        """One policy iteration on the collected rollout."""
        assert self.rollout is not None and self.rng is not None
        self._update_learning_rate(self.policy.optimizer)
        if self.memories:
            done = improve_by_hindsight(
                self.policy, self.rollout, self.memories, self.gradient_steps_done, self.hindsight_dials, self.rng
            )
            for memory in self.memories:
                self._count_queries(memory)
        else:
            assert self._last_obs is not None
            latent = self.policy.carried(self._last_latent, self._last_episode_starts)
            last_values = state_values(self.policy, numpy_observation(self._last_obs), latent)
            done = improve_by_k_steps(
                self.policy, self.rollout, last_values, self._advantage_scale, self.dials, self.rng
            )
            self._advantage_scale = done.advantage_scale
            self.model_queries += done.queries
        self.rollout.clear()
        self.gradient_steps_done += done.gradient_steps
        self.step_size, self.step_bound = done.step_size, done.step_bound
        self._n_updates += done.gradient_steps
        for name, value in done.log.items():
            self.logger.record(name, value)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("count/model_queries", self.model_queries)
        self.logger.record("count/gradient_steps", self.gradient_steps_done)

    def _count_queries(self, asked: RecursivePolicy | HindsightMemory) -> None:
        """Take over what this has asked of the model."""
        self.model_queries += asked.queries
        asked.queries = 0

    def _prior(self) -> float:
        """The share of the behaviour's advantage that is the checker's, by now."""
        return self.dials.prior * max(0.0, 1.0 - self.num_timesteps / self.prior_steps)

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "dials", "hindsight_dials"]

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        return ["policy", "policy.optimizer"], []
