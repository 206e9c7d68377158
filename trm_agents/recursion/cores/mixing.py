"""A core that is given no groups: cells exchange what they hold by attention, or by a map over all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from torch import Tensor, nn

from trm_agents.recursion.cores.base import Unrolled, unrolled
from trm_agents.recursion.cores.mixers import Grid, build_mixer
from trm_agents.recursion.cores.tokens import PlanCore, TokenInjection, initial, of_types
from trm_agents.recursion.cores.two_level import Layer
from trm_envs.plan_edit.task import PlanTask

Mixing = Literal["attention", "mlp"]


class MixingCore(PlanCore):
    """z' = Pi_R(F(z + x + P)): F are layers of mixing and SwiGLU with residuals and RMS norms, P learned positions.

    A token is a cell, and x what its category injects. It is the network of TRM (Jolicoeur-Martineau 2025), with one
    latent.

    Args:
        width: d.
        grid: where the cells stand.
        layers: layers of F.
        mixer: how cells exchange what they hold.
    """

    def __init__(self, width: int, grid: Grid, layers: int, mixer: Mixing) -> None:
        super().__init__(grid.n_tokens, 1)
        self.positions = initial(grid.n_tokens, width, scale=0.5)
        self.layers = nn.Sequential(*(Layer(width, build_mixer(mixer, width, grid)) for _ in range(layers)))

    @property
    def width(self) -> int:
        """d, latent channels of a token."""
        return self.positions.shape[1]

    @property
    def hidden(self) -> int:
        """H: as many as latent channels."""
        return self.width

    def unroll(
        self, injection: TokenInjection, latent: Tensor | None, steps: int, radius: float | None, kept: int
    ) -> Unrolled:
        """Take inner steps from `latent` (None: z_0 = 0) and keep the last ones."""
        injected, gain = of_types(injection.table, injection.types) + self.positions, self.gain(radius)
        return unrolled(lambda z: self.step(z, injected, gain), latent, steps, radius, kept)

    def step(self, z: Tensor | None, injected: Tensor, gain: float) -> Tensor:
        """One inner step before its projection, (B, T, d); None stands for z_0 = 0."""
        out: Tensor = self.layers(injected if z is None else gain * z + injected) / gain
        return out


@dataclass(frozen=True)
class Attention:
    """Layers of attention, or of a map over all cells, with learned positions. It knows the grid and nothing else.

    Args:
        layers: layers of an inner step, at least 1.
        mixer: `attention`, or `mlp`, a map over cells of a size that is learned.
        symmetries: HindsightTRM turns states by the symmetries that the task declares.

    Raises:
        ValueError: a value is outside its range.
    """

    layers: int = 2
    mixer: Mixing = "attention"
    symmetries: bool = True
    alike: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise ValueError(f"Attention: layers must be at least 1, got {self.layers}")
        if self.mixer not in get_args(Mixing):
            raise ValueError(f"Attention: mixer must be one of {get_args(Mixing)}, got {self.mixer!r}")

    def build(self, width: int, task: PlanTask) -> MixingCore:
        """See `TokenCore`."""
        return MixingCore(width, Grid(task.shape), self.layers, self.mixer)
