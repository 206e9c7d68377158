"""Numbers that users hand over: what is none is refused by name, nothing is cut off."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import trm_envs  # noqa: F401  # registers
from trm_envs.instances.adaptive import Curriculum, Retry
from trm_envs.instances.numbers import array_of, share, whole
from trm_envs.instances.sources import InstancePool
from trm_envs.maze.task import MazeTask

SOURCE = InstancePool(np.zeros((1, 4), np.int8))


@pytest.mark.parametrize("value", [3, np.int8(3), np.uint64(3), np.array(3)])
def test_whole_numbers_of_all_types_are_ints(value):
    assert whole("n", value, 1) == 3 and type(whole("n", value, 1)) is int


@pytest.mark.parametrize("value", [3.7, 3.0, "3", True, None, np.array([3]), float("nan"), np.float32(3)])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(ValueError, match=r"^n must be a whole number of at least 1, got "):
        whole("n", value, 1)


@pytest.mark.parametrize("value", [0, 1, 0.25, np.float32(0.5)])
def test_shares_are_floats(value):
    assert share("p", value) == float(value) and type(share("p", value)) is float


@pytest.mark.parametrize("value", [-0.1, 1.1, "0.5", True, None, float("nan"), 1j])
def test_what_is_no_share_is_refused(value):
    with pytest.raises(ValueError, match=r"^p must be within \[0, 1\], got "):
        share("p", value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gym.make("SudokuPlanEdit-4x4-v0", max_edits=3.7), "max_edits must be a whole number.*got 3.7"),
        (lambda: gym.make("SudokuPlanEdit-4x4-v0", max_edits="5"), "max_edits must be a whole number.*got '5'"),
        (lambda: gym.make("SudokuPlanEdit-4x4-v0", max_edits=0), "max_edits must be at least 1, got 0"),
        (lambda: gym.make("SudokuPlanEdit-4x4-v0", gamma="0.9"), r"gamma must be within \[0, 1\], got '0.9'"),
        (lambda: MazeTask(5.5), "maze size must be a whole number of at least 3, got 5.5"),
        (lambda: Curriculum([SOURCE], window=2.5), "window must be a whole number.*got 2.5"),
        (lambda: Curriculum([SOURCE], review="x"), r"review must be within \[0, 1\], got 'x'"),
        (lambda: Retry(SOURCE, tries=1.5), "tries must be a whole number.*got 1.5"),
        (lambda: Retry(SOURCE, capacity=None), "capacity must be a whole number.*got None"),
    ],
)
def test_environments_and_sources_refuse_them_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("values", [[True, 2], [[0, 1], [2, np.False_]], (0.5, True)])
def test_numbers_among_truth_values_are_no_numbers(values):
    assert array_of(values).dtype == object


@pytest.mark.parametrize(("values", "kind"), [([1, 2], "i"), ([[0.5], [1]], "f"), ([True, False], "b"), ("12", "U")])
def test_other_arrays_are_those_of_numpy(values, kind):
    assert array_of(values).dtype.kind == kind and np.array_equal(array_of(values), np.asarray(values))


def test_truth_values_among_numbers_are_refused_wherever_numbers_are_read():
    control = gym.make("Control-VanDerPol-v0")
    control.reset(seed=0)
    with pytest.raises(ValueError, match="array of real numbers, got dtype object"):
        control.reset(options={"instance": [0.5, True, 1.0]})
    sudoku = gym.make("SudokuPlanEdit-4x4-v0")
    cells = [int(cell) for cell in "0234341221434321"]
    sudoku.reset(options={"puzzle": cells})
    with pytest.raises(ValueError, match="expected an integer type, got object"):
        sudoku.reset(options={"puzzle": [False, *cells[1:]]})
    plans = gym.make_vec("ControlPlanEdit-DoubleIntegrator-v0", num_envs=2)
    plans.reset(seed=0)
    actions = np.zeros(plans.action_space.shape).tolist()
    actions[1][3] = True
    with pytest.raises(TypeError, match="an action must be real numbers, got dtype object"):
        plans.step(actions)
    with pytest.raises(gym.error.InvalidAction, match="an action must be an array, got rows of unequal length"):
        plans.step([[0.0], [0.0, 1.0]])
