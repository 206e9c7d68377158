"""Exact-cover cores with a contraction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from trm_agents.recursion.cores.base import at_most_one, checked, prove
from trm_agents.recursion.cores.exact_cover import ExactCoverCore, StepMaps
from trm_agents.recursion.cores.norms import modes, operator_norm
from trm_agents.recursion.cores.tokens import Groups
from trm_envs.plan_edit.task import PlanTask


class CertifiedExactCoverCore(ExactCoverCore):
    """z' = Pi_R(L [z - 2 A^T relu(A z + I)] + J + b), with A divided by max(1, |A|) wherever it is used.

    The bracket is 1-Lipschitz when |A| <= 1: its derivative 1 - 2 A^T D A, with 0 <= D <= 1, has eigenvalues within
    [1 - 2 |A|^2, 1] (Meunier et al. 2022, convex potential layers). Projections onto a ball are 1-Lipschitz, so the
    step is L-Lipschitz in the Euclidean norm for every input and all weights. |A| is exact (`norms`) and differentiated
    through.

    Args:
        width: d.
        groups: as `ExactCoverCore`.
        n_cells: as `ExactCoverCore`.
        n_symbols: as `ExactCoverCore`.
        lipschitz: L, within (0, 1].

    Raises:
        ValueError: L is outside its range, or sums over the groups do not commute, so that |A| is not known exactly.
    """

    certified = True
    modes: Tensor

    def __init__(self, width: int, groups: Groups, n_cells: int, n_symbols: int, lipschitz: float) -> None:
        super().__init__(width, groups, n_cells, n_symbols)
        self.lipschitz = checked(lipschitz)
        self.register_buffer("modes", torch.from_numpy(modes(groups, n_cells, n_symbols)), persistent=False)
        prove(self, lipschitz)

    def _out(self, width: int, hidden: int) -> None:
        return None

    def step_maps(self) -> StepMaps:
        """The maps that an inner step uses: B = -2 L A^T."""
        norm = operator_norm(self.own, self.maps, self.modes)
        own, maps = at_most_one(self.own, norm), at_most_one(self.maps, norm)
        back = -2.0 * self.lipschitz * maps.transpose(1, 2)
        return StepMaps(self.lipschitz, own, maps, -2.0 * self.lipschitz * own.T, back)

    def lipschitz_bound(self) -> float:
        """At most L, see `Core`; evaluated in float64."""
        with torch.no_grad():
            _, own, maps, _, _ = self.step_maps()
            norm = float(operator_norm(own.double(), maps.double(), self.modes))
        return self.lipschitz * max(1.0, 2.0 * norm**2 - 1.0)


@dataclass(frozen=True)
class CertifiedExactCover:
    """The exact-cover core whose inner step is L-Lipschitz by construction.

    Args:
        lipschitz: L, within (0, 1].
    """

    lipschitz: float = 0.9

    alike: ClassVar[bool] = True
    symmetries: ClassVar[bool] = False

    def build(self, width: int, task: PlanTask) -> CertifiedExactCoverCore:
        """See `TokenCore`."""
        return CertifiedExactCoverCore(width, task.groups, task.n_cells, task.n_symbols, self.lipschitz)
