"""From observations, as SB3 preprocesses them, to what is injected into the tokens: (B, T, h_dim)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import CombinedExtractor, FlattenExtractor, NatureCNN
from torch import Tensor, nn

from trm_agents.recursion import Grid, TokenInjection

PREVIOUS = "previous_action"
"""Key of the previous action in a Dict observation; its last value stands for none yet."""
PLAN_KEYS = frozenset({"instance", "plan", "remaining_edits"})
"""Keys of a plan-edit observation."""
NATURE_SIDE = 36
"""Pixels that `NatureCNN` needs at least."""

Space = spaces.Space[Any]


class PlanSpace:
    """What a plan-edit observation space says of its task.

    Args:
        space: Dict of `instance`, `plan` and `remaining_edits`.
    """

    def __init__(self, space: spaces.Dict) -> None:
        highs = {key: int(np.max(box.high)) for key, box in space.spaces.items() if isinstance(box, spaces.Box)}
        self.instance_high, self.plan_high = highs["instance"], highs["plan"]
        self.max_edits = highs["remaining_edits"]
        instance, plan = space.spaces["instance"].shape, space.spaces["plan"].shape
        assert instance is not None and plan is not None
        self.n_instance_cells, self.n_cells = instance[0], plan[0]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns: a square, or one row."""
        side = round(self.n_cells**0.5)
        return (side, side) if side * side == self.n_cells else (1, self.n_cells)

    def edits(self, n_actions: int) -> bool:
        """Whether actions are edits of cells, at least one for each cell and symbol."""
        return n_actions >= self.n_cells * self.plan_high


def plan_space(space: Space) -> PlanSpace | None:
    """The plan-edit observation that a space is, without its previous action; None where it is none."""
    if isinstance(space, spaces.Dict) and set(space.spaces) - {PREVIOUS} == PLAN_KEYS:
        return PlanSpace(space)
    return None


class Previous(nn.Module):
    """The previous action, embedded: (B, h_dim).

    Args:
        space: Dict with a `previous_action`.
        h_dim: channels.

    Raises:
        ValueError: it has none.
    """

    def __init__(self, space: Space, h_dim: int) -> None:
        super().__init__()
        action = space.spaces.get(PREVIOUS) if isinstance(space, spaces.Dict) else None
        if not isinstance(action, spaces.Discrete):
            raise ValueError(
                f"action_conditioning needs a Discrete {PREVIOUS!r} in a Dict observation: wrap the environment in "
                f"trm_envs.wrappers.PreviousActionObservation, or leave action_conditioning out"
            )
        self.embed = nn.Linear(int(action.n), h_dim, bias=False)

    def forward(self, observation: dict[str, Tensor]) -> Tensor:
        """One-hot previous actions, (B, n_actions + 1) -> (B, h_dim)."""
        # SB3's buffers give Discrete entries one axis more.
        out: Tensor = self.embed(observation[PREVIOUS].flatten(1))
        return out


class OneHotPlans(nn.Module):
    """Instances and plans one-hot, then the share of edits left.

    Shape (B, n_instance_cells instance_high + n_cells plan_high + 1).

    A value of 0 is told by none of the others, so that what differs between states is not drowned by what does not.

    Args:
        space: the task.
    """

    def __init__(self, space: PlanSpace) -> None:
        super().__init__()
        self.space = space
        self.features_dim = space.n_instance_cells * space.instance_high + space.n_cells * space.plan_high + 1

    def forward(self, observation: dict[str, Tensor]) -> Tensor:
        """Plan-edit observations -> features."""
        highs = (("instance", self.space.instance_high), ("plan", self.space.plan_high))
        left = observation["remaining_edits"].float() / self.space.max_edits
        hot = [
            nn.functional.one_hot(observation[key].long(), high + 1)[..., 1:].flatten(1).float() for key, high in highs
        ]
        return torch.cat([*hot, left], dim=1)


class OneToken(nn.Module):
    """The whole observation as one token.

    Plan-edit observations are one-hot, large images go through SB3's `NatureCNN`, other entries of a Dict through its
    `CombinedExtractor`, and everything else is flat.

    Args:
        space: any that SB3's policies read.
        h_dim: channels.
    """

    def __init__(self, space: Space, h_dim: int) -> None:
        super().__init__()
        self.features = _features(space)
        self.embed = nn.Linear(int(self.features.features_dim), h_dim)  # type: ignore[arg-type]

    def forward(self, observation: Any) -> Tensor:
        """Observations -> (B, 1, h_dim)."""
        out: Tensor = self.embed(self.features(observation))[:, None]
        return out


def _features(space: Space) -> nn.Module:
    plans = plan_space(space)
    if plans is not None:
        return OneHotPlans(plans)
    if isinstance(space, spaces.Dict):
        return CombinedExtractor(space)
    if is_image_space(space) and min(np.sort(space.shape or ())[-2:]) >= NATURE_SIDE:
        assert isinstance(space, spaces.Box)
        return NatureCNN(space)
    return FlattenExtractor(space)


class Planes(nn.Module):
    """A grid of cells with channels, channels first, as a token a cell.

    Args:
        space: Box of shape (C, rows, columns).
        h_dim: channels of a token.
    """

    def __init__(self, space: spaces.Box, h_dim: int) -> None:
        super().__init__()
        self.embed = nn.Linear(space.shape[0], h_dim)

    def forward(self, observation: Tensor) -> Tensor:
        """(B, C, rows, columns) -> (B, T, h_dim)."""
        out: Tensor = self.embed(observation.float().flatten(2).transpose(1, 2))
        return out


class PlanCells(nn.Module):
    """Plan-edit observations as a token a cell: an embedding of what instance and plan have there, and the edits left.

    Args:
        space: the task.
        h_dim: channels of a token.
        still: leave out the plan and the edits left: what is injected then stays the same through an episode.
    """

    def __init__(self, space: PlanSpace, h_dim: int, still: bool) -> None:
        super().__init__()
        self.space, self.still = space, still
        self.categories = nn.Embedding((space.instance_high + 1) * (1 if still else space.plan_high + 1), h_dim)
        self.clock = None if still else nn.Linear(1, h_dim, bias=False)

    def forward(self, observation: dict[str, Tensor]) -> Tensor:
        """Plan-edit observations -> (B, n_cells, h_dim)."""
        values = observation["instance"].long()
        if self.clock is None:
            out: Tensor = self.categories(values)
            return out
        cells: Tensor = self.categories(values * (self.space.plan_high + 1) + observation["plan"].long())
        left: Tensor = self.clock(observation["remaining_edits"].to(cells.dtype) / self.space.max_edits)
        return cells + left[:, None]


class InstanceCategories(nn.Module):
    """The instances of plan-edit observations as `TokenInjection`: a token a cell, of the category that stands there.

    Args:
        space: the task.
        hidden: hidden channels of the core.
        width: its latent channels.
    """

    def __init__(self, space: PlanSpace, hidden: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.categories = nn.Parameter(torch.randn(space.instance_high + 1, hidden) / 2)

    def forward(self, observation: dict[str, Tensor]) -> TokenInjection:
        """Plan-edit observations -> categories (B, n_cells) and what each injects."""
        types = observation["instance"].to(torch.int16)
        shift = self.categories.new_zeros(len(types), len(self.categories), self.width)
        return TokenInjection(types, self.categories.expand(len(types), -1, -1), shift)


class Inputs(nn.Module):
    """An encoder of everything except the previous action, and, where it is asked for, the previous action.

    Args:
        space: of the observations.
        encoder: the class or function that builds an encoder from the remaining space.
        previous: the embedding of the previous action, or None.
    """

    def __init__(self, space: Space, encoder: Any, previous: Previous | None) -> None:
        super().__init__()
        rest = without_previous(space)
        self.alone = only_key(space)
        self.encoder: nn.Module = encoder(rest)
        self.previous = previous

    def forward(self, observation: Any) -> Tensor:
        """Observations -> (B, T, h_dim)."""
        tokens: Tensor = self.encoder(observation if self.alone is None else observation[self.alone])
        return tokens if self.previous is None else tokens + self.previous(observation)[:, None]


def only_key(space: Space) -> str | None:
    """The key of what a Dict holds beside the previous action, if it is one thing alone."""
    if not isinstance(space, spaces.Dict) or PREVIOUS not in space.spaces:
        return None
    rest = set(space.spaces) - {PREVIOUS}
    return rest.pop() if len(rest) == 1 else None


def without_previous(space: Space) -> Space:
    """A space without its previous action: what else a Dict holds, or the one thing that it holds."""
    if not isinstance(space, spaces.Dict) or PREVIOUS not in space.spaces:
        return space
    alone = only_key(space)
    rest = {key: each for key, each in space.spaces.items() if key != PREVIOUS}
    return spaces.Dict(rest) if alone is None else rest[alone]


def grid_of(space: Space) -> Grid | None:
    """The cells of an observation: those of a plan, or the pixels of planes; None where it is no grid.

    Instances of another shape than their plans are on no grid together.
    """
    plans = plan_space(space)
    if plans is not None:
        return Grid(plans.shape) if plans.n_instance_cells == plans.n_cells else None
    if isinstance(space, spaces.Box) and len(space.shape) == 3:
        return Grid((space.shape[1], space.shape[2]))
    return None
