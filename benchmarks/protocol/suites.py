"""The table of suites: which instances are solved, under which rules, for how many environment steps."""

from __future__ import annotations

from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

import trm_envs
from benchmarks.protocol.control import EDITS, ControlPool
from trm_envs import InstancePool, PlanEditMDP
from trm_envs.continuous.mdp import ControlEditMDP
from trm_envs.plan_edit.problem import TRAINING_OPTIONS, Split
from trm_envs.plan_edit.task import Grids


class Suite(NamedTuple):
    """One row: an environment, its keywords and a default training budget."""

    name: str
    env_id: str
    env_kwargs: dict[str, Any]
    steps: int
    """Default number of environment steps of a training run."""
    trained_on: str | None = None
    """Another suite that methods train on, to be scored on this one's instances as they are; None: on its own."""
    begun_on: tuple[str, int] | None = None
    """Another suite that methods train on at first, and for how many of their environment steps."""


def _row(name: str, env: str, steps: int, **kwargs: Any) -> Suite:
    return Suite(name, f"{env}-v0", {"legal_actions": "givens", **kwargs}, steps)


def _graded(name: str, env: str, steps: int, *stages: Any, **kwargs: Any) -> Suite:
    """A suite of large puzzles: all methods train with a curriculum that ends in them, and with the retry queue."""
    return _row(name, env, steps, blanks=stages[-1], curriculum=[*stages], retry=0.3, **kwargs)


def _walk(name: str, env: str, steps: int) -> Suite:
    """A suite of walking, with small costs; training draws start and goal anew."""
    return _row(name, env, steps, ends="any", step_cost=0.01, bump_cost=0.02)


def _system(name: str, env: str, steps: int, **kwargs: Any) -> list[Suite]:
    """A suite of a system to control, and the one out of distribution that the same models are scored on."""
    row = Suite(f"control-{name}", f"ControlPlanEdit-{env}-v0", {"max_edits": EDITS[-1], **kwargs}, steps)
    return [row, _elsewhere(row, "ood", ood=True)]


def _elsewhere(row: Suite, ending: str, **kwargs: Any) -> Suite:
    """Other instances of a suite's system, for scoring alone."""
    return row._replace(name=f"{row.name}-{ending}", env_kwargs={**row.env_kwargs, **kwargs}, trained_on=row.name)


def _carried(name: str, env: str, blanks: Any) -> Suite:
    """A suite of another size of Sudoku, for models of 9x9 that never saw it."""
    return _row(f"{name}-zero-shot", env, 200_000, blanks=blanks)._replace(trained_on="sudoku-9x9")


_9X9 = "SudokuPlanEdit-9x9"
_TO_56 = ((20, 30), (31, 48), (49, 56))
_16X16 = "SudokuPlanEdit-16x16"
_TO_120 = ((20, 40), (41, 89), (90, 120))
# Naked and hidden singles solve a sixth of these puzzles, and nearly all of the 25x25 ones below.
_HARD_16X16 = (141, 150)
_OTHER_SIZES = (
    ("sudoku-16x16", _16X16, (90, 120)),
    ("sudoku-16x16-hard", _16X16, _HARD_16X16),
    ("sudoku-25x25", "SudokuPlanEdit-25x25", (200, 250)),
    ("sudoku-25x25-to-300", "SudokuPlanEdit-25x25", (251, 300)),
)
# Refused edits leave a landing as it is, and the gradient along landings is what an edit can follow.
_DESCENT = _system("descent", "PoweredDescent", 48_000, accept="improving", observe="gradient")
_VDP = _system("vdp", "VanDerPol", 144_000)
_VDP_MU = _system("vdp-mu", "VanDerPol", 144_000, mu=[0.5, 2.0])
# Trajectories of plans are all that tells of mu, in training and at test time.
_VDP_HIDDEN = _system("vdp-mu-hidden", "VanDerPol", 144_000, mu=[0.5, 2.0], observe_mu=False)
_MU = (0.5, 0.8, 1.0, 1.3, 1.6, 2.0)
"""Dynamics that models of all mu are scored on one by one, and those of mu = 1 without having seen them."""

SUITES: dict[str, Suite] = {
    row.name: row
    for row in (
        _row("sudoku-4x4-easy", "SudokuPlanEdit-4x4", 20_000, blanks=(1, 4)),
        _row("sudoku-4x4-hard", "SudokuPlanEdit-4x4", 20_000, blanks=(6, 8)),
        _row("sudoku-4x4-hard-sparse", "SudokuPlanEdit-4x4", 20_000, blanks=(6, 8), shaping=False),
        _row("sudoku-4x4-minimal", "SudokuPlanEdit-4x4", 50_000, blanks="minimal"),
        _row("sudoku-9x9-easy", _9X9, 50_000, blanks=(20, 30)),
        _row("sudoku-9x9-medium", _9X9, 100_000, blanks=(31, 48)),
        _graded("sudoku-9x9", _9X9, 200_000, *_TO_56),
        _graded("sudoku-9x9-sparse", _9X9, 200_000, *_TO_56, shaping=False),
        _graded("sudoku-9x9-minimal", _9X9, 200_000, *_TO_56, "minimal"),
        _graded("sudoku-9x9-hard", _9X9, 1_000_000, *_TO_56, "minimal", "hard"),
        _row("sudoku-9x9-hard-from-9x9", _9X9, 200_000, blanks="hard")._replace(trained_on="sudoku-9x9"),
        _graded("sudoku-16x16", _16X16, 200_000, *_TO_120),
        _graded("sudoku-16x16-hard", _16X16, 200_000, *_TO_120, _HARD_16X16),
        _graded("sudoku-16x16-from-9x9", _16X16, 60_000, *_TO_120)._replace(begun_on=("sudoku-9x9", 30_000)),
        *(_carried(name, env, blanks) for name, env, blanks in _OTHER_SIZES),
        _row("maze-5x5", "MazePlanEdit-5x5", 20_000),
        _row("maze-9x9", "MazePlanEdit-9x9", 200_000, retry=0.3),
        _row("maze-15x15", "MazePlanEdit-15x15", 180_000, retry=0.3)._replace(begun_on=("maze-9x9", 120_000)),
        _row("maze-31x31", "MazePlanEdit-31x31", 200_000, shortest=True),
        _row("maze-scattered-9x9", "MazePlanEdit-9x9", 120_000, retry=0.3, scattered=True, shortest=True),
        _row("maze-scattered-15x15", "MazePlanEdit-15x15", 120_000, retry=0.3, scattered=True, shortest=True),
        # 30x30 asks for long paths, and those of `maze-scattered-15x15` have 20 cells on average.
        _row(
            "maze-winding-15x15",
            "MazePlanEdit-15x15",
            200_000,
            scattered=True,
            shortest=True,
            generate=True,
            curriculum=[(30, None)],
            retry=0.3,
            max_edits=100,
        )._replace(begun_on=("maze-scattered-9x9", 120_000)),
        _row("maze-hard-30x30", "MazePlanEdit-Hard30x30", 240_000, retry=0.3, max_edits=200)._replace(
            begun_on=("maze-winding-15x15", 200_000)
        ),
        _row("maze-hard-30x30-from-15x15", "MazePlanEdit-Hard30x30", 200_000, max_edits=200)._replace(
            trained_on="maze-winding-15x15"
        ),
        _row("maze-15x15-from-9x9", "MazePlanEdit-15x15", 120_000)._replace(trained_on="maze-9x9"),
        # Solutions take less than a third of the cells: with half as many edits, episodes that fail end sooner.
        _row("light-up-7x7", "LightUpPlanEdit-7x7", 60_000, retry=0.3, max_edits=24),
        _row("light-up-10x10", "LightUpPlanEdit-10x10", 120_000, retry=0.3, max_edits=50),
        _row("colouring-20-k3", "GraphColouringPlanEdit-20-k3", 20_000, retry=0.3),
        _row("colouring-20-k3-planted", "GraphColouringPlanEdit-20-k3", 20_000, retry=0.3, kind="planted"),
        _row("colouring-50-k4", "GraphColouringPlanEdit-50-k4", 100_000, retry=0.3),
        _row("colouring-50-k4-planted", "GraphColouringPlanEdit-50-k4", 100_000, retry=0.3, kind="planted"),
        _row("colouring-50-k4-from-20-k3", "GraphColouringPlanEdit-50-k4", 20_000)._replace(
            trained_on="colouring-20-k3"
        ),
        _row("colouring-100-k5", "GraphColouringPlanEdit-100-k5", 200_000, retry=0.3),
        _row("colouring-100-k5-planted", "GraphColouringPlanEdit-100-k5", 200_000, retry=0.3, kind="planted"),
        _row("sudoku-place-4x4-minimal", "SudokuPlace-4x4", 50_000, blanks="minimal"),
        _graded("sudoku-place-9x9", "SudokuPlace-9x9", 200_000, *_TO_56),
        _row("open-walk-5x5", "OpenMazeWalk-5x5", 10_000, dense_rewards=True),
        _walk("walk-7x7", "MazeWalk-7x7", 1_200_000),
        _walk("walk-9x9", "MazeWalk-9x9", 1_200_000),
        _walk("walk-11x11", "MazeWalk-11x11", 300_000),
        _walk("walk-15x15", "MazeWalk-15x15", 1_800_000)._replace(begun_on=("walk-9x9", 1_200_000)),
        _walk("walk-15x15-from-9x9", "MazeWalk-15x15", 300_000)._replace(trained_on="walk-9x9"),
        *_system("di", "DoubleIntegrator", 144_000),
        *_system("di-tight", "DoubleIntegratorTight", 144_000),
        *_VDP,
        *_VDP_MU,
        *_VDP_HIDDEN,
        *(_elsewhere(_VDP_MU[0], f"{mu:g}", mu=mu) for mu in _MU),
        *(_elsewhere(_VDP[0], f"at-mu-{mu:g}", mu=mu) for mu in _MU if mu != 1.0),
        *_DESCENT,
        _elsewhere(_DESCENT[0], "shallow", shallow=True),
    )
}


def suite(name: str) -> Suite:
    """The suite of this name.

    Raises:
        ValueError: there is none.
    """
    if name not in SUITES:
        raise ValueError(f"unknown suite {name!r}; known suites: {', '.join(SUITES)}")
    return SUITES[name]


class Pool(NamedTuple):
    """A fixed set of instances and the MDP that they are solved in."""

    mdp: PlanEditMDP
    instances: Grids
    """Shape (n, n_cells), int8."""

    def chosen(self, rows: NDArray[np.int64]) -> Pool:
        """Some of the instances."""
        return Pool(self.mdp, self.instances[rows])


def pool(env_id: str, env_kwargs: dict[str, Any], split: Split | None = None) -> Pool:
    """The puzzles that an environment draws from, all of them: a curriculum or a retry queue is for training only.

    Args:
        env_id: a plan-editing environment.
        env_kwargs: its keywords; `puzzles` among them names the user's own instances.
        split: which shipped pool; None where `env_kwargs` says where instances come from.

    Raises:
        ValueError: there is no such environment, or it makes its instances as it goes, or refuses a keyword.
    """
    env = _editing(env_id, env_kwargs, split)
    return Pool(env.mdp, _fixed(env_id, env, env_kwargs))


def mdp_of(env_id: str, env_kwargs: dict[str, Any]) -> PlanEditMDP:
    """The MDP of an environment, for puzzles that are still to be read; errors as of `pool`."""
    mdp: PlanEditMDP = _editing(env_id, env_kwargs, None).mdp
    return mdp


def scored_pool(env_id: str, env_kwargs: dict[str, Any], split: Split) -> Pool | ControlPool:
    """A shipped pool of puzzles, or of first states of a system with their reference optima.

    Args:
        env_id: a plan-editing environment of a suite.
        env_kwargs: its keywords.
        split: `validation` or `test`.

    Raises:
        ValueError: as `pool`.
    """
    env = _made(env_id, env_kwargs, split)
    if not isinstance(env.mdp, ControlEditMDP):
        return pool(env_id, env_kwargs, split)
    from baselines.control_lines import reference_costs

    instances = _fixed(env_id, env, env_kwargs)
    return ControlPool(env.mdp, instances, reference_costs(env.mdp.task, instances))


_NAMED = "name one like SudokuPlanEdit-9x9-v0 or MazePlanEdit-9x9-v0"


def _editing(env_id: str, env_kwargs: dict[str, Any], split: Split | None) -> Any:
    env = _made(env_id, env_kwargs, split)
    if not isinstance(getattr(env, "mdp", None), PlanEditMDP):
        raise ValueError(f"{env_id} is no plan-editing environment; {_NAMED}")
    return env


def _made(env_id: str, env_kwargs: dict[str, Any], split: Split | None) -> Any:
    """The environment; ValueError where there is none, or it refuses a keyword."""
    gym.register_envs(trm_envs)
    asked = {key: value for key, value in env_kwargs.items() if key not in TRAINING_OPTIONS}
    if split is not None:
        # New instances are for training too; what is scored is shipped.
        asked = {**{key: value for key, value in asked.items() if key != "generate"}, "split": split}
    try:
        gym.spec(env_id)
    except (gym.error.Error, ImportError, ValueError) as error:
        raise ValueError(f"there is no environment {env_id!r}: {error}; {_NAMED}") from None
    try:
        return gym.make(env_id, disable_env_checker=True, **asked).unwrapped
    except (gym.error.Error, ImportError, AttributeError, TypeError) as error:
        raise ValueError(f"{env_id} does not take what a plan-editing environment does: {error}; {_NAMED}") from error


def _fixed(env_id: str, env: Any, env_kwargs: dict[str, Any]) -> Any:
    """The instances of an environment; ValueError where it generates them."""
    if not isinstance(env.source, InstancePool):
        raise ValueError(f"{env_id} with {env_kwargs} generates its instances: there is no fixed set to score")
    return env.source.instances
