"""Light Up: the checker, legality and `hopeless` against brute force over all sets of bulbs, and by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trm_envs.light_up.generator import generate
from trm_envs.light_up.kernels import diagnose
from trm_envs.light_up.solver import BULB, UNKNOWN, count_solutions, deduce, is_unsolvable, solve, undecided
from trm_envs.light_up.task import LightUpTask
from trm_envs.light_up.text import format_puzzles, parse_puzzles, read_puzzles
from trm_envs.plan_edit.task import PlanTask
from trm_envs.testing import check_task

SEEDS = st.integers(0, 2**32 - 1)


def puzzle(*rows: str) -> np.ndarray:
    return parse_puzzles(["".join(rows)], len(rows))[0]


def random_instance(rng: np.random.Generator, size: int = 3) -> np.ndarray:
    """Any grid with an open cell: most have no solution, some several."""
    cells = rng.choice(7, size * size, p=[0.6, 0.16, 0.06, 0.08, 0.06, 0.02, 0.02]).astype(np.int8)
    cells[rng.integers(size * size)] = 0
    return cells


def all_plans(instance: np.ndarray) -> np.ndarray:
    spots = np.flatnonzero(instance == 0)
    plans = np.zeros((2 ** len(spots), len(instance)), np.int8)
    plans[:, spots] = np.array(list(product((0, 1), repeat=len(spots))))
    return plans


def sight(grid: np.ndarray, row: int, column: int) -> list[tuple[int, int]]:
    """The open cells that a cell sees, without itself."""
    seen = []
    for down, right in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        r, c = row + down, column + right
        while 0 <= r < len(grid) and 0 <= c < len(grid) and grid[r, c] == 0:
            seen.append((r, c))
            r, c = r + down, c + right
    return seen


def beside(row: int, column: int, size: int) -> list[tuple[int, int]]:
    around = ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1))
    return [(r, c) for r, c in around if 0 <= r < size and 0 <= c < size]


def follows_the_rules(instance: np.ndarray, plan: np.ndarray) -> bool:
    """The rules as a solver of the puzzle reads them."""
    size = int(len(instance) ** 0.5)
    grid, bulbs = instance.reshape(size, size), plan.reshape(size, size)
    for row, column in np.ndindex(size, size):
        value = grid[row, column]
        if value == 0:
            seen = sum(bulbs[at] for at in sight(grid, row, column))
            if (seen != 0) if bulbs[row, column] else (seen == 0):
                return False
        elif bulbs[row, column] or (value > 1 and sum(bulbs[at] for at in beside(row, column, size)) != value - 2):
            return False
    return True


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(2, 6))
def test_neighbours_are_the_open_cells_in_sight(seed, size):
    instance = random_instance(np.random.default_rng(seed), size)
    grid = instance.reshape(size, size)
    (found,) = LightUpTask(size).neighbours(instance[None])
    for cell, row in enumerate(found):
        seen = [] if instance[cell] else [r * size + c for r, c in sight(grid, *divmod(cell, size))]
        assert sorted(row[row >= 0].tolist()) == sorted(seen)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_solved_counts_and_deductions_are_those_of_brute_force(seed):
    instance = random_instance(np.random.default_rng(seed))
    plans = all_plans(instance)
    instances = np.repeat(instance[None], len(plans), axis=0)
    solved = np.array([follows_the_rules(instance, plan) for plan in plans])
    checks = LightUpTask(3).check(instances, plans)
    np.testing.assert_array_equal(checks.solved, solved)
    assert not checks.violations[solved].any() and not checks.dead_ends[solved].any()
    assert count_solutions(instance[None], 1 << 20)[0] == solved.sum()
    assert is_unsolvable(instance[None])[0] == (not solved.any())
    if solved.any():
        known = deduce(instance[None])[0]
        certain = (known != UNKNOWN) & (instance == 0)
        assert ((plans[solved] == (known == BULB)) | ~certain).all()
        assert follows_the_rules(instance, solve(instance[None])[0][0])


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_violations_are_surplus_bulbs_of_runs_and_numbers_and_dead_ends_what_no_bulb_mends(seed):
    rng = np.random.default_rng(seed)
    size, task = 5, LightUpTask(5)
    instance = random_instance(rng, size)
    plan = ((rng.random(25) < rng.uniform(0.05, 0.5)) & (instance == 0)).astype(np.int8)
    grid, bulbs = instance.reshape(size, size), plan.reshape(size, size)
    checks = task.check(instance[None], plan[None])

    def count(marks: np.ndarray) -> int:
        lines = [*zip(grid, marks, strict=True), *zip(grid.T, marks.T, strict=True)]
        runs = [sum(run) for line, of_line in lines for run in np.split(of_line * (line == 0), np.flatnonzero(line))]
        cells = [tuple(cell) for cell in np.argwhere(grid > 1).tolist()]
        numbers = [sum(marks[at] for at in beside(*cell, size)) - (grid[cell] - 2) for cell in cells]
        return sum(max(0, n - 1) for n in runs) + sum(max(0, n) for n in numbers)

    def more(row: int, column: int) -> bool:
        """Whether one more bulb breaks no further rule."""
        if grid[row, column] or bulbs[row, column]:
            return False
        after = bulbs.copy()
        after[row, column] = 1
        return count(after) == count(bulbs)

    lit = {at for cell in np.argwhere(bulbs).tolist() for at in [tuple(cell), *sight(grid, *cell)]}
    dark = {tuple(cell) for cell in np.argwhere(grid == 0).tolist()} - lit
    dead = [cell for cell in dark if not any(more(*at) for at in [cell, *sight(grid, *cell)])]
    numbers = {tuple(cell): int(grid[tuple(cell)]) - 2 for cell in np.argwhere(grid > 1).tolist()}
    have = {cell: sum(bulbs[at] for at in beside(*cell, size)) for cell in numbers}
    dead += [cell for cell, n in numbers.items() if have[cell] + sum(more(*at) for at in beside(*cell, size)) < n]
    assert checks.violations[0] == count(bulbs)
    assert checks.dead_ends[0] == len(dead)
    met = sum(have[cell] == n for cell, n in numbers.items())
    assert checks.score[0] == len(lit) + met - 2 * checks.violations[0] - 5 * checks.dead_ends[0]
    mask = task.action_mask(instance[None], plan[None], "consistent")[0].reshape(size, size)
    for at in np.ndindex(size, size):
        assert mask[at] == (bulbs[at] == 1 or more(*at))
    shown = diagnose(instance, plan, size)
    assert {tuple(divmod(int(cell), size)) for cell in np.flatnonzero(shown[0])} == lit
    assert {tuple(divmod(int(cell), size)) for cell in np.flatnonzero(shown[2])} == set(dead)
    assert shown[1].any() == (checks.violations[0] > 0)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_hopeless_is_sound_monotone_and_exact_at_the_end(seed):
    rng = np.random.default_rng(seed)
    instance, task = random_instance(rng), LightUpTask(3)
    spots = np.flatnonzero(instance == 0)
    plans = all_plans(instance)
    goals = plans[[follows_the_rules(instance, plan) for plan in plans]]
    tried = plans[rng.integers(len(plans), size=200)]
    decided = rng.random(tried.shape) < rng.random((200, 1))
    instances = np.repeat(instance[None], 200, axis=0)
    said = task.hopeless(instances, tried, decided)
    agree = ((tried[:, None, spots] == goals[:, spots]) | ~decided[:, None, spots]).all(axis=2).any(axis=1)
    assert not (said & agree).any()
    more = decided | (rng.random(decided.shape) < 0.3)
    assert (task.hopeless(instances, tried, more) >= said).all()
    everything = np.ones_like(decided)
    np.testing.assert_array_equal(task.hopeless(instances, tried, everything), ~task.check(instances, tried).solved)


def test_a_puzzle_by_hand():
    task, instance = LightUpTask(3), puzzle("..1", ".#.", "...")
    plan = np.zeros((1, 9), np.int8)

    def toggled(*cells: int) -> tuple[float, int, int, bool]:
        bulbs = plan.copy()
        bulbs[0, list(cells)] = 1
        checks = task.check(instance[None], bulbs)
        return checks.score[0], checks.violations[0], checks.dead_ends[0], checks.solved[0]

    assert toggled() == (0.0, 0, 0, False)
    # Cell 1 lights the row's two open cells and meets the number; its wall keeps it from cell 7.
    assert toggled(1) == (3.0, 0, 0, False)
    # Cell 6 sees cell 8 along the last row.
    assert toggled(6, 8)[1] == 1
    # Both cells beside the 1.
    assert toggled(1, 5)[1] == 1
    assert toggled(0)[1:3] == (0, 0)
    # The corner lights cell 1, and cell 8 lights cell 5: the 1 has no place left.
    assert toggled(0, 8)[2] == 1
    assert toggled(0, 5) == (7.0, 0, 0, False)
    assert toggled(0, 5, 7) == (8.0, 0, 0, True)
    assert toggled(1, 3, 8)[3] and count_solutions(instance[None], 9)[0] == 2


def test_tasks_keep_their_word():
    rng = np.random.default_rng(0)
    for size in (4, 7):
        instances = generate(size, 6, rng)
        check_task(LightUpTask(size, violation_weight=3.0, dead_end_weight=0.0), instances, solve(instances)[0])


def test_by_default_only_the_end_is_judged_and_here_more_is():
    task, instances = LightUpTask(7), generate(7, 8, np.random.default_rng(0))
    plans = 1 - solve(instances)[0]
    plans[instances > 0] = 0
    decided = np.arange(49) < 40
    rows = np.repeat(decided[None], 8, axis=0)
    assert not PlanTask.hopeless(task, instances, plans, rows).any()
    assert task.hopeless(instances, plans, rows).all()


def test_generated_puzzles_come_in_all_kinds():
    puzzles = generate(7, 60, np.random.default_rng(3))
    np.testing.assert_array_equal(puzzles, generate(7, 60, np.random.default_rng(3)))
    assert (count_solutions(puzzles) == 1).all() and len(np.unique(puzzles, axis=0)) == 60
    walls = (puzzles > 0).sum(axis=1)
    assert walls.min() >= 7 and walls.max() <= 15 and len(set(walls.tolist())) > 4
    left = undecided(puzzles)
    assert 0 < (left == 0).mean() < 0.6
    solutions, found = solve(puzzles)
    assert found.all() and all(follows_the_rules(*pair) for pair in zip(puzzles, solutions, strict=True))
    for row in np.flatnonzero(left == 0):
        np.testing.assert_array_equal(deduce(puzzles[row : row + 1])[0] == BULB, solutions[row] == 1)
    for size in (True, 3, 4.0):
        with pytest.raises(ValueError, match="size of generated Light Up puzzles must be"):
            generate(size, 1, np.random.default_rng(0))


def test_text_is_read_as_it_is_written(tmp_path):
    puzzles = generate(7, 5, np.random.default_rng(1))
    lines = format_puzzles(puzzles)
    np.testing.assert_array_equal(read_puzzles(lines, 7), puzzles)
    file = tmp_path / "own.txt"
    file.write_text("\n\n".join("\n".join(line[i : i + 7] for i in range(0, 49, 7)) for line in lines), "utf-8")
    np.testing.assert_array_equal(read_puzzles(file, 7), puzzles)
    np.testing.assert_array_equal(
        read_puzzles([line.replace("#", "x").replace(".", "-") for line in lines], 7), puzzles
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("#" * 9, "no cell is open"),
        ("..5......", "5"),
        ("#1#.#....", "the 1 in row 1, column 2 has 0 open cells beside it"),
        (".0######.", "it has no solution"),
        ("........", "8"),
    ],
)
def test_bad_puzzles_are_refused_with_the_reason(text, reason):
    with pytest.raises(ValueError, match=reason):
        read_puzzles([text], 3)


def test_task_flaws_name_the_values():
    task = LightUpTask(3)
    for instances, reason in ((np.full((1, 9), 7), "up to 6"), (np.ones((1, 9)), "no cell is open")):
        with pytest.raises(ValueError, match=reason):
            task.validate(instances.astype(np.int8))
    with pytest.raises(ValueError, match="violation_weight"):
        LightUpTask(3, violation_weight=-1.0)
