"""Whole plans that a guesser adds to a search."""

from __future__ import annotations

import numpy as np
import pytest
from search_helpers import check_result, sudokus

from trm_agents.solving import search, uniform_proposer
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.sudoku.solver import solve
from trm_envs.sudoku.task import SudokuTask

SMALL = PlanEditMDP(SudokuTask(4))
LARGE = PlanEditMDP(SudokuTask(9))


class Guesses:
    """Guesses right at the `at`-th node of an instance; remembers its arguments."""

    def __init__(self, instances, at) -> None:
        self.solutions = {x.tobytes(): y for x, y in zip(instances, solve(instances)[0], strict=True)}
        self.at, self.told = at, []

    def __call__(self, states, attempts, proposal):
        self.told.append(attempts.tolist())
        right = np.stack([self.solutions[x.tobytes()] for x in states.instances])
        return np.where((attempts + 1 == self.at)[:, None], right, states.plans)


@pytest.mark.parametrize("at", [1, 3])
def test_a_right_guess_ends_a_search(at):
    many = sudokus(9, 40)
    instances = many[~search(LARGE, many, uniform_proposer(LARGE), at).solved][:4]
    guesses = Guesses(instances, at)
    plain = search(LARGE, instances, uniform_proposer(LARGE), at)
    found = search(LARGE, instances, uniform_proposer(LARGE), 50, guesser=guesses)
    check_result(LARGE, instances, found, 50)
    assert len(instances) == 4 and found.solved.all()
    assert found.calls.tolist() == [at] * 4 and guesses.told == [[i] * 4 for i in range(at)]
    np.testing.assert_array_equal(found.queries, plain.queries + at)
    np.testing.assert_array_equal(found.plans, solve(instances)[0])


def test_wrong_guesses_change_nothing_but_what_is_asked():
    instances = sudokus(4, 6)
    plain = search(SMALL, instances, uniform_proposer(SMALL), 50, keep_visits=True)
    found = search(SMALL, instances, uniform_proposer(SMALL), 50, keep_visits=True, guesser=Guesses(instances, 0))
    np.testing.assert_array_equal(found.calls, plain.calls)
    np.testing.assert_array_equal(found.plans, plain.plans)
    np.testing.assert_array_equal(found.queries, plain.queries + plain.calls)
    for one, other in zip(found.visits, plain.visits, strict=True):
        np.testing.assert_array_equal(one, other)


def test_guesses_out_of_reach_do_not_count():
    instances = sudokus(9, 2)
    blanks = int((instances == 0).sum(1).min())
    found = search(
        PlanEditMDP(SudokuTask(9), max_edits=blanks - 1),
        instances,
        uniform_proposer(LARGE),
        3,
        guesser=Guesses(instances, 1),
    )
    assert not found.solved.any()


@pytest.mark.parametrize(
    ("guess", "message"),
    [
        (lambda states, *_: states.plans[:, :9], r"shape \(2, 16\)"),
        (lambda states, *_: states.plans.astype(float), "float64"),
        (lambda states, *_: 5 - states.plans, "no edit may change"),
    ],
)
def test_guesses_that_are_no_plans_are_refused(guess, message):
    with pytest.raises(ValueError, match=message):
        search(SMALL, sudokus(4, 2), uniform_proposer(SMALL), guesser=guess)
