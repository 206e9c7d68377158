"""Mazes that any shortest path solves, counted beside those that are solved by one path chosen beforehand."""

import dataclasses

import numpy as np
import pytest
from row_helpers import result

from benchmarks.protocol import checks, records
from benchmarks.protocol.evaluation import evaluate
from benchmarks.protocol.rows import ResultRow, ShortestRow, pack_bits
from benchmarks.protocol.suites import Pool
from benchmarks.reporting.control_tables import columns_of, terminal_columns
from benchmarks.reporting.summary import summarise
from benchmarks.running.cell import describe
from benchmarks.running.scoring import exact_matches
from trm_envs.maze.task import MazeTask
from trm_envs.maze.text import parse_mazes
from trm_envs.plan_edit.mdp import PlanEditMDP

# Two shortest paths, of which breadth-first search takes the one down the first column; that one alone; both again.
MAZES = parse_mazes(["S...#...G", "S#..#...G", "S...#...G"], 3)
DOWN, RIGHT = [3, 6, 7], [1, 2, 5]


class Writer:
    """Marks the cells of one path a maze, one after the other."""

    spent = None

    def __init__(self, *paths):
        self.paths = np.array(paths)

    def begin(self):
        self.edits = 0

    def keep(self, rows):
        self.paths = self.paths[rows]

    def act(self, states, deterministic=True):
        self.edits += 1
        return self.paths[:, self.edits - 1]


def played(*paths, shortest=True):
    pool = Pool(PlanEditMDP(MazeTask(3, shortest=shortest), max_edits=3), MAZES)
    return pool, evaluate(Writer(*paths), *pool)


def test_any_shortest_path_solves_and_one_of_them_matches():
    pool, found = played(DOWN, DOWN, RIGHT)
    assert found.solved.all() and exact_matches(pool, found) == 2
    assert found.plans[2].reshape(3, 3).tolist() == [[1, 1, 1], [0, 0, 1], [0, 0, 1]]
    # The second maze has a wall on the way to the right: an illegal edit changes nothing, so the path has a gap.
    pool, found = played(RIGHT, RIGHT, RIGHT)
    assert found.solved.tolist() == [True, False, True] and exact_matches(pool, found) == 0


def test_nothing_is_counted_where_longer_paths_solve_too():
    pool, found = played(DOWN, DOWN, DOWN, shortest=False)
    assert found.solved.all() and exact_matches(pool, found) is None


def row(seed: int, exact: int | None) -> ShortestRow:
    solved = np.arange(10) < 8
    base = result(
        seed, suite="maze-31x31", env_id="MazePlanEdit-31x31-v0", solved=8, success=0.8, solved_bits=pack_bits(solved)
    )
    facts = {field.name: getattr(base, field.name) for field in dataclasses.fields(ResultRow) if field.name != "schema"}
    return ShortestRow(**facts, exact=exact)


def test_rows_without_the_count_stay_rows(tmp_path):
    """A folder and a published file may hold both."""
    old = result(0)
    for one in (old, row(1, 5)):
        records.append(tmp_path / "rows.jsonl", one)
    rows = records.read(tmp_path / "rows.jsonl", ResultRow)
    assert rows == [old, row(1, 5)] and [type(one) for one in rows] == [ResultRow, ShortestRow]
    (tmp_path / "rows.csv").write_text(records.to_csv(rows, records.class_of(rows)))
    again = records.read(tmp_path / "rows.csv", ResultRow)
    assert [one.exact for one in again] == [None, 5] and again[0].key == old.key and again[1] == rows[1]


def test_more_matches_than_solved_mazes_are_refused():
    assert checks.problem_of(row(0, 8)) is None and checks.problem_of(row(0, None)) is None
    assert "exact is 9, but only 8 are solved" in checks.problem_of(row(0, 9))


@pytest.mark.parametrize(("counts", "shown"), [((5, 6), "55.0 %"), ((5, None), None)])
def test_tables_show_both(counts, shown):
    lines = summarise([row(seed, count) for seed, count in enumerate(counts)])
    heads = {column.head: column.cell(lines[0]) for column in columns_of(lines)}
    assert heads["success"] == "80.0 %" and heads.get("exact match") == shown
    assert ("exact match" in [column.head for column in terminal_columns(lines)]) == (shown is not None)


def test_a_finished_cell_says_both():
    assert "8 of 10 solved" in describe(row(0, 5)) and "5 of them by exact match" in describe(row(0, 5))
    assert "exact" not in describe(row(0, None))
