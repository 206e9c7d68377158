"""Path finding with labels: targets, networks, losses, halting, the metric."""

import numpy as np
import pytest
import torch

from trm_agents.supervised import (
    Fit,
    Marks,
    Paths,
    RecursivePaths,
    StackedPaths,
    fit,
    path_cells,
    paths,
    score,
    weights,
)
from trm_agents.supervised.fitting import drawn, loss_of
from trm_envs.maze.generator import generate
from trm_envs.maze.paths import GOAL, START, WALL


def the_path(maze, side):
    """Cells from start to goal, by trying every way."""

    def ways(cell, seen):
        if maze[cell] == GOAL:
            yield seen
            return
        row, column = divmod(cell, side)
        for other_row, other_column in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            other = other_row * side + other_column
            if 0 <= other_row < side and 0 <= other_column < side and maze[other] != WALL and other not in seen:
                yield from ways(other, [*seen, other])

    start = int(np.flatnonzero(maze == START)[0])
    return list(ways(start, [start]))


@pytest.mark.parametrize("side", [5, 9])
def test_the_labels_are_the_one_path(side):
    mazes = generate(side, 10, np.random.default_rng(0))
    for maze, marked in zip(mazes, path_cells(mazes), strict=True):
        (way,) = the_path(maze, side)
        assert sorted(way) == np.flatnonzero(marked).tolist()


def test_pools_are_perfect_mazes_with_their_labels():
    data = paths(9, "validation")
    assert data.mazes.shape == data.marked.shape and len(data.mazes) == 512
    assert np.array_equal(data.marked, path_cells(data.mazes))
    assert data.marked[(data.mazes == START) | (data.mazes == GOAL)].all() and not data.marked[data.mazes == WALL].any()


def test_batches_are_turned_with_their_labels():
    data, rng = paths(5, "train"), np.random.default_rng(1)
    for _ in range(10):
        mazes, marked = drawn(data, 5, rng)
        assert np.array_equal(path_cells(mazes.astype(np.int8)), marked > 0.5)


def test_networks_keep_their_weights_on_other_sides_and_say_every_cycle():
    torch.manual_seed(0)
    for network in (RecursivePaths(5), StackedPaths(5, depth=3, width=8, mixer="attention")):
        larger = network.of_side(9)
        assert weights(larger) == weights(network)
        assert all(torch.equal(w, larger.state_dict()[name]) for name, w in network.state_dict().items())
        assert larger(torch.zeros(2, 81, dtype=torch.int64)).logits.shape[1:] == (2, 81)
    mazes = torch.from_numpy(paths(5, "train").mazes[:4].astype(np.int64))
    network = RecursivePaths(5)
    assert network.depth == 10 and len(network(mazes).logits) == 5
    assert torch.allclose(network(mazes, 3).logits, network(mazes, 7).logits[:3], atol=1e-6)
    assert not torch.allclose(network(mazes).logits[0], network(mazes).logits[-1])


@pytest.mark.parametrize("deep", [True, False])
def test_the_loss_is_that_of_all_cycles_or_of_the_last(deep):
    marked = torch.tensor([[1.0, 0.0]])
    logits = torch.tensor([[[2.0, 1.0]], [[3.0, -1.0]]])
    halts = torch.tensor([[0.5], [-0.5]])
    cross = [
        torch.nn.functional.binary_cross_entropy_with_logits(each, marked) for each in (logits if deep else logits[-1:])
    ]
    # The first cycle has a cell wrong, the second has none.
    right = torch.nn.functional.binary_cross_entropy_with_logits(halts, torch.tensor([[0.0], [1.0]]))
    found = loss_of(Marks(logits, halts), marked, Fit(deep_supervision=deep, halting_weight=0.3))
    assert float(found) == pytest.approx(float(sum(cross) / len(cross) + 0.3 * right), rel=1e-5)


class Says(RecursivePaths):
    """Marks what it is told, cycle by cycle."""

    def __init__(self, marks):
        super().__init__(2)
        self.marks = marks

    def forward(self, mazes, cycles=None):
        return Marks(self.marks.logits[:cycles], self.marks.halts[:cycles])


def test_the_metric_is_whole_mazes_and_halting_takes_the_first_sure_cycle():
    marked = np.array([[True, False], [True, True], [False, False]])
    right = np.where(marked, 1.0, -1.0)
    wrong = right * np.array([1.0, -1.0])
    logits = torch.tensor(np.stack([[right[0], wrong[1], wrong[2]], [wrong[0], right[1], wrong[2]]]))
    halts = torch.tensor([[1.0, -1.0, -1.0], [1.0, 1.0, -1.0]])
    data = Paths(np.zeros((3, 2), np.int8), marked)
    network = Says(Marks(logits, halts))
    last = score(network, data, 2)
    assert last.exact.tolist() == [False, True, False] and last.cells == pytest.approx(4 / 6)
    halted = score(network, data, 2, halting=True)
    assert halted.exact.tolist() == [True, True, False] and halted.cycles.tolist() == [1, 2, 2]
    assert score(network, data, 1).exact.tolist() == [True, False, False]


@pytest.mark.parametrize("mixer", ["conv", "attention"])
def test_networks_learn_and_the_seed_decides(mixer):
    data = Paths(*(part[:4] for part in paths(5, "train")))

    def trained(updates):
        torch.manual_seed(0)
        return fit(RecursivePaths(5, k_cycles=3, mixer=mixer), data, Fit(updates, batch=16, learning_rate=1e-2), seed=0)

    assert all(
        torch.equal(one, other) for one, other in zip(trained(5).parameters(), trained(5).parameters(), strict=True)
    )
    if mixer == "conv":
        assert score(trained(150), data).cells > 0.9 > score(trained(1), data).cells


def test_warm_cycles_come_before_those_that_learn() -> None:
    network = RecursivePaths(5, k_cycles=2)
    mazes = torch.from_numpy(paths(5, "validation").mazes[:3].astype(np.int64))
    assert torch.allclose(network(mazes, 2, warm=3).logits, network(mazes, 5).logits[3:], atol=1e-6)
    once = RecursivePaths(5, k_cycles=2, inject="once")
    assert torch.allclose(once(mazes, 2, warm=3).logits, once(mazes, 5).logits[3:], atol=1e-6)
    network(mazes, 1, warm=1).logits.sum().backward()
    warm = network.core.high[0].mixer.conv.weight.grad.clone()
    network.zero_grad()
    network(mazes, 2).logits[1:].sum().backward()
    assert not torch.allclose(warm, network.core.high[0].mixer.conv.weight.grad)
    data = paths(5, "train")
    twins = [RecursivePaths(5, k_cycles=2) for _ in range(2)]
    twins[1].load_state_dict(twins[0].state_dict())
    first, second = (
        fit(twin, data, Fit(3, batch=4, warm_cycles=warm), seed=0) for twin, warm in zip(twins, (0, 4), strict=True)
    )
    assert not torch.equal(first.mark.weight, second.mark.weight)
