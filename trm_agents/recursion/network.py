"""Encoder, unrolled core and heads as one network."""

from __future__ import annotations

from math import ceil, log
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from trm_agents.recursion.cores.dense import Contraction, Core, Unrolled, VectorCore
from trm_agents.recursion.cores.exact_cover import exact_cover_core
from trm_agents.recursion.encoders import CategoryEncoder, VectorEncoder
from trm_agents.recursion.heads import (
    ActionHead,
    TokenActionHead,
    TokenValueHead,
    ValueHead,
    VectorActionHead,
    VectorValueHead,
)
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


class Settled(NamedTuple):
    """How many states were unrolled until they settled, and the inner steps that this took."""

    states: int
    steps: int


class Recursion(nn.Module):
    """z_0 = 0, z_{k+1} = Pi_R(f(z_k, x)), n times; what reads z_n is up to the subclass.

    Args:
        encoder: observation -> injection.
        core: f.
        unroll: n, how many inner steps a pass takes unless told otherwise.
        radius: R of the projection; None leaves it out.
    """

    def __init__(self, encoder: nn.Module, core: Core, unroll: int, radius: float | None) -> None:
        super().__init__()
        if unroll < 1:
            raise ValueError(f"unroll must be at least 1, got {unroll}")
        if radius is not None and radius <= 0:
            raise ValueError(f"radius must be positive or None, got {radius}")
        self.encoder = encoder
        self.core = core
        self.unroll = unroll
        self.radius = radius
        self.stop_below: float | None = None
        """Where a pass without gradient that is given no depth stops: once a step moves a state by less than this."""
        self.settled = Settled(0, 0)
        """What such passes have taken so far."""
        self.carried_unroll: int | None = None
        """Inner steps of a pass without gradient that is given no depth, where a latent goes on from another state's;
        None: n."""

    def run(
        self, observation: Any, latent: Tensor | None = None, unroll: int | None = None, kept: int | None = None
    ) -> Unrolled:
        """Unroll the core from `latent` (None: z_0 = 0) for `unroll` inner steps; keep the last latents, or all.

        With `stop_below` set, no depth given and no gradient asked for, each state takes as many steps as it needs, and
        its last latent alone is kept.
        """
        if unroll is None and self.stop_below is not None and not torch.is_grad_enabled():
            return self._settle(self.encoder(observation), latent, self.stop_below)
        if unroll is None and latent is not None and self.carried_unroll is not None and not torch.is_grad_enabled():
            return self._go_on(self.encoder(observation), latent, self.carried_unroll, kept)
        steps = self.unroll if unroll is None else unroll
        kept = steps if kept is None else min(kept, steps)
        return self.core.unroll(self.encoder(observation), latent, steps, self.radius, kept)

    def _go_on(self, injection: Any, latent: Tensor, steps: int, kept: int | None) -> Unrolled:
        """Let latents take these inner steps, but where they are zero, as at the start of an episode, all n."""
        kept = min(steps, self.unroll, steps if kept is None else kept)
        latents, projected = self.core.unroll(injection, latent, steps, self.radius, kept)
        rows = torch.nonzero(~latent.flatten(1).any(1)).squeeze(1)
        if len(rows):
            first = self.core.unroll(self.core.take(injection, rows), None, self.unroll, self.radius, kept)
            latents[:, rows], projected[rows] = first
        return Unrolled(latents, projected)

    def _settle(self, injection: Any, latent: Tensor | None, stop_below: float) -> Unrolled:
        """Let each state take inner steps until one moves it by less than `stop_below`; needs a contraction."""
        z, projected = self.core.unroll(injection, latent, 1, self.radius, 1)
        z, ratio = z[0], self.core.lipschitz_bound()
        moved = (z if latent is None else z - latent).flatten(1).norm(dim=1)
        depths = torch.ones(len(z), dtype=torch.int64)
        # |z_{k+1} - z_k| <= L^k |z_1 - z_0|: a state that rounding keeps moving stops where it has to.
        left = ceil(max(0.0, log(float(moved.max()) / stop_below) / -log(ratio))) if moved.any() else 0
        rows = torch.nonzero(moved >= stop_below).squeeze(1)
        while left > 0 and len(rows):
            before = z[rows]
            z[rows], outside = self.core.unroll(self.core.take(injection, rows), before, 1, self.radius, 1)
            projected[rows] += outside
            depths[rows] += 1
            rows = rows[(z[rows] - before).flatten(1).norm(dim=1) >= stop_below]
            left -= 1
        self.settled = Settled(self.settled.states + len(z), self.settled.steps + int(depths.sum()))
        return Unrolled(z[None], projected / depths.to(projected))

    def scaled(self, latent: Tensor) -> Tensor:
        """Latents in units in which a latent on the sphere has entries of size one, whatever R is."""
        return self.core.tokens(latent) * self.core.gain(self.radius)


class RecursiveNetwork(Recursion):
    """A recursion whose latent gives policy logits, a value and, where it has such a head, advantages.

    Args:
        encoder, core, unroll, radius: as `Recursion`.
        policy_head, value_head, advantage_head: what is read from a latent; `advantage_head` may be None.
    """

    def __init__(
        self,
        encoder: nn.Module,
        core: Core,
        policy_head: ActionHead,
        value_head: ValueHead,
        advantage_head: ActionHead | None,
        unroll: int,
        radius: float | None,
    ) -> None:
        super().__init__(encoder, core, unroll, radius)
        self.policy_head = policy_head
        self.value_head = value_head
        self.advantage_head = advantage_head

    def read(self, latent: Tensor) -> NetworkOutput:
        """All heads on one latent."""
        h = self.scaled(latent)
        advantages = None if self.advantage_head is None else self.advantage_head(h)
        return NetworkOutput(self.policy_head(h), self.value_head(h), advantages, latent)

    def read_value(self, latent: Tensor) -> Tensor:
        """The value head alone, shape (B,)."""
        out: Tensor = self.value_head(self.scaled(latent))
        return out

    def value_lipschitz(self) -> float:
        """Bound on |V(z) - V(z')| / |z - z'| of the value head over all latents, from the weights as they are."""
        return self.value_head.lipschitz_bound() * self.core.gain(self.radius)

    def forward(self, observation: Any, latent: Tensor | None = None, unroll: int | None = None) -> NetworkOutput:
        """Unroll and read the last latent."""
        return self.read(self.run(observation, latent, unroll, kept=1).latents[-1])


def token_network(
    mdp: PlanEditMDP,
    *,
    width: int = 16,
    hidden: int | None = None,
    unroll: int = 4,
    radius: float | None = 10.0,
    contraction: Contraction = "none",
    lipschitz: float = 0.9,
    advantage_head: bool = False,
) -> RecursiveNetwork:
    """A network over the (cell, symbol) tokens of a plan-edit task.

    Args:
        mdp: the task and its actions.
        width: d, latent channels of a token.
        hidden: H, hidden channels of a token; 2 d by default.
        unroll: n.
        radius: R; None leaves the projection out.
        contraction: see `Core`.
        lipschitz: see `Core`.
        advantage_head: read advantages of all actions as well.
    """
    task = mdp.task
    core = exact_cover_core(task, width, hidden, contraction, lipschitz)
    return RecursiveNetwork(
        CategoryEncoder(mdp, width, len(core.own), core.certified),
        core,
        TokenActionHead(mdp, width),
        TokenValueHead(width, task.n_cells * task.n_symbols),
        TokenActionHead(mdp, width) if advantage_head else None,
        unroll,
        radius,
    )


def vector_network(
    features: int,
    n_actions: int,
    *,
    width: int = 64,
    unroll: int = 4,
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
