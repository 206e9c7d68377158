"""Several repair networks asked together."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot
from typing import Any, cast

import torch
from torch import Tensor, nn

from trm_agents.recursion.cores.dense import Core, Unrolled
from trm_agents.recursion.decoder import RepairNetwork


class RepairCommittee(nn.Module):
    """Repair networks of one shape, each with weights and a latent of its own; their probabilities are averaged.

    As in deep ensembles (Lakshminarayanan et al. 2017). Latents have shape (B, members, ...), logits
    (kept, B, members, n_cells, n_symbols).

    Args:
        members: at least two, without contraction, as a bound on the inner step is one of a single core.

    Raises:
        ValueError: there are fewer, or one has a contraction.
    """

    def __init__(self, members: Sequence[RepairNetwork]) -> None:
        super().__init__()
        if len(members) < 2 or any(network.core.contraction != "none" for network in members):
            raise ValueError(
                f"a committee takes two networks or more with contraction='none', got {len(members)} with contraction="
                f"{[network.core.contraction for network in members]}: leave members at 1 with a contraction"
            )
        self.networks = nn.ModuleList(members)

    @property
    def members(self) -> tuple[RepairNetwork, ...]:
        """The networks."""
        return tuple(cast(RepairNetwork, network) for network in self.networks)

    @property
    def core(self) -> Core:
        """That of the first: without contraction none has a bound."""
        return self.members[0].core

    @property
    def unroll(self) -> int:
        """Inner steps n, the same for all."""
        return self.members[0].unroll

    @property
    def radius(self) -> float | None:
        """R of each network's projection."""
        return self.members[0].radius

    @property
    def carried_unroll(self) -> int | None:
        """See `Recursion`; the same for all."""
        return self.members[0].carried_unroll

    def run(
        self, observation: Any, latent: Tensor | None = None, unroll: int | None = None, kept: int | None = None
    ) -> Unrolled:
        """See `Recursion.run`; latents (kept, B, members, ...), and the mean share of projected steps."""
        runs = [
            network.run(observation, None if latent is None else latent[:, i], unroll, kept)
            for i, network in enumerate(self.members)
        ]
        return Unrolled(
            torch.stack([run.latents for run in runs], 2), torch.stack([run.projected for run in runs]).mean(0)
        )

    def logits(self, latents: Tensor, observation: Any) -> Tensor:
        """See `RepairNetwork`; each network reads its own latents."""
        return torch.stack([network.logits(latents[:, :, i], observation) for i, network in enumerate(self.members)], 2)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Mean of what the networks say, (kept, B, n_cells, n_symbols)."""
        return self.members[0].probabilities(logits).mean(2)

    def hits(self, observation: Any, latent: Tensor | None = None, kept: int = 1) -> tuple[Tensor, Tensor]:
        """See `RepairNetwork`."""
        latents = self.run(observation, latent, kept=kept).latents
        return self.probabilities(self.logits(latents, observation)).mean(0), latents[-1]

    def logit_lipschitz(self) -> float:
        """What takes the place of a single network's bound where its readouts are averaged, from the weights.

        A mean of functions g_i of latents z_i, each s_i-Lipschitz, moves by at most sum s_i |z_i - z'_i| / k, which is
        no more than |s| |z - z'| / k over all latents.
        """
        return hypot(*(network.logit_lipschitz() for network in self.members)) / len(self.members)
