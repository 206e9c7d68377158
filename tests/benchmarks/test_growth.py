"""`python -m benchmarks growth`: an agent of one size on another, and the page of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from page_helpers import HAND_MADE

import baselines
from benchmarks.cli import main
from benchmarks.protocol import records
from benchmarks.protocol.checks import problem_of
from benchmarks.protocol.provenance import pool_hash
from benchmarks.protocol.rows import pack_bits
from benchmarks.protocol.study_rows import GrowthRow
from benchmarks.protocol.suites import suite
from benchmarks.reporting import growth_page, results
from benchmarks.studies.growth import carried
from trm_agents import zoo

HOME = "SudokuPlanEdit-4x4-v0"


def test_an_agent_is_scored_at_home_and_elsewhere(tmp_path, capsys):
    out = tmp_path / "growth.jsonl"
    suites = "sudoku-4x4-minimal,sudoku-9x9-easy"
    words = ["growth", "zoo:upi-trm-sudoku-4x4", "--suites", suites, "--limit", "3", "--attempts", "2"]
    assert main([*words, "--out", str(out)]) == 0
    assert "attempts=2" in capsys.readouterr().out
    rows = records.read(out, GrowthRow)
    assert [(row.size, row.tokens, row.line) for row in rows] == [
        (4, 64, "policy"),
        (4, 64, "attempts=2"),
        (9, 729, "policy"),
        (9, 729, "attempts=2"),
    ]
    assert all(problem_of(row) is None and row.n == 3 and row.trained_env == HOME for row in rows)
    # Its card says that it solves all 4x4 puzzles, with four inner steps a call, and it has as many elsewhere.
    assert rows[0].solved == 3 and all(row.inner_steps == 4 * row.network_calls for row in rows)
    assert all(row.ms_1 > 0.0 and row.ms_256 > 0.0 for row in rows) and rows[2].ms_256 > rows[0].ms_256


def test_what_is_carried_are_the_weights_and_the_inner_steps():
    method, model = baselines.method("hindsight_trm"), zoo.load("upi-trm-sudoku-4x4")
    there = carried(method, model, HOME, suite("sudoku-9x9-easy"))
    assert carried(method, model, HOME, suite("sudoku-4x4-easy")) is model
    assert there.policy.mdp.task.size == 9
    assert (there.policy.unroll, there.policy.carry_unroll) == (model.policy.unroll, model.policy.carry_unroll)
    here = model.policy.averaged.state_dict()
    assert here.keys() == there.policy.averaged.state_dict().keys()
    assert all((there.policy.averaged.state_dict()[name] == value).all() for name, value in here.items())


def test_other_models_are_refused(capsys):
    assert main(["growth", "zoo:upi-trm-survival-9x9", "--suites", "sudoku-4x4-easy"]) == 2
    assert "no model of HindsightTRM" in capsys.readouterr().err


def growth(name: str, line: str, size: int, solved: list[int], **changes) -> GrowthRow:
    mask = np.array(solved, np.bool_)
    row = GrowthRow(
        suite=name, agent="some", trained_env=HOME, line=line, size=size, tokens=size**3, n=len(mask),
        solved=int(mask.sum()), edits=7.0, network_calls=3.5, inner_steps=250.0, checks=9.0, ms_1=0.5, ms_256=0.2,
        pool_sha256=pool_hash(HAND_MADE[: len(mask)]), solved_bits=pack_bits(mask), threads=1, commit="c", dirty=False,
        cpu="a", versions="v", command="python -m benchmarks growth",
    )  # fmt: skip
    return replace(row, **changes)


def test_the_page_has_a_line_a_row_and_one_a_size(hand_made, tmp_path):
    rows = [
        growth("sudoku-9x9", "policy", 9, [1, 1], ms_1=0.8, ms_256=0.8),
        growth("sudoku-4x4-hard", "attempts=8", 4, [1, 1, 1, 0]),
        growth("sudoku-4x4-hard", "policy", 4, [1, 0, 0, 0]),
        growth("sudoku-9x9-hard", "policy", 9, [0, 0], ms_1=0.9, ms_256=0.729),
    ]
    page = results.pages(hand_made(rows, "growth"), tmp_path).texts["growth.md"]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:2] == "| "]
    assert [line[:4] for line in lines if line[0].startswith("sudoku")] == [
        ["sudoku-4x4-hard", "4", "policy", "25.0 %"],
        ["sudoku-4x4-hard", "4", "attempts=8", "75.0 %"],
        ["sudoku-9x9", "9", "policy", "100.0 %"],
        ["sudoku-9x9-hard", "9", "policy", "0.0 %"],
    ]
    # 250 inner steps of 0.2 ms; 0.729 ms are 1000 ns for each of 729 tokens.
    assert lines[2][-1] == "0.05"
    assert ["9", "729", "0.8", "0.729", "1000"] in lines and ["4", "64", "0.5", "0.2", "3125"] in lines
    assert list(growth_page.COLUMNS) == lines[0]


def test_without_rows_the_page_says_so():
    assert growth_page.content([]) == []


@pytest.mark.parametrize(("changes", "problem"), [({"solved": 2}, "solved_bits says 1"), ({"n": 0}, "n is 0")])
def test_rows_that_contradict_themselves_are_refused(changes, problem):
    row = growth("sudoku-4x4-hard", "policy", 4, [1, 0, 0, 0])
    assert problem_of(row) is None
    assert problem in problem_of(replace(row, **changes))
