"""Model files: an SB3 zip with one more member that says what it is, written atomically."""

from __future__ import annotations

import io
import json
import math
import os
import zipfile
from dataclasses import asdict, dataclass, field, replace
from inspect import signature
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

import gymnasium as gym

from baselines import Method, gradient_steps, model_queries, parameters
from baselines.method import ROW_NAME
from benchmarks.protocol import records
from benchmarks.protocol.evaluation import Contestants
from trm_agents.common.files import module_told, read_members, refuse_damaged
from trm_envs.plan_edit.task import LegalActions

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

MEMBER = "benchmark.json"
MARKS = ("n_epochs", "clip_range", "exploration_fraction", "train_ratio")
"""Keywords that tell algorithms apart whose policies are of one module: an algorithm has and saves them, or not."""
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


def save(model: BaseAlgorithm, path: Path, label: Label, before: Path | None = None) -> None:
    """Write the model and its label as one file.

    Args:
        model: what to write.
        path: where.
        label: what the file says that it is.
        before: where the file goes that is there now; None replaces it.
    """

    def write(temporary: Path) -> None:
        model.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(MEMBER, json.dumps(asdict(label)))
        if before is not None and path.exists():
            os.replace(path, before)

    records.replace_atomically(path, write)


def is_usable(path: Path) -> bool:
    """Whether a cell's model file is there and whole; one that is damaged is set aside, and the log says so."""
    if not path.exists():
        return False
    try:
        cost_of(path)
    except ValueError as error:
        aside = path.with_name(f"{path.name}.damaged")
        os.replace(path, aside)
        print(f"{error}: set aside as {aside.name}", flush=True)
        return False
    return True


def cost_of(path: Path) -> Cost:
    """What training a cell's model has cost, as its file says.

    Raises:
        ValueError: the file is damaged, or no file of a cell.
    """
    refuse_damaged(path)
    label = label_of(path)
    if label is None or label.cost is None:
        raise ValueError(f"{path} is damaged: it does not say what its model has cost")
    return label.cost


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
    try:
        cost = values.pop("cost", None)
        label = Label(**values, cost=None if cost is None else Cost(**cost))
        wrong = [name for name, kind in _TYPES.items() if type(getattr(label, name)) is not kind]
        wrong += [] if label.cost is None else [name for name, value in vars(label.cost).items() if not _counts(value)]
    except TypeError as error:
        raise ValueError(f"{path} has a label that is none of ours, member {MEMBER!r}: {error}") from None
    if wrong:
        raise ValueError(
            f"{path} has a label that is none of ours, member {MEMBER!r}: its {wrong[0]} is of a wrong type"
        )
    # `module:ID` would import a module that a file names.
    if label.env_id not in gym.registry:
        raise ValueError(
            f"{path} has a label that is none of ours, member {MEMBER!r}: its env_id is {label.env_id!r}, and no such "
            "environment is registered"
        )
    return label


_TYPES = {"algo": str, "env_id": str, "env_kwargs": dict}


def _counts(value: Any) -> bool:
    """Whether a value is a number that a cost can be; true and false are none."""
    return type(value) in (int, float) and 0 <= value < math.inf


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

    Of a file that tells nothing, `algo` names the row, and the model's own observation space says what it is asked
    with.

    Raises:
        ValueError: the file is no model, or does not tell its algorithm, or tells another one than `algo`, or there is
            no such row.
    """
    label, told = label_of(path), row_told(path)
    name = algo or told or row_of_file(path)
    if name not in contestants.METHODS:
        raise ValueError(f"unknown method {name!r}; known methods: {', '.join(contestants.METHODS)}")
    if told is not None and name != told:
        raise ValueError(f"{path} is a model of {told!r}, not of {name!r}: leave out --algo")
    row = contestants.METHODS[name]
    if told is None:
        return _of_foreign(path, row), {}
    return row, row.env_kwargs_for({} if label is None else label.env_kwargs)


def level_of(path: Path, row: Method) -> LegalActions | None:
    """Legal-action level that a model file says its model was trained at; None where it says nothing.

    A model without masks may pick any edit: its level is `givens` where the file says nothing.
    """
    label = label_of(path)
    if label is not None:
        level: LegalActions = row.env_kwargs_for(label.env_kwargs).get("legal_actions", "givens")
        return level
    if row_told(path) is not None and row.legal_actions is not None:
        return row.legal_actions
    return None if row.masks or row.family != "baseline" else "givens"


def row_told(path: Path) -> str | None:
    """The row that a model file names, by its label or by its model; None where it names none."""
    label = label_of(path)
    name = _members(path, "data").get("data", {}).get(ROW_NAME) if label is None else label.algo
    return None if name is None else str(name)


def _of_foreign(path: Path, row: Method) -> Method:
    """The row for a file that names none, with the kind of observation that its model reads.

    Raises:
        ValueError: the file is no model, or one of another algorithm, or the row's name has settings.
    """
    data = _members(path, "data").get("data")
    if data is None or not all(isinstance(data.get(key), dict) for key in ("observation_space", "policy_class")):
        raise ValueError(f"{path} is not a saved model: it has no member 'data' with its spaces and its policy")
    base, at, settings = row.name.partition("@")
    if at:
        raise ValueError(f"{path} is scored with its own settings, not with {settings!r}: give --algo {base}")
    algorithm: Any = resolve_name(row.algorithm)
    known = signature(algorithm.__init__).parameters
    modules = {policy.__module__ for policy in algorithm.policy_aliases.values()}
    if module_told(data["policy_class"]) not in modules or any((mark in data) != (mark in known) for mark in MARKS):
        raise ValueError(f"{path} is not a model of {algorithm.__name__}, which --algo {row.name} stands for")
    space = data["observation_space"]
    return replace(row, observation="dict" if "Dict" in f"{space.get(':type:')}{space.get(':object:')}" else "one_hot")


def _members(path: Path, *names: str) -> dict[str, Any]:
    """The JSON members of a zip, those of `names` that it has."""
    if not path.is_file():
        raise ValueError(f"there is no model file {path}")
    found = read_members(path, *names)
    members = {}
    for name, content in found.items():
        try:
            members[name] = json.loads(content)
        except (ValueError, RecursionError):
            members[name] = None
        if not isinstance(members[name], dict):
            raise ValueError(f"{path} is not a saved model: its member {name!r} is no JSON object")
    return members
