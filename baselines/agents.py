"""Agents: what an evaluator asks for actions, be it a trained model or a reference line."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from math import nan
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from baselines.counters import COUNTS
from baselines.models import make
from baselines.registry import LINES, Method, method
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.spaces import observe

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

    from trm_agents.recursion import Recursion


Unroll = int | Literal["auto"]

TOLERANCE = 0.01
"""By how much a value may still change where `auto` stops, by default."""


class Agent(Protocol):
    """Chooses an action in each state of a batch.

    Whoever plays episodes with it says when they begin and which of them go on: an agent may remember.
    """

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
    """Let the model's recursive networks take `unroll` inner steps, and put their own number back afterwards.

    Raises:
        ValueError: `unroll` is `auto`, and the model is no UPI-TRM with a certified contraction.
    """
    if unroll is None:
        yield
        return
    networks = recursive_networks(model)
    trained = [(network.unroll, network.stop_below, network.settled, network.carried_unroll) for network in networks]
    try:
        if unroll == "auto":
            policy: Any = model.policy
            if not hasattr(policy, "set_unroll"):
                raise ValueError("unroll='auto' needs contraction='certified': use a UPI-TRM that has it")
            policy.set_unroll("auto", tolerance)
        else:
            for network in networks:
                network.unroll, network.stop_below, network.carried_unroll = unroll, None, None
        yield
    finally:
        for network, own in zip(networks, trained, strict=True):
            network.unroll, network.stop_below, network.settled, network.carried_unroll = own


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


def carry_over(
    name: str, model: BaseAlgorithm, env_id: str, env_kwargs: Mapping[str, Any], seed: int | None = None
) -> BaseAlgorithm:
    """A new model with the settings of a row on an environment, and the weights of this model.

    The model stays as it is. What is carried over counts on from what the model has cost: schedules of a further
    `learn(..., reset_num_timesteps=False)` go on too.

    Args:
        name: row of `METHODS`: the model's own, or a variant with other settings.
        model: from `make` or `load`.
        env_id: the environment, another one than the model's for instance.
        env_kwargs: its keywords.
        seed: of further training, as for `make`; None leaves global generators alone.

    Raises:
        ValueError: the weights do not fit there.
    """
    with own_randomness(model, np.random.default_rng(0)) if seed is None else nullcontext():
        there = make(name, env_id, env_kwargs, seed, str(model.device))
    try:
        there.policy.load_state_dict(model.policy.state_dict())
    except RuntimeError as error:
        raise ValueError(
            f"{name!r} cannot be carried over to {env_id}: its weights have the size of the environment that it was "
            f"trained on ({error})"
        ) from None
    for count in COUNTS:
        if hasattr(model, count):
            setattr(there, count, getattr(model, count))
    return there


class ModelAgent:
    """A trained model, asked with the observation and the masks that its row says.

    Args:
        row: the model's row of `METHODS`.
        model: the model.
        mdp: the MDP that the states belong to.
        rng: what sampled actions are drawn with; global generators stay as they are.
        unroll: inner steps n of the model's recursive network, or `auto`; None leaves its own.
        tolerance: of `auto`.
    """

    def __init__(
        self,
        row: Method,
        model: BaseAlgorithm,
        mdp: PlanEditMDP,
        rng: np.random.Generator,
        unroll: Unroll | None = None,
        tolerance: float = TOLERANCE,
    ) -> None:
        self.row = row
        self.model = model
        self.mdp = mdp
        self.rng = rng
        self.unroll, self.tolerance = unroll, tolerance
        self._state: tuple[NDArray[Any], ...] | None = None
        self._steps = self._passes = 0.0
        self.calls = 0
        """Network calls so far: one a state, but for policies that count theirs, as those with restarts."""

    @property
    def mean_depth(self) -> float:
        """Inner steps a state so far; nan before the first, and where no network is recursive."""
        return self._steps / self._passes if self._passes else nan

    def act(self, states: PlanStates, deterministic: bool = True) -> NDArray[np.int64]:
        """One action a state, shape (B,), int64."""
        observation: Any = observe(states)
        if self.row.observation == "one_hot":
            from trm_envs.wrappers import one_hot

            observation = one_hot(observation, self.mdp)
        before: int | None = getattr(self.model.policy, "calls", None)
        masks: dict[str, Any] = {"action_masks": self.mdp.action_mask(states)} if self.row.masks else {}
        with (
            own_randomness(self.model, self.rng),
            unrolled(self.model, self.unroll, self.tolerance),
            facing(self.model, self.mdp),
        ):
            actions, self._state = self.model.predict(observation, self._state, deterministic=deterministic, **masks)
            self._count(len(actions))
        self.calls += len(actions) if before is None else cast(Any, self.model.policy).calls - before
        return np.asarray(actions, np.int64)

    def begin(self) -> None:
        """Start from z_0 = 0 again."""
        self._state = None

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Carry the latents of these episodes on, where the model has persistent ones."""
        self._state = None if self._state is None else tuple(part[rows] for part in self._state)

    def _count(self, states: int) -> None:
        networks = recursive_networks(self.model)
        if networks:
            policy: Any = self.model.policy
            depth = policy.mean_depth if self.unroll == "auto" else networks[0].unroll
            self._steps, self._passes = self._steps + depth * states, self._passes + states


def agent_of(
    name: str,
    model: BaseAlgorithm,
    mdp: PlanEditMDP,
    rng: np.random.Generator,
    unroll: Unroll | None = None,
    tolerance: float = TOLERANCE,
) -> ModelAgent:
    """The agent of a trained model.

    Args:
        name: the model's row of `METHODS`.
        model: from `baselines.make` or `baselines.load`.
        mdp: the MDP that states will belong to.
        rng: what sampled actions are drawn with.
        unroll: inner steps n of a recursive network, in place of those it was trained with; `auto` takes as many as
            each state needs, see `RecursivePolicy.set_unroll`.
        tolerance: of `auto`: how much a value may still change.

    Raises:
        ValueError: there is no such row, `unroll` is below 1, or there is no recursive network to unroll.
    """
    row = method(name)
    if unroll is not None and unroll != "auto" and unroll < 1:
        raise ValueError(f"unroll must be at least 1, got {unroll}")
    if unroll is not None and not recursive_networks(model):
        raise ValueError(f"unroll={unroll} needs a recursive network, which {name!r} does not have; leave it out")
    return ModelAgent(row, model, mdp, rng, unroll, tolerance)


def line(name: str, mdp: PlanEditMDP, rng: np.random.Generator) -> Agent:
    """The reference line of this name.

    Args:
        name: row of `LINES`.
        mdp: the MDP that states will belong to.
        rng: what its choices are drawn with.

    Raises:
        ValueError: there is no such line, or it cannot play this puzzle.
    """
    if name not in LINES:
        raise ValueError(f"unknown reference line {name!r}; known lines: {', '.join(LINES)}")
    agent: Agent = resolve_name(LINES[name].agent)(mdp, rng)
    return agent
