"""Keywords that are True or False take nothing else, in every environment."""

import inspect
from typing import get_type_hints

import gymnasium as gym
import numpy as np
import pytest

import trm_envs
from trm_envs.control.sources import EditOptions, SystemOptions
from trm_envs.maze.sources import MazeOptions
from trm_envs.maze.task import MazeTask
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.sudoku.sources import SudokuOptions
from trm_envs.sudoku.task import SudokuTask

OPTIONS = {
    "SudokuPlanEdit-4x4-v0": SudokuOptions,
    "MazePlanEdit-5x5-v0": MazeOptions,
    "ControlPlanEdit-VanDerPol-v0": EditOptions,
    "Control-DoubleIntegrator-v0": SystemOptions,
    "ControlPlanEdit-PoweredDescent-v0": EditOptions,
}


def truths(env_id: str) -> list[str]:
    """Keywords of an environment that its annotations call bool, by its options or by its constructor."""
    entry = gym.registry[env_id].entry_point
    cls = gym.envs.registration.load_env_creator(entry) if isinstance(entry, str) else entry
    own = [name for name, parameter in inspect.signature(cls).parameters.items() if parameter.annotation == "bool"]
    return own + [name for name, hint in get_type_hints(OPTIONS[env_id]).items() if hint in (bool, bool | None)]


CASES = [(env_id, name) for env_id in OPTIONS for name in truths(env_id)]


def test_the_annotations_are_found():
    assert trm_envs.__version__
    assert {name for _, name in CASES} == {
        "generate", "shaping", "allow_erase", "braid", "scattered", "shortest", "ood", "tight", "shallow", "observe_mu",
    }  # fmt: skip


@pytest.mark.parametrize(("env_id", "name"), CASES)
@pytest.mark.parametrize("value", ["False", "false", "no", 0, 1, 0.0, "", [False]])
def test_a_word_or_a_number_is_no_truth_value(env_id, name, value):
    for make in (gym.make, lambda env_id, **keywords: gym.make_vec(env_id, 2, **keywords)):
        with pytest.raises(ValueError, match=f"{name} must be True or False, got "):
            make(env_id, **{name: value})


@pytest.mark.parametrize("value", [False, np.False_, True, np.True_])
def test_numpys_truth_values_are_welcome(value):
    made = gym.make("SudokuPlanEdit-4x4-v0", shaping=value).unwrapped.mdp.shaping
    assert type(made) is bool and made == bool(value)


def test_tasks_and_models_check_what_they_are_given():
    for name, make in (
        ("shaping", lambda value: PlanEditMDP(SudokuTask(4), shaping=value)),
        ("can_erase", lambda value: SudokuTask(4, can_erase=value)),
        ("shortest", lambda value: MazeTask(5, shortest=value)),
    ):
        with pytest.raises(ValueError, match=f"{name} must be True or False, got 'False'"):
            make("False")
