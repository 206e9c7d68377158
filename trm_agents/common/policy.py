"""What all policies of UPI-TRM share: a recursive network, or an exact mixture of its snapshots, as an SB3 policy."""

from __future__ import annotations

from math import nan
from typing import Any, Literal

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, FlattenExtractor
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor, nn

from trm_agents.recursion import Contraction, Core, Recursion, RecursiveNetwork, Settled
from trm_agents.upi_trm.improvement import masked_log_softmax
from trm_agents.upi_trm.mixture import SnapshotMixture
from trm_envs.plan_edit.mdp import PlanEditMDP

Latent = Literal["episodic", "persistent"]


class RecursivePolicy(BasePolicy):
    """What all policies of UPI-TRM share: the network, the deployed action probabilities, values, prediction.

    The deployed policy is the network's own or, with `mixture_capacity`, the exact mixture of snapshots of it. The
    value is `U = value_offset + value_scale * head - potential`.

    Args:
        observation_space, action_space, lr_schedule: as for any SB3 policy; actions are Discrete.
        mdp: the plan-edit model, which gives legal actions and potentials; None for other environments.
        unroll, radius, contraction, lipschitz: dials of the recursion, see `UPITRM`.
        latent: `episodic` starts every state from z_0 = 0; `persistent` carries the latent through an episode.
        carried_unroll: inner steps of a state that goes on from a carried latent; None: as many as the first takes.
        advantage_head: read advantages of all actions from the latent.
        mixture_capacity: number of snapshots of an exact mixture; None deploys the network itself.
        value_scale: unit of the value head.
        width: d, channels of the latent.
        features_extractor_class, features_extractor_kwargs, normalize_images: as for any SB3 policy.
        optimizer_class, optimizer_kwargs: AdamW by default.
    """

    value_offset = 0.0

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Discrete,
        lr_schedule: Schedule,
        *,
        mdp: PlanEditMDP | None,
        unroll: int = 4,
        radius: float | None = 10.0,
        contraction: Contraction = "none",
        lipschitz: float = 0.9,
        latent: Latent = "episodic",
        carried_unroll: int | None = None,
        advantage_head: bool = False,
        mixture_capacity: int | None = None,
        value_scale: float = 1.0,
        width: int,
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
        if latent not in ("episodic", "persistent"):
            raise ValueError(f"latent must be 'episodic' or 'persistent', got {latent!r}")
        if latent == "persistent" and mixture_capacity is not None:
            raise ValueError(
                "a persistent latent belongs to one network: use conservative='distill' or latent='episodic'"
            )
        self.mdp = mdp
        self.queries = 0
        """Successors that acting has enumerated through the model, since this was last set to zero."""
        self.latent: Latent = latent
        self.value_scale = value_scale
        self.n_actions = int(action_space.n)
        self._dials: dict[str, Any] = {
            "width": width,
            "unroll": unroll,
            "radius": radius,
            "contraction": contraction,
            "lipschitz": lipschitz,
            "advantage_head": advantage_head,
        }
        self._mixture_capacity = mixture_capacity
        self.network = self._build(self._dials)
        for network in self._networks():
            network.carried_unroll = carried_unroll
        self.mixture = None if mixture_capacity is None else SnapshotMixture(self.network, mixture_capacity)
        trained: list[nn.Parameter] = [p for p in self.parameters() if p.requires_grad]
        self.optimizer = self.optimizer_class(trained, lr=lr_schedule(1), **self.optimizer_kwargs)  # type: ignore[call-arg]

    @property
    def carries(self) -> bool:
        """Whether a latent goes from `predict` to `predict`, as SB3's `state`."""
        return self.latent == "persistent"

    @property
    def collects_from(self) -> Latent:
        """Where the behaviour policy starts a state: as the deployed one, unless said otherwise."""
        return self.latent

    @property
    def core(self) -> Core:
        """The recursive core that the deployed policy and the value are read from."""
        return self.network.core

    def _build(self, dials: dict[str, Any]) -> RecursiveNetwork:
        """The network over this policy's kind of observation."""
        raise NotImplementedError

    def inputs(self, observation: PyTorchObs) -> Any:
        """What the network's encoder takes, from a batch of observations."""
        raise NotImplementedError

    def action_mask(self, observation: PyTorchObs) -> Tensor:
        """Legal actions, shape (B, n_actions), bool."""
        raise NotImplementedError

    def action_probabilities(self, observation: PyTorchObs, latent: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The deployed pi(a|s), shape (B, n_actions), and the latent that the next step may start from."""
        mask = self.action_mask(observation)
        output = self.network(self.inputs(observation), latent)
        if self.mixture is not None:
            return self.mixture.probabilities(self.inputs(observation), mask), output.latent
        policy = masked_log_softmax(output.logits, mask).exp()
        return torch.where(mask, policy, 0.0), output.latent

    def behaviour(self, observation: PyTorchObs, latent: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The policy that collects experience, as `action_probabilities`; the deployed one unless said otherwise."""
        return self.action_probabilities(observation, latent)

    def values(self, observation: PyTorchObs, potential: Tensor, latent: Tensor | None = None) -> Tensor:
        """U_n(s), shape (B,); `potential` is Phi(s), shape (B,)."""
        last = self.network.run(self.inputs(observation), latent, kept=1).latents[-1]
        return self.value_offset + self.value_scale * self.network.read_value(last) - potential

    @property
    def evaluator(self) -> Recursion:
        """The network that U_n is read from."""
        return self.network

    def values_of(self, latents: Tensor, observation: PyTorchObs, potential: Tensor) -> Tensor:
        """U(s) read from latents of each state, (k, B, ...) -> (k, B)."""
        heads = torch.stack([self.network.read_value(z) for z in latents])
        return self.value_offset + self.value_scale * heads - potential

    def values_by_depth(
        self, observation: PyTorchObs, potential: Tensor, unroll: int, latent: Tensor | None = None
    ) -> Tensor:
        """U_1(s) ... U_n(s) for n = `unroll`, each read from its own inner step, shape (unroll, B)."""
        latents = self.evaluator.run(self.inputs(observation), latent, unroll).latents
        return self.values_of(latents, observation, potential)

    def value_lipschitz(self) -> float:
        """L_V: bound on |U(z) - U(z')| / |z - z'| over all latents of any state, from the weights as they are.

        So |U_n(s) - U_m(s)| <= L_V sum_{j=n}^{m-1} |z_{j+1} - z_j| (path bound of the paper): Phi is the same at every
        depth.
        """
        return self._lipschitz_of(self.network)

    def set_unroll(
        self, unroll: int | Literal["auto"], tolerance: float = 0.01, carried_unroll: int | None = None
    ) -> None:
        """Choose how many inner steps predictions and values take from now on.

        `learn` goes back to the `unroll` of the algorithm, at its end at the latest.

        `auto` gives each state as many as it needs: |U_m(s) - U_k(s)| <= L_V L |z_k - z_{k-1}| / (1 - L) for all m > k,
        and the steps stop when that is below `tolerance`. `mean_depth` tells how many it took.

        Args:
            unroll: n, or `auto`.
            tolerance: for `auto`: how much U may still change, in units of the reward.
            carried_unroll: inner steps of a state that goes on from a carried latent; None: n.

        Raises:
            ValueError: n is below 1, the tolerance is not positive, or `auto` is asked of a core that is no certified
                contraction.
        """
        if unroll != "auto" and unroll < 1:
            raise ValueError(f"unroll must be at least 1 or 'auto', got {unroll}")
        if tolerance <= 0.0:
            raise ValueError(f"tolerance must be positive, got {tolerance}")
        for network in self._networks():
            network.settled = Settled(0, 0)
            if unroll != "auto":
                network.unroll, network.stop_below, network.carried_unroll = unroll, None, carried_unroll
                continue
            ratio = network.core.lipschitz_bound()
            if not (network.core.certified and ratio < 1.0):
                raise ValueError(
                    "unroll='auto' needs contraction='certified' and lipschitz < 1, "
                    f"not contraction={network.core.contraction!r} and lipschitz={network.core.lipschitz}"
                )
            # A value that is the same everywhere settles at once.
            network.stop_below = tolerance * (1.0 - ratio) / (ratio * max(self._lipschitz_of(network), 1e-12))

    @property
    def mean_depth(self) -> float:
        """Inner steps a state that passes have taken with `auto`, since it was set; nan before the first."""
        settled = [network.settled for network in self._networks()]
        states = sum(count.states for count in settled)
        return sum(count.steps for count in settled) / states if states else nan

    def _networks(self) -> list[Recursion]:
        return [module for module in self.modules() if isinstance(module, Recursion)]

    def _lipschitz_of(self, network: Any) -> float:
        """`value_lipschitz` with this network in place of the deployed one."""
        lipschitz: float = self.value_scale * network.value_lipschitz()
        return lipschitz

    def head_target(self, values: Tensor, potential: Tensor) -> Tensor:
        """The value head's output at which U(s) equals `values`."""
        return (values + potential - self.value_offset) / self.value_scale

    def forward(self, observation: PyTorchObs, deterministic: bool = False) -> Tensor:
        """Actions, shape (B,)."""
        return self._predict(observation, deterministic)

    def _predict(self, observation: PyTorchObs, deterministic: bool = False) -> Tensor:
        return self._choose(self.action_probabilities(observation)[0], deterministic)

    def greedy(self, policy: Tensor) -> Tensor:
        """The action that is most probable, (B, n_actions) -> (B,)."""
        return policy.argmax(1)

    def _choose(self, policy: Tensor, deterministic: bool) -> Tensor:
        return self.greedy(policy) if deterministic else torch.multinomial(policy, 1).squeeze(1)

    def predict(
        self,
        observation: NDArray[Any] | dict[str, NDArray[Any]],
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: NDArray[Any] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...] | None]:
        """Actions of the deployed policy; a persistent latent goes in and out as `state` (as in RecurrentPPO)."""
        if not self.carries:
            return super().predict(observation, state, episode_start, deterministic)
        self.set_training_mode(False)
        tensors, batched = self.obs_to_tensor(observation)
        with torch.no_grad():
            carried = self.carried(None if state is None else state[0], episode_start)
            policy, latent = self.action_probabilities(tensors, carried)
            actions = self._choose(policy, deterministic).cpu().numpy()
        return actions if batched else actions[0], (latent.cpu().numpy(),)

    def carried(self, latent: NDArray[Any] | None, episode_start: NDArray[Any] | None) -> Tensor | None:
        """The latents that a step starts from: those carried over, zero where an episode begins; None: all zero."""
        if not self.carries or latent is None:
            return None
        carried = torch.as_tensor(latent, device=self.device)
        if episode_start is None:
            return carried
        going_on = ~torch.as_tensor(episode_start, dtype=torch.bool, device=self.device)
        return carried * going_on.view(-1, *[1] * (carried.dim() - 1))

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {
            **super()._get_constructor_parameters(),
            **self._dials,
            "mdp": self.mdp,
            "latent": self.latent,
            "carried_unroll": self.network.carried_unroll,
            "value_scale": self.value_scale,
            "mixture_capacity": self._mixture_capacity,
            "lr_schedule": self._dummy_schedule,
            "features_extractor_class": self.features_extractor_class,
            "features_extractor_kwargs": self.features_extractor_kwargs,
            "optimizer_class": self.optimizer_class,
            "optimizer_kwargs": self.optimizer_kwargs,
        }


def numpy_observation(observation: NDArray[Any] | dict[str, NDArray[Any]]) -> dict[str, NDArray[np.generic]]:
    """Observations as a dict; a plain array goes under the empty key."""
    return observation if isinstance(observation, dict) else {"": observation}
