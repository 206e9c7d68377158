"""Model files: an SB3 zip with one more member that says what it is, written atomically."""

from __future__ import annotations

import io
import json
import os
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines import Method, gradient_steps, model_queries, parameters
from baselines.method import ROW_NAME
from benchmarks.protocol.evaluation import Contestants

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

MEMBER = "benchmark.json"
ZOO = "zoo:"
"""What a model's name starts with where it stands for a shipped agent."""


@dataclass(frozen=True)
class Cost:
    """What training has cost so far."""

    env_steps: int
    model_queries: int
    gradient_steps: int
    parameters: int
    wall_s: float

    @classmethod
    def of(cls, model: BaseAlgorithm, wall_s: float) -> Cost:
        """The counters of a model."""
        return cls(model.num_timesteps, model_queries(model), gradient_steps(model), parameters(model), wall_s)


@dataclass(frozen=True)
class Label:
    """What a model file is."""

    algo: str
    env_id: str
    env_kwargs: dict[str, Any] = field(default_factory=dict)
    cost: Cost | None = None


def save(model: BaseAlgorithm, path: Path, label: Label) -> None:
    """Write the model and its label as one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.zip")
    model.save(temporary)
    with zipfile.ZipFile(temporary, "a") as archive:
        archive.writestr(MEMBER, json.dumps(asdict(label)))
    os.replace(temporary, path)


def located(text: str) -> Path:
    """The file that a command was given: `MODEL.zip`, or `zoo:NAME` for an agent that comes with `trm_agents`.

    Raises:
        ValueError: the zoo has no agent of this name.
    """
    if not text.startswith(ZOO):
        return Path(text)
    # Loads torch, which no other model name needs this early.
    from trm_agents import zoo

    return zoo.path(text.removeprefix(ZOO))


def labelled(content: bytes, label: Label) -> bytes:
    """The content of a model file, with a label."""
    file = io.BytesIO(content)
    with zipfile.ZipFile(file, "a") as archive:
        # A ZipInfo made by hand has no time of writing.
        archive.writestr(zipfile.ZipInfo(MEMBER), json.dumps(asdict(label)))
    return file.getvalue()


def label_of(path: Path) -> Label | None:
    """The label of a model file that `save` wrote, None where it has none.

    Raises:
        ValueError: the file is missing or no zip.
    """
    members = _members(path, MEMBER)
    if MEMBER not in members:
        return None
    values = members[MEMBER]
    cost = values.pop("cost")
    return Label(**values, cost=None if cost is None else Cost(**cost))


def row_of_file(path: Path) -> str:
    """Which row of `METHODS` a model file without a label says that it belongs to.

    Raises:
        ValueError: the file is no SB3 zip, or says nothing of its row.
    """
    data = _members(path, "data").get("data")
    if data is None:
        raise ValueError(f"{path} is not a saved model: it has no member 'data'")
    if ROW_NAME not in data:
        raise ValueError(f"{path} does not say which method it is of: name it with --algo")
    return str(data[ROW_NAME])


def trained(path: Path, contestants: Contestants, algo: str | None = None) -> tuple[Method, dict[str, Any]]:
    """A model file's row of `METHODS`, by default what the file tells, and its environment's keywords in training.

    Raises:
        ValueError: the file is no model, or does not tell its algorithm, or there is no such row.
    """
    label = label_of(path)
    name = algo or (label.algo if label is not None else row_of_file(path))
    if name not in contestants.METHODS:
        raise ValueError(f"unknown method {name!r}; known methods: {', '.join(contestants.METHODS)}")
    row = contestants.METHODS[name]
    return row, row.env_kwargs_for({} if label is None else label.env_kwargs)


def _members(path: Path, *names: str) -> dict[str, Any]:
    """The JSON members of a zip, those of `names` that it has."""
    if not path.is_file():
        raise ValueError(f"there is no model file {path}")
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: json.loads(archive.read(name)) for name in names if name in archive.namelist()}
    except zipfile.BadZipFile:
        raise ValueError(f"{path} is not a zip file, so it is not a saved model") from None
