"""The heuristic contraction of the paper, for comparison with the certified one."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import ClassVar

import torch
from torch import Tensor

from trm_agents.recursion.cores.base import checked, spectral_norm
from trm_agents.recursion.cores.exact_cover import ExactCoverCore, StepMaps
from trm_agents.recursion.cores.norms import modes, operator_norm
from trm_agents.recursion.cores.tokens import Groups
from trm_envs.plan_edit.task import PlanTask


class ClampedExactCoverCore(ExactCoverCore):
    """z' = Pi_R(W_2 relu(A z + I) + J + b), whose weights are scaled back after each optimiser step.

    This shapes no gradient and promises nothing of the step in between.

    Args:
        width: as `ExactCoverCore`.
        groups: as `ExactCoverCore`.
        n_cells: as `ExactCoverCore`.
        n_symbols: as `ExactCoverCore`.
        lipschitz: L, within (0, 1]: |A| and |W_2| are at most sqrt(L) after each step.
    """

    modes: Tensor

    def __init__(self, width: int, groups: Groups, n_cells: int, n_symbols: int, lipschitz: float) -> None:
        super().__init__(width, groups, n_cells, n_symbols)
        self.lipschitz = checked(lipschitz)
        self.register_buffer("modes", torch.from_numpy(modes(groups, n_cells, n_symbols)), persistent=False)

    def step_maps(self) -> StepMaps:
        """The maps that an inner step uses; the latent itself is not kept."""
        return super().step_maps()._replace(keep=0.0)

    def lipschitz_bound(self) -> float:
        """The product of the norms of both maps, at most L right after `clamp_`; evaluated in float64."""
        with torch.no_grad():
            _, own, maps, out, _ = self.step_maps()
            return float(operator_norm(own.double(), maps.double(), self.modes)) * float(spectral_norm(out.double()))

    @torch.no_grad()
    def clamp_(self) -> None:
        """Scale A and W_2 back to norms of at most sqrt(L)."""
        assert self.out is not None
        most = sqrt(self.lipschitz)
        back = most / operator_norm(self.own, self.maps, self.modes).clamp_min(most)
        self.own.mul_(back)
        self.maps.mul_(back)
        self.out.mul_(most / spectral_norm(self.out).clamp_min(most))


@dataclass(frozen=True)
class ClampedExactCover:
    """The exact-cover core with clamped weights.

    Args:
        lipschitz: L, within (0, 1].
    """

    lipschitz: float = 0.9

    alike: ClassVar[bool] = True
    symmetries: ClassVar[bool] = False

    def build(self, width: int, task: PlanTask) -> ClampedExactCoverCore:
        """See `TokenCore`."""
        return ClampedExactCoverCore(width, task.groups, task.n_cells, task.n_symbols, self.lipschitz)
