"""`python -m benchmarks planning`: processor times of a model, of the lines, and of a solver where there is one."""

import dataclasses
import time

import numpy as np
import pytest

from baselines.control_agents import LinePlanner
from benchmarks.cli import main
from benchmarks.protocol.checks import problem_of
from benchmarks.protocol.published import published
from benchmarks.protocol.study_rows import LatentsRow, PlanningRow
from benchmarks.protocol.suites import scored_pool, suite
from benchmarks.reporting.study_tables import PLANNING_COLUMNS
from benchmarks.studies import planning
from trm_envs.building import ipopt


@pytest.fixture
def pool():
    row = suite("control-di-tight")
    return scored_pool(row.env_id, row.env_kwargs, "test")


def busy(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_times_are_of_one_state_and_gaps_of_those_that_were_planned_for(pool):
    """A planner that takes 4 ms a call and 0.01 ms a state, and writes no control."""

    def plans(instances):
        busy(0.004 + 1e-5 * len(instances))
        return np.zeros((len(instances), 15))

    planner = LinePlanner(plans, None)
    entries = [planning.Entry("many", planner, (0,)), planning.Entry("alone", planner, (0,), False)]
    one, two = planning.measure("control-di-tight", pool, entries, 1, "planning")
    assert 4.0 <= one.ms_1 < 8.0 and 0.025 <= one.ms_256 < 0.05 and two.ms_256 is None
    zero = pool.mdp.task.check(pool.instances[:10], np.zeros((10, 15))).cost
    assert one.gap_mean == pytest.approx((zero / pool.optima[:10] - 1.0).mean()) and one.n == 10
    assert problem_of(one) is None and problem_of(dataclasses.replace(one, ms_1=-1.0)) is not None
    assert [cell(two) for cell in PLANNING_COLUMNS.values()][-1] == ""


def test_lines_of_the_system_are_timed_and_a_missing_solver_is_named(pool, monkeypatch, capsys):
    monkeypatch.setattr(planning, "solver", lambda pool: planning.Entry("ipopt", LinePlanner(None, None), (0,), False))
    model = LinePlanner(None, None)
    found = planning.entries(suite("control-di-tight").env_id, pool, "mine", model, [2, 20])
    assert [entry.name for entry in found] == ["mine", "clipped_lqr", "ilqr_1", "ilqr_3", "ilqr_20", "ipopt"]
    assert found[0].edits == (2, 20)
    monkeypatch.undo()

    def missing():
        raise ImportError("reference optima need CasADi")

    monkeypatch.setattr(ipopt, "casadi", missing)
    assert main(["planning", "zoo:trc-van-der-pol", "--suite", "control-vdp"]) == 2
    assert "need CasADi" in capsys.readouterr().err
    assert main(["planning", "zoo:trc-van-der-pol", "--suite", "sudoku-4x4-easy"]) == 2
    assert "is a suite of puzzles" in capsys.readouterr().err


def test_published_times_are_of_one_process_with_the_solver_among_them():
    rows = published(PlanningRow)
    for name in ("control-vdp", "control-descent"):
        mine = [row for row in rows if row.suite == name]
        assert (
            "ipopt" in {row.planner for row in mine} and len({(row.commit, row.command, row.cpu) for row in mine}) == 1
        )
        assert {row.edits for row in mine if row.planner.startswith("trc")} == {1, 2, 5, 20}
    assert not any(row.dirty for row in [*rows, *published(LatentsRow)])
