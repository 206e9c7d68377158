"""Cards: what is known of a shipped agent."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trm_agents.common.sealing import opened, sealed

SCHEMA = "agent-card/3"


@dataclass(frozen=True)
class Score:
    """What an agent solves of the test pool, every puzzle once, and what that costs at test time."""

    line: str
    """`policy`, or the solver, as `attempts=128`."""
    solved: int
    success: float
    interval: tuple[float, float]
    """95 % Wilson interval of `success`."""
    edits: float
    """Mean edits spent on a test puzzle."""
    network_calls: float
    """Mean network calls a test puzzle."""
    inner_steps: float
    """Mean inner steps of the recursion a test puzzle, over all calls."""
    checks: float
    """Mean plans a test puzzle that the checker judged."""


@dataclass(frozen=True)
class Card:
    """Provenance of an agent, and what it was measured at."""

    name: str
    algo: str
    """Row of the benchmark's registry that it was trained as."""
    suite: str
    """Suite of the benchmark on whose test pool it was measured."""
    env_id: str
    env_kwargs: dict[str, Any]
    """Keywords of the environment that `zoo.load` makes."""
    trained_with: dict[str, Any]
    """Keywords of the environment that it was trained in."""
    seed: int | None
    """Training seed."""
    env_steps: int
    """`env.step` calls made in training."""
    model_queries: int
    """Successors enumerated through the model in training."""
    gradient_steps: int
    parameters: int
    """Trainable parameters."""
    trained_commit: str
    """Code that trained it."""
    measured_commit: str
    """Code that measured it; a trailing `+` says that there were uncommitted changes."""
    versions: str
    """Python and packages at the time of measuring."""
    n: int
    """Test puzzles."""
    policy: Score
    """The policy alone, greedy: one pass of the network an edit, or as its `starts` settle."""
    pool_sha256: str
    """Hash of the test pool."""
    sha256: str
    """Hash of the agent's file."""
    licence: str
    solver: Score | None = None
    """With attempts or a search; None for an agent that was measured alone."""
    attempts: dict[str, Any] = field(default_factory=dict)
    """Keywords of `Attempts` that the solver's score was measured with, as JSON; see `zoo.attempts`."""
    schema: str = SCHEMA

    @property
    def best(self) -> Score:
        """The solver's score where there is one, else the policy's."""
        return self.policy if self.solver is None else self.solver

    def as_json(self) -> str:
        """The content of the card's file, with its checksum."""
        return sealed(json.dumps(dataclasses.asdict(self), indent=1) + "\n")


@dataclass(frozen=True, kw_only=True)
class ControlCard(Card):
    """The same of an agent that edits plans of a system; `solved` says within 1 % of the reference optimum J*."""

    feasible: int
    """Test states whose plan keeps every hard constraint."""
    reached: int
    """Those of them whose plan ends at the target."""
    gap_mean: float | None
    """Mean of J / J* - 1 over test states; None where a plan is infeasible."""
    gap_p95: float | None
    by_edits: str
    """What plans are worth after fewer edits, as in rows of the benchmark."""
    schema: str = "control-card/1"


def read_card(path: Path) -> Card:
    """The card that `Card.as_json` wrote.

    Raises:
        ValueError: the file is no card, one of another schema, was changed since it was written, or contradicts itself.
    """
    try:
        text, state = opened(path.read_bytes().decode())
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path.name} is no card of an agent: {error}") from None
    found = values.get("schema") if isinstance(values, dict) else None
    kind = ControlCard if found == ControlCard.schema else Card
    fields = {field.name for field in dataclasses.fields(kind)}
    if not isinstance(values, dict) or found != kind.schema or set(values) != fields:
        raise ValueError(f"{path.name} has schema {found!r}, not {SCHEMA!r}: add the agent again")
    if state != "intact":
        raise ValueError(f"{path.name} was changed since it was written: its checksum is missing or of another content")
    try:
        policy, solver = _score(values["policy"]), values["solver"]
        card = kind(**values | {"policy": policy, "solver": None if solver is None else _score(solver)})
        problem = _problem(card, path.stem)
    except (TypeError, KeyError) as error:
        raise ValueError(f"{path.name} is no card of an agent: {error}") from None
    if problem is not None:
        raise ValueError(f"{path.name}: {problem}")
    return card


def _score(values: dict[str, Any]) -> Score:
    return Score(**values | {"interval": tuple(values["interval"])})


def _problem(card: Card, stem: str) -> str | None:
    """What contradicts itself in a card; None where nothing does."""
    if card.name != stem:
        return f"it is the card of {card.name!r}"
    for name in ("sha256", "pool_sha256"):
        if not re.fullmatch("[0-9a-f]{64}", getattr(card, name)):
            return f"{name} is {getattr(card, name)!r}, which is no SHA-256"
    for score in filter(None, (card.policy, card.solver)):
        numbers = [value for value in vars(score).values() if isinstance(value, (int, float))]
        if not all(0 <= number < math.inf for number in (*numbers, *score.interval)):
            return f"{score.line}: a number is below 0 or none"
        if score.solved > card.n or score.success != score.solved / card.n:
            return f"{score.line}: success is {score.success}, but {score.solved} of {card.n} are solved"
        # The ends are rounded.
        if not score.interval[0] - 1e-9 <= score.success <= score.interval[1] + 1e-9:
            return f"{score.line}: success {score.success} is not within {score.interval}"
    if isinstance(card, ControlCard) and not max(card.policy.solved, card.reached) <= card.feasible <= card.n:
        return (
            f"{card.feasible} of {card.n} plans are feasible, {card.policy.solved} solved, {card.reached} at the target"
        )
    return None
