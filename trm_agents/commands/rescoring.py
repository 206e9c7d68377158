"""Scores what an entry of the scoreboard names, and says where a score cannot be reproduced."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trm_agents.commands import agents, puzzles, spending
from trm_agents.commands.entries import Entry, Line
from trm_agents.commands.puzzles import Puzzles
from trm_agents.solving import Solutions
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.problem import TRAINING_OPTIONS
from trm_envs.plan_edit.task import Grids
from trm_envs.pools.hashing import pool_hash

COSTS = {"edits": "edits", "network_calls": "calls", "inner_steps": "inner_steps", "checks": "checks"}
"""Costs of a line -> fields of `Solutions`."""
NEAR = 0.01
"""By what share a mean cost may differ: another processor rounds otherwise, and an edit of few puzzles with it."""


def entry_of(
    name: str,
    model: str,
    lines: Sequence[str],
    env_id: str | None = None,
    env_kwargs: dict[str, Any] | None = None,
    folder: Path = Path(),
    trust: bool = False,
) -> Entry:
    """Score a model on the test split of its environment.

    Args:
        name: of the entry.
        model: as an entry says it.
        lines: what to score, as `policy` and `attempts=127`.
        env_id: the environment; None is that of the zoo's card.
        env_kwargs: its keywords; None are those of the card. Those of training alone are left out.
        folder: where files of models lie.
        trust: run what the pickles of a model's file say, modules, and environments of other packages.

    Raises:
        ValueError: there is no such model or environment, a module is not trusted, or a line is not for such a model.
    """
    if is_code(model):
        _check_trust(model, trust)
    agent = agents.about(_located(model, folder), env_id) if not is_code(model) else None
    if agent is None and env_id is None:
        raise ValueError(f"{model} does not tell its environment: name it with --env ID")
    where = agent.env_id if agent else str(env_id)
    asked = agent.keywords if agent and env_kwargs is None else env_kwargs or {}
    chosen = {key: value for key, value in asked.items() if key not in TRAINING_OPTIONS}
    world = puzzles.read(where, None, chosen)
    # Entries of one pool and one level stand together, whether they name the level or not.
    chosen["legal_actions"] = world.mdp.legal_actions
    loaded = _loaded(model, agent, world, trust)
    found = tuple(_line(line, loaded, agent, world) for line in lines)
    weights = [each.numel() for each in loaded.policy.parameters() if each.requires_grad] if agent else None
    return Entry(
        name=name,
        model=model,
        model_sha256=_digest(model, folder),
        env_id=where,
        env_kwargs=chosen,
        pool_sha256=pool_hash(world.instances),
        parameters=None if weights is None else sum(weights),
        lines=found,
    )


def differences(entry: Entry, folder: Path, trust: bool = False) -> list[str]:
    """What of an entry cannot be reproduced, each with what the entry says and what was found; none where all can.

    Args:
        entry: what is scored again.
        folder: where its model's file lies.
        trust: as of `entry_of`.
    """
    try:
        for named in filter(is_code, (entry.model, entry.env_id)):
            _check_trust(named, trust)
        if (found := _digest(entry.model, folder)) != entry.model_sha256:
            return [f"{entry.name}: the model's SHA-256 is {found}, the entry says {entry.model_sha256}"]
        shipped = pool_hash(puzzles.read(entry.env_id, None, entry.env_kwargs).instances)
        if shipped != entry.pool_sha256:
            return [f"{entry.name}: the pool's SHA-256 is {shipped}, the entry says {entry.pool_sha256}"]
        lines = [line.line for line in entry.lines]
        again = entry_of(entry.name, entry.model, lines, entry.env_id, entry.env_kwargs, folder, trust)
    except (ValueError, OSError) as error:
        return [f"{entry.name}: {error}"]
    problems = []
    if again.parameters != entry.parameters:
        problems.append(f"{entry.name}: parameters are {again.parameters}, the entry says {entry.parameters}")
    for told, line in zip(entry.lines, again.lines, strict=True):
        for field in ("n", "solved", *COSTS):
            was, now = getattr(told, field), getattr(line, field)
            if was != now and (field not in COSTS or abs(was - now) > NEAR * max(was, now)):
                problems.append(f"{entry.name}, {told.line}: {field} is {now:g}, the entry says {was:g}")
    return problems


def is_code(model: str) -> bool:
    """Whether an entry's model is a module that makes a solver, or its environment that of another package."""
    return ":" in model and not model.startswith((agents.ZOO, "trm_envs:"))


def _check_trust(named: str, trust: bool) -> None:
    """Raise ValueError where code is not trusted; even to look a module up imports the packages that it lies in."""
    if not trust:
        raise ValueError(f"{named} is code, which runs when it is scored: read it, and give --trust")


def _located(model: str, folder: Path) -> str:
    """The reference of a model that is no module; a file's name is one of the folder."""
    if model.startswith(agents.ZOO):
        return model
    if Path(model).name != model:
        raise ValueError(f"the model's file {model!r} does not lie beside its entry: copy it there")
    return str(folder / model)


def _digest(model: str, folder: Path) -> str:
    """SHA-256 of a model's file, or of the module that makes a solver.

    Raises:
        ValueError: there is none.
    """
    if is_code(model):
        name = model.partition(":")[0]
        try:
            spec = find_spec(name)
        except ImportError:
            spec = None
        if spec is None or spec.origin is None or not spec.has_location:
            raise ValueError(f"there is no file of a module {name!r}: install it, or run where it lies")
        return hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()
    path = agents.path(_located(model, folder))
    if not path.is_file():
        raise ValueError(f"there is no model file {path.name}: copy it beside the entry")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _loaded(model: str, agent: agents.About | None, world: Puzzles, trust: bool) -> Any:
    """The agent, or the solver that a module makes."""
    if agent is not None:
        return agents.load(agent, world.env, trust)
    return resolve_name(model)(world.mdp)


def _line(line: str, loaded: Any, agent: agents.About | None, world: Puzzles) -> Line:
    kind, _, budget = line.partition("=")
    if (kind == "solver") != (agent is None):
        raise ValueError(
            f"{line}: solver=N is for modules; policy, {', '.join(f'{name}=N' for name in spending.BUDGETS)} for models"
        )
    if agent is None:
        found = loaded.solve(world.instances, budget=int(budget))
    else:
        found = spending.spend(loaded, agent, world, **({kind: int(budget)} if budget else {}))
    solved = solved_by(found, world.mdp, world.instances)
    costs = {cost: float(np.mean(getattr(found, field))) for cost, field in COSTS.items()}
    return Line(line, len(solved), int(solved.sum()), **costs)


def solved_by(found: Solutions, mdp: PlanEditMDP, instances: Grids) -> NDArray[np.bool_]:
    """Which plans solve their puzzle, by the checker and not by what the solver says, shape (n,).

    Where an edit writes into a cell, a plan that differs from the first one where no edit may write, or in more cells
    than there are edits, solves none.

    Raises:
        ValueError: there is not one plan a puzzle.
    """
    plans = np.ascontiguousarray(found.plans, np.int8)
    task, first = mdp.task, mdp.task.initial_plans(instances)
    if plans.shape != first.shape:
        raise ValueError(f"{len(instances)} puzzles have plans of the shape {plans.shape}, not {first.shape}")
    within = (plans >= 0) & (plans <= task.plan_high)
    solved: NDArray[np.bool_] = task.check(instances, np.where(within, plans, first)).solved & within.all(axis=1)
    if not task.edits_cells:
        return solved
    legal = task.action_mask(instances, first, "givens")[:, : task.n_cells * task.n_symbols]
    open_cells = legal.reshape(len(plans), task.n_cells, task.n_symbols).any(axis=2)
    changed = plans != first
    solved &= ~(changed & ~open_cells).any(axis=1) & (changed.sum(axis=1) <= mdp.max_edits)
    return solved
