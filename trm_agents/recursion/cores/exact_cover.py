"""The exact-cover core: messages between the (cell, symbol) tokens of a puzzle."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from trm_agents.recursion.cores import autograd
from trm_agents.recursion.cores.base import Unrolled, unrolled
from trm_agents.recursion.cores.layout import Layout, layout
from trm_agents.recursion.cores.tokens import Groups, PlanCore, TokenInjection, of_types
from trm_envs.plan_edit.task import GRAPH, PlanTask


class StepMaps(NamedTuple):
    """The step z' = keep z + B relu(A z + I) + J + b."""

    keep: float
    own: Tensor
    """A's map of the token itself, (H, d)."""
    maps: Tensor
    """A's maps of the sums, (kinds, H, d)."""
    out: Tensor
    """B's map of the token itself, (d, H)."""
    back: Tensor
    """B's maps of the sums, (kinds, d, H), or none, (0, d, H)."""


class ExactCoverCore(PlanCore):
    """Messages between the candidates (cell, symbol) of a puzzle seen as exact cover.

    z' = Pi_R(z + W_2 relu(A z + I) + J + b) with A z = W_0 z + sum_k W_k (sums over groups of kind k) + W_s (sum over
    the symbols of the cell, if it has several), where a kind of pairs is a graph, and its sums are those over the
    neighbours of a cell. Where every state has a graph of its own, that graph is the last kind, and it comes with the
    injection.

    A group of cells with a symbol is a constraint, and so is a cell. Weights are shared by all tokens, groups of a
    kind, symbols and inner steps, so the step commutes with every symmetry of the puzzle that keeps the groups, and has
    no size: a core trained on one size of grid runs on another. Latents have shape (B, T, d), token
    t = cell * n_symbols + symbol.

    Args:
        width: d.
        groups: cells of each group by kind, as `PlanTask.groups`.
        n_cells: cells of the task.
        n_symbols: symbols of the task, or 1 for one token a cell.
        peaks: channels, the last ones, of which tokens hear maxima over their groups in place of sums.
    """

    members: Tensor
    groups_of: Tensor
    ends: Tensor
    hearers: Tensor
    parts_of: Tensor

    def __init__(self, width: int, groups: Groups, n_cells: int, n_symbols: int, peaks: int = 0) -> None:
        super().__init__(n_cells, n_symbols)
        self.peaks = peaks
        for name, array in layout(groups, n_cells, n_symbols)._asdict().items():
            self.register_buffer(name, torch.from_numpy(array), persistent=False)
        # Groups that were not declared name no graph, though states may have one.
        self._graphs = list(groups.values())[-1].shape == GRAPH.shape
        hidden = 2 * width
        self.own = nn.Parameter(torch.randn(hidden, width) / sqrt(width))
        self.maps = nn.Parameter(torch.randn(len(self.ends), hidden, width) * (0.35 / sqrt(width)))
        self.out = self._out(width, hidden)
        self.bias = nn.Parameter(torch.zeros(width))

    def _out(self, width: int, hidden: int) -> nn.Parameter | None:
        """W_2, where it is a map of its own."""
        return nn.Parameter(torch.randn(width, hidden) * (0.5 / sqrt(hidden)))

    def step_maps(self) -> StepMaps:
        """The maps that an inner step uses."""
        assert self.out is not None
        return StepMaps(1.0, self.own, self.maps, self.out, self.maps.new_zeros(0, *self.out.shape))

    @property
    def hidden(self) -> int:
        """H, hidden channels of a token: twice its latent channels."""
        return len(self.own)

    @property
    def width(self) -> int:
        """d, latent channels of a token."""
        return len(self.bias)

    def unroll(
        self, injection: TokenInjection, latent: Tensor | None, steps: int, radius: float | None, kept: int
    ) -> Unrolled:
        """Take inner steps, compiled where that is possible: on the CPU, in float32, with no gradient for `latent`."""
        given = latent is not None and latent.requires_grad
        if not given and self.own.device.type == "cpu" and self.own.dtype == torch.float32:
            gain, (keep, own, maps, out, back) = self.gain(radius), self.step_maps()
            shift = (injection.shift + self.bias) / gain
            weights = injection.table, shift, own * gain, maps * gain, out / gain, back / gain
            cells = Layout(*(getattr(self, name).numpy() for name in Layout._fields))
            graphs = self._edges(injection)
            edges = None if graphs is None else graphs.numpy()
            return autograd.unroll(
                injection.types.numpy(), latent, cells, edges, self.peaks, keep, radius, steps, kept, weights
            )
        return unrolled(lambda z: self.step(z, injection, self.gain(radius)), latent, steps, radius, kept)

    def step(self, z: Tensor | None, injection: TokenInjection, gain: float) -> Tensor:
        """One inner step before its projection, (B, T, d); None stands for z_0 = 0."""
        keep, own, maps, out, back = self.step_maps()
        if z is None:
            z = own.new_zeros(len(injection.types), self.n_cells * self.n_symbols, len(self.bias))
        edges = self._edges(injection)
        hidden = torch.relu(
            of_types(injection.table, injection.types) + gain * self._mix(own, maps, z, edges, self.peaks)
        )
        shift = of_types(injection.shift + self.bias, injection.types)
        return keep * z + (self._mix(out, back, hidden, edges) + shift) / gain

    def _edges(self, injection: TokenInjection) -> Tensor | None:
        """The graphs of the states, where the core hears them."""
        return injection.neighbours if self._graphs else None

    def _mix(self, own: Tensor, maps: Tensor, x: Tensor, neighbours: Tensor | None = None, peaks: int = 0) -> Tensor:
        """Map each token and the sums over its groups and over the symbols of its cell: (B, T, K) -> (B, T, J)."""
        mixed = x @ own.T
        if not len(maps):
            return mixed
        cells = self.tokens(x)
        if self.n_symbols > 1:
            mixed = mixed + (cells.sum(2) @ maps[-1].T).repeat_interleave(self.n_symbols, dim=1)
        kinds = list(zip(maps, self._by_kind(self.members), self._by_kind(self.hearers)))  # noqa: B905
        if neighbours is not None:
            graph = kinds.pop()[0]
            heard = _raised(_over(neighbours, cells), cells, neighbours, peaks)
            mixed = mixed + (heard @ graph.T).flatten(1, 2)
        # With several symbols the last map is that of the cell sums, and has no kind.
        for weight, members, hearers in kinds:
            sums = torch.einsum("gc,bcsk->bgsk", self._incidence(members, x), cells)
            sent = _raised(sums, cells, members, peaks) @ weight.T
            mixed = mixed + torch.einsum("gc,bgsj->bcsj", self._incidence(hearers, x), sent).flatten(1, 2)
        return mixed

    def _by_kind(self, rows: Tensor) -> list[Tensor]:
        """The rows of each kind, (groups of the kind, most) each."""
        ends = self.ends[:-1] if self.n_symbols > 1 else self.ends
        counts = torch.diff(ends, prepend=self.ends.new_zeros(1)) // self.n_symbols
        return list(torch.split(rows, counts.tolist()))

    def _incidence(self, rows: Tensor, like: Tensor) -> Tensor:
        """Which cells each row holds, (rows, n_cells)."""
        # The last column takes the padding.
        table = torch.zeros(len(rows), self.n_cells + 1).to(like)
        return table.scatter_(1, torch.where(rows < 0, self.n_cells, rows), 1.0)[:, :-1]


def _over(neighbours: Tensor, cells: Tensor) -> Tensor:
    """Sums over the neighbours of each cell: (B, n_cells, most), (B, n_cells, n_symbols, K) -> as `cells`."""
    n_cells = neighbours.shape[1]
    # The last column takes the padding.
    table = cells.new_zeros(len(neighbours), n_cells, n_cells + 1)
    table.scatter_(2, torch.where(neighbours < 0, n_cells, neighbours), 1.0)
    return torch.einsum("bij,bjsk->bisk", table[:, :, :-1], cells)


def _raised(sums: Tensor, cells: Tensor, rows: Tensor, peaks: int) -> Tensor:
    """Sums whose last channels are maxima over the cells of their rows instead; 0 where a row holds none.

    Args:
        sums: (B, rows, n_symbols, K).
        cells: (B, n_cells, n_symbols, K).
        rows: cells of each, -1 pads, (rows, most) or (B, rows, most).
        peaks: how many channels.
    """
    if not peaks:
        return sums
    rows = rows.expand(len(cells), -1, -1)
    # A cell that is there twice changes no maximum.
    held = torch.where(rows < 0, rows[..., :1], rows).clamp_min(0)
    top = cells[torch.arange(len(cells), device=rows.device)[:, None, None], held, :, -peaks:].amax(2)
    return torch.cat([sums[..., :-peaks], top * (rows[..., :1, None] >= 0)], dim=-1)


@dataclass(frozen=True)
class ExactCover:
    """The exact-cover core without a contraction. It knows the groups, and that all symbols are alike.

    Args:
        maxima: share of the channels of which tokens hear maxima over their groups in place of sums, within [0, 1]. A
            sum grows with the number of ways by which something arrives, so that maxima suit shortest paths (Veličković
            et al. 2020, arXiv:1910.10593).

    Raises:
        ValueError: a share outside its range.
    """

    maxima: float = 0.0
    alike: ClassVar[bool] = True
    symmetries: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.maxima <= 1.0:
            raise ValueError(f"ExactCover: maxima must be within [0, 1], got {self.maxima!r}")

    def build(self, width: int, task: PlanTask) -> ExactCoverCore:
        """See `TokenCore`."""
        return ExactCoverCore(width, task.groups, task.n_cells, task.n_symbols, round(self.maxima * width))


@dataclass(frozen=True)
class Cells:
    """The exact-cover core over cells. It knows the groups, and not that symbols are alike: channels tell them apart.

    Args:
        symmetries: HindsightTRM turns states by the symmetries that the task declares, those of the symbols among them.
    """

    symmetries: bool = True
    alike: ClassVar[bool] = False

    def build(self, width: int, task: PlanTask) -> ExactCoverCore:
        """See `TokenCore`."""
        return ExactCoverCore(width, task.groups, task.n_cells, 1)
