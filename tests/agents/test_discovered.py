"""Groups that are found by asking the checker are those that tasks declare, and what cannot be found is refused."""

import numpy as np
import pytest
import torch

from trm_agents import Discovered, ExactCover, HindsightTRM
from trm_agents.recursion import discover, plan_decoder
from trm_envs.light_up.task import LightUpTask
from trm_envs.maze.task import MazeTask
from trm_envs.plan_edit.grids import MarkTask, SymbolTask
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.rules import count_repeats, rows_and_columns
from trm_envs.plan_edit.task import Checks
from trm_envs.sudoku.task import SudokuTask


class Latin(SymbolTask):
    """Rows and columns."""

    def __init__(self, shape, n_symbols):
        super().__init__(shape=shape, n_symbols=n_symbols)

    @property
    def groups(self):
        return {"line": rows_and_columns(self.shape)}

    def check(self, instances, plans):
        return count_repeats(plans, self.groups["line"], self.n_symbols)


class Scored(MarkTask):
    """Four marks in a row, and a score of the test's own."""

    groups = {"none": np.zeros((0, 2), np.int64)}  # noqa: RUF012

    def __init__(self, score):
        super().__init__((1, 4))
        self.score = score

    def check(self, instances, plans):
        zeros = np.zeros(len(plans), np.int64)
        checks = Checks.scored(zeros > 0, zeros, zeros)
        return checks._replace(score=self.score(plans.astype(np.float64)))


def sets(kind):
    return sorted(sorted(group[group >= 0].tolist()) for group in kind)


@pytest.mark.parametrize("task", [SudokuTask(4), SudokuTask(9), Latin((4, 4), 4)], ids=["4x4", "9x9", "latin"])
def test_groups_are_those_declared_kind_by_kind(task):
    found = discover(task).groups
    assert [sets(kind) for kind in found.values()] == [sets(kind) for kind in task.groups.values()]


@pytest.mark.parametrize("size", [3, 5, 7])
def test_neighbours_of_light_up_are_found_and_cells_in_sight_are_not(size):
    """What one cell sees depends on the instance, and no question is about one."""
    task = LightUpTask(size)
    (found,) = discover(task).groups.values()
    assert sets(found) == sets(task.groups["beside"])


def test_every_plan_that_the_checker_sees_is_counted(monkeypatch):
    task, seen = SudokuTask(4), []
    check = task.check
    monkeypatch.setattr(task, "check", lambda x, y: seen.append(len(y)) or check(x, y))
    assert discover(task).queries == sum(seen) > 0


def test_groups_and_cover_are_not_looked_at(monkeypatch):
    expected = discover(SudokuTask(4)).groups
    for name in ("groups", "cover", "symmetries"):
        monkeypatch.setattr(SudokuTask, name, None)
    found = discover(SudokuTask(4)).groups
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[kind], expected[kind]) for kind in found)


def test_kinds_differ_by_size():
    """A pair, and three cells of which each two interact."""
    task = Scored(lambda y: -y[:, 0] * y[:, 1] - y[:, 1] * y[:, 2] - y[:, 2] * y[:, 0] - y[:, 2] * y[:, 3])
    assert [sets(kind) for kind in discover(task).groups.values()] == [[[2, 3]], [[0, 1, 2]]]


def test_what_interacts_in_threes_is_refused_with_its_scores():
    task = Scored(lambda y: y.sum(1) - y[:, 0] * y[:, 1] - 4.0 * y[:, 0] * y[:, 2] * y[:, 3])
    message = (
        r"Scored does not interact in pairs: edits of the cells .*0.*, of which no two interact, .* by -1 together"
    )
    with pytest.raises(ValueError, match=message + r" and by 3 in sum: declare `groups` .* or use core=Attention\(\)"):
        discover(task)


@pytest.mark.parametrize("task", [MazeTask(5), Scored(lambda y: y.sum(1))], ids=["maze", "sum"])
def test_where_no_two_edits_bear_on_each_other_the_remedy_is_named(task):
    with pytest.raises(ValueError, match=r"no two edits of \w+ bear on each other .*core=ExactCover\(\)"):
        discover(task)


def test_the_network_is_that_of_the_declared_groups():
    mdp = PlanEditMDP(SudokuTask(4))
    outputs = []
    for core in (ExactCover(), Discovered()):
        torch.manual_seed(0)
        net = plan_decoder(mdp, width=8, unroll=4, core=core)
        torch.nn.init.normal_(net.weight)
        plans = torch.randint(0, 5, (5, 16), generator=torch.Generator().manual_seed(1), dtype=torch.int8)
        seen = {"instance": plans, "plan": plans, "remaining_edits": torch.ones(5, 1)}
        outputs.append(net.logits(net.run(seen).latents, seen))
    assert torch.allclose(*outputs, atol=1e-4)


def test_questions_count_once_and_are_saved(tmp_path):
    def model():
        return HindsightTRM(
            "TokenPolicy", "trm_envs:SudokuPlanEdit-4x4-v0", seed=0, device="cpu", policy_kwargs={"core": Discovered()}
        )

    asked = discover(SudokuTask(4)).queries
    made = model()
    assert made.model_queries == asked
    made.save(tmp_path / "model.zip")
    loaded = HindsightTRM.load(tmp_path / "model.zip", device="cpu")
    assert loaded.model_queries == asked
    for one, other in zip(made.policy.parameters(), loaded.policy.parameters(), strict=True):
        assert torch.equal(one, other)
