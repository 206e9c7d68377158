"""Encoder, unrolled core and heads as one network."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, log
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from trm_agents.recursion.cores.base import Core, Unrolled
from trm_agents.recursion.cores.dense import AnyDense, Dense
from trm_agents.recursion.cores.exact_cover import ExactCover
from trm_agents.recursion.cores.tokens import TokenCore
from trm_agents.recursion.encoders import CategoryEncoder, VectorEncoder, check_reads_cells
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


class Settled(NamedTuple):
    """A pass that stopped state by state."""

    latent: Tensor
    """The last latent of each state, shape (B, ...)."""
    steps: Tensor
    """Inner steps that each state took, shape (B,), int64."""


Goes = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Latents before and after an inner step, (b, ...), and their rows in the batch, (b,) -> who goes on, (b,), bool."""


class Recursion(nn.Module):
    """z_0 = 0, z_{k+1} = Pi_R(f(z_k, x)), n times; what reads z_n is up to the subclass.

    Args:
        encoder: observation -> injection.
        core: f.
        unroll: n, how many inner steps a pass takes unless a number is given.
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

    def run(
        self, observation: Any, latent: Tensor | None = None, unroll: int | None = None, kept: int | None = None
    ) -> Unrolled:
        """Unroll the core from `latent` (None: z_0 = 0) for `unroll` inner steps; keep the last latents, or all."""
        steps = self.unroll if unroll is None else unroll
        kept = steps if kept is None else min(kept, steps)
        return self.core.unroll(self.encoder(observation), latent, steps, self.radius, kept)

    def last(self, observation: Any, latent: Tensor | None = None, unroll: int | None = None) -> Tensor:
        """The last latent of `run`, shape (B, ...)."""
        return self.run(observation, latent, unroll, kept=1).latents[-1]

    def ending(self, observation: Any, gradient: int, kept: int) -> Tensor:
        """The last `kept` latents of a pass, (kept, B, ...); gradients flow through its last `gradient` steps alone."""
        first = self.unroll - gradient
        if not (first and torch.is_grad_enabled()):
            return self.run(observation, kept=kept).latents
        injection = self.encoder(observation)
        with torch.no_grad():
            start = self.core.unroll(injection, None, first, self.radius, 1).latents[-1]
        return self.core.unroll(self.core.later(injection), start, gradient, self.radius, kept).latents

    @torch.no_grad()
    def settle(self, observation: Any, stop_below: float) -> Settled:
        """Let each state take inner steps from z_0 = 0 until one moves it by less than `stop_below`.

        Needs a certified contraction: |z_{k+1} - z_k| <= L^k |z_1 - z_0|.
        """
        injection, ratio = self.encoder(observation), self.core.lipschitz_bound()
        z = self.core.unroll(injection, None, 1, self.radius, 1).latents[0]
        moved = z.flatten(1).norm(dim=1)
        # A state that rounding keeps moving stops where exact arithmetic would.
        left = ceil(max(0.0, log(float(moved.max()) / stop_below) / -log(ratio))) if moved.any() else 0

        def goes(before: Tensor, after: Tensor, rows: Tensor) -> Tensor:
            still: Tensor = (after - before).flatten(1).norm(dim=1) < stop_below
            return ~still

        return self._go_on(injection, z, moved >= stop_below, left, goes)

    def settle_within(self, observation: Any, change: float, most: int) -> Settled:
        """Let each state take inner steps from z_0 = 0 until one changes it by less than a share of its norm.

        Works with any core, and promises nothing: a latent may pass slowly by a place where it does not stay.

        Args:
            observation: of B states.
            change: the share, |z_{k+1} - z_k| / |z_{k+1}|.
            most: inner steps that a state takes at most.
        """

        def goes(before: Tensor, after: Tensor, rows: Tensor) -> Tensor:
            still: Tensor = (after - before).flatten(1).norm(dim=1) < change * after.flatten(1).norm(dim=1)
            return ~still

        return self.halted(observation, goes, most)

    @torch.no_grad()
    def halted(self, observation: Any, goes: Goes, most: int) -> Settled:
        """Let each state take inner steps from z_0 = 0 while `goes` says so of its last one, and at most `most`."""
        injection = self.encoder(observation)
        z = self.core.unroll(injection, None, 1, self.radius, 1).latents[0]
        going = goes(torch.zeros_like(z), z, torch.arange(len(z), device=z.device))
        return self._go_on(injection, z, going, most - 1, goes)

    def _go_on(self, injection: Any, z: Tensor, going: Tensor, left: int, goes: Goes) -> Settled:
        """Take up to `left` further inner steps with the states that are `going`, (B,), bool."""
        injection = self.core.later(injection)
        depths = torch.ones(len(z), dtype=torch.int64)
        rows = torch.nonzero(going).squeeze(1)
        while left > 0 and len(rows):
            before = z[rows]
            z[rows] = self.core.unroll(self.core.take(injection, rows), before, 1, self.radius, 1).latents[0]
            depths[rows.cpu()] += 1
            rows = rows[goes(before, z[rows], rows)]
            left -= 1
        return Settled(z, depths)

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
        return NetworkOutput(self.policy_head(h), self.value_head(h), advantages)

    def read_value(self, latent: Tensor) -> Tensor:
        """The value head alone, shape (B,)."""
        out: Tensor = self.value_head(self.scaled(latent))
        return out

    def value_lipschitz(self) -> float:
        """Bound on |V(z) - V(z')| / |z - z'| of the value head over all latents, from the weights as they are."""
        return self.value_head.lipschitz_bound() * self.core.gain(self.radius)

    def forward(self, observation: Any) -> NetworkOutput:
        """Unroll from z_0 = 0 and read the last latent."""
        return self.read(self.last(observation))


def token_network(
    mdp: PlanEditMDP,
    *,
    width: int = 16,
    unroll: int = 4,
    radius: float | None = 10.0,
    core: TokenCore = ExactCover(),  # noqa: B008  # frozen
    advantage_head: bool = False,
) -> RecursiveNetwork:
    """A network over the tokens of a plan-edit task.

    Args:
        mdp: the task and its actions.
        width: d, latent channels of a token.
        unroll: n.
        radius: R; None leaves the projection out.
        core: the latent step function.
        advantage_head: read advantages of all actions as well.

    Raises:
        ValueError: the task's edits are none of cells.
    """
    check_reads_cells(mdp.task)
    built = core.build(width, mdp.task)
    each = mdp.task.n_symbols // built.n_symbols
    return RecursiveNetwork(
        CategoryEncoder(mdp, width, built.hidden, built.certified, core.alike),
        built,
        TokenActionHead(mdp, width, each),
        TokenValueHead(width, built.n_cells * built.n_symbols),
        TokenActionHead(mdp, width, each) if advantage_head else None,
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
    core: AnyDense = Dense(),  # noqa: B008  # frozen
    advantage_head: bool = False,
) -> RecursiveNetwork:
    """A network over feature vectors of shape (B, features); arguments as in `token_network`."""
    # Encoders draw their weights before cores do.
    encoder = VectorEncoder(features, width)
    return RecursiveNetwork(
        encoder,
        core.build(width),
        VectorActionHead(width, n_actions),
        VectorValueHead(width),
        VectorActionHead(width, n_actions) if advantage_head else None,
        unroll,
        radius,
    )
