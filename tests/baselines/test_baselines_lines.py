"""Reference lines on hand-made states."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from baselines import LINES, line
from baselines.lines import choose
from trm_envs.maze.generator import generate, shortest_path_length
from trm_envs.maze.task import MazeTask
from trm_envs.plan_edit.mdp import PlanEditMDP, PlanStates
from trm_envs.plan_edit.task import LegalActions
from trm_envs.sudoku.task import SudokuTask

SOLVED = "1234341221434321"
# 1 and 2 can be exchanged throughout: two solutions, and no single anywhere.
AMBIGUOUS = SOLVED.replace("1", ".").replace("2", ".")


def grid(text: str) -> NDArray[np.int8]:
    return np.array([[0 if symbol == "." else int(symbol) for symbol in text]], np.int8)


def state(instance: str, plan: str | None = None, remaining: int = 16) -> PlanStates:
    return PlanStates(grid(instance), grid(plan or instance), np.full(1, remaining, np.int32))


def repeated(states: PlanStates, times: int) -> PlanStates:
    return states.at(np.zeros(times, np.int64))


@pytest.fixture
def mdp() -> PlanEditMDP:
    return PlanEditMDP(SudokuTask(4))


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def play(name: str, mdp: PlanEditMDP, instances: NDArray[np.int8]) -> tuple[NDArray[np.bool_], int]:
    """Solved flags and illegal actions of one episode an instance."""
    agent, states = line(name).agent(mdp, rng()), mdp.initial(instances)
    solved, running, illegal = np.zeros(len(instances), np.bool_), np.arange(len(instances)), 0
    while len(running):
        transition = mdp.transition(states, agent.act(states))
        solved[running] |= transition.checks.solved
        illegal += int(transition.invalid.sum())
        states, running = transition.successors.at(~transition.terminated), running[~transition.terminated]
    return solved, illegal


def test_choose_is_uniform_over_the_marked() -> None:
    among = np.tile(np.array([True, False, True, True]), (6000, 1))
    counts = np.bincount(choose(among, rng()), minlength=4)
    assert counts[1] == 0
    assert stats.chisquare(counts[[0, 2, 3]]).pvalue > 0.01


@pytest.mark.parametrize(("stop", "n_legal"), [(None, 8), ("noop", 9)])
def test_random_is_uniform_over_legal_actions(stop: Literal["noop"] | None, n_legal: int) -> None:
    mdp = PlanEditMDP(SudokuTask(4), stop_action=stop)
    states = repeated(state("." + SOLVED[1:-1] + "."), 8000)
    counts = np.bincount(line("random").agent(mdp, rng()).act(states), minlength=mdp.n_actions)
    legal = mdp.action_mask(states)[0]
    assert legal.sum() == n_legal and not counts[~legal].any()
    assert stats.chisquare(counts[legal]).pvalue > 0.01


def test_random_consistent_takes_blank_and_filled_cells_alike(mdp: PlanEditMDP) -> None:
    # Cells 0 and 15 are free; 0 is filled rightly, so that its own digit and the missing one are consistent.
    states = repeated(state("." + SOLVED[1:-1] + ".", SOLVED[:-1] + "."), 4000)
    counts = np.bincount(line("random_consistent").agent(mdp, rng()).act(states), minlength=mdp.n_actions)
    assert set(np.flatnonzero(counts)) == {0, 15 * 4}
    assert stats.chisquare(counts[[0, 15 * 4]]).pvalue > 0.01


def test_random_consistent_falls_back_to_legal_actions(mdp: PlanEditMDP) -> None:
    # The only free cell sees all four digits: nothing is consistent there.
    states = repeated(state(".123" + "4123" + "2341" + "3412"), 4000)
    assert not mdp.task.action_mask(states.instances, states.plans, "consistent").any()
    counts = np.bincount(line("random_consistent").agent(mdp, rng()).act(states), minlength=mdp.n_actions)
    assert (counts[:4] > 0).all() and not counts[4:].any()


@pytest.mark.parametrize("cell", range(16))
def test_checker_greedy_takes_the_solving_edit(mdp: PlanEditMDP, cell: int) -> None:
    # Every cell is free, one of them holds a wrong digit: exactly one edit solves the plan.
    wrong = str(int(SOLVED[cell]) % 4 + 1)
    states = state("." * 16, SOLVED[:cell] + wrong + SOLVED[cell + 1 :])
    assert line("checker_greedy").agent(mdp, rng()).act(states)[0] == cell * 4 + int(SOLVED[cell]) - 1


def test_checker_greedy_agrees_with_trying_every_action(mdp: PlanEditMDP) -> None:
    generator = np.random.default_rng(1)
    plans = generator.integers(0, 5, (40, 16)).astype(np.int8)
    states = PlanStates(np.zeros_like(plans), plans, np.full(40, 9, np.int32))
    chosen = line("checker_greedy").agent(mdp, rng()).act(states)
    for row in range(len(plans)):
        one = states.at(np.array([row]))
        tried = [mdp.transition(one, np.array([action])).checks for action in range(mdp.n_actions)]
        worth = [np.inf if checks.solved[0] else checks.score[0] for checks in tried]
        assert worth[chosen[row]] == max(worth)


def test_checker_greedy_is_the_same_in_pieces(mdp: PlanEditMDP, monkeypatch: pytest.MonkeyPatch) -> None:
    states = repeated(state("." + SOLVED[1:-1] + "."), 7)
    whole = line("checker_greedy").agent(mdp, rng()).act(states)
    monkeypatch.setattr("baselines.lines.MAX_SUCCESSORS", 3 * mdp.n_actions)
    assert np.array_equal(line("checker_greedy").agent(mdp, rng()).act(states), whole)


def test_checker_greedy_breaks_ties_uniformly(mdp: PlanEditMDP) -> None:
    states = repeated(state("." + SOLVED[1:-1] + "."), 2000)
    counts = np.bincount(line("checker_greedy").agent(mdp, rng()).act(states), minlength=mdp.n_actions)
    right = [0, 60]
    assert counts[right].sum() == 2000
    assert stats.chisquare(counts[right]).pvalue > 0.01


def test_singles_and_solver_write_the_solution_without_a_detour(mdp: PlanEditMDP) -> None:
    blanks = [3, 5, 6, 9, 10, 11, 12, 14]
    instance = "".join("." if cell in blanks else digit for cell, digit in enumerate(SOLVED))
    tight = PlanEditMDP(mdp.task, max_edits=len(blanks))
    for name in ("singles", "solver"):
        solved, illegal = play(name, tight, grid(instance))
        assert solved.all() and illegal == 0


def test_singles_stops_where_logic_stops_and_the_solver_does_not(mdp: PlanEditMDP) -> None:
    assert not play("singles", mdp, grid(AMBIGUOUS))[0].any()
    assert play("solver", mdp, grid(AMBIGUOUS))[0].all()


def test_singles_changes_nothing_once_it_knows_no_more(mdp: PlanEditMDP) -> None:
    agent, states = line("singles").agent(mdp, rng()), state(AMBIGUOUS)
    for _ in range(16):
        before = states.plans
        transition = mdp.transition(states, agent.act(states))
        states = transition.successors
        if transition.terminated[0]:
            break
    assert not transition.checks.solved[0] and np.array_equal(before, states.plans)


@pytest.mark.parametrize("level", ["givens", "consistent"])
@pytest.mark.parametrize("braid", [0.0, 0.5])
def test_solver_marks_a_shortest_path_edit_by_edit(braid: float, level: LegalActions) -> None:
    mazes = generate(9, 20, rng(), braid)
    for maze, length in zip(mazes, shortest_path_length(mazes), strict=True):
        mdp = PlanEditMDP(MazeTask(9, shortest=True), max_edits=int(length) - 2, legal_actions=level)
        solved, illegal = play("solver", mdp, maze[None])
        assert solved.all() and illegal == 0


def test_checker_greedy_and_random_play_mazes() -> None:
    mdp = PlanEditMDP(MazeTask(5))
    for name in ("random", "random_consistent", "checker_greedy"):
        assert play(name, mdp, generate(5, 10, rng()))[1] == 0


def test_singles_refuses_mazes_and_an_unsolvable_instance_is_left_alone(mdp: PlanEditMDP) -> None:
    with pytest.raises(ValueError, match="Sudoku, Light Up and graph colouring only, not MazeTask"):
        line("singles").agent(PlanEditMDP(MazeTask(5)), rng())
    assert not play("solver", mdp, grid("12.." + "..3." + "...." + "...4"))[0].any()
    assert LINES["singles"].supports("trm_envs:SudokuPlanEdit-9x9-v0")
    assert not LINES["singles"].supports("MazePlanEdit-9x9-v0")


@pytest.mark.parametrize("name", [name for name, row in LINES.items() if row.supports("SudokuPlanEdit-4x4-v0")])
def test_lines_act_legally_and_repeat_with_the_same_generator(mdp: PlanEditMDP, name: str) -> None:
    instances = np.concatenate([grid("." * k + SOLVED[k:]) for k in range(1, 9)])
    first, again = (line(name).agent(mdp, rng()).act(mdp.initial(instances)) for _ in range(2))
    assert first.dtype == np.int64 and first.shape == (8,)
    assert np.array_equal(first, again)
    assert play(name, mdp, instances)[1] == 0


def test_unknown_line_names_the_known_ones(mdp: PlanEditMDP) -> None:
    with pytest.raises(ValueError, match=r"'nothing'.*random, random_consistent, checker_greedy"):
        line("nothing")
