"""A recursive network as an SB3 features extractor: its features are the outputs of the network's own heads."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from trm_agents.recursion import (
    Core,
    ExactCoverCore,
    Grid,
    RecursiveNetwork,
    Settled,
    TwoLevelCore,
    neighbour_pairs,
    token_network,
)
from trm_agents.recursion.heads import ActionHead, ValueHead
from trm_agents.recursive_policies.encoders import (
    Inputs,
    InstanceCategories,
    OneToken,
    PlanCells,
    Planes,
    PlanSpace,
    Previous,
    grid_of,
    plan_space,
    without_previous,
)
from trm_agents.recursive_policies.options import Options, Readout, taken
from trm_agents.recursive_policies.plan_cache import PlanCache
from trm_agents.recursive_policies.readouts import (
    AgentValue,
    AgentView,
    CellActions,
    MoveActions,
    PooledActions,
    PooledValue,
)
from trm_agents.recursive_policies.sharing import WithCost, halting_shares, mean_of, mixture
from trm_envs.plan_edit.mdp import PlanEditMDP

Space = spaces.Space[Any]
RADIUS = 10.0
"""Of the ball that holds latents of the exact-cover recursion, as in `token_network`."""


class Readings(BaseFeaturesExtractor):
    """Outputs and value read from a recursive network: (B, outputs + 1), the value last.

    Where all cycles are asked for, (B, K, outputs + 1).

    Args:
        space: of the observations.
        network: the network; its heads read `outputs` numbers and a value.
        outputs: numbers that the policy head gives.
        options: see `Options`.
        mixes: whether outputs are logits of probabilities, whose mixture is meant where cycles are weighed; otherwise
            their mean is.
        view: what heads see of the tokens in a state, or None for all of them.
    """

    def __init__(
        self,
        space: Space,
        network: RecursiveNetwork,
        outputs: int,
        options: Options,
        mixes: bool,
        view: AgentView | None = None,
    ) -> None:
        super().__init__(space, outputs + 1)
        self.network, self.options, self.view = network, options, view
        self.mix = mixture if mixes else mean_of
        self.halt = nn.Linear(_channels(network), 1) if options.halting == "learned" else None
        self.cache = None if view is None else PlanCache()
        self.halts = False
        """Whether passes may stop state by state, as `predict` lets them."""
        self.last_cycles: Tensor | None = None
        """Cycles of each state in the last pass that could stop, (B,), int64; None without one, and with a cache."""
        if self.halt is not None:
            nn.init.zeros_(self.halt.weight)
            nn.init.constant_(self.halt.bias, -1.0)

    def forward(self, observation: Any) -> Tensor:
        """Batched observations, as SB3 preprocesses them -> outputs and value."""
        if self.halts and self.options.halting is not None:
            return self.read(self._stopped(observation), observation)
        latents = self._latents(observation)
        readings = [self.read(latent, observation) for latent in latents]
        if self.halt is not None:
            return self._weighed(torch.stack(readings, 1), latents)
        return readings[0] if len(readings) == 1 else torch.stack(readings, 1)

    def read(self, latent: Tensor, observation: Any) -> Tensor:
        """One latent of each state, (B, ...) -> (B, outputs + 1)."""
        h = self.network.scaled(latent)
        h = h if self.view is None else self.view(h, observation)
        return torch.cat([self.network.policy_head(h), self.network.value_head(h).unsqueeze(1)], dim=1)

    @property
    def kept(self) -> int:
        """Cycles that a pass is read from: all of them where all learn or are weighed."""
        every = self.halt is not None or (self.options.deep_supervision and torch.is_grad_enabled())
        return self._learning if every else 1

    @property
    def _learning(self) -> int:
        """Cycles that gradients flow through."""
        cycles, most = self.network.unroll, self.options.gradient_cycles
        return cycles if most is None else min(cycles, most)

    def _latents(self, observation: Any) -> Tensor:
        """The last `kept` latents, (kept, B, ...)."""
        run = partial(self.network.ending, gradient=self._learning, kept=self.kept)
        if self.cache is None:
            return run(observation)
        return self.cache(self.network, observation, run, ("run", self.network.unroll))

    def _stopped(self, observation: Any) -> Tensor:
        """A latent of each state, after as many cycles as it needs, (B, ...)."""
        if self.cache is None:
            settled = self._settle(observation)
            self.last_cycles = settled.steps
            return settled.latent
        self.last_cycles = None
        kind = ("settle", self.options.most_cycles)
        return self.cache(self.network, observation, lambda still: self._settle(still).latent[None], kind)[0]

    @torch.no_grad()
    def _settle(self, observation: Any) -> Settled:
        if self.halt is None:
            return self.network.settle_within(observation, self.options.settle_below, self.options.most_cycles)
        left = torch.ones(0)

        def goes(before: Tensor, after: Tensor, rows: Tensor) -> Tensor:
            nonlocal left
            left = left.to(after).new_ones(len(after)) if not len(left) else left
            left[rows] *= torch.sigmoid(-self._halting(after))
            return left[rows] > 0.5

        return self.network.halted(observation, goes, self.network.unroll)

    def _halting(self, latent: Tensor) -> Tensor:
        """Logit of halting at a latent, (B, ...) -> (B,)."""
        assert self.halt is not None
        tokens = self.network.scaled(latent)
        logits: Tensor = self.halt(tokens.flatten(1, -2).mean(1)).squeeze(1)
        return logits

    def _weighed(self, readings: Tensor, latents: Tensor) -> Tensor:
        """All cycles by the probability of ending there: (B, K, outputs + 1) -> (B, outputs + 1)."""
        shares = halting_shares(torch.stack([self._halting(latent) for latent in latents], 1))
        outputs, values = self.mix(readings[:, :, :-1], shares), mean_of(readings[:, :, -1:], shares)
        weighed = torch.cat([outputs, values], dim=1)
        if self.options.ponder_cost and weighed.requires_grad:
            cycles = torch.arange(1, shares.shape[1] + 1, device=shares.device) / shares.shape[1]
            apply: Any = WithCost.apply
            weighed = apply(weighed, self.options.ponder_cost * (shares @ cycles).mean())
        return weighed


def _channels(network: RecursiveNetwork) -> int:
    """Channels of a token, as heads read it."""
    core: Any = network.core
    return int(core.h_dim if isinstance(core, TwoLevelCore) else core.width)


class RecursiveExtractor(Readings):
    """The two-level recursion over any observation, see `Options`.

    Args:
        observation_space: any that SB3's policies read.
        outputs: numbers that are read for the actions.
        n_actions: actions, where they are Discrete.
        mixes: see `Readings`.
        options: keywords of `Options`.
    """

    def __init__(
        self, observation_space: Space, *, outputs: int, n_actions: int | None, mixes: bool, **options: Any
    ) -> None:
        chosen = Options(**options)
        plans = plan_space(observation_space)
        readout = _readout(chosen, plans, n_actions)
        previous = Previous(observation_space, chosen.h_dim) if chosen.action_conditioning else None
        still = readout == "agent"
        view = None
        if still:
            assert plans is not None
            view = AgentView(plans.shape, chosen.h_dim, plans.max_edits, previous)
        grid = _grid(chosen, observation_space)
        encoder: nn.Module
        core: Core
        if chosen.mixer == "exact_cover":
            assert plans is not None
            core, radius = _over_cells(chosen, grid), RADIUS
            encoder = InstanceCategories(plans, core.hidden, chosen.h_dim)
        else:
            injected = None if still else previous
            encoder = Inputs(observation_space, partial(_encoder, chosen=chosen, still=still), injected)
            core, radius = _two_levels(chosen, grid), None
        heads = _heads(readout, chosen, grid, plans, outputs, n_actions)
        network = RecursiveNetwork(encoder, core, *heads, None, chosen.k_cycles, radius)
        super().__init__(observation_space, network, outputs, chosen, mixes, view)


def _two_levels(chosen: Options, grid: Grid) -> TwoLevelCore:
    assert chosen.mixer != "exact_cover"
    return TwoLevelCore(
        chosen.h_dim,
        chosen.l_dim,
        grid,
        n_h_layers=chosen.n_h_layers,
        n_l_layers=chosen.n_l_layers,
        carry=chosen.carry,
        inject=chosen.inject,
        mixer=chosen.mixer,
        maxima=chosen.maxima,
    )


def _over_cells(chosen: Options, grid: Grid) -> ExactCoverCore:
    """The exact-cover core with a token a cell."""
    groups = {"edges": neighbour_pairs(grid.shape)} if grid.groups is None else grid.groups
    return ExactCoverCore(chosen.h_dim, groups, grid.n_tokens, 1, round(chosen.maxima * chosen.h_dim))


def _readout(options: Options, plans: PlanSpace | None, n_actions: int | None) -> Readout:
    """What heads read.

    Raises:
        ValueError: there is nothing such to read.
    """
    over_plans = plans is not None and options.mixer is not None and n_actions is not None
    if options.mixer == "exact_cover" and not (over_plans and options.readout in (None, "agent") and n_actions == 4):
        raise ValueError("mixer='exact_cover' reads the four moves of an agent: use another mixer, or TokenReadings")
    if options.readout is None:
        if not over_plans:
            return "pool"
        assert plans is not None and n_actions is not None
        return "cells" if plans.edits(n_actions) else "agent" if n_actions == 4 else "pool"
    if options.readout != "pool" and not over_plans:
        raise ValueError(
            f"readout={options.readout!r} needs a mixer, plan-edit observations and Discrete actions: use 'pool'"
        )
    if options.readout == "agent" and n_actions != 4:
        raise ValueError(f"readout='agent' reads the moves up, down, left and right, not {n_actions} actions")
    return options.readout


def _grid(options: Options, space: Space) -> Grid:
    """Where the tokens stand.

    Raises:
        ValueError: a mixer is asked for, and the observations have no cells.
    """
    if options.mixer is None:
        return Grid((1, 1))
    grid = grid_of(without_previous(space))
    if grid is None:
        raise ValueError(
            f"mixer={options.mixer!r} needs observations with cells, plan-edit ones or a Box of shape (channels, rows, "
            f"columns), and these are {space}: use mixer=None"
        )
    return grid._replace(groups=options.groups)


def _encoder(space: Space, chosen: Options, still: bool) -> nn.Module:
    """The encoder of a space without its previous action."""
    if chosen.mixer is None:
        return OneToken(space, chosen.h_dim)
    plans = plan_space(space)
    if plans is not None:
        return PlanCells(plans, chosen.h_dim, still)
    assert isinstance(space, spaces.Box)
    return Planes(space, chosen.h_dim)


def _heads(
    readout: Readout, options: Options, grid: Grid, plans: PlanSpace | None, outputs: int, n_actions: int | None
) -> tuple[ActionHead, ValueHead]:
    width, n_tokens = options.h_dim, grid.n_tokens
    if readout == "pool":
        return PooledActions(n_tokens, width, outputs), PooledValue(n_tokens, width)
    assert plans is not None and n_actions is not None
    each = outputs // n_actions
    if readout == "agent":
        return MoveActions(width, each), AgentValue(width)
    return CellActions(n_tokens, width, plans.plan_high, n_actions, each), PooledValue(n_tokens, width)


class TokenReadings(Readings):
    """`trm_agents.recursion.token_network`, the exact-cover recursion over (cell, symbol) tokens.

    Args:
        observation_space: of a plan-edit environment.
        outputs: as many as it has actions.
        n_actions: the same.
        mixes: see `Readings`.
        mdp: its MDP.
        network: keywords of `token_network` (width, unroll, radius, core), and those of `Options` that concern no
            two-level recursion: deep_supervision, halting, settle_below, max_cycles, ponder_cost, ema.
    """

    def __init__(
        self,
        observation_space: Space,
        *,
        outputs: int,
        n_actions: int | None,
        mixes: bool,
        mdp: PlanEditMDP,
        **network: Any,
    ) -> None:
        if outputs != mdp.n_actions:
            raise ValueError(f"tokens give {mdp.n_actions} numbers, one an action, and {outputs} are asked for")
        chosen = taken(network)
        built = token_network(mdp, **network)
        super().__init__(observation_space, built, outputs, Options(k_cycles=built.unroll, **chosen), mixes)
