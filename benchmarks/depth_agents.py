"""Contestants of the depth study: UPI-TRM trained at n = 2, with each contraction, with and without the projection.

A module with the names that `baselines` has, so that the ordinary runner trains and scores them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from baselines import Line, Method, Space, gradient_steps, line, model_queries, parameters, proposer_of
from baselines.agents import TOLERANCE, ModelAgent, Unroll
from baselines.registry import METHODS as ALL
from baselines.registry import build, restore

if TYPE_CHECKING:
    import numpy as np
    from stable_baselines3.common.base_class import BaseAlgorithm

    from baselines import Agent
    from trm_envs.plan_edit.mdp import PlanEditMDP

__all__ = [
    "LINES",
    "METHODS",
    "SPACES",
    "VARIANTS",
    "agent_of",
    "gradient_steps",
    "line",
    "load",
    "make",
    "model_queries",
    "parameters",
    "proposer_of",
]

UNROLL = 2
LIPSCHITZ = 0.9
RADIUS = 10.0


class Variant(NamedTuple):
    """One way to train."""

    contraction: str
    projection: bool

    @property
    def name(self) -> str:
        """Name of its method."""
        return f"depth-{self.contraction}-{'ball' if self.projection else 'free'}"


VARIANTS = [Variant(kind, projection) for kind in ("none", "clamp", "certified") for projection in (True, False)]


def _row(variant: Variant) -> Method:
    """The hindsight row at n = 2; nothing else differs but the two dials."""
    dials = {"contraction": variant.contraction, "lipschitz": LIPSCHITZ} if variant.contraction != "none" else {}
    keywords = {**ALL["upi_trm"].hyperparameters, "unroll": UNROLL, "radius": RADIUS if variant.projection else None}
    return replace(ALL["upi_trm"], name=variant.name, hyperparameters={**keywords, **dials}, overrides={})


METHODS: dict[str, Method] = {variant.name: _row(variant) for variant in VARIANTS}
LINES: dict[str, Line] = {}
SPACES: dict[str, Space] = {}


def make(
    name: str,
    env_id: str,
    env_kwargs: Mapping[str, Any],
    seed: int | None,
    *,
    settings: Mapping[str, Any] = MappingProxyType({}),
) -> BaseAlgorithm:
    """A new model."""
    return build(METHODS[name].with_settings(settings), env_id, env_kwargs, seed)


def load(name: str, path: str, env_id: str, env_kwargs: Mapping[str, Any]) -> BaseAlgorithm:
    """A saved model."""
    return restore(METHODS[name], path, env_id, env_kwargs)


def agent_of(
    name: str,
    model: BaseAlgorithm,
    mdp: PlanEditMDP,
    rng: np.random.Generator,
    unroll: Unroll | None = None,
    tolerance: float = TOLERANCE,
) -> Agent:
    """The agent of a model."""
    return ModelAgent(METHODS[name], model, mdp, rng, unroll, tolerance)
