"""A core of two levels: h sees the whole, l works on each token, and both stand side by side in one latent."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from trm_agents.recursion.cores.base import Core, Unrolled, unrolled
from trm_agents.recursion.cores.mixers import Grid, Mixer, build_mixer

Inject = Literal["every", "once"]

EPSILON = 1e-6
"""Of the RMS norm."""


def rms_norm(z: Tensor) -> Tensor:
    """Every token divided by the root mean square of its channels."""
    return z * torch.rsqrt(z.square().mean(-1, keepdim=True) + EPSILON)


class SwiGLU(nn.Module):
    """W_3 (silu(W_1 z) * W_2 z) with twice as many hidden channels as channels.

    Args:
        width: channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.expand = nn.Linear(width, 4 * width, bias=False)
        self.contract = nn.Linear(2 * width, width, bias=False)

    def forward(self, z: Tensor) -> Tensor:
        """(B, T, d) -> (B, T, d)."""
        gate, content = self.expand(z).chunk(2, dim=-1)
        out: Tensor = self.contract(functional.silu(gate) * content)
        return out


class Layer(nn.Module):
    """z <- norm(z + mixer(z)), where there is a mixer; z <- norm(z + SwiGLU(z)).

    Args:
        width: channels.
        mixer: how tokens exchange what they hold, or None.
    """

    def __init__(self, width: int, mixer: nn.Module | None) -> None:
        super().__init__()
        self.mixer = mixer
        self.swiglu = SwiGLU(width)

    def forward(self, z: Tensor) -> Tensor:
        """(B, T, d) -> (B, T, d)."""
        if self.mixer is not None:
            z = rms_norm(z + self.mixer(z))
        return rms_norm(z + self.swiglu(z))


class TwoLevelCore(Core):
    """One inner step is a cycle: h hears the input, l hears h, h hears l.

    h' = H(h + x), l' = L(l + D h'), h'' = norm(h' + U l'), where H and L are layers of SwiGLU with residuals and RMS
    norms, and only the layers of H mix tokens. Latents have shape (B, T, h_dim + l_dim), h first; injections x have
    shape (B, T, h_dim). Heads read h.

    Args:
        h_dim: channels of h.
        l_dim: channels of l.
        grid: where the T tokens stand.
        n_h_layers: layers of H, each with a mixer of its own.
        n_l_layers: layers of L.
        carry: whether l goes on from cycle to cycle; otherwise each cycle begins with l = 0.
        inject: x enters in `every` cycle, or `once`, in the first cycle of a pass.
        mixer: how tokens exchange what they hold.
        maxima: share of the channels of which the mixer `neighbours` hears maxima in place of sums.

    Raises:
        ValueError: a number of channels or layers is below 1, or a word is unknown.
    """

    def __init__(
        self,
        h_dim: int,
        l_dim: int,
        grid: Grid = Grid((1, 1)),  # noqa: B008  # immutable
        *,
        n_h_layers: int = 2,
        n_l_layers: int = 1,
        carry: bool = False,
        inject: Inject = "every",
        mixer: Mixer | None = None,
        maxima: float = 0.0,
    ) -> None:
        super().__init__()
        for name, number in (
            ("h_dim", h_dim),
            ("l_dim", l_dim),
            ("n_h_layers", n_h_layers),
            ("n_l_layers", n_l_layers),
        ):
            if number < 1:
                raise ValueError(f"{name} must be at least 1, got {number}")
        if inject not in ("every", "once"):
            raise ValueError(f"inject must be 'every' or 'once', got {inject!r}")
        self.h_dim, self.l_dim, self.n_tokens = h_dim, l_dim, grid.n_tokens
        self.carry, self.inject = carry, inject
        self.high = nn.Sequential(*(Layer(h_dim, build_mixer(mixer, h_dim, grid, maxima)) for _ in range(n_h_layers)))
        self.low = nn.Sequential(*(Layer(l_dim, None) for _ in range(n_l_layers)))
        self.down = nn.Linear(h_dim, l_dim)
        self.up = nn.Linear(l_dim, h_dim)

    @property
    def size(self) -> int:
        """Entries of a latent."""
        return self.n_tokens * (self.h_dim + self.l_dim)

    def tokens(self, latent: Tensor) -> Tensor:
        """The h of every token: (B, T, h_dim + l_dim) -> (B, T, h_dim)."""
        return latent[..., : self.h_dim]

    def later(self, injection: Tensor) -> Tensor:
        """What is injected after the first cycle of a pass."""
        return injection if self.inject == "every" else torch.zeros_like(injection)

    def unroll(self, injection: Tensor, latent: Tensor | None, steps: int, radius: float | None, kept: int) -> Unrolled:
        """Take cycles from `latent` (None: z_0 = 0) and keep the last ones."""
        inputs = iter([injection])
        later = self.later(injection)
        return unrolled(lambda z: self.step(z, next(inputs, later)), latent, steps, radius, kept)

    def step(self, z: Tensor | None, injection: Tensor) -> Tensor:
        """One cycle, (B, T, h_dim + l_dim); None stands for z_0 = 0."""
        if z is None:
            z = injection.new_zeros(*injection.shape[:2], self.h_dim + self.l_dim)
        h, low = z[..., : self.h_dim], z[..., self.h_dim :]
        h = self.high(h + injection)
        heard = self.down(h)
        low = self.low(low + heard if self.carry else heard)
        return torch.cat([rms_norm(h + self.up(low)), low], dim=2)
