"""Cards: what is known of a shipped agent."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = "agent-card/1"


@dataclass(frozen=True)
class Card:
    """Provenance of an agent, and what it was measured at: every puzzle of the test pool once, greedy."""

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
    solved: int
    success: float
    interval: tuple[float, float]
    """95 % Wilson interval of `success`."""
    edits: float
    """Mean edits spent on a test puzzle."""
    pool_sha256: str
    """Hash of the test pool."""
    sha256: str
    """Hash of the agent's file."""
    licence: str
    schema: str = SCHEMA

    def as_json(self) -> str:
        """The content of the card's file."""
        return json.dumps(dataclasses.asdict(self), indent=1) + "\n"


def read_card(path: Path) -> Card:
    """The card that `Card.as_json` wrote.

    Raises:
        ValueError: the file is no card, or one of another schema.
    """
    values = json.loads(path.read_text(encoding="utf-8"))
    fields = {field.name for field in dataclasses.fields(Card)}
    if values.get("schema") != SCHEMA or set(values) != fields:
        raise ValueError(f"{path.name} has schema {values.get('schema')!r}, not {SCHEMA!r}: add the agent again")
    return Card(**values | {"interval": tuple(values["interval"])})
