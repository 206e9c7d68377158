"""What the policies of all algorithms share: a recursive network as an SB3 policy."""

from __future__ import annotations

from math import nan
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, FlattenExtractor
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor, nn

from trm_agents.recursion import Core, PlanCore, Recursion
from trm_envs.plan_edit.mdp import PlanEditMDP

Unroll = int | Literal["auto"]

TOLERANCE = 0.01
"""How much a value may still change where `auto` stops, in units of the reward."""


class Depth(NamedTuple):
    """How many inner steps predictions and values take."""

    unroll: Unroll
    """n, or `auto`: each state as many as it needs."""
    tolerance: float
    """For `auto`: how much U may still change."""


class RecursivePolicy(BasePolicy):
    """A recursive network, its action probabilities and its values, as an SB3 policy.

    Args:
        observation_space, action_space: as for any SB3 policy; actions are Discrete.
        mdp: the plan-edit model, which gives legal actions and potentials; None for other environments.
        features_extractor_class, features_extractor_kwargs, normalize_images: as for any SB3 policy.
        optimizer_class, optimizer_kwargs: AdamW by default.
    """

    reads_plans: ClassVar[bool] = False
    """Whether it reads the observations of a plan-edit task as states, and so needs them unchanged."""
    network: Recursion
    """The network that is trained."""
    depth: Depth
    """What `set_unroll` last chose."""
    optimizer: torch.optim.Optimizer

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Discrete,
        *,
        mdp: PlanEditMDP | None,
        features_extractor_class: type[BaseFeaturesExtractor] = FlattenExtractor,
        features_extractor_kwargs: dict[str, Any] | None = None,
        normalize_images: bool = True,
        optimizer_class: type[torch.optim.Optimizer] = torch.optim.AdamW,
        optimizer_kwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(
            observation_space,
            action_space,
            features_extractor_class=features_extractor_class,
            features_extractor_kwargs=features_extractor_kwargs,
            normalize_images=normalize_images,
            optimizer_class=optimizer_class,
            optimizer_kwargs={"weight_decay": 1e-4} if optimizer_kwargs is None else optimizer_kwargs,
        )
        self.mdp = mdp
        self.n_actions = int(action_space.n)
        self._settled = (0, 0)
        self.last_depths: Tensor | None = None
        """Inner steps of each state in the last pass with `auto`, (B,), int64; None before the first."""

    def _optimise(self, lr_schedule: Schedule) -> None:
        """Build the optimiser over all weights that are trained; for the end of a constructor."""
        self.depth = Depth(self.network.unroll, TOLERANCE)
        trained: list[nn.Parameter] = [p for p in self.parameters() if p.requires_grad]
        self.optimizer = self.optimizer_class(trained, lr=lr_schedule(1), **self.optimizer_kwargs)  # type: ignore[call-arg]

    carry_unroll: int | None = None
    """Inner steps from the latent of the state before; None: every state starts from z_0 = 0."""

    @property
    def evaluator(self) -> Recursion:
        """The network that is deployed, and that U_n is read from."""
        return self.network

    @property
    def asked(self) -> int:
        """Plans that the checker was asked about to build the network."""
        return self.core.queries if isinstance(self.core, PlanCore) else 0

    @property
    def core(self) -> Core:
        """The recursive core of the network that is deployed."""
        return self.evaluator.core

    def inputs(self, observation: PyTorchObs) -> Any:
        """What the network's encoder takes, from a batch of observations; integers for a token encoder."""
        return observation

    def action_mask(self, observation: PyTorchObs) -> Tensor:
        """Legal actions, shape (B, n_actions), bool."""
        raise NotImplementedError

    def action_probabilities(self, observation: PyTorchObs) -> Tensor:
        """The deployed pi(a|s), shape (B, n_actions)."""
        raise NotImplementedError

    def values_of(self, latents: Tensor, observation: PyTorchObs, potential: Tensor) -> Tensor:
        """U(s) read from latents of each state, (k, B, ...) -> (k, B); `potential` is Phi(s), shape (B,)."""
        raise NotImplementedError

    def value_lipschitz(self) -> float:
        """L_V: bound on |U(z) - U(z')| / |z - z'| over all latents of any state, from the weights as they are.

        So |U_n(s) - U_m(s)| <= L_V sum_{j=n}^{m-1} |z_{j+1} - z_j| (path bound of the paper): Phi is the same at every
        depth.
        """
        raise NotImplementedError

    def values(self, observation: PyTorchObs, potential: Tensor) -> Tensor:
        """U_n(s), shape (B,); `potential` is Phi(s), shape (B,)."""
        return self.values_of(self.latents(observation)[None], observation, potential)[0]

    def values_by_depth(
        self, observation: PyTorchObs, potential: Tensor, unroll: int, latent: Tensor | None = None
    ) -> Tensor:
        """U_1(s) ... U_n(s) for n = `unroll` inner steps from `latent` (None: z_0 = 0), shape (unroll, B)."""
        latents = self.evaluator.run(self.inputs(observation), latent, unroll).latents
        return self.values_of(latents, observation, potential)

    def latents(self, observation: PyTorchObs) -> Tensor:
        """The last latents of a pass from z_0 = 0 of the network that is deployed, shape (B, ...)."""
        inputs, network = self.inputs(observation), self.evaluator
        if self.depth.unroll != "auto":
            return network.last(inputs)
        ratio = network.core.lipschitz_bound()
        # A value that is the same everywhere settles at once.
        stop_below = self.depth.tolerance * (1.0 - ratio) / (ratio * max(self.value_lipschitz(), 1e-12))
        settled = network.settle(inputs, stop_below)
        states, steps = self._settled
        self._settled = states + len(settled.steps), steps + int(settled.steps.sum())
        self.last_depths = settled.steps
        return settled.latent

    def carried(self, observation: PyTorchObs, latent: Tensor | None) -> Tensor:
        """Latents that are carried into these states and take the inner steps of a policy that carries them."""
        return self.latents(observation)

    def carried_probabilities(self, observation: PyTorchObs, latent: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The deployed pi(a|s), shape (B, n_actions), and the latents that the next states start from, if any."""
        return self.action_probabilities(observation), None

    @property
    def unroll(self) -> int:
        """n, inner steps of a pass from z_0 = 0 where each state takes as many."""
        return self.evaluator.unroll

    def set_unroll(self, unroll: Unroll, tolerance: float = TOLERANCE) -> None:
        """Choose how many inner steps predictions and values take from now on; `learn` returns to the algorithm's own.

        `auto` gives each state as many as it needs: |U_m(s) - U_k(s)| <= L_V L |z_k - z_{k-1}| / (1 - L) for all m > k,
        and the steps stop when that is below `tolerance`. `mean_depth` says how many it took.

        Args:
            unroll: n, or `auto`.
            tolerance: for `auto`: how much U may still change, in units of the reward.

        Raises:
            ValueError: n is below 1, the tolerance is not positive, or the core is no certified contraction (`auto`).
        """
        if unroll != "auto" and unroll < 1:
            raise ValueError(f"unroll must be at least 1 or 'auto', got {unroll}")
        if tolerance <= 0.0:
            raise ValueError(f"tolerance must be positive, got {tolerance}")
        if unroll != "auto":
            for module in self.modules():
                if isinstance(module, Recursion):
                    module.unroll = unroll
        elif not (self.core.certified and self.core.lipschitz_bound() < 1.0):
            raise ValueError(
                "unroll='auto' needs a certified contraction below 1, as policy_kwargs={'core': "
                f"CertifiedExactCover(0.9)}}, not a {type(self.core).__name__} with a bound of "
                f"{self.core.lipschitz_bound()}"
            )
        self.depth, self._settled = Depth(unroll, tolerance), (0, 0)

    @property
    def mean_depth(self) -> float:
        """Inner steps a state that passes have taken with `auto`, since it was set; nan before the first."""
        states, steps = self._settled
        return steps / states if states else nan

    def forward(self, observation: PyTorchObs, deterministic: bool = False) -> Tensor:
        """Actions, shape (B,)."""
        return self._predict(observation, deterministic)

    def predict(
        self,
        observation: NDArray[Any] | dict[str, NDArray[Any]],
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: NDArray[Any] | None = None,
        deterministic: bool = False,
        action_masks: NDArray[Any] | None = None,
    ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...] | None]:
        """Actions and the next state, as of any SB3 policy.

        Args:
            observation: of one state, or of a batch.
            state: what the prediction before returned.
            episode_start: which states are first ones.
            deterministic: the greedy action instead of a sampled one.
            action_masks: actions to choose among, beside the policy's own masks, shape (B, n_actions) or, for a single
                observation, (n_actions,); bool or 0 and 1, as sb3-contrib hands them.

        Raises:
            ValueError: the masks have another shape, or leave no action that the policy would take.
        """
        if action_masks is None:
            return super().predict(observation, state, episode_start, deterministic)
        self.set_training_mode(False)
        tensors, batched = self.obs_to_tensor(observation)
        with torch.no_grad():
            policy = restricted(self.action_probabilities(tensors), action_masks)
            actions = self.choose(policy, deterministic).cpu().numpy()
        return actions if batched else actions[0], state

    def _predict(self, observation: PyTorchObs, deterministic: bool = False) -> Tensor:
        return self.choose(self.action_probabilities(observation), deterministic)

    def greedy(self, policy: Tensor) -> Tensor:
        """The action that is most probable, (B, n_actions) -> (B,)."""
        return policy.argmax(1)

    def choose(self, policy: Tensor, deterministic: bool) -> Tensor:
        """The greedy action or a sampled one, (B, n_actions) -> (B,)."""
        return self.greedy(policy) if deterministic else torch.multinomial(policy, 1).squeeze(1)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {
            **super()._get_constructor_parameters(),
            "mdp": self.mdp,
            "lr_schedule": self._dummy_schedule,
            "features_extractor_class": self.features_extractor_class,
            "features_extractor_kwargs": self.features_extractor_kwargs,
            "optimizer_class": self.optimizer_class,
            "optimizer_kwargs": self.optimizer_kwargs,
        }


def restricted(policy: Tensor, action_masks: NDArray[Any]) -> Tensor:
    """The policy with probability zero where the masks forbid an action, not normalised, (B, n_actions).

    Raises:
        ValueError: the masks have another shape, or leave a row without any probability.
    """
    masks = torch.as_tensor(np.asarray(action_masks), device=policy.device).bool()
    if masks.shape not in (policy.shape, policy.shape[1:]) or (masks.dim() == 1 and len(policy) > 1):
        raise ValueError(f"action_masks must be of shape {tuple(policy.shape)}, got {tuple(masks.shape)}")
    allowed = torch.where(masks, policy, 0.0)
    stuck = (allowed.amax(1) <= 0.0).nonzero().flatten().tolist()
    if stuck:
        raise ValueError(f"action_masks leave no action of the policy in rows {stuck}: allow one that it would take")
    return allowed


def numpy_observation(observation: NDArray[Any] | dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Observations as a dict; a plain array goes under the empty key."""
    return observation if isinstance(observation, dict) else {"": observation}


def as_tensors(observation: dict[str, NDArray[Any]], device: torch.device) -> PyTorchObs:
    """A batch of stored observations as tensors; a plain array is stored under the empty key."""
    tensors = {key: torch.as_tensor(value, device=device) for key, value in observation.items()}
    return tensors[""] if set(tensors) == {""} else tensors
