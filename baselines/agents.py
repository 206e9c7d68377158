"""Agents: what an evaluator asks for actions, be it a trained model or a reference line."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import observe

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

    from trm_agents.recursion import Recursion


Unroll = int | Literal["auto"]

TOLERANCE = 0.01
"""By how much a value may still change where `auto` stops, by default."""


class Cost(NamedTuple):
    """Test-time compute spent on each of B states, int64 arrays of shape (B,)."""

    network_calls: NDArray[np.int64]
    """Passes of a network."""
    inner_steps: NDArray[np.int64]
    """Inner steps of recursive networks, over all passes."""
    checks: NDArray[np.int64]
    """Plans that the checker or the rules judged."""

    @classmethod
    def of(cls, n: int, network_calls: int = 0, inner_steps: int = 0) -> Cost:
        """The same for each of n states, without checks."""
        return cls(np.full(n, network_calls), np.full(n, inner_steps), np.zeros(n, np.int64))


class Agent(Protocol):
    """Chooses an action in each state of a batch.

    Whoever plays episodes with it says when they begin and which of them go on: an agent may remember.
    """

    spent: Cost | None = None
    """What the last `act` cost, a state; None where no network was asked and nothing was judged."""

    def act(self, states: PlanStates, deterministic: bool = True) -> NDArray[np.int64]:
        """One action a state, shape (B,), int64.

        Args:
            states: B states, none of them terminal.
            deterministic: the greedy action, not a sampled one; a reference line does not tell them apart.
        """
        ...

    def begin(self) -> None:
        """Forget earlier episodes: the next states are first ones."""
        return None

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Rows of the last batch whose episodes go on, in the order of the next batch."""
        return None


@contextmanager
def unrolled(model: BaseAlgorithm, unroll: Unroll | None, tolerance: float = TOLERANCE) -> Iterator[None]:
    """Let passes from z_0 = 0 of the model's recursive networks take `unroll` inner steps, and go back afterwards.

    Raises:
        ValueError: `unroll` is `auto`, and the model's core is no certified contraction.
    """
    if unroll is None:
        yield
        return
    policy: Any = model.policy
    networks = recursive_networks(model)
    own = [network.unroll for network in networks]
    depth = getattr(policy, "depth", None)
    try:
        if hasattr(policy, "set_unroll"):
            policy.set_unroll(unroll, tolerance)
        elif unroll == "auto":
            raise ValueError("unroll='auto' needs a certified contraction: use a model of hindsight_trm-certified")
        else:
            for network in networks:
                network.unroll = unroll
        yield
    finally:
        for network, steps in zip(networks, own, strict=True):
            network.unroll = steps
        if depth is not None:
            policy.depth = depth


def recursive_networks(model: BaseAlgorithm) -> list[Recursion]:
    """Every recursive network in the model's policy."""
    from trm_agents.recursion import Recursion

    return [module for module in model.policy.modules() if isinstance(module, Recursion)]


@contextmanager
def facing(model: BaseAlgorithm, mdp: PlanEditMDP) -> Iterator[None]:
    """Let a policy that holds the model of its task take legal actions from `mdp`, and put its own back afterwards."""
    policy: Any = model.policy
    own = getattr(policy, "mdp", None)
    if own is None:
        yield
        return
    try:
        policy.mdp = mdp
        yield
    finally:
        policy.mdp = own


@contextmanager
def own_randomness(model: BaseAlgorithm, rng: np.random.Generator) -> Iterator[None]:
    """Draw from `rng` whatever the model draws from global generators or its action space, and put those back."""
    import torch

    python, numpy = random.getstate(), np.random.get_state()
    actions = model.action_space.np_random.bit_generator.state
    seed = int(rng.integers(2**32))
    with torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []):
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        model.action_space.np_random.bit_generator.state = np.random.default_rng(seed).bit_generator.state
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
            model.action_space.np_random.bit_generator.state = actions


class ModelAgent(Agent):
    """A trained model's policy: one pass an edit, or as many as its starts take.

    Args:
        model: the model.
        mdp: the MDP that the states belong to.
        rng: what sampled actions are drawn with; global generators stay as they are.
        unroll: inner steps n of the model's recursive network, or `auto`; None leaves its own.
        tolerance: of `auto`.
        one_hot: whether the model is asked with one-hot observations.
        masks: whether it is given action masks.
    """

    def __init__(
        self,
        model: BaseAlgorithm,
        mdp: PlanEditMDP,
        rng: np.random.Generator,
        unroll: Unroll | None = None,
        tolerance: float = TOLERANCE,
        *,
        one_hot: bool = False,
        masks: bool = False,
    ) -> None:
        self.model = model
        self.mdp = mdp
        self.rng = rng
        self.unroll, self.tolerance = unroll, tolerance
        self.one_hot, self.masks = one_hot, masks
        self._state: tuple[NDArray[Any], ...] | None = None

    def act(self, states: PlanStates, deterministic: bool = True) -> NDArray[np.int64]:
        """One action a state, shape (B,), int64."""
        observation: Any = observe(states)
        if self.one_hot:
            from trm_envs.wrappers import one_hot

            observation = one_hot(observation, self.mdp)
        masks: dict[str, Any] = {"action_masks": self.mdp.action_mask(states)} if self.masks else {}
        carried = self._state is not None
        with (
            own_randomness(self.model, self.rng),
            unrolled(self.model, self.unroll, self.tolerance),
            facing(self.model, self.mdp),
        ):
            actions, self._state = self.model.predict(observation, self._state, deterministic=deterministic, **masks)
            self.spent = self._spent(len(actions), carried)
        return np.asarray(actions, np.int64)

    def begin(self) -> None:
        """Start from z_0 = 0 again."""
        self._state = None

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Carry the latents of these episodes on, where the model carries any."""
        self._state = None if self._state is None else tuple(part[rows] for part in self._state)

    def _spent(self, n: int, carried: bool) -> Cost:
        """What one act in n states has cost, where these are not the first of their episodes (`carried`) or are."""
        policy: Any = self.model.policy
        if (spent := getattr(policy, "spent", None)) is not None:
            return Cost(spent.calls, spent.inner_steps, spent.checks)
        networks = recursive_networks(self.model)
        if not networks:
            return Cost.of(n, 1)
        if self.unroll == "auto":
            return Cost.of(n, 1)._replace(inner_steps=policy.last_depths.cpu().numpy())
        mixture = getattr(policy, "mixture", None)
        passes = 1 if mixture is None else int((mixture.weights > 0).sum())
        steps = policy.carry_unroll if carried else networks[0].unroll
        return Cost.of(n, passes, passes * steps)
