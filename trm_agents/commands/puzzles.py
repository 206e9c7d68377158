"""Environments by id, and the puzzles in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import gymnasium as gym
import numpy as np

from trm_envs.instances.sources import InstancePool
from trm_envs.plan_edit.env import PlanEditEnv
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.problem import TRAINING_OPTIONS, ProblemOptions, mdp_options
from trm_envs.plan_edit.task import Grids
from trm_envs.plan_edit.view import PlanView
from trm_envs.reading import Batch, OnlyValid


class Puzzles(NamedTuple):
    """Instances and the environment that they are solved in."""

    env: PlanEditEnv
    instances: Grids
    """Shape (n, n_cells), int8."""

    @property
    def mdp(self) -> PlanEditMDP:
        """The environment's MDP."""
        return self.env.mdp


def full_id(env_id: str) -> str:
    """The id with the package that registers it: `trm_envs:ID` unless it names one."""
    return env_id if ":" in env_id else f"trm_envs:{env_id}"


def read(
    env_id: str,
    puzzles: str | Batch | OnlyValid | None = None,
    learned_with: Mapping[str, Any] | None = None,
    asked: Mapping[str, Any] | None = None,
) -> Puzzles:
    """Puzzles of an environment.

    Args:
        env_id: id of a plan-editing environment.
        puzzles: a file, or one puzzle as a line of text, by the environment's own rule, a batch of puzzles, or
            `OnlyValid` of one of them; None is the test split.
        learned_with: the environment's keywords when the agent learned. Those of training are left out, and with
            `puzzles` those that choose among shipped instances.
        asked: keywords that the user asks for; they go first.

    Raises:
        ValueError: no such environment, one of another kind, a keyword that it refuses, or a bad puzzle.
    """
    rules = {key: value for key, value in (learned_with or {}).items() if key not in TRAINING_OPTIONS}
    chosen = {**rules, "split": "test"} if puzzles is None else {**_mdp_options(rules), "puzzles": puzzles}
    env = _make(env_id, {**chosen, **(asked or {})})
    if not isinstance(env.source, InstancePool):
        raise ValueError(f"{env_id} makes its puzzles as it goes: name a file of puzzles")
    return Puzzles(env, env.source.instances)


def none(env_id: str, learned_with: Mapping[str, Any], asked: Mapping[str, Any]) -> Puzzles:
    """The environment for puzzles that are still to be read; arguments and errors as of `read`."""
    env = _make(env_id, {**_mdp_options(learned_with), **asked})
    return Puzzles(env, np.zeros((0, env.mdp.task.n_cells), np.int8))


def _mdp_options(learned_with: Mapping[str, Any]) -> dict[str, Any]:
    return mdp_options(cast(ProblemOptions, learned_with))


def _make(env_id: str, keywords: dict[str, Any]) -> PlanEditEnv:
    try:
        env = gym.make(full_id(env_id), disable_env_checker=True, **keywords).unwrapped
    except (gym.error.Error, ModuleNotFoundError) as error:
        raise ValueError(f"there is no environment {env_id!r} ({error}); {_known()}") from None
    except (ValueError, TypeError, FileNotFoundError) as error:
        # Gymnasium says twice which environment it was.
        cause = str(error).split(" was raised from the environment creator")[0]
        raise ValueError(f"{env_id}: {cause}") from error
    if not isinstance(env, PlanEditEnv):
        raise ValueError(f"{env_id} is a {type(env).__name__}, but trm needs a plan-editing environment; {_known()}")
    return env


def _known() -> str:
    """Ids of the environments that come along: importing `trm_envs.plan_edit` has registered them."""
    ours = (name for name, spec in gym.registry.items() if str(spec.entry_point).startswith("trm_envs."))
    return "known ones: " + ", ".join(sorted(name for name in ours if not name.startswith("Control")))


def pick(n: int, index: int | None, seed: int) -> int:
    """Which of n puzzles: that of an index, or one drawn by a seed.

    Raises:
        ValueError: there is no puzzle of this index.
    """
    if index is None:
        return int(np.random.default_rng(seed).integers(n))
    if index >= n:
        raise ValueError(f"--index must be within 0..{n - 1}, got {index}")
    return index


def line(view: PlanView) -> str:
    """A state as one line of text: the symbol of each cell, `#` for a wall and `.` for nothing."""
    cells = zip(view.symbols, view.kinds, strict=True)
    return "".join("#" if kind == "wall" else symbol or "." for symbol, kind in cells)
