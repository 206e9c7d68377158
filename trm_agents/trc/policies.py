"""The policy of TRC: one pass of the averaged network an edit, latents carried from edit to edit."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, CombinedExtractor
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor

from trm_agents.trc.descent_features import DescentReader
from trm_agents.trc.features import OUTPUTS, QuadraticReader, Reader
from trm_agents.trc.memory import SIZE, remembered
from trm_agents.trc.network import Latents, TinyController
from trm_envs.continuous.mdp import ControlEditMDP
from trm_envs.control.descent import DescentTask
from trm_envs.control.quadratic import QuadraticTask

State = tuple[NDArray[Any], ...]


class Carried(NamedTuple):
    """What is carried from edit to edit."""

    latents: Latents
    memory: Tensor
    """Of refused edits, shape (B, SIZE)."""

    def arrays(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Latents, shape (B, 2, tokens, width), and memory, without gradients."""
        return torch.stack(list(self.latents), dim=1).detach().cpu().numpy(), self.memory.cpu().numpy()


class TRCPolicy(BasePolicy):
    """Edits of a control plan by a tiny recursive network, as an SB3 policy; it is deterministic.

    What is deployed is an average of the weights over the training steps.

    Args:
        observation_space, action_space: of a plan-editing environment of a system.
        lr_schedule: as for any SB3 policy.
        mdp: the MDP of that environment.
        width: d, channels of a token.
        hidden_time: width of the mixing over time.
        patch: time steps of a token; divides the steps of a plan. None: as many as make 15 to 20 tokens.
        inner: steps of z_L before the one of z_H.
        lipschitz: L of a core that is a contraction by construction, within (0, 1]; None: no such promise.
        features_extractor_class, features_extractor_kwargs, normalize_images: as for any SB3 policy; unused.
        optimizer_class, optimizer_kwargs: AdamW by default.

    Raises:
        ValueError: the environment is another one, or a value does not fit it.
    """

    optimizer: torch.optim.Optimizer

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Box,
        lr_schedule: Schedule,
        *,
        mdp: ControlEditMDP | None,
        width: int = 32,
        hidden_time: int = 48,
        patch: int | None = None,
        inner: int = 1,
        lipschitz: float | None = None,
        features_extractor_class: type[BaseFeaturesExtractor] = CombinedExtractor,
        features_extractor_kwargs: dict[str, Any] | None = None,
        normalize_images: bool = True,
        optimizer_class: type[torch.optim.Optimizer] = torch.optim.AdamW,
        optimizer_kwargs: dict[str, Any] | None = None,
    ) -> None:
        usual = {"weight_decay": 1e-4, "betas": (0.9, 0.98)}
        super().__init__(
            observation_space,
            action_space,
            features_extractor_class=features_extractor_class,
            features_extractor_kwargs=features_extractor_kwargs,
            normalize_images=normalize_images,
            optimizer_class=optimizer_class,
            optimizer_kwargs=usual if optimizer_kwargs is None else optimizer_kwargs,
        )
        task = checked_task(mdp)
        self.mdp = mdp
        self._shape = {"width": width, "hidden_time": hidden_time, "inner": inner}
        self._shape["patch"] = checked_patch(usual_patch(task.horizon) if patch is None else patch, task.horizon)
        for name, value in self._shape.items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        assert isinstance(observation_space, spaces.Dict)
        self.lipschitz = lipschitz
        self.reader = reader = reader_of(task, observation_space)
        self.network = TinyController(
            task.horizon,
            reader.step_features,
            reader.summary_features,
            reader.outputs,
            whole=reader.whole,
            lipschitz=lipschitz,
            **self._shape,
        )
        self.averaged = copy.deepcopy(self.network).requires_grad_(False)
        trained = list(self.network.parameters())
        self.optimizer = self.optimizer_class(trained, lr=lr_schedule(1), **self.optimizer_kwargs)  # type: ignore[call-arg]

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Shape of what is carried for one state: z_L and z_H."""
        return 2, self.network.tokens, self.network.width

    def edit(self, network: TinyController, observation: PyTorchObs, carried: Carried) -> tuple[Tensor, Carried]:
        """Actions within [-1, 1], shape (B, action_size), and what the next edits start from.

        Args:
            network: `network`, which is trained, or `averaged`, which is deployed.
            observation: of B states.
            carried: from the edits before; zeros in first states.
        """
        assert isinstance(observation, dict) and self.mdp is not None
        features = self.reader(observation)
        outputs, whole, latents = network(features.steps, features.summary, carried.latents)
        memory = carried.memory
        if self.mdp.accept == "improving":
            memory = remembered(memory, observation)
        return features.write(outputs, whole, memory), Carried(latents, memory)

    def carried(self, latents: NDArray[np.float32], memory: NDArray[np.float32]) -> Carried:
        """What edits start from, of arrays of shape (B, 2, tokens, width) and (B, SIZE)."""
        low, high = torch.as_tensor(latents, device=self.device).unbind(1)
        return Carried(Latents(low, high), torch.as_tensor(memory, device=self.device))

    @torch.no_grad()
    def average(self, decay: float) -> None:
        """Move the deployed weights towards the latest ones: theta <- decay theta + (1 - decay) theta_latest."""
        for mean, latest in zip(self.averaged.parameters(), self.network.parameters(), strict=True):
            mean.lerp_(latest, 1.0 - decay)

    def forward(self, observation: PyTorchObs, deterministic: bool = False) -> Tensor:
        """Actions in first states, shape (B, action_size)."""
        return self._predict(observation, deterministic)

    def _predict(self, observation: PyTorchObs, deterministic: bool = False) -> Tensor:
        assert isinstance(observation, dict)
        first = self.carried(*self._state(len(observation["plan"]), None, None))
        return self.edit(self.averaged, observation, first)[0]

    def predict(
        self,
        observation: NDArray[Any] | dict[str, NDArray[Any]],
        state: State | None = None,
        episode_start: NDArray[Any] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], State | None]:
        """One pass of the deployed network; `state` goes in and out, as in sb3-contrib's RecurrentPPO.

        Args:
            observation: of one state, or of a batch.
            state: what the prediction before returned: latents, shape (B, 2, tokens, width), and what is remembered of
                refused edits, shape (B, 3). None: first states.
            episode_start: which states are first ones, shape (B,).
            deterministic: changes nothing.

        Raises:
            ValueError: the latents are not those of as many states.
        """
        self.set_training_mode(False)
        tensors, batched = self.obs_to_tensor(observation)
        assert isinstance(tensors, dict)
        before = self._state(len(tensors["plan"]), state, episode_start)
        with torch.no_grad():
            actions, after = self.edit(self.averaged, tensors, self.carried(*before))
        found = actions.cpu().numpy()
        return found if batched else found[0], after.arrays()

    def _state(
        self, batch: int, state: State | None, episode_start: NDArray[Any] | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The latents and the memory to start from, shapes (B, 2, tokens, width) and (B, SIZE); copies."""
        shape = (batch, *self.latent_shape)
        if state is None:
            return np.zeros(shape, np.float32), np.zeros((batch, SIZE), np.float32)
        if np.shape(state[0]) != shape:
            raise ValueError(
                f"state must hold latents of shape {shape}, got {np.shape(state[0])}: pass what predict returned for "
                "these states, or None in first ones"
            )
        latents, memory = (np.array(part, np.float32) for part in state)
        if episode_start is not None:
            first = np.asarray(episode_start, np.bool_).reshape(-1)
            latents[first], memory[first] = 0.0, 0.0
        return latents, memory

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {
            **super()._get_constructor_parameters(),
            **self._shape,
            "lipschitz": self.lipschitz,
            "mdp": self.mdp,
            "lr_schedule": self._dummy_schedule,
            "features_extractor_class": self.features_extractor_class,
            "features_extractor_kwargs": self.features_extractor_kwargs,
            "optimizer_class": self.optimizer_class,
            "optimizer_kwargs": self.optimizer_kwargs,
        }


System = QuadraticTask | DescentTask


def reader_of(task: System, space: spaces.Dict) -> Reader:
    """What reads the observations of a system."""
    return DescentReader(task, space) if isinstance(task, DescentTask) else QuadraticReader(task, space)


def checked_task(mdp: Any) -> System:
    """The system of an MDP that the policy can edit plans of.

    Raises:
        ValueError: it cannot.
    """
    if not isinstance(mdp, ControlEditMDP) or not isinstance(mdp.task, System):
        what = "none" if mdp is None else type(getattr(mdp, "task", mdp)).__name__
        raise ValueError(
            f"TRCPolicy edits control plans, and the environment's task is {what}: make one of "
            "ControlPlanEdit-DoubleIntegrator-v0, -DoubleIntegratorTight-v0, -VanDerPol-v0, -PoweredDescent-v0"
        )
    known = ["plan", "window"] if isinstance(mdp.task, DescentTask) else list(OUTPUTS)
    if mdp.task.kind not in known:
        raise ValueError(f"TRCPolicy writes edits of kind {' or '.join(known)} here, got {mdp.task.kind!r}: use edit=")
    return mdp.task


def usual_patch(horizon: int) -> int:
    """The time steps of a token, by default: the smallest divisor of the horizon that makes at most 20 tokens."""
    return next(patch for patch in range(1, horizon + 1) if horizon % patch == 0 and horizon // patch <= 20)


def checked_patch(patch: int, horizon: int) -> int:
    """The time steps of a token.

    Raises:
        ValueError: they do not divide the horizon.
    """
    if patch < 1 or horizon % patch:
        divisors = [str(n) for n in range(1, horizon + 1) if horizon % n == 0]
        raise ValueError(f"patch must divide the {horizon} steps of a plan, got {patch}: {', '.join(divisors)} do")
    return patch
