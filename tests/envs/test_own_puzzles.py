"""Puzzles of the user's own, in all forms, by one rule for Sudoku, maze and Light Up: strings, paths and arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import pytest
from own_tasks import Latin

from trm_envs import InstancePool, PlanEditEnv, PlanEditMDP
from trm_envs.light_up.generator import generate as light_ups
from trm_envs.light_up.text import format_puzzles
from trm_envs.maze.generator import generate as mazes
from trm_envs.maze.text import format_mazes
from trm_envs.sudoku.generator import generate as sudokus
from trm_envs.sudoku.text import format_grids


class Own(NamedTuple):
    """One puzzle in two forms, and the id of its environment."""

    env_id: str
    grid: np.ndarray[Any, np.dtype[np.int8]]
    line: str


def sudoku(size: int) -> Own:
    grids = sudokus(size, (6, 8) if size == 4 else (90, 120), 1, np.random.default_rng(0))
    return Own(f"SudokuPlanEdit-{size}x{size}-v0", grids[0], format_grids(grids)[0])


def maze(size: int) -> Own:
    grids = mazes(size, 1, np.random.default_rng(0), 0.0)
    return Own(f"MazePlanEdit-{size}x{size}-v0", grids[0], format_mazes(grids)[0])


def light_up(size: int) -> Own:
    grids = light_ups(size, 1, np.random.default_rng(0))
    return Own(f"LightUpPlanEdit-{size}x{size}-v0", grids[0], format_puzzles(grids)[0])


# A line of the largest maze is longer than a file's name may be.
OWN = [sudoku(4), sudoku(16), maze(5), maze(31), light_up(7)]
SMALL = [sudoku(4), maze(5), light_up(7)]


def instance(env_id: str, puzzles: Any) -> Any:
    """What an environment with these puzzles, all the same, starts on."""
    return gym.make(env_id, puzzles=puzzles).reset(seed=0)[0]["instance"]


@pytest.mark.parametrize("own", OWN, ids=lambda own: own.env_id)
@pytest.mark.parametrize("suffix", [".npy", ".NPY", ".txt", ".Txt"])
@pytest.mark.parametrize("form", [str, Path])
def test_a_path_is_read_as_a_string_too_and_with_its_suffix_in_any_case(
    tmp_path: Path, own: Own, suffix: str, form: Any
) -> None:
    path = tmp_path / f"own{suffix}"
    if suffix.lower() == ".npy":
        with path.open("wb") as file:
            np.save(file, own.grid[None])
    else:
        path.write_text(own.line + "\n", encoding="utf-8")
    np.testing.assert_array_equal(instance(own.env_id, form(path)), own.grid)


@pytest.mark.parametrize("own", OWN, ids=lambda own: own.env_id)
def test_any_other_string_is_one_puzzle(own: Own) -> None:
    np.testing.assert_array_equal(instance(own.env_id, own.line), own.grid)


@pytest.mark.parametrize("own", OWN, ids=lambda own: own.env_id)
def test_reset_takes_one_puzzle_as_text(own: Own) -> None:
    for env in (gym.make(own.env_id), gym.make_vec(own.env_id, num_envs=2)):
        observation, _ = env.reset(seed=0, options={"puzzle": own.line})
        assert (observation["instance"] == own.grid).all()


@pytest.mark.parametrize("own", SMALL, ids=lambda own: own.env_id)
def test_a_string_that_is_nothing_known_is_told_what_it_could_be(own: Own) -> None:
    for text in ("puzzles.json", "", own.line + "."):
        with pytest.raises(ValueError, match=r"name of a file.*\.txt, \.csv.*text of one puzzle: "):
            gym.make(own.env_id, puzzles=text)
        with pytest.raises(ValueError, match=r"options\['puzzle'\] must be an array or one line of text, no file's"):
            gym.make(own.env_id).unwrapped.reset(options={"puzzle": text})


@pytest.mark.parametrize("own", SMALL, ids=lambda own: own.env_id)
def test_a_file_is_a_file_whatever_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: Own) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"missing\.npy"):
        gym.make(own.env_id, puzzles="missing.npy")
    for name in ("puzzles.json", "noname", own.line):
        Path(name).write_text(own.line, encoding="utf-8")
        with pytest.raises(ValueError, match=r"are read from .* files, not from"):
            gym.make(own.env_id, puzzles=name)


@pytest.mark.parametrize("own", SMALL, ids=lambda own: own.env_id)
@pytest.mark.parametrize("dtype", ["f8", "f4", "?", "c16", "m8[s]", "M8[s]", "O", "S1"])
def test_only_integer_types_are_puzzles_and_the_remedy_is_said(own: Own, dtype: str) -> None:
    array = own.grid.astype("i8").astype(dtype)
    with pytest.raises(ValueError, match=r"expected an integer type, got .*\.astype\(int\)"):
        gym.make(own.env_id, puzzles=array[None])
    with pytest.raises(ValueError, match=r"options\['puzzle'\]: expected an integer type, got .*\.astype\(int\)"):
        gym.make(own.env_id).unwrapped.reset(options={"puzzle": array})


def test_a_puzzle_without_a_text_form_says_so() -> None:
    env = PlanEditEnv(PlanEditMDP(Latin(3)), InstancePool(np.zeros((1, 9), np.int8)))
    with pytest.raises(ValueError, match="Latin reads no text: give an array of 9 integers"):
        env.reset(options={"puzzle": "........."})
