"""`Views`: the policy by the mean over symmetric copies of a state, against the definition, and where it is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from agent_helpers import scrambled, tensors, upi_trm
from search_helpers import sudokus

import baselines
from baselines import known_to
from benchmarks.protocol.names import named
from benchmarks.protocol.suites import suite
from benchmarks.running.runner import plan
from trm_agents import Attention, Cells, ExactCover, Views
from trm_agents.commands.main import main
from trm_agents.solving import decoding, policy_of
from trm_agents.solving.views import keeps_groups, symmetries_of, turned, turned_back
from trm_envs.colouring.task import GraphColouringTask
from trm_envs.light_up.task import LightUpTask
from trm_envs.maze.task import MazeTask
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.plan_edit.rules import neighbours
from trm_envs.sudoku.task import SudokuTask

INSTANCES = sudokus(4, 6, (3, 6))
TASKS = (SudokuTask(4), SudokuTask(9), MazeTask(9), LightUpTask(7), GraphColouringTask(6, 3))


@pytest.mark.parametrize("task", TASKS, ids=lambda task: f"{type(task).__name__}-{task.n_cells}")
def test_edits_are_turned_back_to_where_they_came_from(task):
    """To write v into cell c of a state is to write what becomes of v where c's content goes."""
    rng = np.random.default_rng(0)
    plans = np.tile(rng.integers(0, task.plan_high + 1, task.n_cells).astype(np.int8), (2, 1))
    for turn in symmetries_of(task, 5):
        seen = turn.apply(plans)
        said = torch.from_numpy(rng.random((2, task.n_cells, task.n_symbols)))
        back = turned_back(task, said, plans, seen, turn)
        goes = np.argsort(turn.cells[0])
        for cell, symbol in zip(*rng.integers(0, [[task.n_cells], [task.n_symbols]], (2, 20)), strict=True):
            value = turn.symbols[0][task.writes(plans)[0, cell, symbol]]
            there = task.writes(seen)[0, goes[cell]].tolist().index(value)
            assert back[0, cell, symbol] == said[0, goes[cell], there]


@pytest.mark.parametrize("carry_unroll", [None, 2])
def test_each_edit_is_the_best_of_the_mean(carry_unroll):
    model = scrambled(Attention(), carry_unroll=carry_unroll)
    views, policy = Views(model, 3), policy_of(model)
    mdp, states, latents = policy.mdp, policy.mdp.initial(INSTANCES[:1]), [None] * 3
    found, steps = views.solve(INSTANCES[:1]), 0
    for _ in range(int(found.edits[0])):
        said = []
        for k, turn in enumerate((None, *views.turns)):
            seen = states if turn is None else turned(states, turn)
            unroll = policy.unroll if latents[k] is None else carry_unroll or policy.unroll
            with torch.no_grad():
                after = policy.decoder.last(tensors(seen), latents[k], unroll)
                one = policy.decoder.probabilities(after[None], tensors(seen))[0]
            latents[k], steps = (after if carry_unroll else None), steps + unroll
            said.append(one if turn is None else turned_back(mdp.task, one, states.plans, seen.plans, turn))
        chosen = decoding.edit_policy(mdp, torch.stack(said).mean(0), states, policy.beta)
        states = mdp.transition(states, decoding.greedy(chosen, policy.beta).numpy()).successors
    assert (states.plans == found.plans).all()
    assert (found.calls[0], found.inner_steps[0], found.checks[0]) == (3 * found.edits[0], steps, 0)


def test_answers_depend_on_nothing_else_in_the_batch():
    views = Views(scrambled(Cells()), 4)
    together = views.solve(INSTANCES)
    for row in range(len(INSTANCES)):
        alone = views.solve(INSTANCES[row : row + 1])
        assert all((a[row] == b[0]).all() for a, b in zip(together, alone, strict=True))
    assert (views.solve(INSTANCES, budget=7).calls == 4).all() and (views.solve(INSTANCES, budget=3).calls == 0).all()


def test_a_graph_and_its_colouring_are_turned_together():
    """Conflicts stay conflicts: what a checker says of a turned state is what it says of the state."""
    task, rng = GraphColouringTask(6, 3), np.random.default_rng(1)
    edges = np.triu(rng.integers(0, 2, (6, 6)), 1)
    instances = (edges + edges.T).astype(np.int8).reshape(1, -1)
    states = PlanEditMDP(task).initial(instances)._replace(plans=rng.integers(0, 4, (1, 6)).astype(np.int8))
    for turn in symmetries_of(task, 6):
        seen = turned(states, turn)
        assert task.check(*seen[:2]).score == task.check(*states[:2]).score


def test_a_network_that_commutes_with_the_symmetries_is_refused():
    with pytest.raises(ValueError, match="all views of an exact-cover core are equal"):
        Views(scrambled(ExactCover()), 4)


class TwoDirections(MazeTask):
    """Neighbours along rows and along columns are kinds of their own, which half of the square's symmetries swap."""

    @property
    def groups(self):
        across, down = np.split(neighbours(self.shape), 2)
        return {"across": across, "down": down}


def test_which_symmetries_keep_the_groups():
    for task in (SudokuTask(4), LightUpTask(7), MazeTask(5)):
        assert all(keeps_groups(task, turn) for turn in symmetries_of(task, 7))
    kept = [keeps_groups(TwoDirections(5), turn) for turn in symmetries_of(TwoDirections(5), 7)]
    assert sorted(kept) == [False] * 4 + [True] * 3


def test_symmetries_are_different_and_none_is_the_identity():
    turns = symmetries_of(MazeTask(9), 7)
    assert len({turn.cells.tobytes() for turn in turns}) == 7
    assert all((turn.cells[0] != np.arange(81)).any() for turn in turns)
    with pytest.raises(ValueError, match="MazeTask has 7 symmetries beside the identity, too few for 9 views"):
        symmetries_of(MazeTask(9), 8)


def test_what_decodes_no_plans_or_sees_one_view_is_refused():
    with pytest.raises(ValueError, match="decodes no plans"):
        Views(upi_trm(), 4)
    with pytest.raises(ValueError, match="at least 2"):
        Views(scrambled(Attention()), 1)


def test_views_are_a_line_of_the_benchmark():
    name = named("hindsight_trm-attention+views=8")
    assert (name.method, name.solver, name.budget) == ("hindsight_trm-attention", "views", 8)
    alone = "hindsight_trm-attention@policy_kwargs.core.symmetries=false"
    assert "symmetries" not in known_to(alone) and "symmetries" in known_to(f"{alone}+views=8")
    row = suite("sudoku-4x4-minimal")
    cells = plan(baselines, [row.name], [str(name)], [0], 64, stage0=False)
    assert str(name) in {cell.algo for cell in cells}
    with pytest.raises(ValueError, match=r"hindsight_trm\+views=8: all views .* are equal"):
        plan(baselines, [row.name], ["hindsight_trm+views=8"], [0], 64, stage0=False)


def test_views_on_the_command_line(tmp_path, capsys):
    scrambled(Attention()).save(tmp_path / "model.zip")
    (tmp_path / "puzzles.txt").write_text("\n".join("".join(map(str, grid)) for grid in INSTANCES.tolist()))
    words = ["evaluate", str(tmp_path / "model.zip"), "--env", "SudokuPlanEdit-4x4-v0", "--json"]
    assert main([*words, "--puzzles", str(tmp_path / "puzzles.txt"), "--views", "2"]) == 0
    known = json.loads(capsys.readouterr().out)
    assert (known["views"], known["attempts"], known["n"]) == (2, 0, len(INSTANCES))
    assert known["network_calls"] == 2 * known["edits"]
