"""A recursion that decodes a plan: for each edit, whether it writes what belongs into its cell."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from trm_agents.recursion.cores.base import spectral_norm
from trm_agents.recursion.cores.exact_cover import ExactCover
from trm_agents.recursion.cores.tokens import PlanCore, TokenCore
from trm_agents.recursion.encoders import CategoryEncoder, check_reads_cells
from trm_agents.recursion.network import Recursion
from trm_envs.plan_edit.mdp import PlanEditMDP

STEEPNESS = 8.0
"""How much faster than other weights the logarithm of a contracted core's readout gain moves."""


class PlanDecoder(Recursion):
    """Reads from every inner step, for each edit, the logit that it writes what belongs into its cell.

    A latent holds what belongs into a cell, whatever the cell holds now. Where the only edit of a cell toggles a mark,
    the readout gives the logit that the cell is to be marked; on a marked cell the edit's logit has the other sign.

    Args:
        encoder, core, unroll, radius: as `Recursion`.
        outputs: edits read from each token.
    """

    core: PlanCore

    def __init__(self, encoder: nn.Module, core: PlanCore, unroll: int, radius: float | None, outputs: int = 1) -> None:
        super().__init__(encoder, core, unroll, radius)
        # Zero, so that a fresh network finds all symbols of a cell equally likely. A single output has no axis of its
        # own, as in the files of trained agents.
        each = () if outputs == 1 else (outputs,)
        self.weight = nn.Parameter(torch.zeros((*each, core.width)))
        self.bias = nn.Parameter(torch.zeros(each))
        # A contraction keeps differences between tokens small: the readout may have to be steep, soon.
        self.steepness = nn.Parameter(torch.zeros(())) if core.certified else None

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one state's latent, (T, d)."""
        return self.core.n_cells * self.core.n_symbols, self.core.width

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

    def probabilities(self, latents: Tensor, observation: Any) -> Tensor:
        """Probability that each edit writes what belongs into its cell, of the shape of `logits`.

        Exactly one of several symbols belongs into a cell, so they share one; a single edit that toggles a cell has
        a probability of its own.
        """
        logits = self.logits(latents, observation)
        return torch.softmax(logits, dim=-1) if logits.shape[-1] > 1 else torch.sigmoid(logits)


def plan_decoder(
    mdp: PlanEditMDP,
    *,
    width: int = 16,
    unroll: int = 8,
    radius: float | None = 10.0,
    core: TokenCore = ExactCover(),  # noqa: B008  # frozen
) -> PlanDecoder:
    """A plan decoder for a plan-edit task.

    Args:
        mdp: the task and its actions.
        width: d, latent channels of a token.
        unroll: n.
        radius: R; None leaves the projection out.
        core: the latent step function, and what it knows of the task.

    Raises:
        ValueError: the task's edits are none of cells.
    """
    check_reads_cells(mdp.task)
    built = core.build(width, mdp.task)
    encoder = CategoryEncoder(mdp, width, built.hidden, built.certified, core.alike)
    return PlanDecoder(encoder, built, unroll, radius, mdp.task.n_symbols // built.n_symbols)
