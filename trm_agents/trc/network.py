"""The recursive network of TRC: two latents over patches of time steps, one small core for both."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from trm_agents.recursion.cores.base import at_most_one, checked, spectral_norm
from trm_agents.recursion.cores.projection import project_ball

OUTPUT_SCALE = 0.1
"""Edits of a new network are small: its last weights are scaled by this."""

CONSTANT_SPEED = 5.0
"""The constants of each time step, a handful of numbers, learn so many times as fast as other weights."""


class Latents(NamedTuple):
    """What is carried from edit to edit, each of shape (B, tokens, width)."""

    low: Tensor
    """z_L."""
    high: Tensor
    """z_H, which the edit is read from."""


class TimeMixing(nn.Module):
    """The core f: z <- z + W_2 relu(W_1 z + b) over tokens, then an MLP over channels, then an RMS norm.

    Args:
        tokens: T.
        width: d, channels of a token.
        hidden_time: width of the mixing over tokens.
    """

    share = 1.0
    """Of the two latents in what f reads, beside the context."""

    def __init__(self, tokens: int, width: int, hidden_time: int) -> None:
        super().__init__()
        self.mix_in = nn.Parameter(torch.randn(hidden_time, tokens) / tokens**0.5)
        self.mix_bias = nn.Parameter(torch.zeros(hidden_time, 1))
        self.mix_out = nn.Parameter(torch.randn(tokens, hidden_time) / hidden_time**0.5)
        self.channels_in = nn.Linear(width, 2 * width)
        self.channels_out = nn.Linear(2 * width, width)

    def forward(self, z: Tensor) -> Tensor:
        """f(z), (B, T, d) -> (B, T, d)."""
        z = z + self.mix_out @ torch.relu(self.mix_in @ z + self.mix_bias)
        z = z + self.channels_out(torch.relu(self.channels_in(z)))
        return functional.rms_norm(z, (z.shape[-1],), eps=1e-6)


class CertifiedTimeMixing(nn.Module):
    """A core f that is L-Lipschitz by construction, whatever its weights are, in the Euclidean norm over all entries.

    f(z) = L Pi_R(c(m)), m = z - 2 M^T relu(M z + b) over tokens, c(m) = m - 2 relu(m C^T + e) C over channels, with M
    and C divided by max(1, |M|) and max(1, |C|), their largest singular values. Each of the two is 1-Lipschitz (Meunier
    et al. 2022, convex potential layers), and so is the projection onto the ball in which entries have size one.

    With half of either latent in what f reads, an edit takes (z_L, z_H) to latents that are L-Lipschitz in it, in the
    norm max(|z_L|, |z_H|): averages are 1-Lipschitz there, and c is the same for both. With L < 1, where a plan stands,
    latents go to one fixed point from wherever they start, at a rate of L an edit.

    Args:
        tokens: T.
        width: d, channels of a token.
        hidden_time: width of the mixing over tokens.
        lipschitz: L, within (0, 1].

    Raises:
        ValueError: L is outside its range.
    """

    share = 0.5
    """See `TimeMixing`."""

    def __init__(self, tokens: int, width: int, hidden_time: int, lipschitz: float) -> None:
        super().__init__()
        self.lipschitz = checked(lipschitz)
        self.radius = (tokens * width) ** 0.5
        self.mix = nn.Parameter(torch.randn(hidden_time, tokens) / tokens**0.5)
        self.mix_bias = nn.Parameter(torch.zeros(hidden_time, 1))
        self.channels = nn.Linear(width, 2 * width)

    def forward(self, z: Tensor) -> Tensor:
        """f(z), (B, T, d) -> (B, T, d)."""
        mix, channels = (at_most_one(each, spectral_norm(each)) for each in (self.mix, self.channels.weight))
        z = z - 2.0 * mix.T @ torch.relu(mix @ z + self.mix_bias)
        z = z - 2.0 * torch.relu(functional.linear(z, channels, self.channels.bias)) @ channels
        return self.lipschitz * project_ball(z, self.radius)[0]


class TinyController(nn.Module):
    """One edit: z_L <- f(z_L + z_H + c), `inner` times, then z_H <- f(z_H + z_L), and a linear readout of z_H.

    c is the sum of an embedding of each patch, an embedding of the whole, and a learned place. Where a plan has numbers
    that belong to no step, one more token stands for them. A core that is a contraction reads half of either latent:
    f((z_L + z_H) / 2 + c).

    Args:
        horizon: time steps N of a plan.
        step_features: numbers that are read of each time step.
        summary_features: numbers that are read of the whole.
        outputs: numbers of an edit for each time step.
        width: d, channels of a token.
        hidden_time: width of the mixing over time.
        patch: time steps of a token; divides N.
        inner: steps of z_L before the one of z_H.
        whole: numbers of an edit that belong to no time step.
        lipschitz: L of a core that is a contraction by construction (`CertifiedTimeMixing`); None: `TimeMixing`.
    """

    def __init__(
        self,
        horizon: int,
        step_features: int,
        summary_features: int,
        outputs: int,
        *,
        width: int,
        hidden_time: int,
        patch: int,
        inner: int,
        whole: int = 0,
        lipschitz: float | None = None,
    ) -> None:
        super().__init__()
        self.patches, self.width, self.inner = horizon // patch, width, inner
        self.tokens = self.patches + (whole > 0)
        self.embed = nn.Linear(step_features * patch, width)
        self.embed_summary = nn.Sequential(nn.Linear(summary_features, width), nn.ReLU(), nn.Linear(width, width))
        self.place = nn.Parameter(0.5 * torch.randn(self.tokens, width))
        self.core = (
            TimeMixing(self.tokens, width, hidden_time)
            if lipschitz is None
            else CertifiedTimeMixing(self.tokens, width, hidden_time, lipschitz)
        )
        self.readout = nn.Linear(width, outputs * patch)
        self.constants = nn.Parameter(torch.zeros(horizon, outputs))
        self.readout_whole = nn.Linear(width, whole) if whole else None
        for readout in (self.readout, self.readout_whole):
            if readout is not None:
                with torch.no_grad():
                    readout.weight.mul_(OUTPUT_SCALE)
                    readout.bias.zero_()

    def forward(self, steps: Tensor, summary: Tensor, latents: Latents) -> tuple[Tensor, Tensor, Latents]:
        """An edit, unbounded, of each time step, shape (B, N, outputs), and of the whole, shape (B, whole); latents.

        Args:
            steps: what is read of each time step, shape (B, N, step_features).
            summary: what is read of the whole, shape (B, summary_features).
            latents: those of the edit before.
        """
        low, high = latents
        context = self.embed(steps.reshape(len(steps), self.patches, -1))
        context = functional.pad(context, (0, 0, 0, self.tokens - self.patches))
        context = context + self.embed_summary(summary)[:, None] + self.place
        share = self.core.share
        for _ in range(self.inner):
            low = self.core(share * (low + high) + context)
        high = self.core(share * (high + low))
        edit = self.readout(high[:, : self.patches]).reshape(len(steps), len(self.constants), -1)
        whole = high[:, -1, :0] if self.readout_whole is None else self.readout_whole(high[:, -1])
        return edit + CONSTANT_SPEED * self.constants, whole, Latents(low, high)
