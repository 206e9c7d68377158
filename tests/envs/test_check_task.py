"""`check_task` passes sound tasks and names the fault of broken ones."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from own_tasks import Latin, Queens, latin_instances, queens_instances
from search_helpers import mazes, sudokus

from trm_envs.maze.task import MazeTask
from trm_envs.plan_edit.task import Symmetries
from trm_envs.sudoku.task import SudokuTask
from trm_envs.testing import check_task

INSTANCES, SQUARES = latin_instances(4, 5, 6)


@pytest.mark.parametrize(
    ("task", "instances"),
    [
        (SudokuTask(4), sudokus(4, 4, (5, 6))),
        (SudokuTask(4, can_erase=True), sudokus(4, 4, (5, 6))),
        (MazeTask(5), mazes(5, 6)),
        (MazeTask(5, shortest=True), mazes(5, 6)),
        (Latin(4), INSTANCES),
        (Latin(4, can_erase=True), INSTANCES),
        (Queens(4), queens_instances()),
    ],
    ids=["sudoku", "sudoku-erase", "maze", "maze-shortest", "latin", "latin-erase", "queens"],
)
def test_a_sound_task_passes(task, instances):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_task(task, instances)


def test_large_instances_need_solutions():
    instances, squares = latin_instances(6, 3, 20)
    with pytest.warns(UserWarning, match="no solved plan is known"):
        check_task(Latin(6), instances)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_task(Latin(6), instances, squares)
        check_task(SudokuTask(9), *_sudoku_and_solution())


def _sudoku_and_solution():
    from trm_envs.sudoku.solver import solve

    puzzles = sudokus(9, 2)
    return puzzles, solve(puzzles)[0]


class ChangesItsInput(Latin):
    def edit(self, instances, plans, actions, level):
        edited, legal = super().edit(instances, plans, actions, level)
        plans[:] = edited
        return edited, legal


class SharesMemory(Latin):
    def initial_plans(self, instances):
        return instances


class ReusesAnArray(Latin):
    def __init__(self):
        super().__init__()
        self.kept = {}

    def action_mask(self, instances, plans, level):
        mask = super().action_mask(instances, plans, level)
        kept = self.kept.setdefault(mask.shape, mask)
        kept[:] = mask
        return kept


class IsRandom(Latin):
    def token_types(self, instances, plans):
        return np.random.default_rng().integers(5, size=(*plans.shape, 4)).astype(np.int8)


class LooksAtOtherRows(Latin):
    def check(self, instances, plans):
        checks = super().check(instances, plans)
        return checks._replace(score=checks.score - checks.violations.mean())


class WrongShape(Latin):
    def token_types(self, instances, plans):
        return super().token_types(instances, plans)[:, :, :1]


class WrongType(Latin):
    def initial_plans(self, instances):
        return instances.astype(np.int64)


class FailsWithoutRows(Latin):
    def token_types(self, instances, plans):
        assert plans.max() < 5
        return super().token_types(instances, plans)


class TooManyTokenTypes(Latin):
    n_token_types = 4


class MaskForgetsTheGivens(Latin):
    def action_mask(self, instances, plans, level):
        return np.ones((len(plans), self.n_actions), np.bool_)


class EditForgetsConsistency(Latin):
    def edit(self, instances, plans, actions, level):
        return super().edit(instances, plans, actions, "givens")


class WritesAnotherSymbol(Latin):
    def writes(self, plans):
        return np.ascontiguousarray(super().writes(plans)[:, :, ::-1])

    def edit(self, instances, plans, actions, level):
        cells, symbols = np.divmod(actions, 4)
        return super().edit(instances, plans, cells * 4 + 3 - symbols, "givens")

    def action_mask(self, instances, plans, level):
        return super().action_mask(instances, plans, "givens")


class ChangesANeighbour(Latin):
    def edit(self, instances, plans, actions, level):
        edited, legal = super().edit(instances, plans, actions, level)
        others = (actions // 4 + 1) % 16
        rows = np.flatnonzero(legal & (instances[np.arange(len(plans)), others] == 0))
        edited[rows, others[rows]] = 0
        return edited, legal


class IllegalEditsWork(Latin):
    def edit(self, instances, plans, actions, level):
        edited, _ = super().edit(np.zeros_like(instances), plans, actions, "givens")
        return edited, super().edit(instances, plans, actions, level)[1]


class ConsistentAllowsMore(Latin):
    def open_cells(self, instances):
        return instances == 0

    def action_mask(self, instances, plans, level):
        mask = super().action_mask(instances, plans, "givens")
        return mask if level == "givens" else np.ones_like(mask)

    def edit(self, instances, plans, actions, level):
        return super().edit(instances if level == "givens" else np.zeros_like(instances), plans, actions, "givens")


class SolvedDespiteViolations(Latin):
    def check(self, instances, plans):
        checks = super().check(instances, plans)
        return checks._replace(solved=checks.filled == self.n_cells)


class ScoreAboveItsBound(Latin):
    def check(self, instances, plans):
        checks = super().check(instances, plans)
        return checks._replace(score=checks.score + 10.0 * checks.solved)


class BeginsSolved(Latin):
    def check(self, instances, plans):
        checks = super().check(instances, plans)
        return checks._replace(solved=checks.violations == 0)


class NothingIsSolved(Latin):
    def check(self, instances, plans):
        checks = super().check(instances, plans)
        return checks._replace(solved=np.zeros_like(checks.solved))


class RefusesItsInstances(Latin):
    def flaw(self, instance):
        return "too few givens"


class SymmetryOfCellsBreaksARule(Latin):
    def symmetries(self, count, rng):
        cells = np.array([rng.permutation(16) for _ in range(count)])
        return super().symmetries(count, rng)._replace(cells=cells)


class SymmetryOfSymbolsMovesTheBlank(Latin):
    def symmetries(self, count, rng):
        symbols = np.tile(np.array([1, 0, 2, 3, 4], np.int8), (count, 1))
        return super().symmetries(count, rng)._replace(symbols=symbols)


class SymmetryIsNoPermutation(Latin):
    def symmetries(self, count, rng):
        return Symmetries(np.zeros((count, 16), np.int64), super().symmetries(count, rng).symbols)


class SymmetryForgetsTheMask(Latin):
    """Transposition keeps the checks, and legality singles out the first row."""

    def symmetries(self, count, rng):
        cells = np.tile(np.arange(16).reshape(4, 4).T.ravel(), (count, 1))
        return super().symmetries(count, rng)._replace(cells=cells)

    def action_mask(self, instances, plans, level):
        mask = super().action_mask(instances, plans, level)
        if level == "consistent":
            mask[:, :16] = False
        return mask

    def edit(self, instances, plans, actions, level):
        edited, legal = super().edit(instances, plans, actions, level)
        locked = (actions < 16) & (level == "consistent")
        return np.where(locked[:, None], plans, edited), legal & ~locked


class HopelessTooEarly(Latin):
    def hopeless(self, instances, plans, decided):
        return super().hopeless(instances, plans, decided) | (decided.sum(axis=1) > 12)


class HopelessForgets(Latin):
    def hopeless(self, instances, plans, decided):
        return super().hopeless(instances, plans, decided) & (decided.sum(axis=1) % 2 == 0)


class HopelessPeeks(Latin):
    def hopeless(self, instances, plans, decided):
        return ~self.check(instances, plans).solved & (self.check(instances, plans).violations > 0)


class CannotBePickled(Latin):
    def __init__(self):
        super().__init__()
        self.function = lambda: 0


class GroupsOutOfRange(Latin):
    @property
    def groups(self):
        return {"line": np.arange(1, 17).reshape(4, 4)}

    def check(self, instances, plans):
        return Latin().check(instances, plans)


class GroupsNameACellTwice(GroupsOutOfRange):
    @property
    def groups(self):
        return {"line": np.zeros((4, 2), np.int64)}


class DrawsNothing(Latin):
    def render_text(self, instance, plan):
        return ""


BROKEN = [
    (ChangesItsInput, r"edit at 'givens'.*changed in place"),
    (SharesMemory, r"initial_plans.*shares memory"),
    (ReusesAnArray, r"action_mask at 'givens'.*shared by several calls"),
    (IsRandom, r"token_types.*different results"),
    (LooksAtOtherRows, r"check \(score\).*instance \d+.*a batch gives another result"),
    (WrongShape, r"token_types.*shape \(5, 16, 1\).*return shape \(5, 16, 4\)"),
    (WrongType, r"initial_plans.*int64.*return.*int8"),
    (FailsWithoutRows, r"token_types.*an empty batch"),
    (TooManyTokenTypes, r"token_types.*0\.\.3"),
    (MaskForgetsTheGivens, r"edit and action_mask at 'givens', instance 1: edit \d+ is illegal"),
    (EditForgetsConsistency, r"edit and action_mask at 'consistent'"),
    (WritesAnotherSymbol, r"edit and writes.*wrote \d into cell \d+, and `writes` says"),
    (ChangesANeighbour, r"edit, instance \d+: edit \d+, of cell \d+, changed cell \d+"),
    (IllegalEditsWork, r"the illegal edit \d+ changed the plan"),
    (ConsistentAllowsMore, r"action_mask.*legal at 'consistent' and not at 'givens'"),
    (SolvedDespiteViolations, r"check, instance \d.*a solved plan has violations"),
    (ScoreAboveItsBound, r"check, instance \d.*exceeds max_score = 16\.0"),
    (BeginsSolved, r"check, instance 1: the first plan is solved already"),
    (NothingIsSolved, r"check, instance 1: none of all \d+ plans is solved"),
    (RefusesItsInstances, r"validate, instance 1: .*too few givens"),
    (SymmetryOfCellsBreaksARule, r"symmetries, instance \d+: check"),
    (SymmetryOfSymbolsMovesTheBlank, r"symmetries, instance \d+: check"),
    (SymmetryIsNoPermutation, r"symmetries \(cells\).*permutations of 0\.\.15"),
    (SymmetryForgetsTheMask, r"symmetries, instance \d+: action_mask"),
    (HopelessTooEarly, r"hopeless, instance \d+: it gives up a plan"),
    (HopelessForgets, r"hopeless, instance \d+: the answer is not monotone"),
    (HopelessPeeks, r"hopeless, instance \d+: it gives up a plan|depends on cells"),
    (CannotBePickled, r"pickle: the task cannot be pickled"),
    (GroupsOutOfRange, r"groups\['line'\]: cells from 1 to 16"),
    (GroupsNameACellTwice, r"groups\['line'\]: group 0.*twice"),
    (DrawsNothing, r"render_text: got ''"),
]


@pytest.mark.parametrize(("broken", "message"), BROKEN, ids=[broken.__name__ for broken, _ in BROKEN])
def test_a_fault_is_named(broken, message):
    with pytest.raises(AssertionError, match=message):
        check_task(broken(), INSTANCES)


def test_instances_and_solutions_that_do_not_fit():
    with pytest.raises(ValueError, match=r"instances must have shape \(n, 16\)"):
        check_task(Latin(4), INSTANCES[:, :9])
    with pytest.raises(ValueError, match="integers"):
        check_task(Latin(4), INSTANCES.astype(float))
    with pytest.raises(ValueError, match="one solution an instance"):
        check_task(Latin(4), INSTANCES, SQUARES[:2])
    with pytest.raises(AssertionError, match="instance 2: the given solution is not solved"):
        check_task(Latin(4), INSTANCES, np.stack([SQUARES[0], *INSTANCES[1:]]))
    with pytest.raises(AssertionError, match="writes, instance 1: no edit writes"):
        check_task(Latin(4), INSTANCES, SQUARES % 4 + 1)
    with pytest.raises(AssertionError, match="instance_high, instance 1: values from 0 to 5"):
        check_task(Latin(4), np.where(INSTANCES == 4, 5, INSTANCES))
