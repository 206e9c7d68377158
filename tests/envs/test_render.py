"""Drawings: shapes, and that givens, edits, violations and dead ends cannot be taken for each other."""

import re
import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import DependencyNotInstalled

import trm_envs
from trm_envs import SymbolTask, count_repeats, rows_and_columns
from trm_envs.maze import render as maze_render
from trm_envs.maze.chains import diagnose
from trm_envs.maze.generator import generate
from trm_envs.maze.task import MazeTask
from trm_envs.maze.text import parse_mazes
from trm_envs.sudoku import render as sudoku_render
from trm_envs.sudoku.task import SudokuTask
from trm_envs.sudoku.text import parse_grid_lines

# First row: a given 1, an edit 2, an edit 1 that repeats the given, an edit 4.
GIVENS = parse_grid_lines(["1......34......."], 4)[0]
PLAN = GIVENS.copy()
PLAN[[1, 2, 3]] = 2, 1, 4
# No digit fits cell 2: its row holds 1 and 2, its box 3, its column 4.
DEAD_ENDS = parse_grid_lines(["12.....3..4....."], 4)[0]


class Row(SymbolTask):
    """A puzzle of one row, drawn as any problem without a drawing of its own."""

    def __init__(self, n):
        super().__init__(shape=(1, n), n_symbols=2)

    @property
    def groups(self):
        return {"row": rows_and_columns(self.shape)}

    def check(self, instances, plans):
        return count_repeats(plans, self.groups["row"], self.n_symbols)


def unstyled(text):
    return re.sub("\x1b\\[[0-9;]*m", "", text)


def sudoku_cell(image, cell):
    """The pixels of one cell of a 4x4 drawing, lines left out."""
    side = (len(image) - 24) // 4
    row, column = divmod(cell, 4)
    top, left = 12 + row * side + 6, 12 + column * side + 6
    return image[top : top + side - 12, left : left + side - 12].reshape(-1, 3).astype(int)


def has_ink(pixels, test):
    return bool(test(pixels[:, 0], pixels[:, 1], pixels[:, 2]).any())


def is_blue(red, green, blue):
    return (blue > 150) & (red < 90)


def is_red(red, green, blue):
    return (red > 150) & (green < 90) & (blue < 90)


def is_dark(red, green, blue):
    return (red < 60) & (green < 70) & (blue < 80)


@pytest.mark.parametrize("env_id", [row.id for row in trm_envs.ENVIRONMENTS])
def test_every_environment_draws_images_of_a_handy_size(env_id):
    env = gym.make(env_id, render_mode="rgb_array").unwrapped
    env.reset(seed=0)
    image = env.render()
    assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
    assert 300 <= image.shape[0] == image.shape[1] <= 600
    # Videos in yuv420p have even sides only.
    assert image.shape[0] % 2 == 0
    assert image.flags.writeable


@pytest.mark.parametrize("size", [3, 4, 6, 15, 31, 62, 101])
def test_images_of_other_sizes_have_even_sides_too(size):
    maze = np.zeros(size * size, np.int8)
    maze[[0, -1]] = 2, 3
    assert all(side % 2 == 0 for side in maze_render.image(maze, (maze > 0).astype(np.int8)).shape[:2])
    empty = np.zeros(size, np.int8)
    assert all(side % 2 == 0 for side in Row(size).render_image(empty, empty).shape[:2])


@pytest.mark.parametrize("env_id", [row.id for row in trm_envs.ENVIRONMENTS])
def test_every_edit_shows(env_id):
    for mode in ("rgb_array", "ansi"):
        env = gym.make(env_id, render_mode=mode).unwrapped
        _, info = env.reset(seed=0)
        before = env.render()
        env.step(int(np.flatnonzero(info["action_mask"])[0]))
        assert np.any(env.render() != before)


def test_sudoku_flaws_are_those_the_checker_counts():
    rng = np.random.default_rng(0)
    for size in (4, 9):
        task = SudokuTask(size)
        for plan in rng.integers(0, size + 1, (50, size * size)).astype(np.int8):
            repeated, dead = sudoku_render.flaws(plan)
            checks = task.check(plan[None] * 0, plan[None])
            assert dead.sum() == checks.dead_ends[0]
            assert repeated.any() == (checks.violations[0] > 0)
            for cell in np.flatnonzero(plan):
                peers = {c for kind in task.groups.values() for unit in kind if cell in unit for c in unit} - {cell}
                assert repeated[cell] == any(plan[c] == plan[cell] for c in peers)


def test_sudoku_image_tells_the_classes_apart():
    image = sudoku_render.image(GIVENS, PLAN)
    given_alone, edit, repeated_edit, repeated_given = (sudoku_cell(image, cell) for cell in (7, 1, 2, 0))
    assert has_ink(given_alone, is_dark) and not has_ink(given_alone, is_blue)
    assert has_ink(edit, is_blue) and not has_ink(edit, is_dark)
    assert has_ink(repeated_edit, is_red) and not has_ink(repeated_edit, is_blue)
    assert has_ink(repeated_given, is_dark) and not has_ink(repeated_given, is_red)
    blank = sudoku_cell(image, 15)
    dead = sudoku_cell(sudoku_render.image(DEAD_ENDS, DEAD_ENDS), 2)
    papers = [tuple(cell[0]) for cell in (given_alone, edit, repeated_edit, dead)]
    assert len(set(papers)) == 4 and papers[2] == tuple(repeated_given[0]) and papers[1] == tuple(blank[0])


def test_sudoku_text_tells_the_classes_apart():
    text = sudoku_render.text(GIVENS, PLAN)
    assert "\x1b[1m3\x1b[0m" in text
    assert "\x1b[34m2\x1b[0m" in text
    assert "\x1b[31m1\x1b[0m" in text and "\x1b[1;31m1\x1b[0m" in text
    assert unstyled(text).splitlines()[1] == "│ 1 2 │ 1 4 │"
    assert unstyled(sudoku_render.text(DEAD_ENDS, DEAD_ENDS)).splitlines()[1] == "│ 1 2 │ x · │"


# S at the top left; the chain from it ends in a dead end, the one from G does not, and one cell lies off both.
MAZE = parse_mazes(["S.###.###.....#.#.#.#...G"], 5)[0]
MARKS = (MAZE >= 2).astype(np.int8)
MARKS[[1, 12, 23]] = 1


def maze_cell(image, cell):
    """The pixels in a corner of one cell of a 5x5 drawing, which the path does not reach, and those in its middle."""
    side = 72
    top, left = 36 + cell // 5 * side, 36 + cell % 5 * side
    return tuple(image[top + 5, left + 5]), image[top + 20 : top + 52, left + 20 : left + 52].reshape(-1, 3).astype(int)


def test_maze_image_tells_the_classes_apart():
    image = maze_render.image(MAZE, MARKS)
    cells = {"wall": 2, "free": 13, "marked": 23, "violation": 12, "dead end": 1}
    assert len({maze_cell(image, cell)[0] for cell in cells.values()}) == len(cells)
    assert has_ink(maze_cell(image, 23)[1], is_blue) and not has_ink(maze_cell(image, 23)[1], is_red)
    assert has_ink(maze_cell(image, 12)[1], is_red) and not has_ink(maze_cell(image, 12)[1], is_blue)
    start, goal = maze_cell(image, 0)[1], maze_cell(image, 24)[1]
    assert has_ink(start, lambda r, g, b: (g > 140) & (r < 60))
    assert has_ink(goal, lambda r, g, b: (b > 180) & (g < 90))


def test_maze_text_tells_the_classes_apart():
    text = maze_render.text(MAZE, MARKS)
    lines = unstyled(text).splitlines()
    assert len(lines) == 7 and {len(line) for line in lines} == {14}
    assert lines[1] == "██S ()████████"
    assert lines[3] == "██    ><  ████"
    assert lines[5] == "████    ●●G ██"
    for styled in ("\x1b[1;32mS \x1b[0m", "\x1b[33m()\x1b[0m", "\x1b[31m><\x1b[0m", "\x1b[34m●●\x1b[0m"):
        assert styled in text


def test_maze_drawings_mark_what_the_checker_counts():
    rng = np.random.default_rng(0)
    for maze in generate(5, 100, rng, 1.0):
        plan = ((maze == 0) & (rng.random(25) < 0.5) | (maze >= 2)).astype(np.int8)
        checks = MazeTask(5).check(maze[None], plan[None])
        text = maze_render.text(maze, plan)
        _, dead = diagnose(maze, plan, 5)
        assert ("31m" in text) == (checks.violations[0] > 0)
        # Both chains may stop at one and the same cell, and a dead end that is also a violation is drawn red.
        assert dead.any() == (checks.dead_ends[0] > 0)
        assert "33m" not in text or checks.dead_ends[0] > 0


def test_a_missing_pillow_is_named_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(DependencyNotInstalled, match=r"pip install trm-plan-edit\[render\]"):
        sudoku_render.image(GIVENS, PLAN)
