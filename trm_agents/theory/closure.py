"""All states that a policy can reach from one instance, enumerated through `PlanEditMDP.transition` alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_agents.theory.tabular import Floats, TabularMDP
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates

Carried = NDArray[np.float32] | None
"""Latents that states start from, one row a state; None where every state starts from z_0 = 0."""
PolicyTable = Callable[[PlanStates, Carried], tuple[Floats, Carried]]
"""(states, their latents) -> action probabilities, (B, n_actions), zero on illegal actions, and the latents after."""

CHUNK = 4096
"""States that are expanded at once; bounds memory."""


class TooManyStatesError(ValueError):
    """A closure is larger than it may be."""


class Closure(TabularMDP):
    """States s = (x, y, edits left) of one instance, or (x, y, z, edits left) with a persistent latent z.

    Layer t holds the states after t edits, as rows `layers[t]`; every edit leads into the next layer, so backward
    induction over the clock is exact. Solved and exhausted states are not rows: nothing follows them.
    """

    def __init__(
        self,
        states: PlanStates,
        carried: Carried,
        layers: list[slice],
        actions: NDArray[np.int64],
        following: NDArray[np.int64],
        rewards: Floats,
        legal: NDArray[np.bool_],
        potential: Floats,
        gamma: float,
    ) -> None:
        self.states, self.carried, self.layers = states, carried, layers
        self.actions = actions
        """The MDP's number of each column, shape (A,)."""
        self.following = following
        """Row of the successor, shape (S, A); -1 where the action is terminal, illegal or has no probability."""
        self.rewards, self.legal, self.gamma = rewards, legal, gamma
        self.potential = potential
        """Phi(s), shape (S,)."""
        self.start = np.zeros(len(rewards))
        self.start[0] = 1.0
        self.steps_left = states.remaining_edits.astype(np.float64)

    def ahead(self, values: Floats) -> Floats:
        """A look-up."""
        out: Floats = np.append(values, 0.0)[self.following]
        return out

    def visits(self, policy: Floats) -> Floats:
        """Forward over the clock."""
        found = self.start.copy()
        for rows in self.layers[:-1]:
            flow = self.gamma * found[rows, None] * policy[rows]
            targets = self.following[rows]
            live = targets >= 0
            found += np.bincount(targets[live], flow[live], len(found))
        return found

    def accumulate(self, policy: Floats, costs: Floats, every: int = 1) -> Floats:
        """Backward over the clock."""
        if every > 1:
            total = costs
            for _ in range(-(-len(self.layers) // every) - 1):
                ahead = total
                for _ in range(every):
                    ahead = self.gamma * (policy * self.ahead(ahead)).sum(1)
                total = costs + ahead
            return total
        found = np.zeros(len(costs) + 1)
        for rows in reversed(self.layers):
            found[rows] = costs[rows] + self.gamma * (policy[rows] * found[self.following[rows]]).sum(1)
        return found[:-1]

    def by_layer(self, values: Floats) -> list[Floats]:
        """Values of shape (S,), layer by layer."""
        return [values[rows] for rows in self.layers]


class _Layer(NamedTuple):
    """The expansion of the states after t edits."""

    states: PlanStates
    carried: Carried
    potential: Floats
    policy: Floats
    """(L, n_actions)."""
    following: NDArray[np.int64]
    """Row within the next layer, -1: none; (L, n_actions)."""
    rewards: Floats
    """(L, n_actions)."""


def enumerate_closure(
    mdp: PlanEditMDP, instance: NDArray[np.int8], table: PolicyTable, max_states: int = 400_000
) -> tuple[Closure, Floats]:
    """Every state that actions of positive probability lead to, and the policy there, shape (S, A), float64.

    A candidate proportional to pi exp(.) has no wider support, so the closure under pi is that under one deviation too.

    Args:
        mdp: the model.
        instance: x, shape (n_cells,).
        table: the policy; it decides what is followed.
        max_states: bounds memory.

    Raises:
        TooManyStatesError: there are more.
    """
    states, carried = mdp.initial(instance[None]), None
    layers: list[_Layer] = []
    count = 0
    while len(states.plans):
        count += len(states.plans)
        if count > max_states:
            raise TooManyStatesError(f"the instance reaches more than {max_states:,} states")
        layer, states, carried = _expand(mdp, states, carried, table)
        layers.append(layer)
    return _assembled(mdp, layers)


def _expand(
    mdp: PlanEditMDP, states: PlanStates, carried: Carried, table: PolicyTable
) -> tuple[_Layer, PlanStates, Carried]:
    """Follow every action of positive probability from the states after t edits; their successors, each once."""
    policy, after = table(states, carried)
    checks = mdp.check(states)
    rows, actions = np.nonzero(policy > 0.0)
    following = np.full(policy.shape, -1, np.int64)
    rewards = np.zeros(policy.shape)
    live: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    plans: list[NDArray[np.int8]] = []
    for begin in range(0, len(rows), CHUNK):
        part = slice(begin, begin + CHUNK)
        made = mdp.transition(states.at(rows[part]), actions[part], checks.at(rows[part]))
        rewards[rows[part], actions[part]] = made.rewards
        going = ~made.terminated
        live.append((rows[part][going], actions[part][going]))
        plans.append(made.successors.plans[going])
    sources, taken = (np.concatenate(parts) for parts in zip(*live, strict=True))
    reached = np.concatenate(plans)
    latents = None if after is None else after[sources]
    keys = reached if latents is None else np.concatenate([reached, _bytes(latents)], 1)
    first, inverse = _unique_rows(keys)
    following[sources, taken] = inverse
    potential = checks.score if mdp.shaping else np.zeros(len(checks.score))
    layer = _Layer(states, carried, potential, policy, following, rewards)
    left = np.full(len(first), states.remaining_edits[0] - 1, np.int32)
    successors = PlanStates(states.instances[sources[first]], reached[first], left)
    return layer, successors, None if latents is None else latents[first]


def _bytes(latents: NDArray[np.float32]) -> NDArray[np.int8]:
    return np.ascontiguousarray(latents.reshape(len(latents), int(np.prod(latents.shape[1:])))).view(np.int8)


def _unique_rows(keys: NDArray[np.int8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Index of the first of each distinct row, and which distinct row each row is."""
    rows = np.ascontiguousarray(keys)
    packed = rows.view(np.dtype((np.void, max(rows.shape[1], 1)))).ravel()
    _, first, inverse = np.unique(packed, return_index=True, return_inverse=True)
    return first, inverse.ravel()


def _assembled(mdp: PlanEditMDP, layers: list[_Layer]) -> tuple[Closure, Floats]:
    """Layers as one table, with the columns that any state uses."""
    ends = np.cumsum([len(layer.policy) for layer in layers])
    slices = [slice(int(end) - len(layer.policy), int(end)) for end, layer in zip(ends, layers, strict=True)]
    actions = np.flatnonzero(np.any([(layer.policy > 0.0).any(0) for layer in layers], axis=0))
    following = np.concatenate(
        [
            np.where(layer.following < 0, -1, layer.following + end)[:, actions]
            for layer, end in zip(layers, ends, strict=True)
        ]
    )
    states = PlanStates(*(np.concatenate(parts) for parts in zip(*(layer.states for layer in layers), strict=True)))
    # The first layer starts from z_0 = 0, whatever is carried later.
    latents = [layer.carried for layer in layers]
    carried: Carried = None
    if len(latents) > 1 and latents[1] is not None:
        carried = np.concatenate([np.zeros_like(latents[1][:1]), *(z for z in latents[1:] if z is not None)])
    rewards = np.concatenate([layer.rewards[:, actions] for layer in layers])
    potential = np.concatenate([layer.potential for layer in layers])
    policy = np.concatenate([layer.policy[:, actions] for layer in layers])
    return Closure(states, carried, slices, actions, following, rewards, policy > 0.0, potential, mdp.gamma), policy
