"""Entries of the scoreboard: one JSON file each, which says a model, a pool, and what is solved at which budget."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trm_agents.common.sealing import opened, sealed

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LINE = re.compile(r"policy|(?:starts|attempts|search|views|solver)=[1-9][0-9]*")
_DOTTED = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
MODEL = re.compile(rf"zoo:{NAME.pattern}|[^/\\:\0]+\.zip|{_DOTTED}:{_DOTTED}")
"""An agent of the zoo, a file beside the entry, or `MODULE:NAME`."""
_KINDS = {"name": str, "model": str, "model_sha256": str, "env_id": str, "env_kwargs": dict, "pool_sha256": str}


@dataclass(frozen=True)
class Line:
    """What one way of spending test-time compute solves of the pool, every puzzle once."""

    line: str
    """`policy`, `starts=N`, `attempts=N`, `search=N`, `views=N`, or of a class `solver=N`: at most N network calls."""
    n: int
    solved: int
    edits: float
    """Means over puzzles, here and below."""
    network_calls: float
    inner_steps: float
    checks: float


@dataclass(frozen=True)
class Entry:
    """A model and its score."""

    name: str
    model: str
    """`zoo:NAME`, a file beside the entry, or `MODULE:NAME`, whose call with an MDP returns a solver."""
    model_sha256: str
    """Of the model's file, or of the module's."""
    env_id: str
    env_kwargs: dict[str, Any]
    pool_sha256: str
    """Of the environment's test split."""
    parameters: int | None
    """Trainable parameters; None where a module does not say."""
    lines: tuple[Line, ...]
    schema: str = "scoreboard/1"

    def as_json(self) -> str:
        """The content of the entry's file, with its checksum."""
        return sealed(json.dumps(dataclasses.asdict(self), indent=1) + "\n")


def entries(folder: Path) -> list[Entry]:
    """All entries of a folder, by name; errors as of `read_entry`."""
    return [read_entry(path) for path in sorted(folder.glob("*.json"))]


def read_entry(path: Path) -> Entry:
    """The entry that `Entry.as_json` wrote.

    Raises:
        ValueError: the file is no entry, was changed since it was written, or contradicts itself.
    """
    try:
        text, state = opened(path.read_bytes().decode())
        values = json.loads(text)
        if state != "intact":
            raise ValueError("its checksum is missing, or of another content")
        lines = tuple(Line(**line) for line in values.pop("lines"))
        found = Entry(**values, lines=lines)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path.name} is no entry of the scoreboard: {error}: submit it again") from None
    if problem := _problem(found, path.stem):
        raise ValueError(f"{path.name}: {problem}: submit it again")
    return found


def _problem(entry: Entry, stem: str) -> str | None:
    """What contradicts itself in an entry; None where nothing does."""
    if entry.schema != Entry.schema:
        return f"it has schema {entry.schema!r}, not {Entry.schema!r}"
    for field, kind in _KINDS.items():
        if not isinstance(getattr(entry, field), kind):
            return f"its {field} is of a wrong type"
    if entry.name != stem or not NAME.fullmatch(entry.name):
        return f"its name is {entry.name!r}, not lower-case words joined by '-' and those of its file"
    if not MODEL.fullmatch(entry.model):
        return f"its model {entry.model!r} is no zoo:NAME, no file of this folder and no MODULE:NAME"
    for field in ("model_sha256", "pool_sha256"):
        if not re.fullmatch("[0-9a-f]{64}", getattr(entry, field)):
            return f"its {field} is no SHA-256"
    if entry.parameters is not None and (type(entry.parameters) is not int or entry.parameters < 0):
        return f"its parameters are {entry.parameters!r}"
    if not entry.lines:
        return "it has no line"
    return next(filter(None, map(_problem_of_line, entry.lines)), None)


def _problem_of_line(line: Line) -> str | None:
    if not isinstance(line.line, str) or not LINE.fullmatch(line.line):
        return f"{line.line!r} is no line: give policy, starts=N, attempts=N, search=N, views=N or solver=N"
    if type(line.n) is not int or type(line.solved) is not int or not 0 <= line.solved <= line.n or line.n < 1:
        return f"{line.line}: {line.solved!r} of {line.n!r} are solved"
    for name in ("edits", "network_calls", "inner_steps", "checks"):
        value = getattr(line, name)
        if type(value) not in (int, float) or not 0 <= value < math.inf:
            return f"{line.line}: {name} is {value!r}"
    return None
