"""Networks that mark cells of a maze: one layer again and again, or layers of their own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from trm_agents.recursion import Grid, Inject, Mixer, TwoLevelCore
from trm_agents.recursion.cores.mixers import build_mixer
from trm_agents.recursion.cores.two_level import Layer

KINDS = 4
"""Values of a cell: free, wall, start, goal."""


class Marks(NamedTuple):
    """What a network says of B mazes after each of K cycles; K = 1 where there are none."""

    logits: Tensor
    """Of every cell being on the path, shape (K, B, N * N)."""
    halts: Tensor | None
    """Logits of all cells being right by now, shape (K, B); None where the network does not say."""


class PathNetwork(nn.Module, ABC):
    """Marks the cells of mazes of side N."""

    depth: int
    """Layers, one after the other, that let cells exchange what they hold."""

    @abstractmethod
    def forward(self, mazes: Tensor, cycles: int | None = None, warm: int = 0) -> Marks:
        """Mark mazes of shape (B, N * N), int64.

        Args:
            mazes: what is to be marked.
            cycles: how many to take and read; None: as many as the network is made for.
            warm: how many to take before, without a gradient.
        """

    @abstractmethod
    def of_side(self, side: int) -> PathNetwork:
        """A network of the same weights for mazes of another side."""


class RecursivePaths(PathNetwork):
    """The two-level recursion, one token a cell.

    Args:
        side: N.
        k_cycles, h_dim, l_dim, n_h_layers, n_l_layers, carry, inject, mixer: see `TwoLevelCore`.
    """

    def __init__(
        self,
        side: int,
        *,
        k_cycles: int = 5,
        h_dim: int = 16,
        l_dim: int = 8,
        n_h_layers: int = 2,
        n_l_layers: int = 1,
        carry: bool = False,
        inject: Inject = "every",
        mixer: Mixer = "conv",
    ) -> None:
        super().__init__()
        self.words = {
            "k_cycles": k_cycles, "h_dim": h_dim, "l_dim": l_dim, "n_h_layers": n_h_layers,
            "n_l_layers": n_l_layers, "carry": carry, "inject": inject, "mixer": mixer,
        }  # fmt: skip
        self.k_cycles, self.depth = k_cycles, k_cycles * n_h_layers
        self.cells = nn.Embedding(KINDS, h_dim)
        self.core = TwoLevelCore(
            h_dim, l_dim, Grid((side, side)), n_h_layers=n_h_layers, n_l_layers=n_l_layers, carry=carry, inject=inject,
            mixer=mixer,
        )  # fmt: skip
        self.mark, self.halt = nn.Linear(h_dim, 1), nn.Linear(h_dim, 1)

    def forward(self, mazes: Tensor, cycles: int | None = None, warm: int = 0) -> Marks:
        """See `PathNetwork`."""
        cycles = self.k_cycles if cycles is None else cycles
        injection, latent = self.cells(mazes), None
        if warm:
            with torch.no_grad():
                latent = self.core.unroll(injection, None, warm, None, 1).latents[-1]
            injection = self.core.later(injection)
        latents = self.core.unroll(injection, latent, cycles, None, cycles).latents
        h = self.core.tokens(latents)
        # All cells are right if the one that is least so is. What halting learns is not to change what is marked.
        sure = self.halt(h.detach()).squeeze(3)
        return Marks(self.mark(h).squeeze(3), sure.amin(2))

    def of_side(self, side: int) -> RecursivePaths:
        """See `PathNetwork`."""
        other = RecursivePaths(side, **self.words)  # type: ignore[arg-type]
        other.load_state_dict(self.state_dict())
        return other


class StackedPaths(PathNetwork):
    """Layers as those of the recursion, each with weights of its own: a CNN, or a transformer.

    Args:
        side: N.
        depth: layers.
        width: channels.
        mixer: `conv` makes a residual CNN, `attention` a transformer.
    """

    def __init__(self, side: int, *, depth: int, width: int, mixer: Mixer) -> None:
        super().__init__()
        self.depth, self.width, self.mixer = depth, width, mixer
        self.cells = nn.Embedding(KINDS, width)
        grid = Grid((side, side))
        self.layers = nn.Sequential(*(Layer(width, build_mixer(mixer, width, grid)) for _ in range(depth)))
        self.mark = nn.Linear(width, 1)

    def forward(self, mazes: Tensor, cycles: int | None = None, warm: int = 0) -> Marks:
        """See `PathNetwork`; it takes no cycles."""
        return Marks(self.mark(self.layers(self.cells(mazes))).squeeze(2)[None], None)

    def of_side(self, side: int) -> StackedPaths:
        """See `PathNetwork`."""
        other = StackedPaths(side, depth=self.depth, width=self.width, mixer=self.mixer)
        other.load_state_dict(self.state_dict())
        return other


def weights(network: nn.Module) -> int:
    """Numbers that are learned."""
    return sum(weight.numel() for weight in network.parameters())


def fitted_width(build: Callable[[int], nn.Module], wanted: int, step: int = 1) -> int:
    """The width, a multiple of `step`, at which a network has as nearly as possible as many weights as wanted."""
    width = step
    while weights(build(width + step)) <= wanted:
        width += step
    below, above = (abs(weights(build(each)) - wanted) for each in (width, width + step))
    return width if below <= above else width + step
