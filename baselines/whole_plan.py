"""A single MLP without edits: from the first state to a whole plan at once, as a policy of TRC."""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from gymnasium import spaces
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor, nn

from trm_agents.trc import TRCPolicy
from trm_agents.trc.network import OUTPUT_SCALE
from trm_agents.trc.policies import Carried

SMALLEST = 0.02
"""First states that are smaller than this share of the largest one are not scaled up further."""


class WholePlan(nn.Module):
    """Two hidden layers from an instance, its scaled form and its size to one action; it carries nothing.

    Args:
        inputs: numbers of an instance.
        outputs: numbers of an action.
        width: of the hidden layers.
    """

    def __init__(self, inputs: int, outputs: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2 * inputs + 2, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, outputs)
        )
        # What policies of TRC carry: nothing, in the smallest shape.
        self.tokens = self.width = 1
        with torch.no_grad():
            last = cast(nn.Linear, self.layers[-1])
            last.weight.mul_(OUTPUT_SCALE)
            last.bias.zero_()

    def forward(self, instances: Tensor) -> Tensor:
        """Actions within [-1, 1], shape (B, outputs), of observed instances, shape (B, inputs)."""
        size = instances.abs().amax(dim=1, keepdim=True).clamp_min(SMALLEST)
        return torch.tanh(self.layers(torch.cat([instances, instances / size, size, size.log()], dim=1)))


class WholePlanPolicy(TRCPolicy):
    """One edit of the first plan, read from the instance alone: no simulator answers and no edit follows.

    With `restart=1` and `unroll=1` TRC trains it on first states only, by the same loss and the same gradients.

    Args:
        observation_space, action_space, lr_schedule: as for `TRCPolicy`.
        width: of the two hidden layers.
        **more: as for `TRCPolicy`.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Box,
        lr_schedule: Schedule,
        *,
        width: int = 64,
        **more: Any,
    ) -> None:
        super().__init__(observation_space, action_space, lr_schedule, width=width, **more)
        assert isinstance(observation_space, spaces.Dict)
        inputs = cast(tuple[int], observation_space["instance"].shape)[0]
        plan: Any = WholePlan(inputs, action_space.shape[0], width)
        self.network, self.averaged = plan, copy.deepcopy(plan).requires_grad_(False)
        optimizer: Any = self.optimizer_class
        self.optimizer = optimizer(self.network.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)

    def edit(self, network: Any, observation: PyTorchObs, carried: Carried) -> tuple[Tensor, Carried]:
        """Actions within [-1, 1], shape (B, action_size), and what is carried as it was; see `TRCPolicy.edit`."""
        assert isinstance(observation, dict)
        return network(observation["instance"]), carried
