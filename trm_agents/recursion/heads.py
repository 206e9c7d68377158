"""What is read from a latent: logits, values, advantages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import prod, sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional

from trm_agents.recursion.cores.base import spectral_norm
from trm_envs.plan_edit.mdp import PlanEditMDP


def mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """One hidden layer whose output starts at zero, so that a fresh policy is uniform and a fresh value constant."""
    last = nn.Linear(hidden, outputs)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), last)


@torch.no_grad()
def norms(layers: nn.Module) -> float:
    """Product of the spectral norms of all linear layers."""
    linear = [module.weight for module in layers.modules() if isinstance(module, nn.Linear)]
    return prod(float(spectral_norm(weight.double())) for weight in linear)


class ActionHead(nn.Module, ABC):
    """Latent -> one number an action, shape (B, n_actions)."""

    @abstractmethod
    def forward(self, h: Tensor) -> Tensor:
        """Read all actions."""


class ValueHead(nn.Module, ABC):
    """Latent -> one number a state, shape (B,)."""

    @abstractmethod
    def forward(self, h: Tensor) -> Tensor:
        """Read the value."""

    @abstractmethod
    def lipschitz_bound(self) -> float:
        """Bound on |V(h) - V(h')| / |h - h'| in the Euclidean norm over all entries, from the weights; in float64."""


class TokenActionHead(ActionHead):
    """Edits are read from their own token, erasing from the cell, stopping from the whole grid.

    Cell positions are kept: nothing is pooled away that an edit depends on.

    Args:
        mdp: the task and its actions.
        width: d.
        each: edits read from each token.
    """

    def __init__(self, mdp: PlanEditMDP, width: int, each: int) -> None:
        super().__init__()
        self.edit = mlp(2 * width, width, each)
        self.erase = mlp(width, width, 1) if mdp.task.can_erase else None
        self.stop = mlp(width, width, 1) if mdp.stop_action is not None else None

    def forward(self, h: Tensor) -> Tensor:
        """(B, n_cells, n_symbols, d) -> (B, n_actions)."""
        cell = h.mean(2)
        blocks = [self._edits(h, cell).flatten(1)]
        if self.erase is not None:
            blocks.append(self.erase(cell).flatten(1))
        if self.stop is not None:
            blocks.append(self.stop(cell.mean(1)))
        return torch.cat(blocks, dim=1)

    def _edits(self, h: Tensor, cell: Tensor) -> Tensor:
        """`edit` of each token beside the mean of its cell, whose share of the first layer is computed once a cell."""
        first, rectify, last = self.edit
        assert isinstance(first, nn.Linear)
        of_token, of_cell = first.weight.chunk(2, dim=1)
        hidden = functional.linear(h, of_token, first.bias) + functional.linear(cell, of_cell).unsqueeze(2)
        out: Tensor = last(rectify(hidden))
        return out


class TokenValueHead(ValueHead):
    """A hidden layer for each token, their mean, then another hidden layer.

    A mean over T tokens is 1 / sqrt(T)-Lipschitz and a rectifier is 1-Lipschitz, so the head is Lipschitz with the
    product of the three spectral norms over sqrt(T).

    Args:
        width: d.
        n_tokens: T.
        hidden: channels of the layer after the mean.
    """

    def __init__(self, width: int, n_tokens: int, hidden: int = 64) -> None:
        super().__init__()
        self.n_tokens = n_tokens
        self.token = nn.Linear(width, 2 * width)
        self.grid = mlp(2 * width, hidden, 1)

    def forward(self, h: Tensor) -> Tensor:
        """(B, n_cells, n_symbols, d) -> (B,)."""
        out: Tensor = self.grid(torch.relu(self.token(h)).mean((1, 2))).squeeze(1)
        return out

    def lipschitz_bound(self) -> float:
        """See `ValueHead`."""
        return norms(self) / sqrt(self.n_tokens)


class VectorActionHead(ActionHead):
    """A hidden layer on the latent vector."""

    def __init__(self, width: int, n_actions: int) -> None:
        super().__init__()
        self.read = mlp(width, width, n_actions)

    def forward(self, h: Tensor) -> Tensor:
        """(B, d) -> (B, n_actions)."""
        out: Tensor = self.read(h)
        return out


class VectorValueHead(ValueHead):
    """A hidden layer on the latent vector."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.read = mlp(width, width, 1)

    def forward(self, h: Tensor) -> Tensor:
        """(B, d) -> (B,)."""
        out: Tensor = self.read(h).squeeze(1)
        return out

    def lipschitz_bound(self) -> float:
        """See `ValueHead`."""
        return norms(self)
