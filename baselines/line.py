"""What is true of a reference line, in one row: `Line`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any, Literal

import numpy as np

from baselines.agents import Agent
from trm_envs.plan_edit.mdp import PlanEditMDP

Role = Literal["contestant", "reference"]
Knowledge = Literal[
    "masks",
    "groups",
    "symbols",
    "symmetries",
    "cover",
    "model",
    "checker",
    "puzzle",
    "dynamics",
    "gradient",
    "gradient in play",
    "optimum",
]
"""What a method is given beside observations and rewards.

masks: which actions are legal. groups: the constraint graph. symbols: that they are alike. symmetries: what turns a
state into an equivalent one. cover: the constraints themselves, as an exact cover, and that instances can be solved.
model: successors of any state. checker: scores of any plan. puzzle: how such puzzles are solved. dynamics: equations of
a system and its cost. gradient: that of the cost, in training. gradient in play: that of the cost or derivatives of the
dynamics at the plan that stands, at test time. optimum: the stored one.
"""
SYSTEMS = "Control"
"""What ids of environments of systems start with; those of puzzles do not."""


def plays(puzzles: tuple[str, ...], env_id: str) -> bool:
    """Whether an environment id starts with one of these; with none of them all puzzles do, and no system."""
    name = env_id.rpartition(":")[2]
    return name.startswith(puzzles) if puzzles else not name.startswith(SYSTEMS)


@dataclass(frozen=True)
class Line:
    """One reference line: an agent that does not learn."""

    name: str
    path: str
    """Import path of what builds the `Agent` from (mdp, rng)."""
    order: int
    """Place among the references of a table."""
    puzzles: tuple[str, ...] = ()
    """Prefixes of the environment ids that it can play; empty means all puzzles."""
    drawn_once: bool = False
    """Whether there is no chance in it: one seed says it all."""
    knows: tuple[Knowledge, ...] = ()
    """What it is given beside observations and rewards."""
    compared: bool = False
    """Whether tables show the best contestant's difference to it."""
    role: Role = "reference"
    colour: str = ""

    def supports(self, env_id: str) -> bool:
        """Whether the line can play this environment."""
        return plays(self.puzzles, env_id)

    def known_on(self, env_kwargs: Mapping[str, Any]) -> tuple[Knowledge, ...]:
        """What it is given in environments with these keywords."""
        return self.knows

    def agent(self, mdp: PlanEditMDP, rng: np.random.Generator) -> Agent:
        """Its agent.

        Args:
            mdp: the MDP that states will belong to.
            rng: what its choices are drawn with.

        Raises:
            ValueError: it cannot play this puzzle.
        """
        agent: Agent = resolve_name(self.path)(mdp, rng)
        return agent
