"""Encoder, unrolled core and heads as one network."""

from __future__ import annotations

from math import sqrt
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from trm_agents.recursion.cores import Contraction, RecursiveCore, TokenCore, VectorCore
from trm_agents.recursion.encoders import TokenEncoder, VectorEncoder
from trm_agents.recursion.heads import (
    ActionHead,
    TokenActionHead,
    TokenValueHead,
    ValueHead,
    VectorActionHead,
    VectorValueHead,
)
from trm_agents.recursion.projection import project_ball
from trm_envs.plan_edit.mdp import PlanEditMDP


class NetworkOutput(NamedTuple):
    """What one pass of `RecursiveNetwork` gives."""

    logits: Tensor
    """Policy logits of all actions, illegal ones not masked, shape (B, n_actions)."""
    value: Tensor
    """Value head, in its own units, shape (B,)."""
    advantages: Tensor | None
    """Advantage head, not centred, shape (B, n_actions); None where the network has none."""
    latent: Tensor
    """z_n, shape (B, ...)."""


class Unrolled(NamedTuple):
    """The inner steps of one pass."""

    latents: list[Tensor]
    """z_1 ... z_n."""
    projected: Tensor
    """Share of inner steps at which the projection was active, shape (B,)."""


class RecursiveNetwork(nn.Module):
    """z_0 = 0, z_{k+1} = Pi_R(f(z_k, x)), n times; heads read z_n.

    Args:
        encoder: observation -> injection.
        core: f.
        policy_head, value_head, advantage_head: what is read from a latent; `advantage_head` may be None.
        unroll: n, how many inner steps a pass takes unless told otherwise.
        radius: R of the projection; None leaves it out.
    """

    def __init__(
        self,
        encoder: nn.Module,
        core: RecursiveCore,
        policy_head: ActionHead,
        value_head: ValueHead,
        advantage_head: ActionHead | None,
        unroll: int,
        radius: float | None,
    ) -> None:
        super().__init__()
        if unroll < 1:
            raise ValueError(f"unroll must be at least 1, got {unroll}")
        if radius is not None and radius <= 0:
            raise ValueError(f"radius must be positive or None, got {radius}")
        self.encoder = encoder
        self.core = core
        self.policy_head = policy_head
        self.value_head = value_head
        self.advantage_head = advantage_head
        self.unroll = unroll
        self.radius = radius

    def run(self, observation: Any, latent: Tensor | None = None, unroll: int | None = None) -> Unrolled:
        """Unroll the core from `latent` (None: z_0 = 0) for `unroll` inner steps."""
        injection = self.encoder(observation)
        z = latent
        latents: list[Tensor] = []
        active: list[Tensor] = []
        for _ in range(self.unroll if unroll is None else unroll):
            z = self.core.step(z, injection)
            if self.radius is not None:
                z, outside = project_ball(z, self.radius)
                active.append(outside.float())
            latents.append(z)
        projected = torch.stack(active).mean(0) if active else torch.zeros(len(injection), device=injection.device)
        return Unrolled(latents, projected)

    def read(self, latent: Tensor) -> NetworkOutput:
        """All heads on one latent."""
        h = self.scaled(latent)
        advantages = None if self.advantage_head is None else self.advantage_head(h)
        return NetworkOutput(self.policy_head(h), self.value_head(h), advantages, latent)

    def read_value(self, latent: Tensor) -> Tensor:
        """The value head alone, shape (B,)."""
        out: Tensor = self.value_head(self.scaled(latent))
        return out

    def forward(self, observation: Any, latent: Tensor | None = None, unroll: int | None = None) -> NetworkOutput:
        """Unroll and read the last latent."""
        return self.read(self.run(observation, latent, unroll).latents[-1])

    def scaled(self, latent: Tensor) -> Tensor:
        """Latents in units in which a latent on the sphere has entries of size one, whatever R is."""
        if self.radius is None:
            return latent
        return latent * (sqrt(latent[0].numel()) / self.radius)


def token_network(
    mdp: PlanEditMDP,
    *,
    width: int = 16,
    unroll: int = 2,
    radius: float | None = 10.0,
    contraction: Contraction = "none",
    lipschitz: float = 0.9,
    advantage_head: bool = False,
) -> RecursiveNetwork:
    """A network over the (cell, symbol) tokens of a plan-edit task.

    Args:
        mdp: the task and its actions.
        width: d, channels of a token.
        unroll: n.
        radius: R; None leaves the projection out.
        contraction: `none` or `clamp`.
        lipschitz: L_z, for `clamp`.
        advantage_head: read advantages of all actions as well.
    """
    task = mdp.task
    return RecursiveNetwork(
        TokenEncoder(mdp, width),
        TokenCore(width, task.relations, task.n_symbols, contraction, lipschitz),
        TokenActionHead(mdp, width),
        TokenValueHead(width),
        TokenActionHead(mdp, width) if advantage_head else None,
        unroll,
        radius,
    )


def vector_network(
    features: int,
    n_actions: int,
    *,
    width: int = 64,
    unroll: int = 2,
    radius: float | None = 10.0,
    contraction: Contraction = "none",
    lipschitz: float = 0.9,
    advantage_head: bool = False,
) -> RecursiveNetwork:
    """A network over feature vectors of shape (B, features); arguments as in `token_network`."""
    return RecursiveNetwork(
        VectorEncoder(features, width),
        VectorCore(width, contraction, lipschitz),
        VectorActionHead(width, n_actions),
        VectorValueHead(width),
        VectorActionHead(width, n_actions) if advantage_head else None,
        unroll,
        radius,
    )
