"""How the tokens of a latent exchange what they hold: one map a layer, (B, T, d) -> (B, T, d)."""

from __future__ import annotations

from collections.abc import Mapping
from math import log, prod
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Mixer = Literal["neighbours", "conv", "attention", "mlp"]
MIXERS: tuple[str, ...] = get_args(Mixer)


class Grid(NamedTuple):
    """Where the tokens of a latent stand."""

    shape: tuple[int, int]
    """Rows and columns; token t stands in row t // columns."""
    groups: Mapping[str, NDArray[np.int64]] | None = None
    """Cells of each group by kind, as `PlanTask.groups`; None: the four neighbours of a cell."""

    @property
    def n_tokens(self) -> int:
        """T."""
        return prod(self.shape)


def adjacency(grid: Grid) -> Tensor:
    """Which tokens hear which, by kind of group, over the largest number that one hears: (kinds, T, T), float32."""
    kinds = [neighbour_pairs(grid.shape)] if grid.groups is None else list(grid.groups.values())
    hears = torch.zeros(len(kinds), grid.n_tokens, grid.n_tokens)
    for matrix, groups in zip(hears, kinds, strict=True):
        for group in groups:
            cells = torch.from_numpy(group[group >= 0].astype(np.int64))
            matrix[cells[:, None], cells] = 1.0
        matrix.fill_diagonal_(0.0)
    return hears / hears.sum(2).amax(1).clamp_min(1.0)[:, None, None]


def neighbour_pairs(shape: tuple[int, int]) -> NDArray[np.int64]:
    """Pairs of cells that share an edge, (pairs, 2)."""
    cells = np.arange(prod(shape)).reshape(shape)
    across, down = (cells[:, :-1], cells[:, 1:]), (cells[:-1], cells[1:])
    return np.concatenate([np.stack([one.ravel(), other.ravel()], 1) for one, other in (across, down)])


class Neighbours(nn.Module):
    """A map for each kind of group, of the sums over the other tokens of a token's groups, or of maxima over them.

    It commutes with every symmetry of the grid that keeps the groups.

    Args:
        width: d.
        grid: where the tokens stand.
        peaks: channels, the last ones, of which the map hears maxima in place of sums.
    """

    hears: Tensor

    def __init__(self, width: int, grid: Grid, peaks: int = 0) -> None:
        super().__init__()
        self.peaks = peaks
        self.register_buffer("hears", adjacency(grid), persistent=False)
        for kind, hears in enumerate(self.hears if peaks else ()):
            self.register_buffer(f"heard{kind}", heard(hears > 0), persistent=False)
        self.maps = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in self.hears)

    def forward(self, z: Tensor) -> Tensor:
        """(B, T, d) -> (B, T, d)."""
        return torch.stack([send(self._heard(kind, z)) for kind, send in enumerate(self.maps)]).sum(0)

    def _heard(self, kind: int, z: Tensor) -> Tensor:
        summed, raised = z.tensor_split([z.shape[2] - self.peaks], dim=2)
        sums = self.hears[kind] @ summed
        if not self.peaks:
            return sums
        tokens = self.get_buffer(f"heard{kind}")
        members = raised.index_select(1, tokens.flatten()).reshape(len(z), *tokens.shape, self.peaks)
        return torch.cat([sums, members.amax(2)], dim=2)


def heard(hears: Tensor) -> Tensor:
    """The tokens that each token hears, (T, T) of bool -> (T, most).

    Where there are fewer, one is there several times, which changes no maximum. A token that hears none hears itself.
    """
    own = torch.arange(len(hears))
    rows = [torch.nonzero(row)[:, 0] if bool(row.any()) else token[None] for row, token in zip(hears, own, strict=True)]
    most = max(map(len, rows))
    return torch.stack([row[torch.arange(most).clamp_max(len(row) - 1)] for row in rows])


class Conv(nn.Module):
    """A 3x3 convolution; beyond the edge are zeros.

    Args:
        width: d.
        grid: where the tokens stand.
    """

    def __init__(self, width: int, grid: Grid) -> None:
        super().__init__()
        self.shape = grid.shape
        self.conv = nn.Conv2d(width, width, 3, padding=1, bias=False)

    def forward(self, z: Tensor) -> Tensor:
        """(B, T, d) -> (B, T, d)."""
        planes: Tensor = self.conv(z.transpose(1, 2).reshape(len(z), -1, *self.shape))
        return planes.flatten(2).transpose(1, 2)


class Attention(nn.Module):
    """Softmax attention with up to four heads; queries and keys know rows and columns by sines.

    Args:
        width: d, a multiple of 4.
        grid: where the tokens stand.
    """

    places: Tensor

    def __init__(self, width: int, grid: Grid) -> None:
        super().__init__()
        if width % 4:
            raise ValueError(f"mixer='attention' needs a width that is a multiple of 4, got {width}")
        self.heads = 4 if width >= 32 else 1
        self.register_buffer("places", sines(grid.shape, width), persistent=False)
        self.where = nn.Linear(width, 2 * width, bias=False)
        self.what = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, z: Tensor) -> Tensor:
        """(B, T, d) -> (B, T, d)."""
        query, key = (self._split(part) for part in self.where(z + self.places).chunk(2, dim=2))
        value = self._split(self.what(z))
        # Written out: the fused kernel has no second derivative, which TRPO takes.
        weights = torch.softmax(query @ key.transpose(2, 3) / query.shape[3] ** 0.5, dim=3)
        out: Tensor = self.out((weights @ value).transpose(1, 2).flatten(2))
        return out

    def _split(self, z: Tensor) -> Tensor:
        """(B, T, d) -> (B, heads, T, d / heads)."""
        return z.reshape(*z.shape[:2], self.heads, -1).transpose(1, 2)


def sines(shape: tuple[int, int], width: int) -> Tensor:
    """Sines and cosines of rows and of columns at width / 4 wavelengths, shape (T, width), float32."""
    rows, columns = torch.meshgrid(*(torch.arange(n, dtype=torch.float32) for n in shape), indexing="ij")
    rates = torch.exp(-log(100.0) * torch.arange(width // 4) / (width // 4))
    angles = torch.cat([rows.reshape(-1, 1) * rates, columns.reshape(-1, 1) * rates], dim=1)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class AcrossTokens(nn.Module):
    """A linear map over tokens, the same for all channels.

    Args:
        width: d.
        grid: where the tokens stand.
    """

    def __init__(self, width: int, grid: Grid) -> None:
        super().__init__()
        self.map = nn.Linear(grid.n_tokens, grid.n_tokens)

    def forward(self, z: Tensor) -> Tensor:
        """(B, T, d) -> (B, T, d)."""
        out: Tensor = self.map(z.transpose(1, 2)).transpose(1, 2)
        return out


_CLASSES: Mapping[str, type[nn.Module]] = {
    "neighbours": Neighbours,
    "conv": Conv,
    "attention": Attention,
    "mlp": AcrossTokens,
}


def build_mixer(mixer: Mixer | None, width: int, grid: Grid, maxima: float = 0.0) -> nn.Module | None:
    """A new mixer of this kind; None where tokens exchange nothing.

    Args:
        mixer: which.
        width: d.
        grid: where the tokens stand.
        maxima: share of the channels of which `neighbours` hears maxima.

    Raises:
        ValueError: there is no such mixer.
    """
    if mixer is None:
        return None
    if mixer not in _CLASSES:
        raise ValueError(f"mixer must be one of {', '.join(map(repr, MIXERS))} or None, got {mixer!r}")
    return Neighbours(width, grid, round(maxima * width)) if mixer == "neighbours" else _CLASSES[mixer](width, grid)
