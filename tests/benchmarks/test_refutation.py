"""What trained survival values know of dead edits: kinds against all solved grids, counts, the command."""

from __future__ import annotations

import numpy as np
import pytest
from bench_fakes import quiet
from search_helpers import sudokus

from benchmarks import cli
from benchmarks.protocol import records
from benchmarks.protocol.folder import Cell, Folder
from benchmarks.protocol.rows import RefutationRow
from benchmarks.protocol.suites import pool, suite
from benchmarks.reporting.tables import refutation_table
from benchmarks.running.launcher import LocalLauncher
from benchmarks.running.runner import Runner
from benchmarks.studies.refutation import ALIVE, KINDS, NEVER, kinds, measure
from trm_agents.survival import backup
from trm_agents.survival.refutations import refuted_at
from trm_envs.maze.task import MazeTask
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.sudoku.solver import solve
from trm_envs.sudoku.task import SudokuTask

MDP = PlanEditMDP(SudokuTask(4))
SUITE = "sudoku-4x4-minimal"


@pytest.fixture(scope="module")
def puzzles():
    row = suite(SUITE)
    return pool(row.env_id, row.env_kwargs, "validation").instances[:40]


def test_kinds_share_out_the_legal_edits_of_blanks(puzzles):
    of = kinds(MDP, puzzles)
    assert list(of) == list(KINDS)
    legal = backup.status(puzzles, MDP.task.cover).legal
    np.testing.assert_array_equal(sum(of.values()), legal)
    # One alive edit a blank: the solution's.
    cells, symbols = np.nonzero(of[ALIVE][0].reshape(16, 4))
    np.testing.assert_array_equal(solve(puzzles[:1])[0][0][cells], symbols + 1)
    assert len(cells) == (puzzles[0] == 0).sum()
    rounds = refuted_at(puzzles, MDP.task.cover)
    assert (rounds[of[NEVER]] == 0).all() and (rounds[of["2"]] == 2).all() and of["2"].any()
    assert ((rounds[of["3-4"]] >= 3) & (rounds[of["3-4"]] <= 4)).all()


def test_what_is_believed_dead_is_counted(puzzles):
    of = kinds(MDP, puzzles)

    class Doubtful:
        """Believes dead whatever the bound refutes in its first two rounds, and the first option."""

        mdp = MDP

        def edit_values(self, states):
            rounds = refuted_at(states.plans, MDP.task.cover)
            w = np.where((rounds == 1) | (rounds == 2), 0.49, 0.5)
            w[:, 0] = 0.0
            return w

    found = measure(Doubtful(), puzzles, of)
    assert found["1"][1] == found["1"][0] == of["1"].sum() and found["2"][1] == of["2"].sum()
    assert found[ALIVE] == (of[ALIVE].sum(), of[ALIVE][:, 0].sum())


def test_puzzles_that_no_solver_tells_about_are_refused():
    with pytest.raises(ValueError, match="not for MazeTask"):
        kinds(PlanEditMDP(MazeTask(5)), np.zeros((1, 25), np.int8))
    with pytest.raises(ValueError, match="1 of 2 puzzles have not exactly one solution"):
        kinds(MDP, np.stack([np.zeros(16, np.int8), sudokus(4, 1, (3, 3))[0]]))


def test_the_command_measures_what_a_run_has_trained(tmp_path, capsys):
    folder = Folder(tmp_path / "run")
    cells = [Cell(SUITE, algo, 0, 100) for algo in ("upi_trm-survival", "hindsight_trm")]
    folder.save_plan(cells, {"command": "x"})
    arguments = ["--contestants", "baselines", "--points", "1"]
    assert Runner(folder, LocalLauncher(), arguments, quiet()).run(cells, 2) == 0
    csv = tmp_path / "rows.csv"
    words = ["refutation", str(folder.root), "--csv", str(csv)]
    assert cli.main(words) == 0
    shown = capsys.readouterr().out
    assert "wrong" in shown and "upi_trm-survival" in shown and "hindsight_trm" not in shown
    rows = records.read(csv, RefutationRow)
    assert [row.rounds for row in rows] == list(KINDS) and {row.steps for row in rows} == {100}
    assert all(0 <= row.believed_dead <= row.edits for row in rows)
    # Once measured, a model is not measured again.
    assert cli.main(words) == 0
    assert records.read(csv, RefutationRow) == rows
    assert len(records.read(folder.root / "refutation.jsonl", RefutationRow)) == len(KINDS)


def test_a_run_without_such_models_says_so(tmp_path, capsys):
    folder = Folder(tmp_path / "run")
    folder.save_plan([Cell(SUITE, "ppo", 0, 100)], {"command": "x"})
    assert cli.main(["refutation", str(folder.root)]) == 1
    assert "nothing to measure" in capsys.readouterr().out


def test_the_table_has_means_over_seeds():
    about = {"threads": 1, "commit": "c", "dirty": False, "cpu": "a", "versions": "v", "command": "x"}

    def row(seed, rounds, edits, dead):
        return RefutationRow("s", "a", seed, 500, rounds, edits, dead, "h", **about)

    rows = [row(0, "alive", 100, 2), row(0, "1", 40, 40), row(0, "9-", 0, 0)]
    rows += [row(1, "alive", 100, 4), row(1, "1", 40, 30), row(1, "9-", 0, 0)]
    heads, lines = refutation_table(rows)
    assert heads == ["method", "steps", "seeds", "wrong kills", "caught, 1", "caught, 9-"]
    assert lines[0] == ["a", "500", "2", "3.0 %", "87.5 %", ""]
    assert lines[1] == ["edits of the kind", "", "", "100", "40", "0"]
