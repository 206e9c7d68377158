"""One step of the search on plans made for the purpose."""

from __future__ import annotations

import numpy as np
import pytest

from trm_agents.solving.expansion import Nodes, expand, weigh
from trm_envs.maze.task import MazeTask
from trm_envs.maze.text import parse_mazes
from trm_envs.sudoku.task import SudokuTask

TASK = SudokuTask(4)
MARGIN, FLOOR = 0.01, -9.0


def blank(*rows: dict[int, int], margin: float = MARGIN) -> Nodes:
    """Nodes of an empty puzzle: the given cells are decided, log probability -1."""
    plans = np.zeros((len(rows), 16), np.int8)
    for plan, cells in zip(plans, rows, strict=True):
        plan[list(cells)] = list(cells.values())
    ones = np.ones(len(rows))
    return Nodes(np.zeros_like(plans), plans, plans > 0, -ones, margin * ones)


def proposal(nodes: Nodes, believed: dict[int, tuple[int, float]]) -> np.ndarray:
    """Even over all digits, except (cell: (digit, probability))."""
    proposed = np.full((*nodes.plans.shape, 4), 0.25)
    for cell, (digit, probability) in believed.items():
        proposed[:, cell] = (1 - probability) / 3
        proposed[:, cell, digit - 1] = probability
    return proposed


def test_options_leave_out_what_is_objected_to_and_sum_to_one():
    nodes = blank({0: 1}, {0: 1, 1: 2, 4: 3})
    options, judged = weigh(TASK, nodes, proposal(nodes, {}))
    assert judged.tolist() == [15 * 5, 13 * 5]
    np.testing.assert_allclose(options.probabilities.sum(axis=2), ~nodes.decided)
    # No cell stays blank; neighbours of the 1 share the other digits; a cell with one digit left is certain.
    assert (options.probabilities[:, :, 4] == 0).all()
    np.testing.assert_allclose(options.probabilities[0, 1, :4], [0, 1 / 3, 1 / 3, 1 / 3])
    assert options.probabilities[1, 5].tolist() == [0, 0, 0, 1, 0]


def test_a_value_that_is_already_there_counts_once():
    nodes = blank({0: 1, 5: 2})
    nodes.decided[:] = False
    believed = proposal(nodes, {0: (1, 0.4)})
    believed[0, 0] = [0.4, 0.1, 0.1, 0.1]
    options, judged = weigh(TASK, nodes, believed)
    np.testing.assert_allclose(options.probabilities[0, 0], [0.7, 0.1, 0.1, 0.1, 0.0])
    assert judged.tolist() == [14 * 5 + 2 * 4]


def test_a_mark_is_toggled_or_stays():
    task = MazeTask(3)
    instance = parse_mazes(["S..#....G"], 3)
    decided = instance > 0
    nodes = Nodes(instance, task.initial_plans(instance), decided, np.zeros(1), np.full(1, MARGIN))
    options, _ = weigh(task, nodes, np.full((1, 9, 1), 0.3))
    # Right of the start, nothing but a mark will do; elsewhere both will.
    assert options.probabilities[0, 1].tolist() == [1, 0]
    np.testing.assert_allclose(options.probabilities[0, 4], [0.3, 0.7])
    assert options.values[0, 4].tolist() == [1, 0]


def test_a_commitment_passes_over_what_the_surer_cells_rule_out():
    nodes = blank({})
    believed = proposal(
        nodes, {0: (1, 0.999), 1: (1, 0.995), 10: (3, 0.998), 11: (3, 0.992), 13: (2, 0.991), 15: (4, 0.9)}
    )
    children = expand(TASK, nodes, believed, MARGIN, FLOOR)
    assert children.parents.tolist() == [0, 0]
    committed, back = children.nodes.plans
    assert {cell: committed[cell] for cell in np.flatnonzero(committed)} == {0: 1, 10: 3, 13: 2}
    assert not back.any()
    np.testing.assert_array_equal(children.nodes.decided, [committed > 0, back > 0])
    chance = 0.999 * 0.998 * 0.991
    np.testing.assert_allclose(children.nodes.log_probabilities, -1 + np.log([chance, 1 - chance]))
    np.testing.assert_allclose(children.nodes.margins, [MARGIN, MARGIN / 10])


def test_the_forced_has_no_alternative():
    nodes = blank({0: 1, 1: 2, 4: 3}, margin=0.0)
    children = expand(TASK, nodes, proposal(nodes, {10: (1, 1.0)}), 0.0, -np.inf)
    assert children.parents.tolist() == [0] and children.nodes.plans[0, 5] == 4
    assert (children.nodes.plans[0] > 0).sum() == 4, "a proposer can be sure, but only the rules can force"
    assert children.nodes.log_probabilities.tolist() == [-1.0]


@pytest.mark.parametrize(("floor", "expected"), [(-np.inf, [2, 1, 4]), (-9.0, [2, 1]), (-1.0, [2])])
def test_a_branch_has_a_child_a_value_likelier_first(floor, expected):
    nodes = blank({6: 3})
    believed = proposal(nodes, {7: (2, 0.8)})
    believed[0, 7] = [0.2, 0.8, 0.0, 1e-7]
    children = expand(TASK, nodes, believed, MARGIN, floor)
    assert children.nodes.plans[:, 7].tolist() == expected
    assert (children.nodes.decided.sum(axis=1) == 2).all()
    np.testing.assert_allclose(children.nodes.log_probabilities[0], -1 + np.log(0.8), rtol=1e-6)


def test_a_node_with_a_cell_that_has_no_value_left_has_no_children():
    # Cells 2 and 3 both have the 3 left and nothing else: each has a digit, until the other takes it.
    nodes = blank({0: 1, 1: 2, 7: 4}, {})
    assert not TASK.hopeless(nodes.instances, nodes.plans, nodes.decided).any()
    children = expand(TASK, nodes, proposal(nodes, {}), MARGIN, FLOOR)
    assert children.parents.tolist() == [1] * 4
