"""The exact-cover core: compiled loops against PyTorch, symmetries, size independence, depth."""

import numpy as np
import pytest
import torch

from trm_agents.recursion import CertifiedExactCover, ExactCover, plan_decoder
from trm_agents.recursion.cores.layout import layout
from trm_agents.theory.clamped import ClampedExactCover
from trm_envs.maze.task import MazeTask
from trm_envs.plan_edit.mdp import PlanEditMDP
from trm_envs.sudoku.symmetry import apply_symmetry, random_symmetry
from trm_envs.sudoku.task import SudokuTask

CORES = {
    **{"none": ExactCover(), "clamped": ClampedExactCover(), "certified": CertifiedExactCover()},
    **{"half maxima": ExactCover(maxima=0.5), "maxima": ExactCover(maxima=1.0)},
}
SOME = {name: CORES[name] for name in ("none", "certified", "half maxima")}
SEVERAL = pytest.mark.parametrize("core", SOME.values(), ids=SOME)
TASKS = {"4x4": SudokuTask(4), "9x9": SudokuTask(9), "maze": MazeTask(5)}


def network(task, seed=0, **kwargs):
    torch.manual_seed(seed)
    made = plan_decoder(PlanEditMDP(task), **{"width": 8, "unroll": 4, **kwargs})
    for parameter in (made.weight, made.bias, made.core.bias, made.encoder.remaining):
        torch.nn.init.normal_(parameter)
    return made


def logits_of(net, seen, kept):
    """Logits of the last inner steps, (kept, B, n_cells, n_symbols), and where the projection was active."""
    unrolled = net.run(seen, kept=kept)
    return net.logits(unrolled.latents, seen), unrolled.projected


def edits_of(net, seen):
    """Edit probabilities of the last inner step, (B, n_cells, n_symbols)."""
    return net.probabilities(net.last(seen)[None], seen)[0]


def observation(task, batch=3, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "instance": torch.from_numpy(rng.integers(0, task.instance_high + 1, (batch, task.n_cells), np.int8)),
        "plan": torch.from_numpy(rng.integers(0, task.plan_high + 1, (batch, task.n_cells), np.int8)),
        "remaining_edits": torch.from_numpy(rng.integers(1, 9, (batch, 1), np.int32)),
    }


@pytest.mark.parametrize("core", CORES.values(), ids=CORES)
@pytest.mark.parametrize("radius", [10.0, None])
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_compiled_unroll_and_its_gradients_are_those_of_pytorch_in_double_precision(task, radius, core):
    net, seen = network(task, radius=radius, core=core), observation(task)
    logits, projected = logits_of(net, seen, 3)
    weight = torch.randn_like(logits)
    (logits * weight).sum().backward()
    compiled = {name: parameter.grad.clone() for name, parameter in net.named_parameters()}
    net.zero_grad()
    exact, exact_projected = logits_of(net.double(), seen, 3)
    (exact * weight.double()).sum().backward()
    assert torch.allclose(logits.double(), exact, rtol=1e-4, atol=1e-4 * float(exact.abs().max().detach()))
    assert torch.equal(projected.double(), exact_projected.double())
    for name, parameter in net.named_parameters():
        error = (parameter.grad - compiled[name]).norm() / parameter.grad.norm()
        assert error < 1e-4, name


@SEVERAL
def test_gradients_are_right_by_finite_differences(core):
    net = network(SudokuTask(4), width=3, unroll=3, core=core).double()
    seen = observation(SudokuTask(4), batch=2)
    names = list(dict(net.named_parameters()))

    def logits(*values):
        return torch.func.functional_call(net, dict(zip(names, values, strict=True)), (seen,))

    net.forward = lambda given: logits_of(net, given, 2)[0]
    values = tuple(parameter.detach().clone().requires_grad_() for parameter in net.parameters())
    assert torch.autograd.gradcheck(logits, values, atol=1e-5)


@SEVERAL
def test_a_compiled_unroll_continues_from_any_latent(core):
    net, seen = network(SudokuTask(4), core=core, radius=3.0), observation(SudokuTask(4))
    start = torch.randn(3, 64, 8)
    with torch.no_grad():
        whole = net.run(seen, unroll=5).latents
        assert torch.allclose(net.run(seen, whole[1], unroll=3).latents, whole[2:], rtol=1e-5, atol=1e-6)
    weight = torch.randn(3, 3, 64, 8)
    (net.run(seen, start, unroll=3).latents * weight).sum().backward()
    compiled = {
        name: parameter.grad.clone() for name, parameter in net.named_parameters() if parameter.grad is not None
    }
    assert set(compiled) >= {"core.own", "core.maps", "encoder.category"}
    net.zero_grad()
    (net.double().run(seen, start.double(), unroll=3).latents * weight.double()).sum().backward()
    for name, gradient in compiled.items():
        exact = dict(net.named_parameters())[name].grad
        assert (exact - gradient).norm() / exact.norm() < 1e-4, name


def test_one_inner_step_without_gradient_is_the_first_of_several():
    net, seen = network(SudokuTask(4)), observation(SudokuTask(4))
    with torch.no_grad():
        alone = net.run(seen, unroll=1).latents[0]
        assert torch.allclose(alone, net.run(seen, unroll=3).latents[0], rtol=1e-5, atol=1e-6)


def test_inference_without_gradient_keeps_nothing_and_gives_the_same():
    net, seen = network(SudokuTask(4)), observation(SudokuTask(4))
    with torch.no_grad():
        last, _ = logits_of(net, seen, 1)
    assert torch.allclose(last, logits_of(net, seen, 4)[0][-1:].detach(), rtol=1e-5, atol=1e-6)


def test_an_unroll_does_not_depend_on_the_rest_of_the_batch():
    net, seen = network(SudokuTask(9)), observation(SudokuTask(9), batch=5)
    together = edits_of(net, seen)
    for row in range(5):
        alone = edits_of(net, {key: value[row : row + 1] for key, value in seen.items()})
        assert torch.allclose(alone[0], together[row], rtol=1e-5, atol=1e-7)


def test_edit_probabilities_commute_with_the_symmetries_of_sudoku():
    task = SudokuTask(9)
    net, rng = network(task, unroll=5), np.random.default_rng(3)
    grids = rng.integers(0, 10, (1, 81), np.int8)
    symmetry = random_symmetry(9, rng)
    moved = apply_symmetry(grids, *symmetry)
    # Where each (cell, digit) goes, found by sending marked grids through the same symmetry.
    given, sent = (
        edits_of(
            net,
            {
                "instance": torch.zeros(1, 81, dtype=torch.int8),
                "plan": torch.from_numpy(plan),
                "remaining_edits": torch.tensor([[40]]),
            },
        )[0].detach()
        for plan in (grids, moved)
    )
    for cell, digit in [(0, 1), (13, 4), (50, 9), (80, 2)]:
        marked = np.zeros((1, 81), np.int8)
        marked[0, cell] = digit
        image = apply_symmetry(marked, *symmetry)[0]
        (target,) = np.flatnonzero(image)
        assert sent[target, image[target] - 1] == pytest.approx(float(given[cell, digit - 1]), rel=1e-3, abs=1e-5)


def test_the_weights_of_one_size_run_on_another():
    small, large = network(SudokuTask(4)), network(SudokuTask(9), seed=1)
    large.load_state_dict(small.state_dict())
    found = edits_of(large, observation(SudokuTask(9)))
    assert found.shape == (3, 81, 9)
    assert torch.allclose(found.sum(2), torch.ones(3, 81))


def test_a_single_edit_a_cell_has_a_probability_of_its_own():
    found = edits_of(network(MazeTask(5)), observation(MazeTask(5)))
    assert found.shape == (3, 25, 1)
    assert ((found > 0) & (found < 1)).all()
    assert found.std() > 0


def test_a_fresh_network_is_undecided():
    net = plan_decoder(PlanEditMDP(SudokuTask(4)))
    assert torch.allclose(edits_of(net, observation(SudokuTask(4))), torch.full((3, 16, 4), 0.25))


def test_the_layout_lists_every_group_of_every_cell():
    task = SudokuTask(4)
    found = layout(task.groups, task.n_cells, task.n_symbols)
    for cell in range(task.n_cells):
        groups = [g for g in found.groups_of[cell] if g >= 0]
        assert groups == [g for g, members in enumerate(found.members) if cell in members]
        assert len(groups) == 3
    assert found.ends.tolist() == [8 * 4, 12 * 4, 12 * 4 + 16]


def test_cells_of_pairs_hear_their_neighbours_and_not_themselves():
    """A grid graph has degrees 2 to 4: heard sums must not depend on how many pairs the cell itself is in."""
    task = MazeTask(3)
    found = layout(task.groups, 9, 1)
    assert found.members[[0, 1, 4]].tolist() == [[1, 3, -1, -1], [2, 4, 0, -1], [5, 7, 3, 1]]
    assert found.hearers.tolist() == found.groups_of.tolist() == [[cell] for cell in range(9)]
    assert [sorted(row) for row in found.parts_of.tolist()] == [sorted(row) for row in found.members.tolist()]
    assert found.ends.tolist() == [9]
    core, z = network(task).core, torch.randn(2, 9, 8)
    row, column = np.divmod(np.arange(9), 3)
    beside = torch.from_numpy(np.abs(row[:, None] - row) + np.abs(column[:, None] - column) == 1).float()
    expected = z @ core.own.T + beside @ z @ core.maps[0].T
    assert torch.allclose(core._mix(core.own, core.maps, z), expected, atol=1e-5)


def test_larger_groups_are_heard_by_their_members():
    task = SudokuTask(4)
    found = layout(task.groups, 16, 4)
    assert np.array_equal(found.members, found.hearers) and np.array_equal(found.groups_of, found.parts_of)


def test_gradient_of_some_latents_only():
    """Keeping the last latents alone must give the gradient of a loss on these alone."""
    net, seen = network(SudokuTask(4)), observation(SudokuTask(4))
    logits_of(net, seen, 1)[0].sum().backward()
    alone = {name: parameter.grad.clone() for name, parameter in net.named_parameters()}
    net.zero_grad()
    logits_of(net, seen, 4)[0][-1].sum().backward()
    for name, parameter in net.named_parameters():
        assert torch.allclose(parameter.grad, alone[name], rtol=1e-5, atol=1e-6), name


def test_maxima_do_not_count_the_ways_by_which_something_arrives():
    task = MazeTask(3)
    free = np.zeros((1, 9), np.int8)
    for share, changes in ((0.0, True), (1.0, False)):
        net = network(task, core=ExactCover(maxima=share))
        core = net.core
        injection = net.encoder(
            {
                "instance": torch.from_numpy(free),
                "plan": torch.zeros(1, 9, dtype=torch.int8),
                "remaining_edits": torch.ones(1, 1, dtype=torch.int32),
            }
        )
        one, two = torch.full((2, 1, 9, 8), -1.0)
        one[0, 1] = two[0, 1] = two[0, 7] = 1.0
        with torch.no_grad():
            heard = [core.unroll(injection, z, 1, None, 1).latents[0, 0, 4] for z in (one, two)]
        assert bool((heard[0] != heard[1]).any()) == changes
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match=r"maxima must be within \[0, 1\]"):
            ExactCover(maxima=share)
