"""A recursion that reads which edits repair a plan."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from trm_agents.recursion.cores.dense import Contraction, spectral_norm
from trm_agents.recursion.cores.exact_cover import ExactCoverCore, exact_cover_core
from trm_agents.recursion.encoders import CategoryEncoder, Tokens
from trm_agents.recursion.network import Recursion
from trm_envs.plan_edit.mdp import PlanEditMDP

STEEPNESS = 8.0
"""How much faster than other weights the logarithm of a contracted core's readout gain moves."""


class RepairNetwork(Recursion):
    """Reads from every inner step, for each edit, the logit that it writes what belongs into its cell.

    A latent holds what belongs into a cell, whatever is there now. Of an edit that toggles a mark, as the only one of
    its cell, the readout gives the logit that the cell is to be marked; on a marked cell the edit's has the other sign.

    Args:
        encoder, core, unroll, radius: as `Recursion`.
        outputs: edits read from each token.
    """

    core: ExactCoverCore

    def __init__(
        self, encoder: nn.Module, core: ExactCoverCore, unroll: int, radius: float | None, outputs: int = 1
    ) -> None:
        super().__init__(encoder, core, unroll, radius)
        # Zero, so that a fresh network finds all symbols of a cell equally likely. A single output has no axis of its
        # own, as in the files of trained agents.
        each = () if outputs == 1 else (outputs,)
        self.weight = nn.Parameter(torch.zeros((*each, len(core.bias))))
        self.bias = nn.Parameter(torch.zeros(each))
        # A contraction keeps differences between tokens small: the readout may have to be steep, soon.
        self.steepness = nn.Parameter(torch.zeros(())) if core.certified else None

    @property
    def members(self) -> tuple[RepairNetwork, ...]:
        """Itself alone; see `RepairCommittee`."""
        return (self,)

    def readout(self) -> Tensor:
        """Weight of each latent channel in a logit, shape (d,), or (outputs, d) for several."""
        weight: Tensor = self.weight * self.core.gain(self.radius)
        return weight if self.steepness is None else weight * torch.exp(STEEPNESS * self.steepness)

    def logit_lipschitz(self) -> float:
        """Bound on |logits(z) - logits(z')| / |z - z'|, both Euclidean over all entries, from the weights."""
        with torch.no_grad():
            return float(spectral_norm(self.readout().double().view(-1, self.weight.shape[-1])))

    def logits(self, latents: Tensor, observation: Any) -> Tensor:
        """Logit of each edit of these states, from latents (kept, B, T, d): (kept, B, n_cells, n_symbols)."""
        out = functional.linear(latents, self.readout(), self.bias)
        out = out.view(*out.shape[:2], self.core.n_cells, -1)
        return out if out.shape[3] > 1 else out * (1 - 2 * observation["plan"].to(out))[:, :, None]

    def probabilities(self, logits: Tensor) -> Tensor:
        """Probability that each edit writes what belongs into its cell, of the shape of its logits.

        Exactly one of several symbols belongs into a cell, so they share one; a single edit that toggles a cell has
        a probability of its own.
        """
        return torch.softmax(logits, dim=-1) if logits.shape[-1] > 1 else torch.sigmoid(logits)

    def hit_logits(
        self, observation: Any, unroll: int | None = None, kept: int = 1, latent: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Logits of the last inner steps, (kept, B, n_cells, n_symbols), and the share of projected steps, (B,)."""
        latents, projected = self.run(observation, latent, unroll, kept)
        return self.logits(latents, observation), projected

    def hits(self, observation: Any, latent: Tensor | None = None, kept: int = 1) -> tuple[Tensor, Tensor]:
        """`probabilities`, averaged over the last `kept` inner steps, (B, n_cells, n_symbols), and the last latent."""
        latents = self.run(observation, latent, kept=kept).latents
        return self.probabilities(self.logits(latents, observation)).mean(0), latents[-1]


def repair_network(
    mdp: PlanEditMDP,
    *,
    width: int = 16,
    hidden: int | None = None,
    unroll: int = 8,
    radius: float | None = 10.0,
    contraction: Contraction = "none",
    lipschitz: float = 0.9,
    tokens: Tokens = "candidates",
) -> RepairNetwork:
    """A repair network with an exact-cover core for a plan-edit task.

    Args:
        mdp: the task and its actions.
        width: d, latent channels of a token.
        hidden: H, hidden channels; 2 d by default.
        unroll: n.
        radius: R; None leaves the projection out.
        contraction: see `Core`.
        lipschitz: see `Core`.
        tokens: what a token is.
    """
    core = exact_cover_core(mdp.task, width, hidden, contraction, lipschitz, tokens)
    encoder = CategoryEncoder(mdp, width, len(core.own), core.certified, tokens)
    return RepairNetwork(encoder, core, unroll, radius, mdp.task.n_symbols // core.n_symbols)
